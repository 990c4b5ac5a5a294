/*
 * reads: the methods of StoreBase that look up one key.
 */
#ifndef PYKV_CPYTHON_READS_H
#define PYKV_CPYTHON_READS_H

#include <Python.h>

/* get(key, default=None) */
PyObject *store_get(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                    PyObject *keywords);

/* self[key]; KeyError */
PyObject *store_subscript(PyObject *self, PyObject *key);

/* key in self; -1 with an exception */
int store_contains(PyObject *op, PyObject *key);

#endif
