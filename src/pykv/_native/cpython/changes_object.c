/*
 * changes_object: changes are fetched in chunks, without the interpreter lock, and made into tuples
 * of pykv.store.Change one by one out of the chunk, which the feed keeps until the next one.
 *
 * A wait is cut into slices, between which signals get through, and a close by another thread. Any
 * other call of a second thread that comes while a chunk is fetched gets RuntimeError.
 *
 * The fields are guarded by the interpreter lock, the chunk by busy.
 */
#include "cpython/changes_object.h"

#include <stdbool.h>

#include "cpython/copying.h"
#include "cpython/raising.h"
#include "cpython/store_object.h"
#include "cpython/store_type.h"

enum { WAIT_SLICE_US = 100000, FIELD_COUNT = 8, KIND_COUNT = 8 };

/* By PYKV_CHANGE_*. */
static const char *const kind_names[KIND_COUNT] = {
    "", "put", "delete", "clear", "delete_range", "namespace", "ingest", "drop_namespace"};

typedef struct changes_object {
    PyObject ob_base;
    pykv_store *store;
    PyObject *owner; /* keeps store, also for closing the feed; not shown to the collector */
    PyObject *type;  /* Change */
    newfunc make;    /* of tuples: makes one of a type derived from them */
    PyObject *kinds[KIND_COUNT];
    pykv_changes *feed; /* NULL once ended */
    int64_t timeout_us; /* negative: for ever */
    bool busy;          /* a chunk is being fetched, or copied, without the interpreter lock */
    bool closing;       /* by a call that came while it was busy */
    const pykv_change *chunk;
    size_t count;
    size_t next; /* of the chunk */
} changes_object;

/* Gives back what the feed holds on to. */
static void end(changes_object *self)
{
    pykv_changes *feed = self->feed;
    self->feed = NULL;
    self->count = 0;
    self->next = 0;
    if (feed != NULL) {
        Py_BEGIN_ALLOW_THREADS;
        pykv_changes_close(feed);
        Py_END_ALLOW_THREADS;
    }
}

static bool name_kinds(changes_object *self)
{
    for (int i = 0; i < KIND_COUNT; i++) {
        self->kinds[i] = PyUnicode_InternFromString(kind_names[i]);
        if (self->kinds[i] == NULL) {
            return false;
        }
    }
    return true;
}

static PyObject *new_changes(PyTypeObject *type, const store_object *store,
                             const pykv_position *since, int32_t flags, int64_t timeout_us,
                             PyObject *change_type)
{
    pykv_changes *feed = NULL;
    pykv_status status;
    changes_object *self = (changes_object *)PyType_GenericAlloc(type, 0);
    if (self == NULL || !name_kinds(self)) {
        Py_XDECREF((PyObject *)self);
        return NULL;
    }
    self->store = store->store;
    self->owner = Py_NewRef(store->owner);
    self->type = Py_NewRef(change_type);
    self->make = (newfunc)PyType_GetSlot(&PyTuple_Type, Py_tp_new);
    self->timeout_us = timeout_us;
    Py_BEGIN_ALLOW_THREADS;
    status = pykv_changes_open_at(self->store, since, flags, &feed);
    Py_END_ALLOW_THREADS;
    if (status != PYKV_OK) {
        raise_status(status);
        Py_DECREF(self);
        return NULL;
    }
    self->feed = feed;
    return (PyObject *)self;
}

PyObject *store_changes(PyObject *op, PyTypeObject *defining_class, PyObject *const *arguments,
                        Py_ssize_t count, PyObject *keywords)
{
    store_object *self = (store_object *)op;
    Py_ssize_t names = keywords == NULL ? 0 : PyTuple_Size(keywords);
    if (store_object_bound(self) == NULL || !signature_count("_changes", count + names, 5)) {
        return NULL;
    }
    pykv_position since = {.has_epoch = arguments[1] != Py_None};
    since.sequence = PyLong_AsUnsignedLongLong(arguments[0]);
    if (since.has_epoch != 0 && !PyErr_Occurred()) {
        since.epoch = PyLong_AsUnsignedLongLong(arguments[1]);
    }
    long flags = PyErr_Occurred() ? 0 : PyLong_AsLong(arguments[2]);
    long long timeout_us = PyErr_Occurred() ? 0 : PyLong_AsLongLong(arguments[3]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (!PyType_Check(arguments[4]) ||
        !PyType_IsSubtype((PyTypeObject *)arguments[4], &PyTuple_Type)) {
        PyErr_SetString(PyExc_TypeError, "a change is a tuple");
        return NULL;
    }
    const module_state *state = PyType_GetModuleState(defining_class);
    if (state == NULL) {
        return NULL;
    }
    return new_changes(state->changes_type, self, &since, (int32_t)flags, timeout_us, arguments[4]);
}

/* ---- fetching ---- */

/* One slice of the wait. */
static pykv_status fetch_slice(changes_object *self, int64_t slice_us)
{
    const pykv_change *chunk = NULL;
    size_t count = 0;
    pykv_status status;
    self->count = 0;
    self->next = 0;
    Py_BEGIN_ALLOW_THREADS;
    status = pykv_changes_next(self->feed, 0, slice_us, &chunk, &count);
    Py_END_ALLOW_THREADS;
    if (status == PYKV_OK) {
        self->chunk = chunk;
        self->count = count;
    }
    return status;
}

static bool fetch_slices(changes_object *self)
{
    int64_t left = self->timeout_us;
    do {
        int64_t slice = left < 0 || left > WAIT_SLICE_US ? WAIT_SLICE_US : left;
        pykv_status status = fetch_slice(self, slice);
        if (status != PYKV_OK) {
            raise_status(status);
            return false;
        }
        if (PyErr_CheckSignals() < 0) {
            return false; /* the chunk stays for the next call */
        }
        left = left < 0 ? left : left - slice;
    } while (self->count == 0 && left != 0 && !self->closing);
    return true;
}

/* Fetches the next chunk, which is empty at the end. False with an exception. Busy between the
 * slices too: a handler of a signal may call this feed. */
static bool fetch(changes_object *self)
{
    self->busy = true;
    bool fetched = fetch_slices(self);
    self->busy = false;
    return fetched;
}

static bool check_usable(const changes_object *self)
{
    pykv_status status = pykv_check_open(self->store);
    if (FAST_UNLIKELY(status != PYKV_OK)) {
        raise_status(status);
        return false;
    }
    if (FAST_UNLIKELY(self->busy)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "another thread is in the middle of this feed: give each thread its own");
        return false;
    }
    return true;
}

/* ---- tuples ---- */

/* Bytes of the chunk. */
static inline PyObject *part(changes_object *self, const uint8_t *data, size_t length)
{
    if (FAST_LIKELY(length <= LARGE_BYTES)) {
        return PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)length);
    }
    self->busy = true;
    PyObject *bytes = bytes_copy(data, length);
    self->busy = false;
    return bytes;
}

static PyObject *value_of(changes_object *self, const pykv_change *change)
{
    return change->has_value != 0 ? part(self, change->value, change->value_length)
                                  : Py_NewRef(Py_None);
}

static PyObject *namespace_of(const pykv_change *change)
{
    return change->namespace_id != 0 ? PyLong_FromUnsignedLong(change->namespace_id)
                                     : Py_NewRef(Py_None);
}

static PyObject *deadline_of(const pykv_change *change)
{
    return change->deadline_us != 0 ? PyFloat_FromDouble((double)change->deadline_us / 1e6)
                                    : Py_NewRef(Py_None);
}

/* The fields of a change, as a plain tuple. */
static PyObject *fields_of(changes_object *self, const pykv_change *change)
{
    PyObject *fields[FIELD_COUNT] = {
        PyLong_FromUnsignedLongLong(change->epoch),
        PyLong_FromUnsignedLongLong(change->sequence),
        Py_NewRef(self->kinds[change->kind < KIND_COUNT ? change->kind : 0]),
        part(self, change->key, change->key_length),
        value_of(self, change),
        namespace_of(change),
        PyBool_FromLong(change->last),
        deadline_of(change),
    };
    PyObject *tuple = PyTuple_New(FIELD_COUNT);
    for (Py_ssize_t i = 0; i < FIELD_COUNT; i++) {
        if (tuple != NULL && fields[i] != NULL) {
            PyTuple_SetItem(tuple, i, fields[i]);
        } else {
            Py_XDECREF(fields[i]);
            Py_CLEAR(tuple);
        }
    }
    return tuple;
}

static PyObject *change_of(changes_object *self, const pykv_change *change)
{
    PyObject *fields = fields_of(self, change);
    PyObject *arguments = fields != NULL ? PyTuple_New(1) : NULL;
    if (arguments == NULL) {
        Py_XDECREF(fields);
        return NULL;
    }
    PyTuple_SetItem(arguments, 0, fields);
    PyObject *made = self->make((PyTypeObject *)self->type, arguments, NULL);
    Py_DECREF(arguments);
    return made;
}

static PyObject *next_change(changes_object *self)
{
    if (FAST_UNLIKELY(self->next == self->count) && self->feed != NULL && !self->closing &&
        !fetch(self)) {
        return NULL;
    }
    if (FAST_UNLIKELY(self->next == self->count || self->closing)) {
        end(self);
        return NULL;
    }
    return change_of(self, &self->chunk[self->next++]);
}

static PyObject *changes_iternext(PyObject *op)
{
    changes_object *self = (changes_object *)op;
    if (FAST_UNLIKELY(!check_usable(self))) {
        return NULL;
    }
    PyObject *change = next_change(self);
    if (FAST_UNLIKELY(self->closing)) {
        end(self); /* the call that closed it found it busy */
    }
    return change;
}

static PyObject *changes_close(PyObject *op, PyObject *ignored)
{
    changes_object *self = (changes_object *)op;
    (void)ignored;
    self->closing = true;
    if (!self->busy) {
        end(self);
    }
    return Py_NewRef(Py_None);
}

/* ---- the type ---- */

static int changes_traverse(PyObject *op, visitproc visit, void *arg)
{
    changes_object *self = (changes_object *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->type);
    return 0;
}

static void changes_dealloc(PyObject *op)
{
    changes_object *self = (changes_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyObject_GC_UnTrack(op);
    end(self);
    for (int i = 0; i < KIND_COUNT; i++) {
        Py_CLEAR(self->kinds[i]);
    }
    Py_CLEAR(self->type);
    Py_CLEAR(self->owner);
    release(op);
    Py_DECREF(type);
}

static PyMethodDef changes_methods[] = {
    {"close", changes_close, METH_NOARGS,
     "close($self, /)\n--\n\nEnds it, from any thread: a wait for changes ends within a moment."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot changes_slots[] = {
    {Py_tp_doc, "The changes of a store, in their order."},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, changes_iternext},
    {Py_tp_methods, changes_methods},
    {Py_tp_traverse, changes_traverse},
    {Py_tp_dealloc, changes_dealloc},
    {0, NULL},
};

PyType_Spec changes_object_spec = {
    .name = "pykv._native._fast.Changes",
    .basicsize = sizeof(changes_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = changes_slots,
};
