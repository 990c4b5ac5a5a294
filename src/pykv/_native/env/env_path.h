/*
 * env_path: whole paths, however long. A buffer of PYKV_ERROR_PATH_BYTES has room for what a
 * message says of a path; what env_* are given is a path of here. Thread-safe: nothing is kept.
 */
#ifndef PYKV_ENV_ENV_PATH_H
#define PYKV_ENV_ENV_PATH_H

#include "base/annotate.h"

/* "directory/name" in fresh memory (mem_free), or NULL without memory. A slash at the end of
 * directory counts as that between them. */
PYKV_NODISCARD char *env_path_join(const char *directory, const char *name);

#endif
