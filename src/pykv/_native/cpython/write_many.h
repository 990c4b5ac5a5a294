/*
 * write_many: the methods of StoreBase that write many keys.
 */
#ifndef PYKV_CPYTHON_WRITE_MANY_H
#define PYKV_CPYTHON_WRITE_MANY_H

#include <Python.h>

/* put_many(items, *, sync=None, atomic=False) */
PyObject *store_put_many(PyObject *op, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *keywords);

/* delete_many(keys, *, sync=None) */
PyObject *store_delete_many(PyObject *op, PyObject *const *arguments, Py_ssize_t count,
                            PyObject *keywords);

#endif
