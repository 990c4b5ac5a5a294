/*
 * module: `pykv._native._fast`, a second module in the shared object of `_core`, loaded by its
 * name.
 */
#include <Python.h>

#include "cpython/changes_object.h"
#include "cpython/cursor_object.h"
#include "cpython/scan_object.h"
#include "cpython/snapshot_type.h"
#include "cpython/store_type.h"
#include "cpython/value_view.h"
#include "cpython/writes.h"

/* Of CPython 3.12 and later, where a module must say that it wants no interpreter with a lock of
 * its own; the limited API of 3.11 has no names for it. */
enum { VERSION_WITH_INTERPRETERS = 0x030C0000, SLOT_MULTIPLE_INTERPRETERS = 3 };

/* The interpreter looks it up by its name. */
PyMODINIT_FUNC PyInit__fast(void); /* NOLINT(misc-use-internal-linkage) */

/* Makes a type and gives it a name in the module. -1 with an exception. */
static int add_type(PyObject *module, const char *name, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
    if (type == NULL) {
        return -1;
    }
    int status = PyModule_AddObjectRef(module, name, type);
    Py_DECREF(type);
    return status;
}

static int module_exec(PyObject *module)
{
    module_state *state = PyModule_GetState(module);
    if (!writes_prepare()) {
        return -1;
    }
    PyObject *scan_type = PyType_FromModuleAndSpec(module, &scan_object_spec, NULL);
    if (scan_type == NULL) {
        return -1;
    }
    state->scan_type = (PyTypeObject *)scan_type;
    PyObject *cursor_type = PyType_FromModuleAndSpec(module, &cursor_object_spec, NULL);
    if (cursor_type == NULL) {
        return -1;
    }
    state->cursor_type = (PyTypeObject *)cursor_type;
    PyObject *changes_type = PyType_FromModuleAndSpec(module, &changes_object_spec, NULL);
    if (changes_type == NULL) {
        return -1;
    }
    state->changes_type = (PyTypeObject *)changes_type;
    PyObject *value_type = PyType_FromModuleAndSpec(module, &value_view_spec, NULL);
    if (value_type == NULL) {
        return -1;
    }
    state->value_type = (PyTypeObject *)value_type;
    if (add_type(module, "StoreBase", &store_type_spec) < 0) {
        return -1;
    }
    return add_type(module, "SnapshotBase", &snapshot_type_spec);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
    module_state *state = PyModule_GetState(module);
    Py_VISIT(state->scan_type);
    Py_VISIT(state->cursor_type);
    Py_VISIT(state->changes_type);
    Py_VISIT(state->value_type);
    return 0;
}

static int module_clear(PyObject *module)
{
    module_state *state = PyModule_GetState(module);
    Py_CLEAR(state->scan_type);
    Py_CLEAR(state->cursor_type);
    Py_CLEAR(state->changes_type);
    Py_CLEAR(state->value_type);
    return 0;
}

static void module_release(void *module)
{
    module_clear(module);
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL}, /* where the version has interpreters: not supported */
    {0, NULL},
};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_fast",
    .m_doc = "The bases of native stores and snapshots in C; their plain twins are in "
             "pykv._native._plain.",
    .m_size = sizeof(module_state),
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_clear = module_clear,
    .m_free = module_release,
};

PyMODINIT_FUNC PyInit__fast(void)
{
    if (Py_Version >= VERSION_WITH_INTERPRETERS) {
        module_slots[1].slot = SLOT_MULTIPLE_INTERPRETERS;
    }
    return PyModuleDef_Init(&module_definition);
}
