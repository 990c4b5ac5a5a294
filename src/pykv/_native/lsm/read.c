/*
 * read: get and contains. Memtables first, newest first, then tables from the top down. The first
 * operation found decides; if a newer range delete covers its key, the key is not there.
 */
#include "lsm/read.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/version_values.h"

bool lsm_is_live(lsm *self, uint8_t kind, uint64_t deadline_us)
{
    if (!kind_is_value(kind)) {
        return false;
    }
    return !store_clock_has_passed(&self->clock, deadline_us);
}

/* Gives a value of the memtables, which lives as long as the epoch. */
static pykv_status give_entry(lsm *self, const lsm_moment *moment, uint64_t cover,
                              const iterator_entry *entry, pykv_pinned *pinned_out)
{
    if (!lsm_is_live_at(self, moment, entry->kind, entry->deadline_us) || entry->sequence < cover) {
        return PYKV_NOT_FOUND;
    }
    pinned_out->data = entry->value.data;
    pinned_out->length = entry->value.size;
    pinned_out->owned = NULL;
    return PYKV_OK;
}

/* Gives a value of a block: as it is if the epoch keeps the block, else a copy. */
static pykv_status give_found(lsm *self, const lsm_moment *moment, uint64_t cover,
                              table_found *found, pykv_pinned *pinned_out)
{
    bool hidden = found->sequence < cover && !PYKV_PLANTED(142);
    if (!lsm_is_live_at(self, moment, found->kind, found->deadline_us) || hidden) {
        table_release(&self->source.face, found);
        return PYKV_NOT_FOUND;
    }
    if (PYKV_LIKELY(found->hold.owner == NULL)) {
        pinned_out->data = found->value.data;
        pinned_out->length = found->value.size;
        pinned_out->owned = NULL;
        return PYKV_OK;
    }
    size_t size = found->value.size;
    uint8_t *copy = mem_alloc(size == 0 ? 1 : size);
    if (copy != NULL && size != 0) {
        memcpy(copy, found->value.data, size);
    }
    table_release(&self->source.face, found);
    if (copy == NULL) {
        return error_set_no_memory(size);
    }
    pinned_out->data = copy;
    pinned_out->length = size;
    pinned_out->owned = copy;
    return PYKV_OK;
}

/* Reads a value out of its segment, into memory of its own. */
static pykv_status read_pointed(const version *tables, slice key, const table_found *found,
                                pykv_pinned *pinned_out)
{
    buffer scratch = BUFFER_EMPTY;
    slice value;
    pykv_status status = version_read_found(tables, key, found, &scratch, &value);
    if (status != PYKV_OK) {
        buffer_reset(&scratch);
        return status;
    }
    pinned_out->data = value.data;
    pinned_out->length = value.size;
    pinned_out->owned = scratch.data;
    return PYKV_OK;
}

/* Gives the value that an entry points to. Reading it may wait. */
static pykv_status give_pointed(lsm *self, const lsm_moment *moment, uint64_t cover, slice key,
                                table_found *found, int32_t flags, pykv_pinned *pinned_out)
{
    pykv_status status = PYKV_OK;
    if (!lsm_is_live_at(self, moment, found->kind, found->deadline_us) || found->sequence < cover) {
        status = PYKV_NOT_FOUND;
    } else if ((flags & LSM_NO_VALUE) != 0) {
        *pinned_out = (pykv_pinned){.owned = NULL};
    } else if ((flags & PYKV_NO_WAIT) != 0) {
        status = PYKV_WOULD_BLOCK;
    } else {
        status = read_pointed(moment->view->version, key, found, pinned_out);
    }
    table_release(&self->source.face, found);
    return status;
}

static inline block_source *source_for(lsm *self, int32_t flags)
{
    return (flags & PYKV_NO_WAIT) != 0 ? &self->source.resident : &self->source.face;
}

pykv_status lsm_find(lsm *self, const lsm_moment *moment, slice key, uint64_t hash, int32_t flags,
                     pykv_pinned *pinned_out)
{
    iterator_entry entry;
    uint64_t cover =
        view_has_ranges(moment->view) ? view_cover(moment->view, key, moment->sequence) : 0;
    if (view_find(moment->view, key, hash, moment->sequence, &entry)) {
        return give_entry(self, moment, cover, &entry, pinned_out);
    }
    table_found found;
    pykv_status status = version_get(moment->view->version, source_for(self, flags), key,
                                     moment->sequence, hash, &found);
    if (PYKV_UNLIKELY(status == PYKV_OK && found.kind == INTERNAL_KIND_POINTER)) {
        return give_pointed(self, moment, cover, key, &found, flags, pinned_out);
    }
    return status == PYKV_OK ? give_found(self, moment, cover, &found, pinned_out) : status;
}

static inline pykv_status get_at(lsm *self, const lsm_moment *moment, slice key, int32_t flags,
                                 pykv_pinned *pinned_out)
{
    pykv_status status = lsm_find(self, moment, key, lsm_hash(self, key), flags, pinned_out);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        lsm_count_some(&self->counters.get_hit_count, 1);
    } else if (status == PYKV_WOULD_BLOCK) {
        return status; /* who asked asks again */
    }
    lsm_count_some(&self->counters.get_count, 1);
    return status;
}

pykv_status lsm_get(lsm *self, slice key, int32_t flags, pykv_pinned *pinned_out)
{
    lsm_moment now = lsm_moment_now(self);
    return get_at(self, &now, key, flags, pinned_out);
}

pykv_status lsm_get_at(lsm *self, const lsm_snapshot *snapshot, slice key, int32_t flags,
                       pykv_pinned *pinned_out)
{
    lsm_moment moment;
    pykv_status status = lsm_moment_of(self, snapshot, &moment);
    return status == PYKV_OK ? get_at(self, &moment, key, flags, pinned_out) : status;
}

pykv_status lsm_expires_at(lsm *self, const lsm_snapshot *snapshot, slice key, int32_t flags,
                           uint64_t *deadline_us_out)
{
    iterator_entry entry;
    uint64_t hash = lsm_hash(self, key);
    lsm_moment at;
    pykv_status status = lsm_moment_of(self, PYKV_PLANTED(378) ? NULL : snapshot, &at);
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t cover = view_has_ranges(at.view) ? view_cover(at.view, key, at.sequence) : 0;
    if (!view_find(at.view, key, hash, at.sequence, &entry)) {
        table_found found;
        status =
            version_get(at.view->version, source_for(self, flags), key, at.sequence, hash, &found);
        if (status != PYKV_OK) {
            return status;
        }
        entry.kind = found.kind;
        entry.sequence = found.sequence;
        entry.deadline_us = found.deadline_us;
        table_release(&self->source.face, &found);
    }
    bool hidden = entry.sequence < cover && !PYKV_PLANTED(255);
    if (!lsm_is_live_at(self, &at, entry.kind, entry.deadline_us) || hidden) {
        return PYKV_NOT_FOUND;
    }
    *deadline_us_out = entry.deadline_us;
    return PYKV_OK;
}

uint64_t lsm_now(lsm *self)
{
    return store_clock_now(&self->clock);
}

uint64_t lsm_deadline(lsm *self, uint64_t life_us)
{
    return store_clock_deadline(&self->clock, life_us);
}

pykv_status lsm_contains(lsm *self, slice key, int32_t flags)
{
    pykv_pinned pinned = {.owned = NULL};
    pykv_status status = lsm_get(self, key, flags | LSM_NO_VALUE, &pinned);
    if (status == PYKV_OK) {
        mem_free(pinned.owned);
    }
    return status;
}
