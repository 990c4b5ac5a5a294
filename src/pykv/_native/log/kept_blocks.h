/*
 * kept_blocks: blocks of the disk that a file keeps, so that there is room when the disk is full.
 * Nothing is in the file; letting it go gives the blocks back. Thread-safe for different names.
 */
#ifndef PYKV_LOG_KEPT_BLOCKS_H
#define PYKV_LOG_KEPT_BLOCKS_H

#include <stdint.h>

#include "env/env.h"

/* Makes the file name keep blocks for at least size bytes. What it kept before counts, and stays on
 * failure. PYKV_NO_SPACE, PYKV_IO_FAILED. */
PYKV_NODISCARD pykv_status kept_blocks_grow(env_directory *directory, const char *name,
                                            uint64_t size);

/* Gives them back; whether that works is told, but is no error. The thread's last error stays. */
bool kept_blocks_release(env_directory *directory, const char *name);

#endif
