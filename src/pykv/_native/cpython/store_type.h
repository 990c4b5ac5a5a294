/*
 * store_type: the type StoreBase.
 */
#ifndef PYKV_CPYTHON_STORE_TYPE_H
#define PYKV_CPYTHON_STORE_TYPE_H

#include <Python.h>

extern PyType_Spec store_type_spec;

/* What the module of the type keeps. */
typedef struct module_state {
    PyTypeObject *scan_type;
    PyTypeObject *cursor_type;
    PyTypeObject *changes_type;
    PyTypeObject *value_type;
} module_state;

#endif
