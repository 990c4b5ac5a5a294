/*
 * writes: one key. A small write that finds its way free keeps the interpreter lock; one that would
 * wait, asks for a sync, or is large lets go of it.
 */
#include "cpython/writes.h"

#include <string.h>

#include "cpython/copying.h"
#include "cpython/raising.h"
#include "cpython/store_object.h"

static const signature put_signature = {
    .function = "put",
    .names = {"key", "value", "ttl", "sync"},
    .name_count = 4,
    .positional_max = 2,
    .required = 2,
};

static const signature delete_signature = {
    .function = "delete",
    .names = {"key", "sync"},
    .name_count = 2,
    .positional_max = 1,
    .required = 1,
};

/* How a write is meant: the time to live of what is put, 0: for ever, and flags. */
typedef struct write_terms {
    uint64_t ttl_us;
    int32_t flags;
} write_terms;

static inline pykv_status put_views(pykv_store *store, const bytes_view *key,
                                    const bytes_view *value, write_terms terms)
{
    pykv_status status = PYKV_WOULD_BLOCK;
    if (FAST_LIKELY((terms.flags & PYKV_SYNC) == 0 && value->length <= LARGE_BYTES)) {
        status = pykv_put_for(store, key->data, key->length, value->data, value->length,
                              terms.ttl_us, terms.flags | PYKV_NO_WAIT);
    }
    if (FAST_UNLIKELY(status == PYKV_WOULD_BLOCK)) {
        Py_BEGIN_ALLOW_THREADS;
        status = pykv_put_for(store, key->data, key->length, value->data, value->length,
                              terms.ttl_us, terms.flags);
        Py_END_ALLOW_THREADS;
    }
    return status;
}

/* -1 with an exception. */
static inline int put_one(store_object *self, PyObject *key, PyObject *value, write_terms terms)
{
    bytes_view name;
    bytes_view data;
    pykv_store *store = store_object_bound(self);
    if (FAST_UNLIKELY(store == NULL || !bytes_view_key(key, &name))) {
        return -1;
    }
    if (FAST_UNLIKELY(!bytes_view_value(value, &data))) {
        bytes_view_reset(&name);
        return -1;
    }
    pykv_status status = put_views(store, &name, &data, terms);
    bytes_view_reset(&name);
    bytes_view_reset(&data);
    if (FAST_UNLIKELY(status != PYKV_OK)) {
        raise_status(status);
        return -1;
    }
    return 0;
}

static inline pykv_status delete_view(pykv_store *store, const bytes_view *key, int32_t flags,
                                      int32_t *existed_out)
{
    pykv_status status = PYKV_WOULD_BLOCK;
    if (FAST_LIKELY((flags & PYKV_SYNC) == 0)) {
        status = pykv_delete(store, key->data, key->length, flags | PYKV_NO_WAIT, existed_out);
    }
    if (FAST_UNLIKELY(status == PYKV_WOULD_BLOCK)) {
        Py_BEGIN_ALLOW_THREADS;
        status = pykv_delete(store, key->data, key->length, flags, existed_out);
        Py_END_ALLOW_THREADS;
    }
    return status;
}

/* existed_out: whether key was there; NULL where nobody asks, which may spare a lookup. False with
 * an exception. */
static inline bool delete_one(store_object *self, PyObject *key, int32_t flags,
                              int32_t *existed_out)
{
    bytes_view name;
    pykv_store *store = store_object_bound(self);
    if (FAST_UNLIKELY(store == NULL || !bytes_view_key(key, &name))) {
        return false;
    }
    pykv_status status = delete_view(store, &name, flags, existed_out);
    bytes_view_reset(&name);
    if (FAST_UNLIKELY(status != PYKV_OK)) {
        raise_status(status);
    }
    return status == PYKV_OK;
}

static PyObject *ttl_name; /* interned, of the keyword; for as long as the process lives */

bool writes_prepare(void)
{
    ttl_name = PyUnicode_InternFromString(put_signature.names[2]);
    return ttl_name != NULL;
}

/* A call that names nothing but ttl, as compilers of Python write it: with interned names. */
static inline bool names_ttl_alone(Py_ssize_t count, PyObject *keywords)
{
    return count == 2 && keywords != NULL && PyTuple_Size(keywords) == 1 &&
           PyTuple_GetItem(keywords, 0) == ttl_name;
}

static __attribute__((noinline)) bool take_put_arguments(PyObject *const *arguments,
                                                         Py_ssize_t count, PyObject *keywords,
                                                         PyObject **values_out,
                                                         write_terms *terms_out)
{
    if (names_ttl_alone(count, keywords)) {
        memcpy(values_out, arguments, 3 * sizeof *arguments);
        return ttl_of(values_out[2], &terms_out->ttl_us);
    }
    return signature_bind(&put_signature, arguments, count, keywords, values_out) &&
           ttl_of(values_out[2], &terms_out->ttl_us) &&
           flags_of_sync(values_out[3], &terms_out->flags);
}

PyObject *store_put(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                    PyObject *keywords)
{
    PyObject *values[SIGNATURE_ARGUMENTS_MAX] = {NULL, NULL, NULL, NULL};
    PyObject *const *given = arguments;
    write_terms terms = {0, 0};
    if (FAST_UNLIKELY(keywords != NULL || count != 2)) {
        if (!take_put_arguments(arguments, count, keywords, values, &terms)) {
            return NULL;
        }
        given = values;
    }
    if (FAST_UNLIKELY(put_one((store_object *)self, given[0], given[1], terms) < 0)) {
        return NULL;
    }
    return Py_NewRef(Py_None);
}

PyObject *store_delete(PyObject *self, PyObject *const *arguments, Py_ssize_t count,
                       PyObject *keywords)
{
    PyObject *values[SIGNATURE_ARGUMENTS_MAX] = {NULL, NULL, NULL, NULL};
    int32_t flags = 0;
    if (FAST_LIKELY(keywords == NULL && count == 1)) {
        values[0] = arguments[0];
    } else if (!signature_bind(&delete_signature, arguments, count, keywords, values) ||
               !flags_of_sync(values[1], &flags)) {
        return NULL;
    }
    if (FAST_UNLIKELY(!delete_one((store_object *)self, values[0], flags, NULL))) {
        return NULL;
    }
    return Py_NewRef(Py_None);
}

PyObject *store_discard(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    int32_t flags;
    int32_t existed = 0;
    if (!signature_count("_discard", count, 2) || !flags_of_sync(arguments[1], &flags) ||
        !delete_one((store_object *)self, arguments[0], flags, &existed)) {
        return NULL;
    }
    return PyBool_FromLong(existed);
}

int store_assign(PyObject *self, PyObject *key, PyObject *value)
{
    if (FAST_LIKELY(value != NULL)) {
        return put_one((store_object *)self, key, value, (write_terms){0, 0});
    }
    int32_t existed = 0;
    if (!delete_one((store_object *)self, key, 0, &existed)) {
        return -1;
    }
    if (existed == 0) {
        PyErr_SetObject(PyExc_KeyError, key);
    }
    return existed != 0 ? 0 : -1;
}
