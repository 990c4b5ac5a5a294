/*
 * store_type: StoreBase, the base of native stores, from its construction to its end.
 *
 * Lifetime. An instance holds owner, which frees the store when the last holder lets go. The
 * collector is not shown owner: it runs the finalizers of everything in a cycle before it takes the
 * cycle apart, and the store would be freed under the objects that still use it. Owner holds
 * nothing that could lead back to an instance.
 */
#include "cpython/store_type.h"

#include "cpython/raising.h"
#include "cpython/read_many.h"
#include "cpython/reads.h"
#include "cpython/scan_object.h"
#include "cpython/store_object.h"
#include "cpython/write_many.h"
#include "cpython/writes.h"

enum { BYTES_A_KEY_GUESS = 128 };

pykv_store *store_object_unbound(void)
{
    PyErr_SetString(PyExc_AttributeError, "no store was bound to this object");
    return NULL;
}

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

/* A bound of a range: bytes, borrowed from the argument, or None. False with an exception. */
static bool bound_of(PyObject *argument, const void **data_out, size_t *length_out,
                     int32_t *given_out)
{
    char *data;
    Py_ssize_t length;
    *given_out = argument != Py_None;
    if (argument == Py_None) {
        return true;
    }
    if (PyBytes_AsStringAndSize(argument, &data, &length) < 0) {
        return false;
    }
    *data_out = data;
    *length_out = (size_t)length;
    return true;
}

/* start, stop, reverse. False with an exception. */
static bool range_of(PyObject *const *arguments, pykv_range *out)
{
    out->reverse = PyObject_IsTrue(arguments[2]);
    return out->reverse >= 0 &&
           bound_of(arguments[0], &out->start, &out->start_length, &out->has_start) &&
           bound_of(arguments[1], &out->stop, &out->stop_length, &out->has_stop);
}

/* _scan(kind, limit) or _scan(kind, limit, start, stop, reverse) */
static PyObject *store_scan(PyObject *op, PyTypeObject *defining_class, PyObject *const *arguments,
                            Py_ssize_t count, PyObject *keywords)
{
    store_object *self = (store_object *)op;
    pykv_store *store = store_object_bound(self);
    Py_ssize_t names = keywords == NULL ? 0 : PyTuple_Size(keywords);
    pykv_range range = {0};
    bool whole = count + names <= 2;
    if (store == NULL || !signature_count("_scan", count + names, whole ? 2 : 5) ||
        !(whole || range_of(arguments + 2, &range))) {
        return NULL;
    }
    Py_ssize_t kind = PyLong_AsSsize_t(arguments[0]);
    Py_ssize_t limit = PyLong_AsSsize_t(arguments[1]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    const module_state *state = PyType_GetModuleState(defining_class);
    if (state == NULL) {
        return NULL;
    }
    return scan_object_new(state->scan_type, store, self->owner, (int)kind, limit, range);
}

static int store_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return 0;
}

static void store_dealloc(PyObject *op)
{
    store_object *self = (store_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyObject_GC_UnTrack(op);
    pykv_many_free(self->spare_many);
    Py_CLEAR(self->owner);
    release(op);
    Py_DECREF(type);
}

#define METHOD(function) ((PyCFunction)(void (*)(void))(function))

static PyMethodDef store_methods[] = {
    {"_bind", METHOD(store_bind), METH_FASTCALL,
     "_bind($self, address, owner, batch_bytes_max, /)\n--\n\n"
     "Takes an open store, once, before any other call; see `pykv._native.handle`."},
    {"get", METHOD(store_get), METH_FASTCALL | METH_KEYWORDS,
     "get($self, key, default=None)\n--\n\nThe value of key, or default."},
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
    {NULL, NULL, 0, NULL},
};

static PyType_Slot store_slots[] = {
    {Py_tp_doc, "The calls that a store makes most, each straight to the core."},
    {Py_tp_methods, store_methods},
    {Py_tp_traverse, store_traverse},
    {Py_tp_dealloc, store_dealloc},
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
