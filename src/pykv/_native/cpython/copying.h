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
PyObject *bytes_copy(const void *data, size_t length);

#endif
