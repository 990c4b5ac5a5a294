/*
 * snapshot_type: SnapshotBase, the base of snapshots of native stores: the reading methods of
 * StoreBase at one moment. Its lifetime is that of StoreBase (store_type.c); owner frees the
 * snapshot, and then the store.
 */
#include "cpython/snapshot_type.h"

#include "cpython/ranges.h"
#include "cpython/read_many.h"
#include "cpython/reads.h"
#include "cpython/store_object.h"
#include "cpython/value_view.h"

/* _bind(address, snapshot_address, owner) */
static PyObject *snapshot_bind(PyObject *op, PyObject *const *arguments, Py_ssize_t count)
{
    store_object *self = (store_object *)op;
    if (!signature_count("_bind", count, 3)) {
        return NULL;
    }
    void *address = PyLong_AsVoidPtr(arguments[0]);
    void *snapshot = PyErr_Occurred() ? NULL : PyLong_AsVoidPtr(arguments[1]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (address == NULL || snapshot == NULL || self->store != NULL) {
        PyErr_SetString(PyExc_ValueError, "a snapshot is bound once, by its address");
        return NULL;
    }
    self->store = address;
    self->snapshot = snapshot;
    self->owner = Py_NewRef(arguments[2]);
    self->bytes_a_key_hint = BYTES_A_KEY_GUESS;
    return Py_NewRef(Py_None);
}

#define METHOD(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef snapshot_methods[] = {
    {"_bind", METHOD(snapshot_bind), METH_FASTCALL,
     "_bind($self, address, snapshot_address, owner, /)\n--\n\n"
     "Takes an open snapshot and its store, once, before any other call."},
    {"get", METHOD(store_get), METH_FASTCALL | METH_KEYWORDS,
     "get($self, key, default=None)\n--\n\nThe value of key, or default."},
    {"get_view", METHOD(store_get_view), METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "get_view($self, key)\n--\n\n"
     "A read-only memoryview of the value of key where it stands, or None."},
    {"get_many", METHOD(store_get_many), METH_FASTCALL | METH_KEYWORDS,
     "get_many($self, keys, default=None)\n--\n\n"
     "The value of each key, or default, in the order of keys."},
    {"_scan", METHOD(store_scan), METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "_scan($self, kind, limit, start=None, stop=None, reverse=False, /)\n--\n\n"
     "At most limit (-1: all) rows, keys or values (SCAN_*) of the snapshot from start to stop."},
    {"_cursor", METHOD(store_cursor), METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "_cursor($self, start, stop, /)\n--\n\n"
     "A cursor from start (None: the first row) to stop (None: the last)."},
    {"_near", METHOD(store_near), METH_FASTCALL,
     "_near($self, move, key=None, /)\n--\n\n"
     "The row that PYKV_FIRST, _LAST, _SEEK or _SEEK_BACK names, or None."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot snapshot_slots[] = {
    {Py_tp_doc, "The reads of a snapshot, each straight to the core."},
    {Py_tp_methods, snapshot_methods},
    {Py_tp_traverse, store_object_traverse},
    {Py_tp_dealloc, store_object_dealloc},
    {Py_mp_subscript, store_subscript},
    {Py_sq_contains, store_contains},
    {0, NULL},
};

PyType_Spec snapshot_type_spec = {
    .name = "pykv._native._fast.SnapshotBase",
    .basicsize = sizeof(store_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = snapshot_slots,
};
