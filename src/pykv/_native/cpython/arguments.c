/*
 * arguments: the rare forms of bytes, and arguments by keyword.
 */
#include "cpython/arguments.h"

#include <string.h>

#include "cpython/copying.h"

enum { TTL_PLAIN_SECONDS_MAX = 1000000000 }; /* longer ones are for pykv.arguments to judge */

/* ---- bytes ---- */

/* True for what pykv.arguments takes: unsigned bytes, one after the other, of any shape but none.
 */
static bool holds_bytes(const Py_buffer *buffer)
{
    const char *format = buffer->format;
    if (format != NULL && format[0] != '\0' && strchr("@=<>!", format[0]) != NULL) {
        format++; /* a byte order, which ctypes leads with and a byte has none of */
    }
    bool bytes = format == NULL || strcmp(format, "B") == 0 || strcmp(format, "c") == 0;
    return bytes && buffer->ndim > 0 && PyBuffer_IsContiguous(buffer, 'C');
}

/* A copy of argument's buffer; NULL without an exception where it is for pykv.arguments to judge.
 */
static PyObject *copy_buffer(PyObject *argument, size_t bytes_max)
{
    Py_buffer buffer;
    PyObject *copy = NULL;
    if (PyObject_GetBuffer(argument, &buffer, PyBUF_FULL_RO) < 0) {
        if (PyErr_ExceptionMatches(PyExc_TypeError)) {
            PyErr_Clear();
        }
        return NULL;
    }
    if (holds_bytes(&buffer) && (size_t)buffer.len <= bytes_max) {
        copy = bytes_copy(buffer.buf, (size_t)buffer.len);
    }
    PyBuffer_Release(&buffer);
    return copy;
}

/* What pykv.arguments.as_bytes gives, or raises. */
static PyObject *ask_python(PyObject *argument, const char *what)
{
    PyObject *arguments = PyImport_ImportModule("pykv.arguments");
    if (arguments == NULL) {
        return NULL;
    }
    PyObject *bytes = PyObject_CallMethod(arguments, "as_bytes", "Os", argument, what);
    Py_DECREF(arguments);
    return bytes;
}

bool bytes_view_convert(PyObject *argument, const char *what, size_t bytes_max,
                        bytes_view *view_out)
{
    char *data;
    Py_ssize_t length;
    PyObject *copy = NULL;
    if (!PyUnicode_Check(argument) && !PyBytes_CheckExact(argument)) {
        copy = copy_buffer(argument, bytes_max);
    }
    if (copy == NULL && !PyErr_Occurred()) {
        copy = ask_python(argument, what);
    }
    if (copy == NULL || PyBytes_AsStringAndSize(copy, &data, &length) < 0) {
        Py_XDECREF(copy);
        return false;
    }
    view_out->data = data;
    view_out->length = (size_t)length;
    view_out->copy = copy;
    return true;
}

/* ---- calls ---- */

static Py_ssize_t index_within(const signature *self, PyObject *name, Py_ssize_t first,
                               Py_ssize_t end)
{
    for (Py_ssize_t i = first; i < end; i++) {
        if (PyUnicode_CompareWithASCIIString(name, self->names[i]) == 0) {
            return i;
        }
    }
    return -1;
}

/* Looks first at the names that are keywords always. */
static Py_ssize_t index_of(const signature *self, PyObject *name)
{
    Py_ssize_t index = index_within(self, name, self->positional_max, self->name_count);
    return index >= 0 ? index : index_within(self, name, 0, self->positional_max);
}

static bool bind_keywords(const signature *self, PyObject *const *values, PyObject *keywords,
                          PyObject **values_out)
{
    Py_ssize_t count = keywords == NULL ? 0 : PyTuple_Size(keywords);
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *name = PyTuple_GetItem(keywords, i);
        Py_ssize_t index = index_of(self, name);
        if (index < 0) {
            PyErr_Format(PyExc_TypeError, "%s() got an unexpected keyword argument %R",
                         self->function, name);
            return false;
        }
        if (values_out[index] != NULL) {
            PyErr_Format(PyExc_TypeError, "%s() got multiple values for argument %R",
                         self->function, name);
            return false;
        }
        values_out[index] = values[i];
    }
    return true;
}

bool signature_bind(const signature *self, PyObject *const *arguments, Py_ssize_t positional_count,
                    PyObject *keywords, PyObject **values_out)
{
    if (positional_count > self->positional_max) {
        PyErr_Format(PyExc_TypeError,
                     "%s() takes at most %zd positional arguments but %zd were given",
                     self->function, self->positional_max, positional_count);
        return false;
    }
    for (Py_ssize_t i = 0; i < self->name_count; i++) {
        values_out[i] = i < positional_count ? arguments[i] : NULL;
    }
    if (!bind_keywords(self, arguments + positional_count, keywords, values_out)) {
        return false;
    }
    for (Py_ssize_t i = 0; i < self->required; i++) {
        if (values_out[i] == NULL) {
            PyErr_Format(PyExc_TypeError, "%s() missing required argument: '%s'", self->function,
                         self->names[i]);
            return false;
        }
    }
    return true;
}

bool signature_count(const char *function, Py_ssize_t given, Py_ssize_t count)
{
    if (given == count) {
        return true;
    }
    PyErr_Format(PyExc_TypeError, "%s() takes %zd positional arguments but %zd were given",
                 function, count, given);
    return false;
}

/* What pykv.arguments.ttl_us_of gives, or raises. */
static bool ask_ttl(PyObject *ttl, uint64_t *ttl_us_out)
{
    PyObject *arguments = PyImport_ImportModule("pykv.arguments");
    if (arguments == NULL) {
        return false;
    }
    PyObject *number = PyObject_CallMethod(arguments, "ttl_us_of", "O", ttl);
    Py_DECREF(arguments);
    if (number == NULL) {
        return false;
    }
    *ttl_us_out = PyLong_AsUnsignedLongLong(number);
    Py_DECREF(number);
    return !PyErr_Occurred();
}

bool ttl_of(PyObject *ttl, uint64_t *ttl_us_out)
{
    *ttl_us_out = 0;
    if (ttl == NULL || ttl == Py_None) {
        return true;
    }
    if (PyFloat_CheckExact(ttl)) {
        double seconds = PyFloat_AsDouble(ttl);
        if (seconds >= 1e-6 && seconds <= (double)TTL_PLAIN_SECONDS_MAX) {
            *ttl_us_out = (uint64_t)(seconds * 1e6);
            return true;
        }
    }
    if (PyLong_CheckExact(ttl)) {
        int overflow = 0;
        long long seconds = PyLong_AsLongLongAndOverflow(ttl, &overflow);
        if (overflow == 0 && seconds > 0 && seconds <= TTL_PLAIN_SECONDS_MAX) {
            *ttl_us_out = (uint64_t)seconds * 1000000;
            return true;
        }
    }
    return ask_ttl(ttl, ttl_us_out);
}

bool flags_of_sync(PyObject *sync, int32_t *flags_out)
{
    *flags_out = 0;
    if (sync == NULL || sync == Py_None) {
        return true;
    }
    int truth = PyObject_IsTrue(sync);
    if (truth >= 0) {
        *flags_out = truth ? PYKV_SYNC : PYKV_NO_SYNC;
    }
    return truth >= 0;
}
