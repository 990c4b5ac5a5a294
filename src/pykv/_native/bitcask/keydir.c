/*
 * keydir: lookups and single-slot writes. Growing is in keydir_grow.c, the sequence lock in
 * keydir_moment.h. See keydir.h.
 *
 * A reader takes the version, the shape, a bucket header and lines, all through atomics and in any
 * state that a writer may leave them in: units and headers never move or go back to the heap before
 * keydir_free, so a walk over a bucket that is being changed reads valid memory, and keydir_still
 * then tells that it has to be repeated.
 */
#include "bitcask/keydir.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_line.h"
#include "bitcask/keydir_moment.h"
#include "bitcask/keydir_slot.h"

uint64_t keydir_count(const keydir *self)
{
    return atomic_load_explicit(&self->count, memory_order_relaxed);
}

uint64_t keydir_bytes(const keydir *self)
{
    return sizeof *self + self->image_bytes +
           atomic_load_explicit(&self->headers.bytes, memory_order_relaxed) +
           atomic_load_explicit(&self->units.bytes, memory_order_relaxed);
}

/* ---- the sequence lock ---- */

bool keydir_still(const keydir_cursor *cursor)
{
    return keydir_is_moment(cursor->owner, cursor->version) || PYKV_PLANTED(42);
}

/* ---- walking ---- */

/* Collects the matches of a line. If its last slot is empty no insert ever went past the line, so
 * the walk ends here. */
static inline void scan_line(keydir_cursor *cursor, keydir_slot *slots)
{
    cursor->line_slots = slots;
    cursor->matches = keydir_match_line(slots, cursor->want);
    if (atomic_load_explicit(&slots[KEYDIR_LINE_SLOTS - 1], memory_order_relaxed) == KEYDIR_EMPTY) {
        cursor->lines_left = 0;
    }
}

static inline void start_walk(const keydir *self, uint64_t hash, keydir_cursor *cursor)
{
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_acquire);
    keydir_place place = keydir_locate(shape, hash);
    keydir_bucket *bucket = keydir_bucket_at(self, place.bucket_index);
    cursor->address = 0;
    cursor->slot = NULL;
    cursor->owner = self;
    cursor->bucket = bucket;
    cursor->want = (uint32_t)place.want;
    cursor->line_count = keydir_line_count(bucket);
    cursor->line = keydir_home_line(place.want, cursor->line_count);
    cursor->lines_left = cursor->line_count - 1;
    scan_line(cursor, keydir_line_at(self, bucket, cursor->line));
}

bool keydir_find(const keydir *self, uint64_t hash, keydir_cursor *cursor_out)
{
    uint32_t version = atomic_load_explicit(&self->version, memory_order_acquire);
    if (PYKV_UNLIKELY((version & 1) != 0 || !keydir_image_ready(self, hash))) {
        return false;
    }
    cursor_out->version = version;
    start_walk(self, hash, cursor_out);
    return true;
}

void keydir_find_locked(const keydir *self, uint64_t hash, keydir_cursor *cursor_out)
{
    PYKV_ASSERT(keydir_image_ready(self, hash));
    cursor_out->version = atomic_load_explicit(&self->version, memory_order_relaxed);
    start_walk(self, hash, cursor_out);
}

/* Gives the next match of the current line. The word is read again, with acquire: whoever stored it
 * wrote the record before. A slot that changed since the line was scanned is skipped. */
static inline bool take_match(keydir_cursor *cursor)
{
    while (cursor->matches != 0) {
        keydir_slot *slot = cursor->line_slots + __builtin_ctz(cursor->matches);
        cursor->matches &= cursor->matches - 1;
        uint64_t word = atomic_load_explicit(slot, memory_order_acquire);
        if (PYKV_LIKELY(keydir_matches(word, cursor->want))) {
            cursor->slot = slot;
            cursor->address = word >> KEYDIR_ADDRESS_SHIFT;
            return true;
        }
    }
    return false;
}

bool keydir_next(keydir_cursor *cursor)
{
    while (!take_match(cursor)) {
        if (cursor->lines_left == 0) {
            return false;
        }
        cursor->lines_left--;
        cursor->line = cursor->line + 1 == cursor->line_count ? 0 : cursor->line + 1;
        scan_line(cursor, keydir_line_at(cursor->owner, cursor->bucket, cursor->line));
    }
    return true;
}

bool keydir_next_to(keydir_cursor *cursor, uint64_t address)
{
    while (keydir_next(cursor)) {
        if (cursor->address == address) {
            return true;
        }
    }
    return false;
}

void keydir_prefetch_bucket(const keydir *self, uint64_t hash)
{
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_acquire);
    __builtin_prefetch(keydir_bucket_at(self, keydir_locate(shape, hash).bucket_index));
}

/* The home line of hash; NULL before keydir_image_ready. */
static inline const keydir_slot *home_line(const keydir *self, uint64_t hash)
{
    if (PYKV_UNLIKELY(!keydir_image_ready(self, hash))) {
        return NULL;
    }
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_acquire);
    keydir_place place = keydir_locate(shape, hash);
    keydir_bucket *bucket = keydir_bucket_at(self, place.bucket_index);
    uint32_t line = keydir_home_line(place.want, keydir_line_count(bucket));
    return keydir_line_at(self, bucket, line);
}

void keydir_prefetch_line(const keydir *self, uint64_t hash)
{
    __builtin_prefetch(home_line(self, hash));
}

void keydir_prefetch_lines(const keydir *self, uint64_t hash)
{
    const keydir_slot *line = home_line(self, hash);
    __builtin_prefetch(line);
    if (PYKV_LIKELY(line != NULL)) {
        __builtin_prefetch(line + KEYDIR_LINE_SLOTS); /* in all but the last line of a unit */
    }
}

/* ---- single slots ---- */

bool keydir_insert(keydir *self, uint64_t hash, uint64_t address)
{
    PYKV_ASSERT(address <= KEYDIR_ADDRESS_MAX);
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_relaxed);
    keydir_place place = keydir_locate(shape, hash);
    keydir_bucket *bucket = keydir_bucket_at(self, place.bucket_index);
    uint32_t line_count = keydir_line_count(bucket);
    uint32_t line = keydir_home_line(place.want, line_count);
    for (uint32_t i = 0; i < line_count; i++) {
        keydir_slot *slots = keydir_line_at(self, bucket, line);
        uint32_t vacant = keydir_vacant_line(slots);
        if (vacant != 0) {
            keydir_fill_slot(self, bucket, slots + __builtin_ctz(vacant), place.want, address);
            return true;
        }
        line = line + 1 == line_count ? 0 : line + 1;
    }
    return false;
}

void keydir_replace(keydir *self, const keydir_cursor *cursor, uint64_t hash, uint64_t address)
{
    PYKV_ASSERT(cursor->slot != NULL && cursor->owner == self);
    keydir_point_slot(self, cursor->slot, hash, address);
}

void keydir_remove(keydir *self, const keydir_cursor *cursor)
{
    PYKV_ASSERT(cursor->slot != NULL && cursor->owner == self);
    keydir_clear_slot(self, cursor->bucket, cursor->slot);
}
