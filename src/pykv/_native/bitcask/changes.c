/*
 * changes: how far a feed may read, in which segment, and what a pin writes.
 */
#include "bitcask/changes.h"

#include "base/error.h"
#include "base/invariant.h"
#include "bitcask/bitcask.h"
#include "bitcask/health.h"
#include "bitcask/history.h"
#include "bitcask/manifest.h"
#include "bitcask/manifest_edit.h"
#include "log/change_name.h"

/* ---- the log, with the writer lock ---- */

static bitcask *of(void *owner)
{
    return owner;
}

static void writer_is_held(bitcask *self) ASSERTS_HELD(self->writer)
{
    (void)self;
}

/* What is synced and not published will be at the next open only. */
static uint64_t limit_of(void *owner, bool unsynced)
{
    bitcask *self = of(owner);
    writer_is_held(self);
    bool is_behind = self->synced_sequence < self->published_sequence;
    return is_behind && !unsynced ? self->synced_sequence : self->published_sequence;
}

static uint64_t floor_of(void *owner)
{
    bitcask *self = of(owner);
    writer_is_held(self);
    return bitcask_history_floor(self);
}

static uint64_t last_of(void *owner)
{
    bitcask *self = of(owner);
    writer_is_held(self);
    return self->appended_sequence;
}

static bool epoch_at(void *owner, uint64_t sequence, uint64_t *epoch_out)
{
    const bitcask *self = of(owner);
    *epoch_out = past_epochs_of(&self->epochs, sequence, self->epoch_number);
    return true;
}

static bool find(void *owner, uint64_t sequence, log_feed_place *place_out)
{
    bitcask *self = of(owner);
    writer_is_held(self);
    return bitcask_history_find(self, sequence, place_out);
}

static uint64_t now(void *owner)
{
    return store_clock_now(&of(owner)->clock);
}

static pykv_status check(void *owner)
{
    bitcask *self = of(owner);
    writer_is_held(self);
    return bitcask_check_writable(self);
}

static pykv_status save(void *owner)
{
    return bitcask_write_current_manifest(owner);
}

/* ---- rows of names ---- */

static bool is_name(const pykv_change *change)
{
    return change->namespace_id == NAMESPACE_NAMES;
}

/* The clear behind it is of the namespace that is dropped. */
static bool needs_next(const pykv_change *change)
{
    return is_name(change) && change->kind == PYKV_CHANGE_DELETE && change->last == 0;
}

static size_t tell_names(pykv_change *changes, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        pykv_change *change = &changes[i];
        if (is_name(change)) {
            uint32_t dropped = i + 1 < count ? changes[i + 1].namespace_id : 0;
            change_name_tell(change, slice_make(change->key, change->key_length), dropped);
        }
        /* The row of the highest id is nobody's. */
        if (change->kind != PYKV_CHANGE_NAMESPACE || change->key_length > 0) {
            changes[kept++] = *change;
        }
    }
    return kept;
}

static bool lists(const manifest_segment *files, uint64_t count, const log_segment_header *header)
{
    bool found = false;
    for (uint64_t i = 0; i < count; i++) {
        found |= files[i].number == header->number && files[i].file_id == header->file_id;
    }
    return found;
}

static bool is_listed(void *owner, const log_segment_header *header)
{
    const bitcask *self = owner;
    manifest now;
    pykv_status status = manifest_read(self->home, &now);
    if (status != PYKV_OK) {
        return status != PYKV_NOT_FOUND;
    }
    bool found =
        now.store_id == header->store_id && (lists(now.segments, now.segment_count, header) ||
                                             lists(now.history, now.history_count, header));
    manifest_reset(&now);
    return found;
}

const feed_source bitcask_feed_source = {.limit = limit_of,
                                         .floor = floor_of,
                                         .last = last_of,
                                         .epoch_at = epoch_at,
                                         .find = find,
                                         .now = now,
                                         .check = check,
                                         .save = save,
                                         .is_listed = is_listed,
                                         .rewrite = tell_names,
                                         .needs_next = needs_next};

/* ---- calls ---- */

pykv_status bitcask_changes_open(bitcask *self, const pykv_position *since, int32_t flags,
                                 change_feed **changes_out)
{
    return change_feed_open(&self->feeds, since, flags, changes_out);
}

void bitcask_changes_free(bitcask *self, change_feed *changes)
{
    change_feed_free(&self->feeds, changes);
}

static pykv_status check_writable(bitcask *self)
{
    if (self->options.read_only != 0) {
        return change_feeds_refuse_pin(&self->feeds);
    }
    mutex_lock(&self->writer);
    pykv_status status = bitcask_check_writable(self);
    mutex_unlock(&self->writer);
    return status;
}

pykv_status bitcask_pin_history(bitcask *self, const pykv_pin *pin)
{
    pykv_status status = check_writable(self);
    return status == PYKV_OK ? change_feeds_pin(&self->feeds, pin) : status;
}

pykv_status bitcask_unpin_history(bitcask *self, const char *name)
{
    pykv_status status = check_writable(self);
    return status == PYKV_OK ? change_feeds_unpin(&self->feeds, name) : status;
}

void bitcask_list_pins(bitcask *self, pykv_pin *pins_out, size_t capacity, size_t *count_out)
{
    change_feeds_list_pins(&self->feeds, pins_out, capacity, count_out);
}
