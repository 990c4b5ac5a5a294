/*
 * raising: the classes and the table of statuses are those of the Python side, looked up when an
 * exception is raised.
 */
#include "cpython/raising.h"

PyObject *raise_status(pykv_status status)
{
    PyObject *module = PyImport_ImportModule("pykv._native.status");
    if (module == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_CallMethod(module, "check", "i", (int)status);
    Py_DECREF(module);
    if (result != NULL) {
        Py_DECREF(result);
        PyErr_Format(PyExc_SystemError, "status %d of a call of pykv.h is no failure", (int)status);
    }
    return NULL;
}

void raise_closed(const char *text)
{
    PyObject *errors = PyImport_ImportModule("pykv.errors");
    PyObject *type = errors == NULL ? NULL : PyObject_GetAttrString(errors, "ClosedError");
    if (type != NULL) {
        PyErr_SetString(type, text);
    }
    Py_XDECREF(type);
    Py_XDECREF(errors);
}

void raise_batch_too_large(size_t bytes, size_t bytes_max)
{
    PyObject *errors = PyImport_ImportModule("pykv.errors");
    PyObject *words = PyUnicode_FromString("a batch has at most {:,} bytes of keys and values, "
                                           "this one {:,}");
    PyObject *type = NULL;
    PyObject *text = NULL;
    if (errors != NULL && words != NULL) {
        type = PyObject_GetAttrString(errors, "BatchTooLargeError");
        text = PyObject_CallMethod(words, "format", "nn", (Py_ssize_t)bytes_max, (Py_ssize_t)bytes);
    }
    if (type != NULL && text != NULL) {
        PyErr_SetObject(type, text);
    }
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(words);
    Py_XDECREF(errors);
}
