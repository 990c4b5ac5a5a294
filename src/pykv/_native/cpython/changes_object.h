/*
 * changes_object: the iterator over the change feed of a store.
 */
#ifndef PYKV_CPYTHON_CHANGES_OBJECT_H
#define PYKV_CPYTHON_CHANGES_OBJECT_H

#include <Python.h>

#include "pykv.h"

extern PyType_Spec changes_object_spec;

/* _changes(since, flags, timeout_us, change_type): a method of StoreBase. */
PyObject *store_changes(PyObject *op, PyTypeObject *defining_class, PyObject *const *arguments,
                        Py_ssize_t count, PyObject *keywords);

#endif
