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
    uint64_t last = unsynced ? lsm_visible(self) : wal_synced_sequence(self->log);
    /* Who is told of an ingest finds what it brought. */
    bool is_coming = self->ingest_mark != 0 && last >= self->ingest_mark && !PYKV_PLANTED(166);
    return is_coming ? self->ingest_mark - 1 : last;
}

static uint64_t floor_of(void *owner)
{
    lsm *self = owner;
    return self->log != NULL ? wal_history_floor(self->log) : UINT64_MAX;
}

static uint64_t last_of(void *owner)
{
    lsm *self = owner;
    return wal_last_sequence(self->log);
}

static bool find(void *owner, uint64_t sequence, log_feed_place *place_out)
{
    lsm *self = owner;
    return wal_find(self->log, sequence, place_out);
}

static pykv_status check(void *owner)
{
    lsm *self = owner;
    return wal_check(self->log);
}

static pykv_status save(void *owner)
{
    return lsm_trim_history(owner);
}

const feed_source lsm_feed_source = {.limit = limit_of,
                                     .floor = floor_of,
                                     .last = last_of,
                                     .find = find,
                                     .check = check,
                                     .save = save,
                                     .needs_next = change_names_needs_next,
                                     .rewrite = change_names};

/* ---- calls ---- */

pykv_status lsm_changes_open(lsm *store, uint64_t since, int32_t flags, change_feed **changes_out)
{
    if (store->log == NULL) {
        return error_set(PYKV_NOT_SUPPORTED, "a store that is open read-only has no change feed");
    }
    return change_feed_open(&store->feeds, since, flags, changes_out);
}

void lsm_changes_free(lsm *store, change_feed *self)
{
    change_feed_free(&store->feeds, self);
}

static pykv_status refuse_read_only(const lsm *self)
{
    return self->log != NULL
               ? PYKV_OK
               : error_set(PYKV_READ_ONLY, "%s is open read-only", env_directory_path(self->home));
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
