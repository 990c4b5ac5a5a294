/*
 * home: which names in a directory are those of a Bitcask's files (log/home.h: whose it is).
 *
 * Thread-safe: nothing is kept.
 */
#ifndef PYKV_BITCASK_HOME_H
#define PYKV_BITCASK_HOME_H

#include <stdbool.h>

#include "env/env.h"

/* True for files that a store makes, the lock aside. */
bool home_is_ours(const char *name);

/* PYKV_FORMAT if home has neither a MANIFEST nor anything else of a Bitcask, and a file of somebody
 * else; the text says whose it looks like and what to do. */
PYKV_NODISCARD pykv_status bitcask_check_home(env_directory *home);

#endif
