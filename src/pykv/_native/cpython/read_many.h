/*
 * read_many: the method of StoreBase that looks up many keys.
 */
#ifndef PYKV_CPYTHON_READ_MANY_H
#define PYKV_CPYTHON_READ_MANY_H

#include <Python.h>

/* get_many(keys, default=None) */
PyObject *store_get_many(PyObject *op, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *keywords);

#endif
