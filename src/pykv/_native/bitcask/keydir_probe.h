/*
 * keydir_probe: the beginning of a lookup in three steps, so that those of many keys overlap: each
 * step calls for the memory that the next one reads.
 *
 * A probe sees the home line of its hash only, which is enough for most keys; for the others, and
 * where the first candidate is another key, keydir_find walks all the way. What it tells holds if
 * keydir_is_moment says that no change came since the first step. Thread-safe, without a lock.
 */
#ifndef PYKV_BITCASK_KEYDIR_PROBE_H
#define PYKV_BITCASK_KEYDIR_PROBE_H

#include "bitcask/keydir_image_pages.h"
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_line.h"

/* In place of the address of a candidate: there is none, or it is not known. */
#define KEYDIR_PROBE_ABSENT  UINT64_MAX
#define KEYDIR_PROBE_UNKNOWN (UINT64_MAX - 1)

typedef struct keydir_probe {
    uint64_t hash;
    keydir_bucket *bucket;
    keydir_slot *line; /* NULL: of an image that is not checked */
    uint32_t want;
} keydir_probe;

static inline void keydir_probe_bucket(const keydir *self, uint64_t hash, keydir_probe *out)
{
    keydir_place place =
        keydir_locate(atomic_load_explicit(&self->shape, memory_order_acquire), hash);
    out->hash = hash;
    out->bucket = keydir_bucket_at(self, place.bucket_index);
    out->want = (uint32_t)place.want;
    __builtin_prefetch(out->bucket);
}

static inline void keydir_probe_line(const keydir *self, keydir_probe *probe)
{
    probe->line = NULL;
    if (PYKV_LIKELY(keydir_image_ready(self, probe->hash))) {
        uint32_t line = keydir_home_line(probe->want, keydir_line_count(probe->bucket));
        probe->line = keydir_line_at(self, probe->bucket, line);
        __builtin_prefetch(probe->line);
    }
}

/* Address of the first candidate, or KEYDIR_PROBE_ABSENT, or KEYDIR_PROBE_UNKNOWN. */
static inline uint64_t keydir_probe_candidate(const keydir_probe *probe)
{
    if (PYKV_UNLIKELY(probe->line == NULL)) {
        return KEYDIR_PROBE_UNKNOWN;
    }
    uint32_t matches = keydir_match_line(probe->line, probe->want);
    if (PYKV_LIKELY(matches != 0)) {
        uint64_t word =
            atomic_load_explicit(probe->line + __builtin_ctz(matches), memory_order_acquire);
        return PYKV_LIKELY(keydir_matches(word, probe->want)) ? word >> KEYDIR_ADDRESS_SHIFT
                                                              : KEYDIR_PROBE_UNKNOWN;
    }
    uint64_t last = atomic_load_explicit(probe->line + KEYDIR_LINE_SLOTS - 1, memory_order_relaxed);
    return last == KEYDIR_EMPTY ? KEYDIR_PROBE_ABSENT : KEYDIR_PROBE_UNKNOWN;
}

#endif
