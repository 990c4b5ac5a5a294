/*
 * raising: exceptions for what the store refused.
 */
#ifndef PYKV_CPYTHON_RAISING_H
#define PYKV_CPYTHON_RAISING_H

#include <Python.h>

#include "pykv.h"

/* Raises the exception of status, which `pykv._native.status` chooses, and returns NULL. Called on
 * the thread that got status, with the interpreter lock, before the next call of pykv.h. */
PyObject *raise_status(pykv_status status);

/* Raises ClosedError. */
void raise_closed(const char *text);

/* Raises BatchTooLargeError for a batch of bytes where bytes_max are allowed. */
void raise_batch_too_large(size_t bytes, size_t bytes_max);

#endif
