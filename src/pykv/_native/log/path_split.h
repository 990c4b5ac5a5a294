/*
 * path_split: a path as that of a directory and a name in it. Thread-safe: nothing is kept.
 */
#ifndef PYKV_LOG_PATH_SPLIT_H
#define PYKV_LOG_PATH_SPLIT_H

#include "pykv.h"

#include "base/annotate.h"

typedef struct path_parts {
    const char *directory; /* "." where the path is only a name; both are parts of memory */
    const char *name;
    char *memory; /* mem_free it */
} path_parts;

/* Slashes at the end do not count. PYKV_INVALID_ARGUMENT: the path is empty; PYKV_PATH_EXISTS: it
 * is the root; PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status path_split(const char *path, path_parts *out);

#endif
