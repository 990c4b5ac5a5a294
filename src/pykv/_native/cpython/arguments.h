/*
 * arguments: what a caller passes, turned into pointers, lengths and flags.
 *
 * Exact bytes are used where they are: nobody can change them. Any other bytes-like object is
 * copied, since its owner may change it while the interpreter runs other threads. What is refused,
 * and with which words, is decided in one place, `pykv.arguments.as_bytes`.
 *
 * Everything here needs the interpreter lock, and may run Python code unless the arguments are
 * exact bytes: no call of pykv.h may be under way, and nothing pinned.
 */
#ifndef PYKV_CPYTHON_ARGUMENTS_H
#define PYKV_CPYTHON_ARGUMENTS_H

#include <Python.h>
#include <stdbool.h>

#include "pykv.h"

#define FAST_LIKELY(x)   __builtin_expect(!!(x), 1)
#define FAST_UNLIKELY(x) __builtin_expect(!!(x), 0)

enum { SIGNATURE_ARGUMENTS_MAX = 4 };

/* The bytes of an argument, valid as long as the argument and copy are. */
typedef struct bytes_view {
    const char *data;
    size_t length;
    PyObject *copy; /* exact bytes, owned; NULL where data is the argument's own */
} bytes_view;

/* What a function takes: names in order, the first positional_max of them also by position. */
typedef struct signature {
    const char *function;
    const char *names[SIGNATURE_ARGUMENTS_MAX];
    Py_ssize_t name_count;
    Py_ssize_t positional_max;
    Py_ssize_t required;
} signature;

/* Fills view from what is not exact bytes, or too long. False with an exception. */
bool bytes_view_convert(PyObject *argument, const char *what, size_t bytes_max,
                        bytes_view *view_out);

static inline bool bytes_view_take(PyObject *argument, const char *what, size_t bytes_max,
                                   bytes_view *view_out)
{
    char *data;
    Py_ssize_t length;
    if (FAST_UNLIKELY(!PyBytes_CheckExact(argument) ||
                      PyBytes_AsStringAndSize(argument, &data, &length) < 0 ||
                      (size_t)length > bytes_max)) {
        return bytes_view_convert(argument, what, bytes_max, view_out);
    }
    view_out->data = data;
    view_out->length = (size_t)length;
    view_out->copy = NULL;
    return true;
}

/* The bytes of a key, or of a value. False with TypeError, KeyTooLargeError, ValueTooLargeError or
 * MemoryError. After success bytes_view_reset must follow. */
static inline bool bytes_view_key(PyObject *argument, bytes_view *view_out)
{
    return bytes_view_take(argument, "key", PYKV_KEY_BYTES_MAX, view_out);
}

static inline bool bytes_view_value(PyObject *argument, bytes_view *view_out)
{
    return bytes_view_take(argument, "value", PYKV_VALUE_BYTES_MAX, view_out);
}

static inline void bytes_view_reset(bytes_view *view)
{
    if (FAST_UNLIKELY(view->copy != NULL)) {
        Py_DECREF(view->copy);
    }
}

/* New reference to exact bytes that hold the view's data and keep it alive. */
static inline PyObject *bytes_view_holder(const bytes_view *view, PyObject *argument)
{
    return Py_NewRef(view->copy != NULL ? view->copy : argument);
}

/* Puts the arguments of a METH_FASTCALL | METH_KEYWORDS call into values_out, in the order of
 * names, NULL for those not given; all are borrowed. False with TypeError. */
bool signature_bind(const signature *self, PyObject *const *arguments, Py_ssize_t positional_count,
                    PyObject *keywords, PyObject **values_out);

/* TypeError unless count arguments were given by position. */
bool signature_count(const char *function, Py_ssize_t given, Py_ssize_t count);

/* A time to live in microseconds; ttl is borrowed, NULL and None are 0. False with TypeError or
 * ValueError. */
bool ttl_of(PyObject *ttl, uint64_t *ttl_us_out);

/* The flags of a write; sync is borrowed, NULL and None leave it to the durability of the store.
 * False with what the truth of sync raised. */
bool flags_of_sync(PyObject *sync, int32_t *flags_out);

#endif
