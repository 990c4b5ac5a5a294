/*
 * keydir_grow: keydir_prepare, keydir_reserve and what they do: laying a bucket out anew with more,
 * as many or fewer units, and splitting the next bucket in turn. See keydir.h.
 *
 * Both work the same way: reserve memory and read what has to be read while nothing has changed,
 * then collect the entries in scratch and write the lines anew inside one change. A bucket is laid
 * out by its tags alone: line after line is filled from its first slot, in the order of the
 * entries, so no line has an empty slot before an entry.
 *
 * Limits: a bucket is laid out again when its slots are 7/8 used (112 a unit). If fewer than 104 a
 * unit are live it keeps its size or shrinks to one that leaves at most 96; else it grows by one
 * unit. Halves of a split get the units that keep them at most 4/5 full. A bucket of 14 units goes
 * on until it is full; only hashes that are not random get it there.
 */
#include "bitcask/keydir_grow.h"

#include <inttypes.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/keydir_internal.h"
#include "bitcask/keydir_reserve.h"

enum {
    USED_PER_UNIT_MAX = KEYDIR_UNIT_SLOTS * 7 / 8,
    LIVE_PER_UNIT_SPARSE = 104,
    LIVE_PER_UNIT_SHRUNK = 96,
    LIVE_PER_UNIT_SPLIT = KEYDIR_UNIT_SLOTS * 4 / 5,
    DELETED_IN_FULL_MAX = 64, /* in a bucket of 14 units, before it is laid out again */
    UNITS_LEAST = 4,          /* of the first blocks */
    FREE_WHEN_PREPARED = KEYDIR_UNIT_SLOTS - USED_PER_UNIT_MAX + 1,
    KEYS_AHEAD_OF_SPLITS = KEYDIR_BUCKET_KEYS * 5 / 4 /* a bucket, while a batch is inserted */
};

/* Units that hold live entries at per_unit each; one at least, 14 at most. */
static uint32_t units_for(uint32_t live, uint32_t per_unit)
{
    uint32_t unit_count = (live + per_unit - 1) / per_unit;
    unit_count = unit_count == 0 ? 1 : unit_count;
    return unit_count < KEYDIR_BUCKET_UNITS_MAX ? unit_count : KEYDIR_BUCKET_UNITS_MAX;
}

static uint32_t unit_count_of(const keydir_bucket *bucket)
{
    return atomic_load_explicit(&bucket->unit_count, memory_order_relaxed);
}

static uint32_t unit_number_of(const keydir_bucket *bucket, uint32_t index)
{
    return atomic_load_explicit(&bucket->unit_numbers[index], memory_order_relaxed);
}

/* ---- units ---- */

/* A free unit's first slot leads to the next one, with tag 0: a late reader sees no match. */
static void give_unit(keydir *self, uint32_t unit_number)
{
    keydir_slot *slots = keydir_unit_at(self, unit_number);
    atomic_store_explicit(slots, keydir_word(self->free_first, 0), memory_order_relaxed);
    self->free_first = unit_number;
    self->free_count++;
}

static uint32_t take_unit(keydir *self)
{
    if (self->free_count == 0) {
        PYKV_ASSERT(self->block_next < self->block_end);
        return (uint32_t)self->block_next++;
    }
    uint32_t unit_number = self->free_first;
    uint64_t link = atomic_load_explicit(keydir_unit_at(self, unit_number), memory_order_relaxed);
    self->free_first = (uint32_t)(link >> KEYDIR_ADDRESS_SHIFT);
    self->free_count--;
    return unit_number;
}

static uint64_t unused_units(const keydir *self)
{
    return self->free_count + (self->block_end - self->block_next);
}

/* Makes sure that unit_count calls of take_unit succeed. */
static pykv_status reserve_units(keydir *self, uint64_t unit_count)
{
    while (unused_units(self) < unit_count) {
        uint64_t item_count = keydir_space_block_items(&self->units, UNITS_LEAST);
        uint64_t first;
        if (self->units.granule_count * KEYDIR_GRANULE_ITEMS + item_count > UINT32_MAX) {
            return error_set(PYKV_NO_MEMORY, "the key directory has used all its unit numbers");
        }
        pykv_status status = keydir_space_extend(&self->units, item_count, false, &first);
        if (status != PYKV_OK) {
            return status;
        }
        while (self->block_next < self->block_end) {
            give_unit(self, (uint32_t)self->block_next++);
        }
        self->block_next = first;
        self->block_end = first + item_count;
    }
    return PYKV_OK;
}

/* Gives the bucket that number of units, taking or giving back the difference. */
static void set_unit_count(keydir *self, keydir_bucket *bucket, uint32_t unit_count)
{
    uint32_t old_count = unit_count_of(bucket);
    PYKV_ASSERT(unit_count <= KEYDIR_BUCKET_UNITS_MAX);
    for (uint32_t i = old_count; i < unit_count && i < KEYDIR_BUCKET_UNITS_MAX; i++) {
        uint32_t unit_number = take_unit(self);
        atomic_store_explicit(&bucket->unit_numbers[i], unit_number, memory_order_release);
    }
    atomic_store_explicit(&bucket->unit_count, (uint8_t)unit_count, memory_order_release);
    for (uint32_t i = unit_count; i < old_count && i < KEYDIR_BUCKET_UNITS_MAX; i++) {
        give_unit(self, unit_number_of(bucket, i));
    }
}

/* ---- laying out ---- */

/* Copies the live words of the bucket to words; returns their number. */
static uint32_t collect(const keydir *self, const keydir_bucket *bucket, uint64_t *words)
{
    uint32_t count = 0;
    uint32_t unit_count = unit_count_of(bucket);
    for (uint32_t i = 0; i < unit_count; i++) {
        keydir_slot *slots = keydir_unit_at(self, unit_number_of(bucket, i));
        for (uint32_t k = 0; k < KEYDIR_UNIT_SLOTS; k++) {
            words[count] = atomic_load_explicit(&slots[k], memory_order_relaxed);
            count += (words[count] & KEYDIR_TAG_MASK) != 0;
            if (count == KEYDIR_SLOTS_MAX) {
                return count;
            }
        }
    }
    return count;
}

/* Writes the entries into the units of the bucket and empties all other slots, inside a change. */
static void lay_out(const keydir *self, keydir_bucket *bucket, const uint64_t *words,
                    uint32_t count)
{
    keydir_slot *units[KEYDIR_BUCKET_UNITS_MAX];
    uint8_t filled[KEYDIR_LINES_MAX] = {0};
    uint32_t unit_count = unit_count_of(bucket);
    uint32_t line_count = unit_count * KEYDIR_UNIT_LINES;
    PYKV_ASSERT(count <= unit_count * KEYDIR_UNIT_SLOTS && self->change_depth > 0);
    for (uint32_t i = 0; i < unit_count; i++) {
        units[i] = keydir_unit_at(self, unit_number_of(bucket, i));
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t line = keydir_home_line(words[i], line_count);
        while (filled[line] == KEYDIR_LINE_SLOTS) {
            line = line + 1 == line_count ? 0 : line + 1;
        }
        keydir_slot *slots = keydir_line_in_unit(units[line / KEYDIR_UNIT_LINES], line);
        atomic_store_explicit(&slots[filled[line]++], words[i], memory_order_relaxed);
    }
    for (uint32_t line = 0; line < line_count; line++) {
        keydir_slot *slots = keydir_line_in_unit(units[line / KEYDIR_UNIT_LINES], line);
        for (uint32_t k = filled[line]; k < KEYDIR_LINE_SLOTS; k++) {
            atomic_store_explicit(&slots[k], KEYDIR_EMPTY, memory_order_relaxed);
        }
    }
    bucket->used = (uint16_t)count;
    bucket->live = (uint16_t)count;
    uint16_t layout_count = atomic_load_explicit(&bucket->layout_count, memory_order_relaxed);
    atomic_store_explicit(&bucket->layout_count, (uint16_t)(layout_count + 1),
                          memory_order_relaxed);
}

/* Lays the bucket out anew with unit_count units, more if its entries need them. PYKV_NO_MEMORY,
 * nothing changed. */
static pykv_status resize_bucket(keydir *self, keydir_bucket *bucket, uint32_t unit_count)
{
    uint32_t old_count = unit_count_of(bucket);
    uint32_t count = collect(self, bucket, self->words);
    uint32_t least = units_for(count, KEYDIR_UNIT_SLOTS);
    unit_count = unit_count > least ? unit_count : least;
    pykv_status status = reserve_units(self, unit_count > old_count ? unit_count - old_count : 0);
    if (status == PYKV_OK) {
        keydir_change_begin(self);
        set_unit_count(self, bucket, unit_count);
        lay_out(self, bucket, self->words, count);
        keydir_change_end(self);
    }
    return status;
}

/* ---- splitting ---- */

/* What a split needs to know of one entry: which half it goes to, and its word there. */
static pykv_status split_word(uint64_t word, keydir_place upper, keydir_rehash rehash,
                              void *context, bool *upper_out, uint64_t *word_out)
{
    uint32_t tag = (uint32_t)word & KEYDIR_TAG_MASK;
    uint64_t address = word >> KEYDIR_ADDRESS_SHIFT;
    if (PYKV_LIKELY(tag >> 1 >= KEYDIR_TAG_LEAST) || PYKV_PLANTED(43)) {
        *upper_out = tag & 1;
        *word_out = keydir_word(address, tag >> 1);
        return PYKV_OK;
    }
    uint64_t hash;
    PYKV_ASSERT(rehash != NULL);
    pykv_status status = rehash(context, address, &hash);
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t lower_mask = (UINT64_C(1) << (upper.depth - 1)) - 1;
    if (((hash ^ upper.bucket_index) & lower_mask) != 0) {
        return error_set(PYKV_CORRUPTION,
                         "the record at address %" PRIu64 " has hash %016" PRIx64
                         ", which does not belong where the key directory has it",
                         address, hash);
    }
    *upper_out = hash >> (upper.depth - 1) & 1;
    *word_out = keydir_word(address, keydir_full_tag(hash >> upper.depth));
    return PYKV_OK;
}

/* Divides the count words of scratch in place: what stays stands first. */
static pykv_status divide(keydir *self, uint32_t count, keydir_place upper, keydir_rehash rehash,
                          void *context, uint32_t *lower_count_out)
{
    uint64_t *words = self->words;
    uint32_t lower_count = 0;
    uint32_t upper_first = count;
    while (lower_count < upper_first) {
        bool goes_up = false;
        uint64_t word = 0;
        pykv_status status =
            split_word(words[lower_count], upper, rehash, context, &goes_up, &word);
        if (status != PYKV_OK) {
            return status;
        }
        if (goes_up) {
            upper_first--;
            words[lower_count] = words[upper_first];
            words[upper_first] = word;
        } else {
            words[lower_count++] = word;
        }
    }
    *lower_count_out = lower_count;
    return PYKV_OK;
}

/* The shape after the next split. */
static uint64_t next_shape(uint64_t shape)
{
    uint64_t level = shape & 0xFF;
    uint64_t split_index = (shape >> 8) + 1;
    return split_index >> level == 1 ? level + 1 : split_index << 8 | level;
}

static pykv_status reserve_header(keydir *self)
{
    uint64_t first;
    if (self->bucket_count < self->headers.granule_count * KEYDIR_GRANULE_ITEMS) {
        return PYKV_OK;
    }
    uint64_t item_count = keydir_space_block_items(&self->headers, KEYDIR_GRANULE_ITEMS);
    return keydir_space_extend(&self->headers, item_count, true, &first);
}

/* Collects the entries of the next bucket and divides them. */
static pykv_status collect_halves(keydir *self, uint64_t lower_index, keydir_place upper,
                                  keydir_rehash rehash, void *context, uint32_t *count_out,
                                  uint32_t *lower_count_out)
{
    pykv_status status = keydir_image_check_bucket(self, lower_index);
    if (status == PYKV_OK) {
        status = keydir_image_check_header(self, upper.bucket_index);
    }
    if (status == PYKV_OK) {
        *count_out = collect(self, keydir_bucket_at(self, lower_index), self->words);
        status = divide(self, *count_out, upper, rehash, context, lower_count_out);
    }
    return status;
}

/* Splits the next bucket in turn. Any status of rehash, PYKV_NO_MEMORY, or PYKV_CORRUPTION of an
 * image; then nothing changed. */
static pykv_status split_next(keydir *self, keydir_rehash rehash, void *context)
{
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_relaxed);
    keydir_place upper = {self->bucket_count, 0, (uint32_t)(shape & 0xFF) + 1};
    uint32_t count = 0;
    uint32_t lower_count = 0;
    pykv_status status =
        collect_halves(self, shape >> 8, upper, rehash, context, &count, &lower_count);
    if (status != PYKV_OK) {
        return status;
    }
    uint32_t lower_units = units_for(lower_count, LIVE_PER_UNIT_SPLIT);
    uint32_t upper_units = units_for(count - lower_count, LIVE_PER_UNIT_SPLIT);
    status = reserve_units(self, lower_units + upper_units);
    if (status == PYKV_OK) {
        status = reserve_header(self);
    }
    if (status != PYKV_OK) {
        return status;
    }
    keydir_bucket *lower_bucket = keydir_bucket_at(self, shape >> 8);
    keydir_bucket *upper_bucket = keydir_bucket_at(self, upper.bucket_index);
    keydir_change_begin(self);
    set_unit_count(self, lower_bucket, lower_units);
    set_unit_count(self, upper_bucket, upper_units);
    lay_out(self, lower_bucket, self->words, lower_count);
    lay_out(self, upper_bucket, self->words + lower_count, count - lower_count);
    self->bucket_count++;
    atomic_store_explicit(&self->shape, next_shape(shape), memory_order_release);
    keydir_change_end(self);
    return PYKV_OK;
}

pykv_status keydir_add_first_bucket(keydir *self)
{
    pykv_status status = reserve_units(self, 1);
    if (status == PYKV_OK) {
        status = reserve_header(self);
    }
    if (status == PYKV_OK) {
        keydir_bucket *bucket = keydir_bucket_at(self, 0);
        keydir_change_begin(self);
        set_unit_count(self, bucket, 1);
        lay_out(self, bucket, self->words, 0);
        self->bucket_count = 1;
        keydir_change_end(self);
    }
    return status;
}

/* ---- keydir_prepare ---- */

bool keydir_split_is_due(const keydir *self)
{
    uint64_t level = atomic_load_explicit(&self->shape, memory_order_relaxed) & 0xFF;
    return keydir_count(self) > KEYDIR_BUCKET_KEYS * self->bucket_count && level < KEYDIR_LEVEL_MAX;
}

bool keydir_bucket_is_full(const keydir_bucket *bucket)
{
    return bucket->used >= USED_PER_UNIT_MAX * unit_count_of(bucket);
}

/* Lays the bucket out anew if its slots are used up to the limit. */
static pykv_status make_room(keydir *self, keydir_bucket *bucket)
{
    uint32_t unit_count = unit_count_of(bucket);
    if (PYKV_LIKELY(!keydir_bucket_is_full(bucket))) {
        return PYKV_OK;
    }
    if (bucket->live < LIVE_PER_UNIT_SPARSE * unit_count) {
        uint32_t wanted = units_for(bucket->live, LIVE_PER_UNIT_SHRUNK);
        return resize_bucket(self, bucket, wanted < unit_count ? wanted : unit_count);
    }
    if (unit_count < KEYDIR_BUCKET_UNITS_MAX) {
        return resize_bucket(self, bucket, unit_count + 1);
    }
    if (bucket->used - bucket->live >= DELETED_IN_FULL_MAX) {
        return resize_bucket(self, bucket, unit_count);
    }
    return PYKV_OK;
}

static pykv_status no_room(const keydir_bucket *bucket)
{
    return error_set(PYKV_NO_MEMORY,
                     "a bucket of the key directory is full: %u keys agree in the hash bits that "
                     "choose it, which does not happen with a random seed",
                     (unsigned)bucket->live);
}

pykv_status keydir_prepare(keydir *self, uint64_t hash, keydir_rehash rehash, void *context)
{
    if (keydir_split_is_due(self)) {
        pykv_status status = split_next(self, rehash, context);
        if (status != PYKV_OK && status != PYKV_NO_MEMORY) {
            return status;
        }
    }
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_relaxed);
    uint64_t bucket_index = keydir_locate(shape, hash).bucket_index;
    pykv_status status = keydir_image_check_bucket(self, bucket_index);
    if (status != PYKV_OK) {
        return status;
    }
    keydir_bucket *bucket = keydir_bucket_at(self, bucket_index);
    status = make_room(self, bucket);
    if (PYKV_UNLIKELY(status == PYKV_OK &&
                      bucket->live == unit_count_of(bucket) * KEYDIR_UNIT_SLOTS)) {
        return no_room(bucket);
    }
    return status;
}

/* ---- batches ---- */

static bool lags_behind(const keydir *self, uint64_t insert_count)
{
    uint64_t level = atomic_load_explicit(&self->shape, memory_order_relaxed) & 0xFF;
    return keydir_count(self) + insert_count > KEYS_AHEAD_OF_SPLITS * self->bucket_count &&
           level < KEYDIR_LEVEL_MAX;
}

/* How often buckets can become full by that many inserts: once for those that get more than a
 * prepared one has room for, and once more for each unit's worth. */
static uint64_t growth_of(const keydir *self, uint64_t insert_count)
{
    uint64_t overfull = insert_count / (FREE_WHEN_PREPARED + 1);
    return (overfull < self->bucket_count ? overfull : self->bucket_count) +
           insert_count / KEYDIR_UNIT_SLOTS;
}

pykv_status keydir_reserve(keydir *self, uint64_t insert_count, keydir_rehash rehash, void *context)
{
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && lags_behind(self, insert_count)) {
        status = split_next(self, rehash, context);
    }
    return status == PYKV_OK ? reserve_units(self, growth_of(self, insert_count)) : status;
}

bool keydir_insert_reserved(keydir *self, uint64_t hash, uint64_t address)
{
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_relaxed);
    keydir_bucket *bucket = keydir_bucket_at(self, keydir_locate(shape, hash).bucket_index);
    uint32_t unit_count = unit_count_of(bucket);
    return unit_count < KEYDIR_BUCKET_UNITS_MAX &&
           resize_bucket(self, bucket, unit_count + 1) == PYKV_OK &&
           keydir_insert(self, hash, address);
}
