/*
 * keydir_spot: one walk for each write. See keydir_spot.h.
 *
 * A walk beside the writer reads the version first: a change that lays buckets out anew makes it
 * odd before it begins and even when it is done, so an odd or another one says that the walk may
 * have seen something half done. The number of inserts is read before the walk too, and raised
 * behind each insert: a walk that missed one has read the number before.
 */
#include "bitcask/keydir_spot.h"

#include <stddef.h>

#include "base/invariant.h"
#include "bitcask/keydir_grow.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_line.h"
#include "bitcask/keydir_slot.h"
#include "bitcask/keydir_units.h"

/* Takes the first match of a line that is one still. */
static inline bool take_candidate(keydir_slot *slots, uint32_t want, keydir_spot *out)
{
    uint32_t matches = keydir_match_line(slots, want);
    for (; matches != 0; matches &= matches - 1) {
        keydir_slot *slot = slots + __builtin_ctz(matches);
        uint64_t word = atomic_load_explicit(slot, memory_order_acquire);
        if (PYKV_LIKELY(keydir_matches(word, want))) {
            out->slot = slot;
            out->address = word >> KEYDIR_ADDRESS_SHIFT;
            return true;
        }
    }
    return false;
}

static void walk(const keydir *self, uint64_t want, keydir_spot *out)
{
    uint32_t line_count = keydir_line_count(out->bucket);
    uint32_t line = keydir_home_line(want, line_count);
    for (uint32_t i = 0; i < line_count; i++) {
        keydir_slot *slots = keydir_line_at(self, out->bucket, line);
        if (take_candidate(slots, (uint32_t)want, out)) {
            return;
        }
        if (out->slot == NULL) {
            uint32_t vacant = keydir_vacant_line(slots);
            out->slot = vacant != 0 ? slots + __builtin_ctz(vacant) : NULL;
        }
        if (atomic_load_explicit(&slots[KEYDIR_LINE_SLOTS - 1], memory_order_relaxed) ==
            KEYDIR_EMPTY) {
            return;
        }
        line = line + 1 == line_count ? 0 : line + 1;
    }
}

void keydir_spot_find(const keydir *self, uint64_t hash, keydir_spot *out)
{
    keydir_spot_reset(out);
    if (PYKV_UNLIKELY(!keydir_image_ready(self, hash))) {
        return;
    }
    out->version = atomic_load_explicit(&self->version, memory_order_acquire);
    out->insert_count = atomic_load_explicit(&self->insert_count, memory_order_acquire);
    keydir_place place =
        keydir_locate(atomic_load_explicit(&self->shape, memory_order_acquire), hash);
    out->slot = NULL;
    out->owner = self;
    out->bucket = keydir_bucket_at(self, place.bucket_index);
    out->layout_count = atomic_load_explicit(&out->bucket->layout_count, memory_order_relaxed);
    walk(self, place.want, out);
}

void keydir_spot_of(const keydir_cursor *cursor, keydir_spot *out)
{
    out->address = cursor->address;
    out->slot = cursor->slot;
    out->owner = cursor->owner;
    out->bucket = cursor->bucket;
    out->layout_count = atomic_load_explicit(&cursor->bucket->layout_count, memory_order_relaxed);
}

static inline bool is_laid_out_as_then(const keydir *self, const keydir_spot *spot)
{
    return PYKV_LIKELY(spot->owner == self) &&
           (atomic_load_explicit(&spot->bucket->layout_count, memory_order_relaxed) ==
                spot->layout_count ||
            PYKV_PLANTED(91));
}

bool keydir_spot_leads(const keydir *self, const keydir_spot *spot)
{
    if (PYKV_UNLIKELY(!is_laid_out_as_then(self, spot))) {
        return false;
    }
    uint64_t word = atomic_load_explicit(spot->slot, memory_order_relaxed);
    return word >> KEYDIR_ADDRESS_SHIFT == spot->address && (word & KEYDIR_TAG_MASK) != 0;
}

bool keydir_spot_holds(const keydir *self, const keydir_spot *spot)
{
    bool same = spot->owner == self &&
                atomic_load_explicit(&self->version, memory_order_relaxed) == spot->version;
    if (PYKV_UNLIKELY(!same)) {
        return false;
    }
    if (spot->address != KEYDIR_NO_CANDIDATE) {
        return keydir_spot_leads(self, spot);
    }
    return atomic_load_explicit(&self->insert_count, memory_order_relaxed) == spot->insert_count ||
           PYKV_PLANTED(92);
}

void keydir_replace_at(keydir *self, const keydir_spot *spot, uint64_t hash, uint64_t address)
{
    PYKV_CHECKED(keydir_spot_leads(self, spot));
    keydir_point_slot(self, spot->slot, hash, address);
}

void keydir_remove_at(keydir *self, const keydir_spot *spot)
{
    PYKV_CHECKED(keydir_spot_leads(self, spot));
    keydir_clear_slot(self, spot->bucket, spot->slot);
}

bool keydir_insert_at(keydir *self, const keydir_spot *spot, uint64_t hash, uint64_t address)
{
    PYKV_ASSERT(address <= KEYDIR_ADDRESS_MAX);
    if (spot->address != KEYDIR_NO_CANDIDATE || !is_laid_out_as_then(self, spot) ||
        spot->slot == NULL) {
        return false;
    }
    if ((atomic_load_explicit(spot->slot, memory_order_relaxed) & KEYDIR_TAG_MASK) != 0) {
        return false;
    }
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_relaxed);
    keydir_fill_slot(self, spot->bucket, spot->slot, keydir_locate(shape, hash).want, address);
    return true;
}

bool keydir_is_prepared(const keydir *self, const keydir_spot *spot)
{
    return is_laid_out_as_then(self, spot) && !keydir_split_is_due(self) &&
           !keydir_bucket_is_full(spot->bucket);
}
