/*
 * reads: one key. What lies in memory is copied straight into its bytes object, under the
 * interpreter lock. What would block, or is large, is looked up without it.
 */
#include "cpython/reads.h"

#include <string.h>

#include "cpython/copying.h"
#include "cpython/raising.h"
#include "cpython/store_object.h"

enum { SMALL_BYTES = 8 * 1024 };

static const signature get_signature = {
    .function = "get",
    .names = {"key", "default"},
    .name_count = 2,
    .positional_max = 2,
    .required = 1,
};

/* A lookup that may wait. The length of the value goes to length_out, and the value into bytes
 * where capacity suffices. Called without the interpreter lock. */
static pykv_status copy_value(const store_object *self, const bytes_view *key, void *bytes,
                              size_t capacity, size_t *length_out)
{
    pykv_pinned pinned;
    pykv_status status = store_object_get(self, key, 0, &pinned);
    if (status == PYKV_OK) {
        *length_out = pinned.length;
        if (pinned.length <= capacity) {
            memcpy(bytes, pinned.data, pinned.length);
        }
        pykv_unpin(self->store, &pinned);
    }
    return status;
}

/* The value, whose length was seen: into a bytes object of that length, again if it changed.
 * NULL with *status_out, or with an exception and PYKV_OK. */
static PyObject *get_large(const store_object *self, const bytes_view *key, size_t length,
                           pykv_status *status_out)
{
    for (;;) {
        size_t capacity = length;
        PyObject *value = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)capacity);
        char *bytes = value == NULL ? NULL : PyBytes_AsString(value);
        *status_out = PYKV_OK;
        if (bytes == NULL) {
            return NULL;
        }
        Py_BEGIN_ALLOW_THREADS;
        *status_out = copy_value(self, key, bytes, capacity, &length);
        Py_END_ALLOW_THREADS;
        if (*status_out == PYKV_OK && length == capacity) {
            return value;
        }
        Py_DECREF(value);
        if (*status_out != PYKV_OK) {
            return NULL;
        }
    }
}

/* A lookup that would block. As get_large. */
static PyObject *get_patiently(const store_object *self, const bytes_view *key,
                               pykv_status *status_out)
{
    uint8_t bytes[SMALL_BYTES];
    size_t length = 0;
    Py_BEGIN_ALLOW_THREADS;
    *status_out = copy_value(self, key, bytes, sizeof bytes, &length);
    Py_END_ALLOW_THREADS;
    if (*status_out != PYKV_OK) {
        return NULL;
    }
    if (length > sizeof bytes) {
        return get_large(self, key, length, status_out);
    }
    return PyBytes_FromStringAndSize((const char *)bytes, (Py_ssize_t)length);
}

/* As get_large, after a first look with the interpreter lock that did not give a small value. */
static PyObject *get_slowly(const store_object *self, const bytes_view *key, pykv_pinned *pinned,
                            pykv_status *status_out)
{
    if (*status_out == PYKV_OK) {
        size_t length = pinned->length;
        pykv_unpin(self->store, pinned);
        return get_large(self, key, length, status_out);
    }
    if (*status_out == PYKV_WOULD_BLOCK && pinned->length > 0) {
        return get_large(self, key, pinned->length, status_out);
    }
    if (*status_out == PYKV_WOULD_BLOCK) {
        return get_patiently(self, key, status_out);
    }
    return NULL;
}

/* New reference to the value of key; NULL with PYKV_NOT_FOUND in *status_out, or with an exception.
 */
static inline PyObject *look_up(store_object *self, PyObject *key, pykv_status *status_out)
{
    bytes_view name;
    pykv_pinned pinned = {.length = 0};
    PyObject *value = NULL;
    pykv_store *store = store_object_bound(self);
    *status_out = PYKV_OK;
    if (FAST_UNLIKELY(store == NULL || !bytes_view_key(key, &name))) {
        return NULL;
    }
    pykv_status status = store_object_get(self, &name, PYKV_NO_WAIT, &pinned);
    if (FAST_LIKELY(status == PYKV_OK && pinned.length <= LARGE_BYTES)) {
        value = PyBytes_FromStringAndSize((const char *)pinned.data, (Py_ssize_t)pinned.length);
        pykv_unpin(store, &pinned);
    } else if (status != PYKV_NOT_FOUND) {
        value = get_slowly(self, &name, &pinned, &status);
    }
    bytes_view_reset(&name);
    *status_out = status;
    if (FAST_UNLIKELY(status != PYKV_OK && status != PYKV_NOT_FOUND)) {
        return raise_status(status);
    }
    return value;
}

PyObject *store_get(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                    PyObject *keywords)
{
    PyObject *values[SIGNATURE_ARGUMENTS_MAX];
    if (FAST_LIKELY(keywords == NULL && (count == 1 || count == 2))) {
        values[0] = arguments[0];
        values[1] = count == 2 ? arguments[1] : NULL;
    } else if (!signature_bind(&get_signature, arguments, count, keywords, values)) {
        return NULL;
    }
    pykv_status status;
    PyObject *value = look_up((store_object *)self, values[0], &status);
    if (value == NULL && status == PYKV_NOT_FOUND) {
        return Py_NewRef(values[1] != NULL ? values[1] : Py_None);
    }
    return value;
}

PyObject *store_subscript(PyObject *self, PyObject *key)
{
    pykv_status status;
    PyObject *value = look_up((store_object *)self, key, &status);
    if (value == NULL && status == PYKV_NOT_FOUND) {
        PyErr_SetObject(PyExc_KeyError, key);
    }
    return value;
}

static inline pykv_status contains(const store_object *self, const bytes_view *key, int32_t flags)
{
    if (FAST_LIKELY(self->snapshot == NULL)) {
        return pykv_contains(self->store, key->data, key->length, flags);
    }
    return pykv_contains_at(self->snapshot, key->data, key->length, flags);
}

int store_contains(PyObject *op, PyObject *key)
{
    bytes_view name;
    const store_object *self = (const store_object *)op;
    if (FAST_UNLIKELY(store_object_bound(self) == NULL || !bytes_view_key(key, &name))) {
        return -1;
    }
    pykv_status status = contains(self, &name, PYKV_NO_WAIT);
    if (FAST_UNLIKELY(status == PYKV_WOULD_BLOCK)) {
        Py_BEGIN_ALLOW_THREADS;
        status = contains(self, &name, 0);
        Py_END_ALLOW_THREADS;
    }
    bytes_view_reset(&name);
    if (FAST_UNLIKELY(status != PYKV_OK && status != PYKV_NOT_FOUND)) {
        raise_status(status);
        return -1;
    }
    return status == PYKV_OK;
}
