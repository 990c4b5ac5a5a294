/*
 * codec_library: the functions of a libzstd that the system has as a shared library.
 */
#ifndef PYKV_CODEC_CODEC_LIBRARY_H
#define PYKV_CODEC_CODEC_LIBRARY_H

#include "pykv.h"

#include "base/annotate.h"

/* The name under which the system's libzstd is looked for. */
const char *codec_library_default(void);

/* Loads a shared library, which stays loaded, and finds the functions in it. PYKV_NOT_SUPPORTED: it
 * cannot be loaded, or a function is missing. Thread-safe. */
PYKV_NODISCARD pykv_status codec_library_load(const char *library, pykv_zstd *functions_out);

#endif
