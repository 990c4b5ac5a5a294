/*
 * hold: gets whose value stays: what it stands in is pinned, or it is copied.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/read.h"
#include "lsm/space.h"
#include "lsm/version_values.h"

/* A smaller value is copied out of its memtable, all of whose memory a view would keep. */
enum { MEMTABLE_VALUE_BYTES_MIN = 4096 };

static void let_memtable_go(held_value *self)
{
    memtable *from = self->keeper;
    pins_give_back(self->from, memtable_views(from), self->object_bytes);
    memtable_release(from);
}

static pykv_status hold_entry(lsm *self, memtable *from, slice value, held_value *out)
{
    uint64_t bytes = self->options.memtable_bytes;
    if (value.size < MEMTABLE_VALUE_BYTES_MIN ||
        !pins_take(&self->pins, memtable_views(from), bytes)) {
        return held_value_copy(&self->pins, value, out);
    }
    *out = (held_value){.data = value.data,
                        .length = value.size,
                        .from = &self->pins,
                        .keeper = PYKV_PLANTED(211) ? from : memtable_acquire(from),
                        .object_bytes = bytes,
                        .release = let_memtable_go};
    return PYKV_OK;
}

static void let_block_go(held_value *self)
{
    cached_block *cached = self->keeper;
    pins_give_back(self->from, &cached->view_count, self->object_bytes);
    block_unpin(cached);
}

/* Takes the hold over. */
static pykv_status hold_found(lsm *self, table_found *found, held_value *out)
{
    block_source *source = &self->source.face;
    if (found->hold.owner == NULL) {
        found->hold = source->share(source, found->hold);
    }
    cached_block *cached = found->hold.owner;
    uint64_t bytes = block_cache_charge(cached->length);
    if (!pins_take(&self->pins, &cached->view_count, bytes)) {
        pykv_status status = held_value_copy(&self->pins, found->value, out);
        table_release(source, found);
        return status;
    }
    *out = (held_value){.data = found->value.data,
                        .length = found->value.size,
                        .from = &self->pins,
                        .keeper = cached,
                        .object_bytes = bytes,
                        .release = let_block_go};
    return PYKV_OK;
}

/* The value of an entry that points to it, read into memory of its own. */
static pykv_status hold_pointed(lsm *self, const version *tables, slice key, table_found *found,
                                int32_t flags, held_value *out)
{
    buffer scratch = BUFFER_EMPTY;
    slice value;
    pykv_status status = PYKV_WOULD_BLOCK;
    if ((flags & PYKV_NO_WAIT) == 0) {
        status = version_read_found(tables, key, found, &scratch, &value);
    }
    table_release(&self->source.face, found);
    if (status != PYKV_OK) {
        buffer_reset(&scratch);
        return status;
    }
    held_value_take_over(&self->pins, value, scratch.data, out);
    return PYKV_OK;
}

static pykv_status find_in_tables(lsm *self, const lsm_moment *moment, uint64_t cover, slice key,
                                  uint64_t hash, int32_t flags, held_value *out)
{
    table_found found;
    block_source *source =
        (flags & PYKV_NO_WAIT) != 0 ? &self->source.resident : &self->source.face;
    pykv_status status =
        version_get(moment->view->version, source, key, moment->sequence, hash, &found);
    if (status != PYKV_OK) {
        return status;
    }
    if (!lsm_is_live_at(self, moment, found.kind, found.deadline_us) || found.sequence < cover) {
        table_release(&self->source.face, &found);
        return PYKV_NOT_FOUND;
    }
    if (found.kind == INTERNAL_KIND_POINTER) {
        return hold_pointed(self, moment->view->version, key, &found, flags, out);
    }
    return hold_found(self, &found, out);
}

static pykv_status hold_at(lsm *self, const lsm_moment *moment, slice key, int32_t flags,
                           held_value *out)
{
    iterator_entry entry;
    uint64_t hash = lsm_hash(self, key);
    uint64_t cover =
        view_has_ranges(moment->view) ? view_cover(moment->view, key, moment->sequence) : 0;
    memtable *from = view_find(moment->view, key, hash, moment->sequence, &entry);
    if (from == NULL) {
        return find_in_tables(self, moment, cover, key, hash, flags, out);
    }
    if (!lsm_is_live_at(self, moment, entry.kind, entry.deadline_us) || entry.sequence < cover) {
        return PYKV_NOT_FOUND;
    }
    return hold_entry(self, from, entry.value, out);
}

pykv_status lsm_hold_in(lsm *self, uint32_t space, const lsm_snapshot *snapshot, slice key,
                        int32_t flags, held_value *out)
{
    stored_key stored;
    lsm_moment moment;
    pykv_status status = stored_key_make(space, key, &stored);
    if (status != PYKV_OK) {
        return status;
    }
    status = lsm_moment_of(self, snapshot, &moment);
    if (status == PYKV_OK) {
        status = hold_at(self, &moment, stored.key, flags, out);
    }
    if (status != PYKV_WOULD_BLOCK) { /* else who asked asks again */
        lsm_count_some(&self->counters.get_hit_count, status == PYKV_OK ? 1 : 0);
        lsm_count_some(&self->counters.get_count, 1);
    }
    stored_key_reset(&stored);
    return status;
}
