/*
 * value_view: an object that has a pykv_view and shows it as a read-only buffer. The memoryview
 * over it, and every slice of that, holds the object; with the last of them the view is freed.
 * It needs nothing of the store, which may be closed and gone by then.
 */
#include "cpython/value_view.h"

#include "cpython/raising.h"
#include "cpython/store_object.h"
#include "cpython/store_type.h"

typedef struct value_object {
    PyObject ob_base;
    pykv_view *view; /* owned */
} value_object;

static const signature get_view_signature = {
    .function = "get_view",
    .names = {"key"},
    .name_count = 1,
    .positional_max = 1,
    .required = 1,
};

/* The view of key's value. The lock is let go where that may wait. */
static pykv_status open_view(const store_object *self, const bytes_view *key, pykv_view **view_out)
{
    pykv_status status =
        pykv_view_open(self->store, self->snapshot, key->data, key->length, PYKV_NO_WAIT, view_out);
    if (status == PYKV_WOULD_BLOCK) {
        Py_BEGIN_ALLOW_THREADS;
        status = pykv_view_open(self->store, self->snapshot, key->data, key->length, 0, view_out);
        Py_END_ALLOW_THREADS;
    }
    return status;
}

/* A memoryview that owns view. */
static PyObject *show(PyTypeObject *type, pykv_view *view)
{
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    value_object *self = (value_object *)allocate(type, 0);
    if (self == NULL) {
        pykv_view_free(view);
        return NULL;
    }
    self->view = view;
    PyObject *shown = PyMemoryView_FromObject((PyObject *)self);
    Py_DECREF(self);
    return shown;
}

PyObject *store_get_view(PyObject *op, PyTypeObject *defining_class, PyObject *const *arguments,
                         Py_ssize_t count, PyObject *keywords)
{
    store_object *self = (store_object *)op;
    PyObject *values[SIGNATURE_ARGUMENTS_MAX];
    const module_state *state = PyType_GetModuleState(defining_class);
    bytes_view key;
    pykv_view *view = NULL;
    if (state == NULL || store_object_bound(self) == NULL ||
        !signature_bind(&get_view_signature, arguments, count, keywords, values) ||
        !bytes_view_key(values[0], &key)) {
        return NULL;
    }
    pykv_status status = open_view(self, &key, &view);
    bytes_view_reset(&key);
    if (status == PYKV_NOT_FOUND) {
        return Py_NewRef(Py_None);
    }
    return status == PYKV_OK ? show(state->value_type, view) : raise_status(status);
}

/* ---- the type ---- */

static int value_get_buffer(PyObject *op, Py_buffer *buffer, int flags)
{
    const pykv_view *view = ((value_object *)op)->view;
    return PyBuffer_FillInfo(buffer, op, (void *)(uintptr_t)view->data, (Py_ssize_t)view->length, 1,
                             flags);
}

static void value_dealloc(PyObject *op)
{
    PyTypeObject *type = Py_TYPE(op);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    pykv_view_free(((value_object *)op)->view);
    release(op);
    Py_DECREF(type);
}

static PyType_Slot value_slots[] = {
    {Py_tp_doc, "A value of a store, in place."},
    {Py_bf_getbuffer, value_get_buffer},
    {Py_tp_dealloc, value_dealloc},
    {0, NULL},
};

PyType_Spec value_view_spec = {
    .name = "pykv._native._fast.Value",
    .basicsize = sizeof(value_object),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = value_slots,
};
