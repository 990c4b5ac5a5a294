/*
 * hold: gets whose value stays: the mapping of its segment is kept, or it is read by pread, which
 * makes a copy anyway.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "bitcask/directory.h"
#include "bitcask/find.h"
#include "bitcask/key_hash.h"
#include "bitcask/named.h"
#include "bitcask/unpack.h"

static void let_mapping_go(held_value *self)
{
    pins_give_back(self->from, &self->own_views, self->object_bytes);
    segment_let_mapping_go(self->keeper);
}

static void hold_mapped(bitcask *self, segment *holder, slice value, held_value *out)
{
    *out = (held_value){.data = value.data,
                        .length = value.size,
                        .from = &self->pins,
                        .keeper = holder,
                        .object_bytes = value.size,
                        .release = let_mapping_go};
    bool taken = pins_take(&self->pins, &out->own_views, value.size);
    PYKV_ASSERT(taken); /* there is no limit: the pages of a file are not memory of ours */
    if (!PYKV_PLANTED(212)) {
        segment_keep_mapping(holder);
    }
}

/* Finds the record of now and the segment that holds it, both mapped. */
static pykv_status find_now(bitcask *self, const space *within, uint64_t hash, slice key,
                            record *found, segment **holder_out)
{
    keydir_cursor cursor;
    pykv_status status = bitcask_find(self, directory_now(&within->directory), hash, key, READ_HOT,
                                      true, NULL, &cursor, found);
    if (status != PYKV_OK) {
        return status;
    }
    *holder_out = extent_segment(&self->extents, cursor.address);
    return store_clock_has_passed(&self->clock, found->deadline_us) ? PYKV_NOT_FOUND : PYKV_OK;
}

static pykv_status hold_hot(bitcask *self, const space *within, const store_moment *moment,
                            uint64_t hash, slice key, held_value *out)
{
    record found;
    segment *holder = NULL;
    pykv_status status = moment != NULL ? moment_find_mapped(moment, hash, key, &found, &holder)
                                        : find_now(self, within, hash, key, &found, &holder);
    if (status == PYKV_OK && record_is_packed(&found)) {
        return PYKV_WOULD_BLOCK; /* its value stands nowhere: it is made when it is read */
    }
    if (status == PYKV_OK && holder != NULL) {
        hold_mapped(self, holder, found.value, out);
    }
    return status;
}

/* What may wait: a get, which is counted there. It is read mapped after all if that has become fast
 * meanwhile. */
static pykv_status hold_patiently(bitcask *self, space *within, const store_moment *moment,
                                  slice key, held_value *out)
{
    pykv_pinned pinned;
    pykv_status status = moment != NULL ? bitcask_get_at(moment, key, 0, &pinned)
                                        : bitcask_get_in(self, within, key, 0, &pinned);
    if (status != PYKV_OK) {
        return status;
    }
    slice value = slice_make(pinned.data, pinned.length);
    if (pinned.owned == NULL) {
        return held_value_copy(&self->pins, value, out);
    }
    held_value_take_over(&self->pins, value, pinned.owned, out);
    return PYKV_OK;
}

pykv_status bitcask_hold_in(bitcask *self, space *within, const store_moment *moment, slice key,
                            int32_t flags, held_value *out)
{
    pykv_status status = PYKV_WOULD_BLOCK;
    if (bitcask_read_mode(self) == READ_HOT) {
        status = hold_hot(self, within, moment, bitcask_hash(self, key.data, key.size), key, out);
    }
    if (status != PYKV_WOULD_BLOCK || (flags & PYKV_NO_WAIT) != 0) {
        bitcask_count_get(self, status);
        return status;
    }
    return hold_patiently(self, within, moment, key, out);
}

pykv_status bitcask_hold(bitcask *self, const store_moment *moment, slice key, int32_t flags,
                         held_value *out)
{
    return bitcask_hold_in(self, &self->spaces.main, moment, key, flags, out);
}
