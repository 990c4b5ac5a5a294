/*
 * home: what the names in a directory say: the files of a store, those that mean nothing, and those
 * of somebody else, in whose directory no store is made.
 *
 * Nothing is meant by hidden names (a dot first), lost+found, and what a store leaves behind: its
 * lock, temporary files, damaged-N. Thread-safe: nothing is kept.
 */
#ifndef PYKV_BITCASK_HOME_H
#define PYKV_BITCASK_HOME_H

#include <stdbool.h>

#include "env/env.h"

/* True for files that a store makes, the lock aside. */
bool home_is_ours(const char *name);

/* PYKV_FORMAT if home has neither a MANIFEST nor anything else of a store, and a file of somebody
 * else; the text says whose it looks like and what to do. */
PYKV_NODISCARD pykv_status home_check(env_directory *home);

#endif
