/*
 * cursor_object: a move within the rows that the cursor has is made with the interpreter lock, any
 * other one without it. The row it stands on is made into objects when it is asked for.
 *
 * A second thread that comes while a move is under way gets RuntimeError.
 *
 * The fields are guarded by the interpreter lock, the cursor by busy.
 */
#include "cpython/cursor_object.h"

#include <stdbool.h>

#include "cpython/arguments.h"
#include "cpython/copying.h"
#include "cpython/raising.h"

typedef struct cursor_object {
    PyObject ob_base;
    pykv_store *store;
    PyObject *owner;     /* keeps store; not shown to the collector */
    pykv_cursor *cursor; /* NULL once closed */
    pykv_row row;        /* where it stands; key NULL: nowhere */
    bool busy;
} cursor_object;

PyObject *cursor_object_new(PyTypeObject *type, pykv_store *store, pykv_snapshot *snapshot,
                            PyObject *owner, const pykv_range *range)
{
    pykv_cursor *cursor;
    pykv_status status;
    cursor_object *self = (cursor_object *)PyType_GenericAlloc(type, 0);
    if (self == NULL) {
        return NULL;
    }
    self->store = store;
    self->owner = Py_NewRef(owner);
    Py_BEGIN_ALLOW_THREADS;
    status = snapshot == NULL ? pykv_cursor_new(store, range, &cursor)
                              : pykv_cursor_new_at(snapshot, range, &cursor);
    Py_END_ALLOW_THREADS;
    if (status != PYKV_OK) {
        raise_status(status);
        Py_DECREF(self);
        return NULL;
    }
    self->cursor = cursor;
    return (PyObject *)self;
}

/* ---- moves ---- */

static bool check_usable(const cursor_object *self)
{
    if (FAST_UNLIKELY(self->busy)) {
        PyErr_SetString(PyExc_RuntimeError,
                        "another thread is in the middle of this cursor: give each thread its own");
        return false;
    }
    if (FAST_UNLIKELY(self->cursor == NULL)) {
        raise_closed("the cursor is closed");
        return false;
    }
    pykv_status status = pykv_check_open(self->store);
    if (FAST_UNLIKELY(status != PYKV_OK)) {
        raise_status(status);
        return false;
    }
    return true;
}

static PyObject *move(cursor_object *self, int32_t where, const bytes_view *key)
{
    pykv_row row = {0};
    if (!check_usable(self)) {
        return NULL;
    }
    self->row.key = NULL;
    pykv_status status =
        pykv_cursor_move(self->cursor, where, key->data, key->length, PYKV_NO_WAIT, &row);
    if (FAST_UNLIKELY(status == PYKV_WOULD_BLOCK)) {
        self->busy = true;
        Py_BEGIN_ALLOW_THREADS;
        status = pykv_cursor_move(self->cursor, where, key->data, key->length, 0, &row);
        Py_END_ALLOW_THREADS;
        self->busy = false;
    }
    if (FAST_UNLIKELY(status != PYKV_OK && status != PYKV_NOT_FOUND)) {
        return raise_status(status);
    }
    self->row = row;
    return PyBool_FromLong(status == PYKV_OK);
}

static PyObject *go(PyObject *op, int32_t where)
{
    const bytes_view none = {.length = 0};
    return move((cursor_object *)op, where, &none);
}

static PyObject *go_to(PyObject *op, int32_t where, PyObject *key)
{
    bytes_view name;
    if (!bytes_view_key(key, &name)) {
        return NULL;
    }
    PyObject *found = move((cursor_object *)op, where, &name);
    bytes_view_reset(&name);
    return found;
}

static PyObject *cursor_first(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    return go(op, PYKV_FIRST);
}

static PyObject *cursor_last(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    return go(op, PYKV_LAST);
}

static PyObject *cursor_next(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    return go(op, PYKV_NEXT);
}

static PyObject *cursor_prev(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    return go(op, PYKV_PREVIOUS);
}

static PyObject *cursor_seek(PyObject *op, PyObject *key)
{
    return go_to(op, PYKV_SEEK, key);
}

static PyObject *cursor_seek_back(PyObject *op, PyObject *key)
{
    return go_to(op, PYKV_SEEK_BACK, key);
}

/* ---- the row ---- */

static PyObject *part(PyObject *op, bool is_value)
{
    cursor_object *self = (cursor_object *)op;
    if (!check_usable(self)) {
        return NULL;
    }
    if (self->row.key == NULL) {
        PyErr_SetString(PyExc_IndexError, "the cursor stands on no row");
        return NULL;
    }
    self->busy = true;
    PyObject *bytes = is_value ? bytes_copy(self->row.value, self->row.value_length)
                               : bytes_copy(self->row.key, self->row.key_length);
    self->busy = false;
    return bytes;
}

static PyObject *cursor_key(PyObject *op, void *ignored)
{
    (void)ignored;
    return part(op, false);
}

static PyObject *cursor_value(PyObject *op, void *ignored)
{
    (void)ignored;
    return part(op, true);
}

/* ---- its end ---- */

static void end(cursor_object *self)
{
    pykv_cursor *cursor = self->cursor;
    self->cursor = NULL;
    self->row.key = NULL;
    if (cursor != NULL) {
        Py_BEGIN_ALLOW_THREADS;
        pykv_cursor_free(cursor);
        Py_END_ALLOW_THREADS;
    }
}

static PyObject *cursor_close(PyObject *op, PyObject *ignored)
{
    cursor_object *self = (cursor_object *)op;
    (void)ignored;
    /* In a forked child nothing goes on in it, however busy it was in the parent. */
    if (self->cursor != NULL && self->busy && pykv_check_open(self->store) != PYKV_FORKED) {
        (void)check_usable(self);
        return NULL;
    }
    end(self);
    return Py_NewRef(Py_None);
}

static PyObject *cursor_enter(PyObject *op, PyObject *ignored)
{
    (void)ignored;
    return check_usable((cursor_object *)op) ? Py_NewRef(op) : NULL;
}

static PyObject *cursor_exit(PyObject *op, PyObject *ignored)
{
    return cursor_close(op, ignored);
}

static int cursor_traverse(PyObject *op, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(op));
    return 0;
}

static void cursor_dealloc(PyObject *op)
{
    cursor_object *self = (cursor_object *)op;
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    PyObject_GC_UnTrack(op);
    end(self);
    Py_CLEAR(self->owner);
    release(op);
    Py_DECREF(type);
}

static PyMethodDef cursor_methods[] = {
    {"seek", cursor_seek, METH_O,
     "seek($self, key, /)\n--\n\nTo the first row from key on; tells whether there is one."},
    {"seek_back", cursor_seek_back, METH_O,
     "seek_back($self, key, /)\n--\n\nTo the last row up to key; tells whether there is one."},
    {"first", cursor_first, METH_NOARGS,
     "first($self, /)\n--\n\nTo the first row; tells whether there is one."},
    {"last", cursor_last, METH_NOARGS,
     "last($self, /)\n--\n\nTo the last row; tells whether there is one."},
    {"next", cursor_next, METH_NOARGS,
     "next($self, /)\n--\n\nTo the next row; tells whether there is one."},
    {"prev", cursor_prev, METH_NOARGS,
     "prev($self, /)\n--\n\nTo the row before; tells whether there is one."},
    {"close", cursor_close, METH_NOARGS,
     "close($self, /)\n--\n\nGives up what it keeps; silent where that is done."},
    {"__enter__", cursor_enter, METH_NOARGS, "__enter__($self, /)\n--\n\n"},
    {"__exit__", cursor_exit, METH_VARARGS, "__exit__($self, /, *exception)\n--\n\n"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef cursor_attributes[] = {
    {"key", cursor_key, NULL, "The key of the row it stands on; IndexError off the rows.", NULL},
    {"value", cursor_value, NULL, "The value of that row; IndexError off the rows.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot cursor_slots[] = {
    {Py_tp_doc, "Goes over the rows of a range at one moment, in both directions."},
    {Py_tp_methods, cursor_methods},
    {Py_tp_getset, cursor_attributes},
    {Py_tp_traverse, cursor_traverse},
    {Py_tp_dealloc, cursor_dealloc},
    {0, NULL},
};

PyType_Spec cursor_object_spec = {
    .name = "pykv._native._fast.Cursor",
    .basicsize = sizeof(cursor_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = cursor_slots,
};

/* ---- one row ---- */

static PyObject *pair_of(const pykv_row *row)
{
    PyObject *key = bytes_copy(row->key, row->key_length);
    PyObject *value = key == NULL ? NULL : bytes_copy(row->value, row->value_length);
    PyObject *pair = value == NULL ? NULL : PyTuple_Pack(2, key, value);
    Py_XDECREF(key);
    Py_XDECREF(value);
    return pair;
}

PyObject *row_find(pykv_store *store, pykv_snapshot *snapshot, int32_t where, PyObject *key)
{
    pykv_row row;
    pykv_status status;
    bytes_view name = {.length = 0};
    if (key != NULL && !bytes_view_key(key, &name)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS;
    status = snapshot == NULL ? pykv_find_row(store, where, name.data, name.length, &row)
                              : pykv_find_row_at(snapshot, where, name.data, name.length, &row);
    Py_END_ALLOW_THREADS;
    bytes_view_reset(&name);
    if (status == PYKV_NOT_FOUND) {
        return Py_NewRef(Py_None);
    }
    if (status != PYKV_OK) {
        return raise_status(status);
    }
    PyObject *pair = pair_of(&row);
    pykv_row_free(&row);
    return pair;
}
