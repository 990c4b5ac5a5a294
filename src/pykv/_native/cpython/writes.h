/*
 * writes: the methods of StoreBase that set or remove one key.
 */
#ifndef PYKV_CPYTHON_WRITES_H
#define PYKV_CPYTHON_WRITES_H

#include <Python.h>
#include <stdbool.h>

/* Once, before the first call. False with an exception. */
bool writes_prepare(void);

/* put(key, value, *, sync=None) */
PyObject *store_put(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                    PyObject *keywords);

/* delete(key, *, sync=None) */
PyObject *store_delete(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                       PyObject *keywords);

/* _discard(key, sync): removes key and tells whether it was there */
PyObject *store_discard(PyObject *self, PyObject *const *arguments, Py_ssize_t count);

/* self[key] = value; value NULL: del self[key], or KeyError. -1 with an exception */
int store_assign(PyObject *self, PyObject *key, PyObject *value);

#endif
