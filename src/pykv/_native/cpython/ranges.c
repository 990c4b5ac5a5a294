/*
 * ranges: bounds as Python gives them, and what is opened over a range.
 */
#include "cpython/ranges.h"

#include "cpython/cursor_object.h"
#include "cpython/scan_object.h"
#include "cpython/store_object.h"
#include "cpython/store_type.h"

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

PyObject *store_scan(PyObject *op, PyTypeObject *defining_class, PyObject *const *arguments,
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
    return scan_object_new(state->scan_type, store, self->snapshot, self->owner, (int)kind, limit,
                           range);
}

PyObject *store_cursor(PyObject *op, PyTypeObject *defining_class, PyObject *const *arguments,
                       Py_ssize_t count, PyObject *keywords)
{
    store_object *self = (store_object *)op;
    pykv_store *store = store_object_bound(self);
    Py_ssize_t names = keywords == NULL ? 0 : PyTuple_Size(keywords);
    pykv_range range = {0};
    if (store == NULL || !signature_count("_cursor", count + names, 2) ||
        !bound_of(arguments[0], &range.start, &range.start_length, &range.has_start) ||
        !bound_of(arguments[1], &range.stop, &range.stop_length, &range.has_stop)) {
        return NULL;
    }
    const module_state *state = PyType_GetModuleState(defining_class);
    if (state == NULL) {
        return NULL;
    }
    return cursor_object_new(state->cursor_type, store, self->snapshot, self->owner, &range);
}

PyObject *store_near(PyObject *op, PyObject *const *arguments, Py_ssize_t count)
{
    store_object *self = (store_object *)op;
    pykv_store *store = store_object_bound(self);
    if (store == NULL || (count != 2 && !signature_count("_near", count, 1))) {
        return NULL;
    }
    long move = PyLong_AsLong(arguments[0]);
    if (PyErr_Occurred()) {
        return NULL;
    }
    return row_find(store, self->snapshot, (int32_t)move, count == 2 ? arguments[1] : NULL);
}
