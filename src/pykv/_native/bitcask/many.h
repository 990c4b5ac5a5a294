/*
 * many: lookups of many keys, with their cache misses overlapped.
 *
 * A many is used by one thread at a time; its results are valid until many_release or the next
 * many_get.
 */
#ifndef PYKV_BITCASK_MANY_H
#define PYKV_BITCASK_MANY_H

#include "bitcask/bitcask.h"
#include "bitcask/moment.h"

typedef struct many many;

PYKV_NODISCARD pykv_status many_new(bitcask *store, many **many_out);
void many_free(many *self);
PYKV_NODISCARD pykv_status many_get(many *self, size_t count, const void *const *keys,
                                    const size_t *key_lengths, int32_t flags);
/* The same at a moment. PYKV_CLOSED if it is given up. */
PYKV_NODISCARD pykv_status many_get_at(many *self, const store_moment *at, size_t count,
                                       const void *const *keys, const size_t *key_lengths,
                                       int32_t flags);
/* NULL where the key is absent. */
const uint8_t *const *many_values(const many *self);
const size_t *many_lengths(const many *self);
void many_release(many *self);

#endif
