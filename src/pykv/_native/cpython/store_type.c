/*
 * store_type: StoreBase, the base of native stores, from its construction to its end.
 *
 * Lifetime. An instance holds owner, which frees the store when the last holder lets go. The
 * collector is not shown owner: it runs the finalizers of everything in a cycle before it takes the
 * cycle apart, and the store would be freed under the objects that still use it. Owner holds
 * nothing that could lead back to an instance.
 */
#include "cpython/store_type.h"

#include "cpython/changes_object.h"
#include "cpython/ranges.h"
#include "cpython/read_many.h"
#include "cpython/reads.h"
#include "cpython/store_object.h"
#include "cpython/value_view.h"
#include "cpython/write_many.h"
#include "cpython/writes.h"

/* _bind(address, owner, batch_bytes_max) */
static PyObject *store_bind(PyObject *op, PyObject *const *arguments, Py_ssize_t count)
{
    store_object *self = (store_object *)op;
    if (!signature_count("_bind", count, 3)) {
        return NULL;
    }
    void *address = PyLong_AsVoidPtr(arguments[0]);
    size_t batch_bytes_max = PyLong_AsSize_t(arguments[2]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (address == NULL || self->store != NULL) {
        PyErr_SetString(PyExc_ValueError, "a store is bound once, by its address");
        return NULL;
    }
    self->store = address;
    self->owner = Py_NewRef(arguments[1]);
    self->batch_bytes_max = batch_bytes_max;
    self->bytes_a_key_hint = BYTES_A_KEY_GUESS;
    return Py_NewRef(Py_None);
}

#define METHOD(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef store_methods[] = {
    {"_bind", METHOD(store_bind), METH_FASTCALL,
     "_bind($self, address, owner, batch_bytes_max, /)\n--\n\n"
     "Takes an open store, once, before any other call; see `pykv._native.handle`."},
    {"get", METHOD(store_get), METH_FASTCALL | METH_KEYWORDS,
     "get($self, key, default=None)\n--\n\nThe value of key, or default."},
    {"get_view", METHOD(store_get_view), METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "get_view($self, key)\n--\n\n"
     "A read-only memoryview of the value of key where it stands, or None."},
    {"get_many", METHOD(store_get_many), METH_FASTCALL | METH_KEYWORDS,
     "get_many($self, keys, default=None)\n--\n\n"
     "The value of each key, or default, in the order of keys."},
    {"put", METHOD(store_put), METH_FASTCALL | METH_KEYWORDS,
     "put($self, key, value, *, ttl=None, sync=None)\n--\n\n"
     "Sets key to value, for ttl seconds or for ever."},
    {"put_many", METHOD(store_put_many), METH_FASTCALL | METH_KEYWORDS,
     "put_many($self, items, *, ttl=None, sync=None, atomic=False)\n--\n\n"
     "Puts (key, value) pairs in chunks that are all or nothing; atomic=True makes one."},
    {"delete", METHOD(store_delete), METH_FASTCALL | METH_KEYWORDS,
     "delete($self, key, *, sync=None)\n--\n\nRemoves key; a missing one is silent."},
    {"delete_many", METHOD(store_delete_many), METH_FASTCALL | METH_KEYWORDS,
     "delete_many($self, keys, *, sync=None)\n--\n\n"
     "Removes keys, in the chunks of put_many; missing ones are silent."},
    {"_discard", METHOD(store_discard), METH_FASTCALL,
     "_discard($self, key, sync, /)\n--\n\n"
     "Removes key and tells whether it was there, in one step."},
    {"_scan", METHOD(store_scan), METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "_scan($self, kind, limit, start=None, stop=None, reverse=False, /)\n--\n\n"
     "At most limit (-1: all) rows, keys or values (SCAN_*) of this moment from start to stop."},
    {"_cursor", METHOD(store_cursor), METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "_cursor($self, start, stop, /)\n--\n\n"
     "A cursor from start (None: the first row) to stop (None: the last)."},
    {"_near", METHOD(store_near), METH_FASTCALL,
     "_near($self, move, key=None, /)\n--\n\n"
     "The row that PYKV_FIRST, _LAST, _SEEK or _SEEK_BACK names, or None."},
    {"_changes", METHOD(store_changes), METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "_changes($self, since, epoch, flags, timeout_us, change_type, /)\n--\n\n"
     "Changes behind since, of epoch, None: of any (PYKV_CHANGES_*); timeout_us: to wait for the "
     "next, -1: for ever."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot store_slots[] = {
    {Py_tp_doc, "The calls that a store makes most, each straight to the core."},
    {Py_tp_methods, store_methods},
    {Py_tp_traverse, store_object_traverse},
    {Py_tp_dealloc, store_object_dealloc},
    {Py_mp_subscript, store_subscript},
    {Py_mp_ass_subscript, store_assign},
    {Py_sq_contains, store_contains},
    {0, NULL},
};

PyType_Spec store_type_spec = {
    .name = "pykv._native._fast.StoreBase",
    .basicsize = sizeof(store_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = store_slots,
};
