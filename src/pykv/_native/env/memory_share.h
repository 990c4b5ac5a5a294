/*
 * memory_share: what a store may take of the machine's memory where nobody said how much.
 */
#ifndef PYKV_ENV_MEMORY_SHARE_H
#define PYKV_ENV_MEMORY_SHARE_H

#include "env/env.h"

enum { MEMORY_SHARE_BYTES_MIN = 256 << 20 }; /* room for a usual data set */

/* An eighth of the memory that is free for files now, and at least MEMORY_SHARE_BYTES_MIN. Reads
 * files: not for hot paths. Thread-safe. */
uint64_t memory_share(env *environment);

#endif
