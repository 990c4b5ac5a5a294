/*
 * value_view: get_view, and the object behind its memoryview.
 */
#ifndef PYKV_CPYTHON_VALUE_VIEW_H
#define PYKV_CPYTHON_VALUE_VIEW_H

#include <Python.h>

extern PyType_Spec value_view_spec;

/* get_view(key) */
PyObject *store_get_view(PyObject *op, PyTypeObject *defining_class, PyObject *const *arguments,
                         Py_ssize_t count, PyObject *keywords);

#endif
