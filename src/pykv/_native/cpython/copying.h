/*
 * copying: bytes objects from memory, with the interpreter lock let go for large ones.
 */
#ifndef PYKV_CPYTHON_COPYING_H
#define PYKV_CPYTHON_COPYING_H

#include <Python.h>

/* A copy of more than this is made without the interpreter lock. */
enum { LARGE_BYTES = 64 * 1024 };

/* New bytes with length bytes from data, which must stay as it is while other threads run. NULL
 * with MemoryError. Needs the interpreter lock. */
PyObject *bytes_copy_large(const void *data, size_t length);
static inline PyObject *bytes_copy(const void *data, size_t length)
{
    return length <= LARGE_BYTES ? PyBytes_FromStringAndSize(data, (Py_ssize_t)length)
                                 : bytes_copy_large(data, length);
}

#endif
