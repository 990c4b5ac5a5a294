/*
 * keydir_units: the free units, and writing the entries of a bucket into its units.
 */
#include "bitcask/keydir_units.h"

#include "base/error.h"
#include "base/invariant.h"
#include "bitcask/keydir_moment.h"

enum { UNITS_LEAST = 4 }; /* of the first blocks */

static uint32_t unit_number_of(const keydir_bucket *bucket, uint32_t index)
{
    return atomic_load_explicit(&bucket->unit_numbers[index], memory_order_relaxed);
}

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

pykv_status keydir_reserve_units(keydir *self, uint64_t unit_count)
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

void keydir_set_unit_count(keydir *self, keydir_bucket *bucket, uint32_t unit_count)
{
    uint32_t old_count = keydir_unit_count(bucket);
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

uint32_t keydir_collect(const keydir *self, const keydir_bucket *bucket, uint64_t *words)
{
    uint32_t count = 0;
    uint32_t unit_count = keydir_unit_count(bucket);
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

void keydir_lay_out(const keydir *self, keydir_bucket *bucket, const uint64_t *words,
                    uint32_t count)
{
    keydir_slot *units[KEYDIR_BUCKET_UNITS_MAX];
    uint8_t filled[KEYDIR_LINES_MAX] = {0};
    uint32_t unit_count = keydir_unit_count(bucket);
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

pykv_status keydir_resize_bucket(keydir *self, keydir_bucket *bucket, uint32_t unit_count)
{
    uint32_t old_count = keydir_unit_count(bucket);
    uint32_t count = keydir_collect(self, bucket, self->words);
    uint32_t least = keydir_units_for(count, KEYDIR_UNIT_SLOTS);
    unit_count = unit_count > least ? unit_count : least;
    pykv_status status =
        keydir_reserve_units(self, unit_count > old_count ? unit_count - old_count : 0);
    if (status == PYKV_OK) {
        keydir_change_begin(self);
        keydir_set_unit_count(self, bucket, unit_count);
        keydir_lay_out(self, bucket, self->words, count);
        keydir_change_end(self);
    }
    return status;
}
