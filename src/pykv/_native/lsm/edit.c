/*
 * edit: from the outputs of a job to a durable manifest and a new view.
 *
 * The manifest is written from the version to be, the logs that are still needed then, and the
 * counters; only when it is durable does the view change, and only then do files go.
 */
#include "lsm/edit.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/health.h"
#include "lsm/history.h"
#include "lsm/manifest_ranges.h"
#include "lsm/room.h"
#include "lsm/version_ranges.h"
#include "lsm/version_values.h"

/* That the next manifest may list beyond those of this one. */
enum { MORE_LOGS = 2, MORE_TABLES = 16, SETTLE_RETRY_US = 1000 * 1000 };

/* The version of now, which nobody replaces meanwhile. The view around it may go at any moment. */
static version *current_version(lsm *self) REQUIRES(self->manifest_lock)
{
    mutex_lock(&self->writer);
    version *tables = lsm_view(self)->version;
    mutex_unlock(&self->writer);
    return tables;
}

/* What the manifest is to say of a version, and of the logs that are needed beside its tables:
 * those from *first_log_out on. */
static pykv_status gather(lsm *self, const version *tables, lsm_manifest *out,
                          uint32_t *first_log_out) REQUIRES(self->manifest_lock)
{
    pykv_status status = version_list(tables, &out->tables, &out->table_count);
    if (status == PYKV_OK) {
        status = version_list_values(tables, &out->values, &out->values_count);
    }
    if (status != PYKV_OK) {
        return status;
    }
    PYKV_ASSERT(tables != NULL);
    out->ranges = range_set_acquire(tables->ranges);
    mutex_lock(&self->writer);
    size_t log_count = 0;
    uint32_t first_log =
        out->clean ? UINT32_MAX : wal_first_after(self->log, out->flushed_sequence);
    lsm_history_plan(self, first_log, out->flushed_sequence);
    status = wal_list(self->log, first_log, &out->logs, &log_count);
    out->log_count = log_count;
    out->pins = self->feeds.pins;
    out->store_id = self->store_id;
    out->epoch = self->epoch_number;
    out->hash_seed_low = self->hash_seed_low;
    out->hash_seed_high = self->hash_seed_high;
    out->next_number = self->next_number;
    out->last_sequence = wal_last_sequence(self->log);
    out->durable_through = wal_synced_position(self->log);
    out->wall_high_us = store_clock_now(&self->clock);
    mutex_unlock(&self->writer);
    out->edit = self->edit + 1;
    *first_log_out = first_log;
    return status;
}

/* Replaces the manifest, in the blocks that are kept for it, or in its own once there are some of
 * those. What is kept next comes from what the old manifest gives back. */
static pykv_status replace_manifest(lsm *self, lsm_manifest_blocks blocks,
                                    const lsm_manifest *listed) REQUIRES(self->manifest_lock)
{
    uint64_t log_count = listed->log_count + MORE_LOGS;
    uint64_t table_count =
        listed->table_count + MORE_TABLES +
        (manifest_ranges_bytes(listed->ranges) + manifest_pins_bytes(&listed->pins)) /
            LSM_MANIFEST_TABLE_BYTES;
    uint64_t values_count = listed->values_count + MORE_TABLES;
    if (blocks == LSM_BLOCKS_OF_ITS_OWN) {
        pykv_status status = lsm_manifest_reserve(self->home, log_count, table_count, values_count);
        return status == PYKV_OK ? lsm_manifest_replace(self->home, listed) : status;
    }
    pykv_status status = lsm_manifest_replace_reserved(self->home, listed);
    pykv_error failure = *error_last();
    if (!listed->clean &&
        lsm_manifest_reserve(self->home, log_count, table_count, values_count) != PYKV_OK) {
        /* The next log is made only when they are there. */
    }
    error_restore(&failure);
    return status;
}

/* The manifest is durable: what was in doubt goes, and with it the logs of before a clear. */
static void end_doubt(lsm *self) REQUIRES(self->manifest_lock)
{
    if (doubt_is_left(&self->doubt)) {
        doubt_end(&self->doubt, self->home);
        if (!PYKV_PLANTED(337)) {
            wal_drop_before(self->log, self->first_log);
        }
        lsm_note_result(self, LSM_WORK_SETTLE, PYKV_OK);
    }
}

static pykv_status write_version(lsm *self, const version *tables, uint64_t flushed_sequence,
                                 lsm_manifest_blocks blocks, bool clean)
    REQUIRES(self->manifest_lock)
{
    lsm_manifest listed = {.clean = clean, .flushed_sequence = flushed_sequence};
    uint32_t first_log = 0;
    pykv_status status = gather(self, tables, &listed, &first_log);
    if (status == PYKV_OK) {
        status = replace_manifest(self, blocks, &listed);
    }
    if (status == PYKV_OK) {
        self->edit = listed.edit;
        store_clock_kept(&self->clock, listed.wall_high_us);
        self->first_log = first_log;
        self->is_clean_on_disk = clean;
        end_doubt(self);
    }
    lsm_manifest_reset(&listed);
    return status;
}

pykv_status lsm_write_manifest_held(lsm *self, lsm_manifest_blocks blocks, bool clean)
{
    version *tables = current_version(self);
    return write_version(self, tables, self->flushed_sequence, blocks, clean);
}

pykv_status lsm_write_manifest(lsm *self, lsm_manifest_blocks blocks, bool clean)
{
    mutex_lock(&self->manifest_lock);
    pykv_status status = lsm_write_manifest_held(self, blocks, clean);
    mutex_unlock(&self->manifest_lock);
    return status;
}

pykv_status lsm_settle_manifest(lsm *self)
{
    pykv_status status = PYKV_OK;
    mutex_lock(&self->manifest_lock);
    if (doubt_has_outputs(&self->doubt)) {
        status = lsm_write_manifest_held(self, LSM_BLOCKS_OF_ITS_OWN, false);
    }
    mutex_unlock(&self->manifest_lock);
    return status;
}

pykv_status lsm_settle_all(lsm *self, bool *settled_out, bool *left_out)
{
    bool settled = false;
    pykv_status status = PYKV_OK;
    uint64_t now_us = env_monotonic_us(self->env);
    mutex_lock(&self->manifest_lock);
    bool is_left = doubt_is_left(&self->doubt) && !PYKV_PLANTED(284);
    if (is_left && now_us >= self->doubt.retry_us) {
        lsm_manifest_blocks blocks =
            self->doubt.cleared != NULL ? LSM_BLOCKS_KEPT : LSM_BLOCKS_OF_ITS_OWN;
        status = lsm_write_manifest_held(self, blocks, false);
        settled = status == PYKV_OK;
        is_left = !settled;
        self->doubt.retry_us = is_left ? now_us + SETTLE_RETRY_US : 0;
    }
    mutex_unlock(&self->manifest_lock);
    *settled_out = settled;
    *left_out = is_left;
    return status;
}

pykv_status lsm_trim_history(lsm *self)
{
    mutex_lock(&self->manifest_lock);
    pykv_status status = lsm_write_manifest_held(self, LSM_BLOCKS_OF_ITS_OWN, false);
    if (status == PYKV_OK) {
        wal_drop_before(self->log, self->first_log);
    }
    mutex_unlock(&self->manifest_lock);
    return status;
}

/* ---- installing ---- */

/* What an edit makes of the version. */
typedef struct successor {
    table_file **opened; /* the outputs, one reference each */
    size_t opened_count;
    value_segment **segments; /* likewise */
    size_t segment_count;
    version *version;
    view *fresh; /* prepared, so that nothing fails once the manifest is durable */
} successor;

static void successor_reset(successor *self)
{
    for (size_t i = 0; i < self->opened_count; i++) {
        table_file_release(self->opened[i]);
    }
    for (size_t i = 0; i < self->segment_count; i++) {
        value_segment_release(self->segments[i]);
    }
    mem_free(self->opened);
    mem_free(self->segments);
    version_release(self->version);
    mem_free(self->fresh);
}

table_open_options lsm_table_options(const lsm *self)
{
    return (table_open_options){.codecs = &self->codecs,
                                .hash_seed_low = self->hash_seed_low,
                                .hash_seed_high = self->hash_seed_high};
}

static pykv_status open_outputs(lsm *self, const lsm_edit *edit, successor *out)
{
    table_open_options options = lsm_table_options(self);
    out->opened = mem_alloc_zeroed(edit->output_count + 1, sizeof *out->opened);
    if (out->opened == NULL) {
        return error_set_no_memory((edit->output_count + 1) * sizeof *out->opened);
    }
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < edit->output_count && status == PYKV_OK; i++) {
        status = table_file_open(&self->graveyard, &edit->outputs[i], &options, &out->opened[i]);
        out->opened_count += status == PYKV_OK;
    }
    return status;
}

static pykv_status open_segments(lsm *self, const lsm_edit *edit, successor *out)
{
    if (edit->values_count == 0) {
        return PYKV_OK;
    }
    out->segments = mem_alloc_zeroed(edit->values_count, sizeof *out->segments);
    if (out->segments == NULL) {
        return error_set_no_memory(edit->values_count * sizeof *out->segments);
    }
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < edit->values_count && status == PYKV_OK; i++) {
        status = value_segment_open(&self->graveyard.files, self->store_id, &edit->values[i],
                                    &self->codecs, &out->segments[i]);
        out->segment_count += status == PYKV_OK;
    }
    return status;
}

/* Applies the edit to a version. */
static pykv_status derive(const version *base, const lsm_edit *edit, successor *out)
{
    size_t added_count = edit->is_move ? edit->input_count : out->opened_count;
    table_file *const *added = edit->is_move ? edit->inputs : out->opened;
    size_t bytes =
        (added_count + 1) * sizeof(version_addition) + (edit->input_count + 1) * sizeof(uint32_t);
    version_addition *additions = mem_alloc(bytes);
    if (additions == NULL) {
        return error_set_no_memory(bytes);
    }
    uint32_t *removed = (uint32_t *)(void *)(additions + added_count + 1);
    for (size_t i = 0; i < added_count; i++) {
        bool is_own = edit->ingested_through != 0;
        uint8_t level_index = is_own ? added[i]->facts.level : edit->output_level;
        additions[i] = (version_addition){added[i], level_index};
    }
    for (size_t i = 0; i < edit->input_count; i++) {
        removed[i] = edit->inputs[i]->facts.number;
    }
    version_change change = {.removed = removed,
                             .removed_count = edit->input_count,
                             .added = additions,
                             .added_count = added_count,
                             .added_values = out->segments,
                             .added_values_count = out->segment_count};
    pykv_status status = version_apply(base, &change, &out->version);
    mem_free(additions);
    if (status == PYKV_OK) {
        const range_set *flushed = edit->flushed != NULL ? memtable_ranges(edit->flushed) : NULL;
        status = version_take_ranges(out->version, base->ranges, flushed);
    }
    return status;
}

/* Opens what the edit brings. */
static pykv_status open_files(lsm *self, const lsm_edit *edit, successor *out)
{
    pykv_status status = open_outputs(self, edit, out);
    return status == PYKV_OK ? open_segments(self, edit, out) : status;
}

pykv_status lsm_derive_version(lsm *self, const version *base, const lsm_edit *edit,
                               version **version_out)
{
    successor next = {0};
    pykv_status status = open_files(self, edit, &next);
    if (status == PYKV_OK) {
        status = derive(base, edit, &next);
    }
    if (status == PYKV_OK) {
        *version_out = version_acquire(next.version);
    }
    successor_reset(&next);
    return status;
}

/* Publishes the version, and takes the flushed memtable out. */
static void publish(lsm *self, const lsm_edit *edit, successor *next) REQUIRES(self->manifest_lock)
{
    mutex_lock(&self->writer);
    const view *now = lsm_view(self);
    uint32_t kept = now->immutable_count - (edit->flushed != NULL);
    PYKV_ASSERT(edit->flushed == NULL || now->immutables[kept] == edit->flushed);
    view_fill(next->fresh, now->active, now->immutables, kept, next->version);
    lsm_replace_view(self, next->fresh);
    next->fresh = NULL;
    mutex_unlock(&self->writer);
    if (edit->flushed != NULL) {
        wal_drop_before(self->log, self->first_log);
    }
}

/* Value segments of before to which nothing of next points. */
static void mark_dead_values(const version *before, const version *next)
{
    for (uint32_t i = 0; i < before->value_segment_count; i++) {
        value_segment *segment = before->values[i].segment;
        if (version_find_values(next, segment->facts.number) == NULL && !PYKV_PLANTED(173)) {
            value_segment_mark_obsolete(segment);
        }
    }
}

static void mark_obsolete(const lsm_edit *edit)
{
    for (size_t i = 0; i < edit->input_count && !edit->is_move; i++) {
        table_file_mark_obsolete(edit->inputs[i]);
    }
}

static uint64_t flushed_after(lsm *self, const lsm_edit *edit) REQUIRES(self->manifest_lock)
{
    if (edit->flushed == NULL) {
        uint64_t ingested = edit->ingested_through;
        return ingested > self->flushed_sequence ? ingested : self->flushed_sequence;
    }
    /* After a clear the memtable may be empty: what it holds is no later than what is flushed. */
    memtable_stats stats;
    memtable_stats_read(edit->flushed, &stats);
    if (PYKV_PLANTED(97)) {
        return lsm_visible(self);
    }
    return stats.sequence_max > self->flushed_sequence ? stats.sequence_max
                                                       : self->flushed_sequence;
}

static bool is_void(lsm *self, const lsm_edit *edit)
{
    mutex_lock(&self->writer);
    bool cleared = self->clear_count != edit->clear_count;
    mutex_unlock(&self->writer);
    return cleared;
}

/* After a failure of writing it: whether the manifest with that edit may be in force all the same,
 * as when only the sync of its name failed. */
static bool may_be_in_force(lsm *self, uint64_t edit)
{
    lsm_manifest found;
    pykv_error failure = *error_last();
    bool may = true;
    if (lsm_manifest_read(self->home, &found) == PYKV_OK) {
        may = found.edit >= edit;
        lsm_manifest_reset(&found);
    }
    error_restore(&failure);
    return may;
}

static void leave_in_doubt(lsm *self, const lsm_edit *edit) REQUIRES(self->manifest_lock)
{
    doubt_outputs(&self->doubt, edit->outputs, edit->output_count, edit->values,
                  edit->values_count);
}

/* For the planted bugs: logs and tables go before a manifest without them is durable. */
static void drop_early(lsm *self, const lsm_edit *edit, uint64_t flushed)
    REQUIRES(self->manifest_lock)
{
    if (PYKV_PLANTED(94) && edit->flushed != NULL) {
        mutex_lock(&self->writer);
        uint32_t needed = wal_first_after(self->log, flushed);
        mutex_unlock(&self->writer);
        wal_drop_before(self->log, needed);
    }
    for (size_t i = 0; PYKV_PLANTED(98) && i < edit->input_count && !edit->is_move; i++) {
        char name[TABLE_FILE_NAME_BYTES];
        table_file_name(edit->inputs[i]->facts.number, name);
        pykv_status ignored = env_unlink(self->home, name);
        (void)ignored;
    }
}

static pykv_status install_locked(lsm *self, const lsm_edit *edit, successor *next, bool *taken_out)
    REQUIRES(self->manifest_lock)
{
    if (is_void(self, edit)) {
        return PYKV_NOT_FOUND;
    }
    version *before = version_acquire(current_version(self));
    pykv_status status = derive(before, edit, next);
    if (status == PYKV_OK) {
        status = view_prepare(&next->fresh);
    }
    if (status != PYKV_OK) {
        version_release(before);
        return status;
    }
    uint64_t flushed = flushed_after(self, edit);
    if (edit->flushed != NULL) {
        lsm_history_sync(self, flushed);
    }
    drop_early(self, edit, flushed);
    lsm_manifest_blocks blocks =
        edit->ingested_through != 0 ? LSM_BLOCKS_OF_ITS_OWN : LSM_BLOCKS_KEPT;
    status = write_version(self, next->version, flushed, blocks, false);
    *taken_out = status == PYKV_OK || may_be_in_force(self, self->edit + 1);
    if (status == PYKV_OK) {
        publish(self, edit, next);
        self->flushed_sequence = flushed;
        mark_obsolete(edit);
        mark_dead_values(before, next->version);
    }
    version_release(before);
    return status;
}

pykv_status lsm_install(lsm *self, const lsm_edit *edit, bool *taken_out)
{
    successor next = {0};
    *taken_out = false;
    pykv_status status = open_files(self, edit, &next);
    if (status == PYKV_OK) {
        mutex_lock(&self->manifest_lock);
        status = install_locked(self, edit, &next, taken_out);
        if (status != PYKV_OK && *taken_out) {
            leave_in_doubt(self, edit);
        }
        mutex_unlock(&self->manifest_lock);
    }
    successor_reset(&next);
    if (status == PYKV_OK) {
        lsm_tell_room(self);
    }
    return status;
}

/* After a manifest that may be in force or not: writes one of the version of now. False: that
 * failed too, and whatever is appended from now on might stand behind what nobody saw. */
static bool replace_doubtful(lsm *self) REQUIRES(self->manifest_lock)
{
    pykv_status status = lsm_write_manifest_held(self, LSM_BLOCKS_OF_ITS_OWN, false);
    if (status != PYKV_OK) {
        mutex_lock(&self->writer);
        wal_fail(self->log);
        mutex_unlock(&self->writer);
    }
    return status == PYKV_OK;
}

pykv_status lsm_install_held(lsm *self, const lsm_edit *edit, bool *taken_out)
{
    successor next = {0};
    *taken_out = false;
    pykv_status status = open_files(self, edit, &next);
    if (status == PYKV_OK) {
        status = install_locked(self, edit, &next, taken_out);
    }
    pykv_error failure = *error_last();
    if (status != PYKV_OK && *taken_out) {
        *taken_out = !replace_doubtful(self);
    }
    if (status != PYKV_OK && *taken_out) {
        leave_in_doubt(self, edit);
    }
    successor_reset(&next);
    error_restore(&failure);
    return status;
}

pykv_status lsm_install_clear(lsm *self, uint64_t sequence)
{
    version *tables = current_version(self);
    /* Any later manifest is one of the cleared store, whether this one succeeds or not. */
    self->flushed_sequence = sequence;
    lsm_history_sync(self, sequence);
    return write_version(self, tables, sequence, LSM_BLOCKS_KEPT, false);
}
