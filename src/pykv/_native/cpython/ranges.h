/*
 * ranges: the methods of StoreBase and SnapshotBase that read ranges.
 */
#ifndef PYKV_CPYTHON_RANGES_H
#define PYKV_CPYTHON_RANGES_H

#include <Python.h>

/* _scan(kind, limit) or _scan(kind, limit, start, stop, reverse) */
PyObject *store_scan(PyObject *op, PyTypeObject *defining_class, PyObject *const *arguments,
                     Py_ssize_t count, PyObject *keywords);

/* _cursor(start, stop) */
PyObject *store_cursor(PyObject *op, PyTypeObject *defining_class, PyObject *const *arguments,
                       Py_ssize_t count, PyObject *keywords);

/* _near(move) or _near(move, key) */
PyObject *store_near(PyObject *op, PyObject *const *arguments, Py_ssize_t count);

#endif
