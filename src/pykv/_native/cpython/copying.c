/*
 * copying: the one copy from the memory of a store, or of an argument, into a bytes object.
 */
#include "cpython/copying.h"

#include <string.h>

PyObject *bytes_copy_large(const void *data, size_t length)
{
    PyObject *bytes = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)length);
    char *into = bytes == NULL ? NULL : PyBytes_AsString(bytes);
    if (into != NULL) {
        Py_BEGIN_ALLOW_THREADS;
        memcpy(into, data, length);
        Py_END_ALLOW_THREADS;
    }
    return bytes;
}
