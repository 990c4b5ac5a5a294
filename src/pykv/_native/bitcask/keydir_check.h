/*
 * keydir_check: every invariant of the key directory, checked.
 */
#ifndef PYKV_BITCASK_KEYDIR_CHECK_H
#define PYKV_BITCASK_KEYDIR_CHECK_H

#include <stdint.h>

#include "base/annotate.h"
#include "bitcask/keydir_grow.h"

/* Checks every invariant by walking all slots. rehash (NULL: skip that part) gives the hash of each
 * record, which has to lead to its slot. For tests and verify, under the writer lock, after all
 * pages of an image were checked. PYKV_CORRUPTION with the first violation in text; PYKV_NO_MEMORY.
 */
PYKV_NODISCARD pykv_status keydir_check(const keydir *self, keydir_rehash rehash, void *context,
                                        char *text, uint64_t text_bytes);

#endif
