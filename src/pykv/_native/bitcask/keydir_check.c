/*
 * keydir_check: the invariants of keydir.h, proved by walking all slots. For tests and verify,
 * under the writer lock; it reads everything and changes nothing.
 */
#include "bitcask/keydir_check.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "bitcask/keydir.h"
#include "bitcask/keydir_layout.h"

typedef struct checker {
    const keydir *owner;
    char *text;
    uint64_t text_bytes;
    keydir_rehash rehash;
    void *context;
    uint8_t *unit_seen; /* a byte each, up to unit_limit */
    uint64_t unit_limit;
    uint64_t unit_count; /* seen so far, in buckets and in the list of free ones */
    uint64_t live;       /* entries seen so far */
} checker;

/* Writes the violation; returns false. */
__attribute__((format(printf, 2, 3))) static bool violation(const checker *self, const char *format,
                                                            ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(self->text, self->text_bytes, format, arguments);
    va_end(arguments);
    return false;
}

/* Every unit has one place. */
static bool check_unit(checker *self, uint32_t unit_number)
{
    if (unit_number >= self->unit_limit) {
        return violation(self, "unit %u does not exist", unit_number);
    }
    if (self->unit_seen[unit_number] != 0) {
        return violation(self, "unit %u is used twice", unit_number);
    }
    self->unit_seen[unit_number] = 1;
    self->unit_count++;
    return true;
}

/* Invariant 2: no line from the home line up to this one ends in an empty slot. */
static bool check_reachable(const checker *self, const keydir_bucket *bucket, uint64_t bucket_index,
                            uint32_t tag, uint32_t line)
{
    uint32_t line_count = keydir_line_count(bucket);
    uint32_t at = keydir_home_line(tag, line_count);
    while (at != line) {
        keydir_slot *slots = keydir_line_at(self->owner, bucket, at);
        if (atomic_load(&slots[KEYDIR_LINE_SLOTS - 1]) == KEYDIR_EMPTY) {
            return violation(self, "bucket %" PRIu64 ": an entry in line %u is cut off by line %u",
                             bucket_index, line, at);
        }
        at = at + 1 == line_count ? 0 : at + 1;
    }
    return true;
}

/* The record's hash leads to this bucket and agrees with the tag. */
static bool check_hash(const checker *self, uint64_t bucket_index, uint64_t word)
{
    uint64_t hash;
    uint64_t address = word >> KEYDIR_ADDRESS_SHIFT;
    if (self->rehash(self->context, address, &hash) != PYKV_OK) {
        return violation(self, "the record at address %" PRIu64 " cannot be read", address);
    }
    keydir_place place = keydir_locate(atomic_load(&self->owner->shape), hash);
    if (place.bucket_index != bucket_index || !keydir_matches(word, (uint32_t)place.want)) {
        return violation(self,
                         "bucket %" PRIu64 ": the record at address %" PRIu64
                         " has hash %016" PRIx64 ", which does not belong there",
                         bucket_index, address, hash);
    }
    return true;
}

static bool check_slot(const checker *self, const keydir_bucket *bucket, uint64_t bucket_index,
                       uint32_t line, uint64_t word)
{
    uint32_t tag = (uint32_t)word & KEYDIR_TAG_MASK;
    if (tag < KEYDIR_TAG_LEAST) {
        return violation(self, "bucket %" PRIu64 ": a slot has the tag %06x", bucket_index, tag);
    }
    return check_reachable(self, bucket, bucket_index, tag, line) &&
           (self->rehash == NULL || check_hash(self, bucket_index, word));
}

/* Checks one line and adds up what stands in it. */
static bool check_line(const checker *self, const keydir_bucket *bucket, uint64_t bucket_index,
                       uint32_t line, uint32_t *used, uint32_t *live)
{
    keydir_slot *slots = keydir_line_at(self->owner, bucket, line);
    for (uint32_t k = 0; k < KEYDIR_LINE_SLOTS; k++) {
        uint64_t word = atomic_load(&slots[k]);
        *used += word != KEYDIR_EMPTY;
        if (word == KEYDIR_EMPTY || word == KEYDIR_DELETED) {
            continue;
        }
        if (!check_slot(self, bucket, bucket_index, line, word)) {
            return false;
        }
        (*live)++;
    }
    return true;
}

static bool check_bucket(checker *self, uint64_t bucket_index)
{
    const keydir_bucket *bucket = keydir_bucket_at(self->owner, bucket_index);
    uint32_t unit_count = atomic_load(&bucket->unit_count);
    if (unit_count < 1 || unit_count > KEYDIR_BUCKET_UNITS_MAX) {
        return violation(self, "bucket %" PRIu64 " has %u units", bucket_index, unit_count);
    }
    for (uint32_t i = 0; i < unit_count; i++) {
        if (!check_unit(self, atomic_load(&bucket->unit_numbers[i]))) {
            return false;
        }
    }
    uint32_t used = 0;
    uint32_t live = 0;
    for (uint32_t line = 0; line < unit_count * KEYDIR_UNIT_LINES; line++) {
        if (!check_line(self, bucket, bucket_index, line, &used, &live)) {
            return false;
        }
    }
    if (used != bucket->used || live != bucket->live) {
        return violation(self, "bucket %" PRIu64 " has %u used and %u live slots, not %u and %u",
                         bucket_index, used, live, bucket->used, bucket->live);
    }
    self->live += live;
    return true;
}

static bool check_free_units(checker *self)
{
    uint32_t unit_number = self->owner->free_first;
    for (uint64_t i = 0; i < self->owner->free_count; i++) {
        if (!check_unit(self, unit_number)) {
            return false;
        }
        uint64_t link = atomic_load(keydir_unit_at(self->owner, unit_number));
        unit_number = (uint32_t)(link >> KEYDIR_ADDRESS_SHIFT);
    }
    return true;
}

static bool check_all(checker *self)
{
    const keydir *owner = self->owner;
    uint64_t shape = atomic_load(&owner->shape);
    if (atomic_load(&owner->pages_pending) != 0) {
        return violation(self, "%u pages of the image are not checked yet",
                         (unsigned)atomic_load(&owner->pages_pending));
    }
    if ((UINT64_C(1) << (shape & 0xFF)) + (shape >> 8) != owner->bucket_count) {
        return violation(self, "%" PRIu64 " buckets do not make the shape %" PRIx64,
                         owner->bucket_count, shape);
    }
    for (uint64_t i = 0; i < owner->bucket_count; i++) {
        if (!check_bucket(self, i)) {
            return false;
        }
    }
    if (!check_free_units(self)) {
        return false;
    }
    if (self->live != keydir_count(owner)) {
        return violation(self, "%" PRIu64 " live slots do not make a count of %" PRIu64, self->live,
                         keydir_count(owner));
    }
    uint64_t unit_count = self->unit_count + (owner->block_end - owner->block_next);
    if (unit_count != owner->units.item_count) {
        return violation(self, "%" PRIu64 " units of %" PRIu64 " are accounted for", unit_count,
                         owner->units.item_count);
    }
    return true;
}

pykv_status keydir_check(const keydir *self, keydir_rehash rehash, void *context, char *text,
                         uint64_t text_bytes)
{
    checker check = {self, text, text_bytes, rehash, context, NULL, 0, 0, 0};
    check.unit_limit = self->units.granule_count * KEYDIR_GRANULE_ITEMS;
    check.unit_seen = mem_alloc_zeroed(check.unit_limit, 1);
    if (check.unit_seen == NULL) {
        return error_set_no_memory(check.unit_limit);
    }
    bool good = check_all(&check);
    mem_free(check.unit_seen);
    return good ? PYKV_OK : error_set(PYKV_CORRUPTION, "the key directory: %s", text);
}
