/*
 * keydir_layout: words, lines, units and buckets of the key directory, and where a hash belongs
 * among them. Private to keydir*.
 *
 *   shape     split_index << 8 | level, one atomic word: buckets below split_index have been split
 *             in this round and are chosen by level + 1 hash bits, the others by level
 *   want      hash >> depth: what tags are compared with; its low ten bits give the home line
 *   bucket    64 bytes: numbers of its units, then counts; readers use the atomic fields only
 *
 * Every tag has at least KEYDIR_HOME_BITS bits, so a bucket can be laid out anew from its tags; a
 * split that would leave fewer asks for the hash and stores a full tag.
 */
#ifndef PYKV_BITCASK_KEYDIR_LAYOUT_H
#define PYKV_BITCASK_KEYDIR_LAYOUT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bitcask/keydir_space.h"
#include "bitcask/keydir_word.h"

typedef struct keydir_bucket {
    _Alignas(KEYDIR_HEADER_BYTES) _Atomic uint32_t unit_numbers[KEYDIR_BUCKET_UNITS_MAX];
    uint16_t used; /* live + deleted slots; the writer's */
    uint16_t live; /* the writer's */
    _Atomic uint8_t unit_count;
    uint8_t zero;
    _Atomic uint16_t layout_count; /* how often it was laid out anew, modulo 65,536 */
} keydir_bucket;

_Static_assert(sizeof(keydir_bucket) == KEYDIR_HEADER_BYTES, "a bucket header is one cache line");

struct keydir_image; /* keydir_image_pages.h */

struct keydir {
    /* read by readers, each with its own synchronisation */
    _Atomic uint64_t shape;
    _Atomic uint32_t version;       /* of the sequence lock: odd while a change runs */
    _Atomic uint32_t pages_pending; /* pages of the image that are not checked yet */
    keydir_space headers;
    keydir_space units;
    struct keydir_image *image; /* constant; owned; NULL if it was not opened from an image */
    uint64_t image_bytes;       /* constant; memory of image beside the payload */
    /* the writer's */
    _Alignas(KEYDIR_HEADER_BYTES) _Atomic uint64_t count; /* read by anyone */
    _Atomic uint64_t insert_count;                        /* likewise; rises with every insert */
    uint64_t bucket_count;
    uint32_t change_depth;
    uint32_t free_first; /* of the free units, which are linked through their first slots */
    uint64_t free_count;
    uint64_t block_next; /* units of the newest block that were never used begin here */
    uint64_t block_end;
    uint64_t words[KEYDIR_SLOTS_MAX]; /* scratch of grow and split; last, not touched before */
};

static inline keydir_bucket *keydir_bucket_at(const keydir *self, uint64_t bucket_index)
{
    return keydir_space_item(&self->headers, bucket_index, KEYDIR_HEADER_BYTES);
}

static inline keydir_slot *keydir_unit_at(const keydir *self, uint32_t unit_number)
{
    return keydir_space_item(&self->units, unit_number, KEYDIR_UNIT_BYTES);
}

static inline keydir_slot *keydir_line_in_unit(keydir_slot *unit, uint32_t line)
{
    return unit + (size_t)(line % KEYDIR_UNIT_LINES) * KEYDIR_LINE_SLOTS;
}

/* The slots of a line of the bucket. Safe against a writer that is changing the bucket. */
static inline keydir_slot *keydir_line_at(const keydir *self, const keydir_bucket *bucket,
                                          uint32_t line)
{
    uint32_t unit_number =
        atomic_load_explicit(&bucket->unit_numbers[line / KEYDIR_UNIT_LINES], memory_order_acquire);
    return keydir_line_in_unit(keydir_unit_at(self, unit_number), line);
}

static inline uint32_t keydir_line_count(const keydir_bucket *bucket)
{
    return atomic_load_explicit(&bucket->unit_count, memory_order_acquire) *
           (uint32_t)KEYDIR_UNIT_LINES;
}

#endif
