/*
 * cursor_object: the type of cursors, and the one row beside a key.
 */
#ifndef PYKV_CPYTHON_CURSOR_OBJECT_H
#define PYKV_CPYTHON_CURSOR_OBJECT_H

#include <Python.h>

#include "pykv.h"

extern PyType_Spec cursor_object_spec;

/* New cursor of type over range at the moment of snapshot, or this one where it is NULL; owner
 * keeps both. NULL with an exception. */
PyObject *cursor_object_new(PyTypeObject *type, pykv_store *store, pykv_snapshot *snapshot,
                            PyObject *owner, const pykv_range *range);

/* The (key, value) that pykv_find_row finds for key, which may be NULL, or None. NULL with an
 * exception. */
PyObject *row_find(pykv_store *store, pykv_snapshot *snapshot, int32_t where, PyObject *key);

#endif
