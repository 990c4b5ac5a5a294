/*
 * scan_object: rows are fetched in chunks, without the interpreter lock, and made into objects one
 * by one out of the chunk, which the scan of the store keeps until the next one is fetched.
 *
 * A second thread that comes while a chunk is fetched gets RuntimeError. The tuple of a row is
 * filled again where nobody kept it, and where tuples do not keep their hash.
 *
 * The fields are guarded by the interpreter lock, rows by busy.
 */
#include "cpython/scan_object.h"

#include <stdbool.h>

#include "cpython/arguments.h"
#include "cpython/copying.h"
#include "cpython/raising.h"

/* From CPython 3.14 on a tuple keeps its hash, which only the interpreter can reset. */
enum { VERSION_WITH_TUPLE_HASHES = 0x030E0000 };

typedef struct scan_object {
    PyObject ob_base;
    pykv_store *store;
    PyObject *owner; /* keeps store, also for closing the scan; not shown to the collector */
    pykv_scan *scan; /* NULL once ended */
    int kind;        /* SCAN_* */
    bool busy;       /* rows are being fetched or copied without the interpreter lock */
    Py_ssize_t left; /* rows that may still be given; negative: all */
    pykv_rows rows;  /* the chunk */
    size_t next;     /* row of the chunk */
    PyObject *pair;  /* the last tuple given, or NULL */
} scan_object;

/* Gives back what the scan holds on to. */
static void end(scan_object *self)
{
    pykv_scan *scan = self->scan;
    self->scan = NULL;
    self->rows.count = 0;
    self->next = 0;
    if (scan != NULL) {
        Py_BEGIN_ALLOW_THREADS;
        pykv_scan_close(scan);
        Py_END_ALLOW_THREADS;
    }
    Py_CLEAR(self->pair);
}

PyObject *scan_object_new(PyTypeObject *type, pykv_store *store, pykv_snapshot *snapshot,
                          PyObject *owner, int kind, Py_ssize_t limit, pykv_range range)
{
    pykv_scan *scan;
    pykv_status status;
    scan_object *self = (scan_object *)PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->store = store;
    self->owner = Py_NewRef(owner);
    self->kind = kind;
    self->left = limit;
    range.keys_only = kind == SCAN_KEYS;
    range.limit = limit > 0 ? (uint64_t)limit : 0;
    Py_BEGIN_ALLOW_THREADS;
    status = snapshot == NULL ? pykv_scan_open(store, &range, &scan)
                              : pykv_scan_open_at(snapshot, &range, &scan);
    Py_END_ALLOW_THREADS;
    if (status != PYKV_OK) {
        raise_status(status);
        Py_DECREF(self);
        return NULL;
    }
    self->scan = scan;
    return (PyObject *)self;
}

/* Fetches the next chunk, which is empty at the end. False with an exception. */
static bool fetch(scan_object *self)
{
    pykv_rows rows = {0};
    pykv_status status;
    self->rows.count = 0;
    self->next = 0;
    self->busy = true;
    Py_BEGIN_ALLOW_THREADS;
    status = pykv_scan_next(self->scan, 0, 0, &rows);
    Py_END_ALLOW_THREADS;
    self->busy = false;
    if (status != PYKV_OK) {
        raise_status(status);
        return false;
    }
    self->rows = rows;
    return true;
}

static bool check_idle(const scan_object *self)
{
    if (FAST_UNLIKELY(self->busy)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "another thread is in the middle of this scan: give each thread its own");
        return false;
    }
    return true;
}

/* As busy as it was in the parent, where this process was forked: nothing goes on in it here. */
static bool may_close(const scan_object *self)
{
    return pykv_check_open(self->store) == PYKV_FORKED || check_idle(self);
}

static bool check_usable(const scan_object *self)
{
    pykv_status status = pykv_check_open(self->store);
    if (FAST_UNLIKELY(status != PYKV_OK)) {
        raise_status(status);
        return false;
    }
    return check_idle(self);
}

/* The bytes from begin to end of the chunk. */
static inline PyObject *part(scan_object *self, uint64_t begin, uint64_t stop)
{
    const uint8_t *data = self->rows.data + begin;
    size_t length = (size_t)(stop - begin);
    if (FAST_LIKELY(length <= LARGE_BYTES)) {
        return PyBytes_FromStringAndSize((const char *)data, (Py_ssize_t)length);
    }
    self->busy = true;
    PyObject *bytes = bytes_copy(data, length);
    self->busy = false;
    return bytes;
}

/* A tuple of key and value, which are taken over; NULL with an exception, also where one is NULL.
 */
static PyObject *pair_of(scan_object *self, PyObject *key, PyObject *value)
{
    PyObject *pair = self->pair;
    self->pair = NULL;
    if (pair == NULL || Py_REFCNT(pair) != 1) {
        Py_XDECREF(pair);
        pair = PyTuple_New(2);
    }
    if (FAST_UNLIKELY(pair == NULL || key == NULL || value == NULL)) {
        Py_XDECREF(pair);
        Py_XDECREF(key);
        Py_XDECREF(value);
        return NULL;
    }
    PyTuple_SetItem(pair, 0, key);
    PyTuple_SetItem(pair, 1, value);
    return pair;
}

/* The row of the chunk that comes next. */
static PyObject *row(scan_object *self)
{
    const uint64_t *offsets = self->rows.offsets + 2 * self->next;
    uint64_t key_at = offsets[0];
    uint64_t value_at = offsets[1];
    uint64_t stop = offsets[2];
    self->next++;
    self->left -= self->left > 0;
    if (self->kind == SCAN_KEYS) {
        return part(self, key_at, value_at);
    }
    if (self->kind == SCAN_VALUES) {
        return part(self, value_at, stop);
    }
    PyObject *key = part(self, key_at, value_at);
    PyObject *pair = pair_of(self, key, part(self, value_at, stop));
    if (pair != NULL && stop - value_at <= LARGE_BYTES && Py_Version < VERSION_WITH_TUPLE_HASHES) {
        Py_XDECREF(self->pair);
        self->pair = Py_NewRef(pair);
    }
    return pair;
}

static PyObject *scan_iternext(PyObject *op)
{
    scan_object *self = (scan_object *)op;
    if (FAST_UNLIKELY(!check_usable(self))) {
        return NULL;
    }
    if (FAST_UNLIKELY(self->next == self->rows.count) && self->left != 0 && self->scan != NULL &&
        !fetch(self)) {
        return NULL;
    }
    if (FAST_UNLIKELY(self->left == 0 || self->next == self->rows.count)) {
        end(self);
        return NULL;
    }
    return row(self);
}

static PyObject *scan_close(PyObject *op, PyObject *ignored)
{
    scan_object *self = (scan_object *)op;
    (void)ignored;
    if (!may_close(self)) {
        return NULL;
    }
    end(self);
    return Py_NewRef(Py_None);
}

/* ---- the type ---- */

static int scan_traverse(PyObject *op, visitproc visit, void *arg)
{
    scan_object *self = (scan_object *)op;
    Py_VISIT(Py_TYPE(op));
    Py_VISIT(self->pair);
    return 0;
}

static void scan_dealloc(PyObject *op)
{
    scan_object *self = (scan_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyObject_GC_UnTrack(op);
    end(self);
    Py_CLEAR(self->owner);
    release(op);
    Py_DECREF(type);
}

static PyMethodDef scan_methods[] = {
    {"close", scan_close, METH_NOARGS,
     "close($self, /)\n--\n\nEnds it, and gives up what it keeps; silent where that is done."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot scan_slots[] = {
    {Py_tp_doc, "Rows of a store, or their keys or values, at one moment."},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, scan_iternext},
    {Py_tp_methods, scan_methods},
    {Py_tp_traverse, scan_traverse},
    {Py_tp_dealloc, scan_dealloc},
    {0, NULL},
};

PyType_Spec scan_object_spec = {
    .name = "pykv._native._fast.Scan",
    .basicsize = sizeof(scan_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = scan_slots,
};
