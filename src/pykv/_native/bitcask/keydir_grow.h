/*
 * keydir_grow: how the directory gets units and lays buckets out anew. Private to keydir*.c; the
 * public entry is keydir_prepare. For the holder of the writer lock.
 */
#ifndef PYKV_BITCASK_KEYDIR_GROW_H
#define PYKV_BITCASK_KEYDIR_GROW_H

#include "base/annotate.h"
#include "bitcask/keydir_internal.h"

/* Gives a directory without buckets its first one, of one unit. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status keydir_add_first_bucket(keydir *self);

/* Whether keydir_prepare would split the next bucket in turn, or lay this one out anew. */
bool keydir_split_is_due(const keydir *self);
bool keydir_bucket_is_full(const keydir_bucket *bucket);

#endif
