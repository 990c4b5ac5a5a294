/*
 * keydir_grow: when a bucket is laid out anew with more, as many or fewer units, and splitting the
 * next bucket in turn. See keydir.h.
 *
 * Both work the same way: reserve memory and read what has to be read while nothing has changed,
 * then collect the entries in scratch and write the lines anew inside one change.
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
#include "bitcask/keydir.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_moment.h"
#include "bitcask/keydir_units.h"

enum {
    LIVE_PER_UNIT_SPARSE = 104,
    LIVE_PER_UNIT_SHRUNK = 96,
    LIVE_PER_UNIT_SPLIT = KEYDIR_UNIT_SLOTS * 4 / 5,
    DELETED_IN_FULL_MAX = 64, /* in a bucket of 14 units, before it is laid out again */
    FREE_WHEN_PREPARED = KEYDIR_UNIT_SLOTS - KEYDIR_USED_PER_UNIT_MAX + 1,
    KEYS_AHEAD_OF_SPLITS = KEYDIR_BUCKET_KEYS * 5 / 4 /* a bucket, while a batch is inserted */
};

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
        *count_out = keydir_collect(self, keydir_bucket_at(self, lower_index), self->words);
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
    uint32_t lower_units = keydir_units_for(lower_count, LIVE_PER_UNIT_SPLIT);
    uint32_t upper_units = keydir_units_for(count - lower_count, LIVE_PER_UNIT_SPLIT);
    status = keydir_reserve_units(self, lower_units + upper_units);
    if (status == PYKV_OK) {
        status = reserve_header(self);
    }
    if (status != PYKV_OK) {
        return status;
    }
    keydir_bucket *lower_bucket = keydir_bucket_at(self, shape >> 8);
    keydir_bucket *upper_bucket = keydir_bucket_at(self, upper.bucket_index);
    keydir_change_begin(self);
    keydir_set_unit_count(self, lower_bucket, lower_units);
    keydir_set_unit_count(self, upper_bucket, upper_units);
    keydir_lay_out(self, lower_bucket, self->words, lower_count);
    keydir_lay_out(self, upper_bucket, self->words + lower_count, count - lower_count);
    self->bucket_count++;
    atomic_store_explicit(&self->shape, next_shape(shape), memory_order_release);
    keydir_change_end(self);
    return PYKV_OK;
}

pykv_status keydir_add_first_bucket(keydir *self)
{
    pykv_status status = keydir_reserve_units(self, 1);
    if (status == PYKV_OK) {
        status = reserve_header(self);
    }
    if (status == PYKV_OK) {
        keydir_bucket *bucket = keydir_bucket_at(self, 0);
        keydir_change_begin(self);
        keydir_set_unit_count(self, bucket, 1);
        keydir_lay_out(self, bucket, self->words, 0);
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

/* Lays the bucket out anew if its slots are used up to the limit. */
static pykv_status make_room(keydir *self, keydir_bucket *bucket)
{
    uint32_t unit_count = keydir_unit_count(bucket);
    if (PYKV_LIKELY(!keydir_bucket_is_full(bucket))) {
        return PYKV_OK;
    }
    if (bucket->live < LIVE_PER_UNIT_SPARSE * unit_count) {
        uint32_t wanted = keydir_units_for(bucket->live, LIVE_PER_UNIT_SHRUNK);
        return keydir_resize_bucket(self, bucket, wanted < unit_count ? wanted : unit_count);
    }
    if (unit_count < KEYDIR_BUCKET_UNITS_MAX) {
        return keydir_resize_bucket(self, bucket, unit_count + 1);
    }
    if (bucket->used - bucket->live >= DELETED_IN_FULL_MAX) {
        return keydir_resize_bucket(self, bucket, unit_count);
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
                      bucket->live == keydir_unit_count(bucket) * KEYDIR_UNIT_SLOTS)) {
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
    return status == PYKV_OK ? keydir_reserve_units(self, growth_of(self, insert_count)) : status;
}

/* How many buckets are split at most before that many keys more are in. */
static uint64_t splits_ahead(const keydir *self, uint64_t insert_count)
{
    uint64_t prepared = keydir_count(self) / KEYDIR_BUCKET_KEYS + 1;
    uint64_t reserved = (keydir_count(self) + insert_count) / KEYS_AHEAD_OF_SPLITS + 1;
    uint64_t wanted = prepared > reserved ? prepared : reserved;
    return wanted > self->bucket_count ? wanted - self->bucket_count : 0;
}

/* Behind the last bucket of a round the first one is next. The headers that splits add have a page
 * only behind those of the image, on its last one. */
pykv_status keydir_check_splits(keydir *self, uint64_t insert_count)
{
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_relaxed);
    uint64_t round_count = UINT64_C(1) << (shape & 0xFF);
    uint64_t split_count = splits_ahead(self, insert_count);
    uint64_t bucket_index = shape >> 8;
    pykv_status status = keydir_image_check_header(self, self->bucket_count);
    for (uint64_t i = 0; i < split_count && i < self->bucket_count && status == PYKV_OK; i++) {
        status = keydir_image_check_bucket(self, bucket_index);
        bucket_index++;
        if (bucket_index == round_count) {
            bucket_index = 0;
            round_count = self->bucket_count;
        }
    }
    return status;
}

bool keydir_insert_reserved(keydir *self, uint64_t hash, uint64_t address)
{
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_relaxed);
    keydir_bucket *bucket = keydir_bucket_at(self, keydir_locate(shape, hash).bucket_index);
    uint32_t unit_count = keydir_unit_count(bucket);
    return unit_count < KEYDIR_BUCKET_UNITS_MAX &&
           keydir_resize_bucket(self, bucket, unit_count + 1) == PYKV_OK &&
           keydir_insert(self, hash, address);
}
