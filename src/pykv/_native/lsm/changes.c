/*
 * changes: how far a feed may read, in which log, and what a pin writes.
 */
#include "lsm/changes.h"

#include "base/error.h"
#include "base/invariant.h"
#include "lsm/change_names.h"
#include "lsm/edit.h"
#include "lsm/wal_history.h"

/* ---- the log, with the writer lock ---- */

static void writer_is_held(lsm *self) ASSERTS_HELD(self->writer)
{
    (void)self;
}

static uint64_t limit_of(void *owner, bool unsynced)
{
    lsm *self = owner;
    writer_is_held(self);
    uint64_t synced = self->log != NULL ? wal_synced_sequence(self->log) : self->shown_synced;
    uint64_t last = unsynced ? lsm_visible(self) : synced;
    /* Who is told of an ingest finds what it brought: a reader, in the tables that it knows. */
    bool is_coming = self->ingest_mark != 0 && last >= self->ingest_mark && !PYKV_PLANTED(166);
    return is_coming ? self->ingest_mark - 1 : last;
}

/* The log that feeds read. */
static const wal *log_of(void *owner)
{
    lsm *self = owner;
    writer_is_held(self);
    return self->log != NULL ? self->log : self->shown_log;
}

static uint64_t floor_of(void *owner)
{
    return wal_history_floor(log_of(owner));
}

static uint64_t last_of(void *owner)
{
    return wal_last_sequence(log_of(owner));
}

static bool epoch_at(void *owner, uint64_t sequence, uint64_t *epoch_out)
{
    const lsm *self = owner;
    log_feed_place place = {.epoch = self->epoch_number};
    bool is_there = wal_find(log_of(owner), sequence, &place);
    if (!is_there && sequence <= last_of(owner)) {
        return false;
    }
    *epoch_out = place.epoch;
    return true;
}

static bool find(void *owner, uint64_t sequence, log_feed_place *place_out)
{
    return wal_find(log_of(owner), sequence, place_out);
}

static uint64_t now(void *owner)
{
    return store_clock_now(&((lsm *)owner)->clock);
}

static pykv_status check(void *owner)
{
    return wal_check(log_of(owner));
}

static pykv_status save(void *owner)
{
    return lsm_trim_history(owner);
}

static bool is_listed(void *owner, const log_segment_header *header)
{
    const lsm *self = owner;
    lsm_manifest now;
    pykv_status status = lsm_manifest_read(self->home, &now);
    if (status != PYKV_OK) {
        return status != PYKV_NOT_FOUND;
    }
    bool found = false;
    for (uint64_t i = 0; i < now.log_count && now.store_id == header->store_id; i++) {
        found |= now.logs[i].number == header->number && now.logs[i].file_id == header->file_id;
    }
    lsm_manifest_reset(&now);
    return found;
}

const feed_source lsm_feed_source = {.limit = limit_of,
                                     .floor = floor_of,
                                     .last = last_of,
                                     .epoch_at = epoch_at,
                                     .find = find,
                                     .now = now,
                                     .check = check,
                                     .save = save,
                                     .is_listed = is_listed,
                                     .needs_next = change_names_needs_next,
                                     .rewrite = change_names};

/* ---- calls ---- */

pykv_status lsm_changes_open(lsm *store, const pykv_position *since, int32_t flags,
                             change_feed **changes_out)
{
    return change_feed_open(&store->feeds, since, flags, changes_out);
}

void lsm_changes_free(lsm *store, change_feed *self)
{
    change_feed_free(&store->feeds, self);
}

static pykv_status refuse_read_only(const lsm *self)
{
    return self->log != NULL ? PYKV_OK : change_feeds_refuse_pin(&self->feeds);
}

pykv_status lsm_pin_history(lsm *self, const pykv_pin *pin)
{
    pykv_status status = refuse_read_only(self);
    return status == PYKV_OK ? change_feeds_pin(&self->feeds, pin) : status;
}

pykv_status lsm_unpin_history(lsm *self, const char *name)
{
    pykv_status status = refuse_read_only(self);
    return status == PYKV_OK ? change_feeds_unpin(&self->feeds, name) : status;
}

void lsm_list_pins(lsm *self, pykv_pin *pins_out, size_t capacity, size_t *count_out)
{
    change_feeds_list_pins(&self->feeds, pins_out, capacity, count_out);
}
