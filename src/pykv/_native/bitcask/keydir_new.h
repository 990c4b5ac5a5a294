/*
 * keydir_new: making and freeing a key directory.
 */
#ifndef PYKV_BITCASK_KEYDIR_NEW_H
#define PYKV_BITCASK_KEYDIR_NEW_H

#include "pykv.h"

#include "base/annotate.h"
#include "bitcask/keydir_word.h"

/* An empty directory; PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status keydir_new(keydir **keydir_out);
void keydir_free(keydir *self);

/* A directory that cannot be used before it has a bucket. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status keydir_new_without_buckets(keydir **keydir_out);

#endif
