/*
 * scan_object: the iterator over the rows of a store, their keys, or their values.
 */
#ifndef PYKV_CPYTHON_SCAN_OBJECT_H
#define PYKV_CPYTHON_SCAN_OBJECT_H

#include <Python.h>

#include "pykv.h"

/* What a scan gives; the numbers are those of `pykv._native`. */
enum { SCAN_ROWS = 0, SCAN_KEYS = 1, SCAN_VALUES = 2 };

extern PyType_Spec scan_object_spec;

/* New iterator of type over at most limit rows (negative: all) of range at the moment of snapshot,
 * or this one where it is NULL; owner keeps both. The range's keys_only and limit are set here.
 * NULL with an exception. */
PyObject *scan_object_new(PyTypeObject *type, pykv_store *store, pykv_snapshot *snapshot,
                          PyObject *owner, int kind, Py_ssize_t limit, pykv_range range);

#endif
