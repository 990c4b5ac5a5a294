/*
 * recover: from the logs of an unclean close to tables.
 *
 * Everything that is replayed is in durable tables before a manifest without the logs is written;
 * the epoch rises with that manifest. What crashes on the way does the same again: the tables made
 * so far are listed nowhere. A reader of a store that another process may be writing keeps what it
 * replayed in one memtable.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "lsm/edit.h"
#include "lsm/history.h"
#include "lsm/internal_key.h"
#include "lsm/jobs.h"
#include "lsm/memtable_ranges.h"
#include "lsm/open.h"
#include "lsm/room.h"
#include "lsm/version_values.h"
#include "lsm/wal_recover.h"

/* ---- replay ---- */

static pykv_status forget_all(lsm *self) SINGLE_THREADED
{
    memtable *active;
    version *tables;
    if (PYKV_PLANTED(95)) {
        return PYKV_OK;
    }
    pykv_status status = version_new_empty(&tables);
    if (status != PYKV_OK) {
        return status;
    }
    status = lsm_new_memtable(self, &active);
    if (status == PYKV_OK) {
        status = lsm_publish_view(self, active, NULL, 0, tables);
        memtable_release(active);
    }
    version_release(tables);
    return status;
}

/* Replaces *tables by the version that a finished flush of a memtable leads to. */
static pykv_status take_output(lsm *self, flush_run *run, memtable *from,
                               version **tables) SINGLE_THREADED
{
    const manifest_table *output = flush_run_output(run);
    version *next;
    lsm_edit edit = {.flushed = from, .outputs = output, .output_count = output != NULL};
    edit.values = flush_run_values(run, &edit.values_count);
    pykv_status status = lsm_derive_version(self, *tables, &edit, &next);
    if (status == PYKV_OK) {
        flush_run_take(run);
        version_release(*tables);
        *tables = next;
    }
    return status;
}

/* Writes a memtable out as a table of level 0 that no manifest lists yet. */
static pykv_status write_out(lsm *self, memtable *from, version **tables) SINGLE_THREADED
{
    flush_run *run;
    bool more = true;
    table_job job = lsm_job(self, 0, UINT64_MAX);
    pykv_status status = flush_run_new(&job, from, *tables, &run);
    if (status != PYKV_OK) {
        return status;
    }
    while (status == PYKV_OK && more) {
        status = flush_run_step(run, LSM_STEP_BYTES, &more);
    }
    if (status == PYKV_OK) {
        status = take_output(self, run, from, tables);
    }
    flush_run_free(run);
    return status;
}

/* Makes a table of the active memtable, and begins another. */
static pykv_status turn_to_table(lsm *self) SINGLE_THREADED
{
    view *now = lsm_view(self);
    version *tables = version_acquire(now->version);
    memtable *fresh;
    pykv_status status = lsm_new_memtable(self, &fresh);
    if (status != PYKV_OK) {
        version_release(tables);
        return status;
    }
    memtable_seal(now->active);
    status = write_out(self, now->active, &tables);
    if (status == PYKV_OK) {
        status = lsm_publish_view(self, fresh, NULL, 0, tables);
    }
    memtable_release(fresh);
    version_release(tables);
    return status;
}

static pykv_status delete_range(lsm *self, const record *found) SINGLE_THREADED
{
    memtable_range_change change;
    memtable *active = lsm_view(self)->active;
    if (PYKV_PLANTED(139)) {
        return PYKV_OK;
    }
    pykv_status status = memtable_ranges_prepare(active, found, 1, found->sequence, &change);
    if (status == PYKV_OK) {
        memtable_ranges_apply(active, &change);
    }
    return status;
}

static pykv_status add(lsm *self, const record *found) SINGLE_THREADED
{
    memtable *active = lsm_view(self)->active;
    iterator_entry entry = {.key = found->key,
                            .value = found->value,
                            .sequence = found->sequence,
                            .deadline_us = found->deadline_us,
                            .body_crc = found->body_crc,
                            .kind = found->kind};
    uint64_t bytes =
        memtable_entry_bytes(found->key.size, found->value.size, found->deadline_us != 0);
    pykv_status status =
        internal_key_check(found->key.size, found->value.size, found->sequence, found->kind);
    if (status == PYKV_OK) {
        status = memtable_reserve(active, 1, bytes);
    }
    if (status == PYKV_OK) {
        memtable_add(active, &entry, lsm_hash(self, found->key));
    }
    return status;
}

/* A replay, and what becomes of a full memtable. */
typedef struct replay_run {
    lsm *store;
    bool to_tables;
} replay_run;

static pykv_status replay(void *context, const record *found)
{
    const replay_run *run = context;
    lsm *self = run->store;
    if (found->kind == RECORD_INGEST) {
        return PYKV_OK; /* what was ingested is in the manifest or was not */
    }
    pykv_status status = found->kind == RECORD_CLEAR          ? forget_all(self)
                         : found->kind == RECORD_RANGE_DELETE ? delete_range(self, found)
                                                              : add(self, found);
    if (status == PYKV_OK && run->to_tables && memtable_is_full(lsm_view(self)->active)) {
        status = turn_to_table(self);
    }
    return status;
}

/* ---- the end of the old logs ---- */

static pykv_status list_tables_alone(lsm *self, const lsm_manifest *listed,
                                     wal_recovery *recovery) SINGLE_THREADED
{
    const wal_recovered *found = wal_recovery_result(recovery);
    lsm_manifest next = *listed;
    next.tables = NULL;
    next.table_count = 0;
    next.values = NULL;
    next.values_count = 0;
    next.clean = false;
    next.edit = listed->edit + 1;
    next.epoch = listed->epoch + (listed->clean ? 0 : 1);
    next.next_number = self->next_number;
    next.last_sequence = found->last_sequence;
    next.flushed_sequence = found->last_sequence;
    next.wall_high_us = store_clock_now(&self->clock);
    const version *tables = lsm_view(self)->version;
    next.ranges = range_set_acquire(tables->ranges);
    pykv_status status = lsm_history_after(self, listed, recovery, &next);
    if (status == PYKV_OK) {
        status = version_list(tables, &next.tables, &next.table_count);
    }
    if (status == PYKV_OK) {
        status = version_list_values(tables, &next.values, &next.values_count);
    }
    if (status == PYKV_OK) {
        status = lsm_manifest_replace(self->home, &next);
    }
    if (status == PYKV_OK) {
        self->edit = next.edit;
        self->epoch_number = next.epoch;
        self->flushed_sequence = next.flushed_sequence;
        self->is_clean_on_disk = false;
    }
    lsm_manifest_reset(&next);
    return status;
}

/* Makes tables of what was replayed, and lets the logs go. */
static pykv_status settle(lsm *self, const lsm_manifest *listed, wal_recovery *recovery)
{
    memtable_stats stats;
    memtable_stats_read(lsm_view(self)->active, &stats);
    pykv_status status = stats.sequence_max > 0 ? turn_to_table(self) : PYKV_OK;
    if (status == PYKV_OK) {
        status = wal_recovery_keep_torn(recovery);
    }
    if (status == PYKV_OK) {
        status = list_tables_alone(self, listed, recovery);
    }
    return status == PYKV_OK ? wal_recovery_finish(recovery) : status;
}

/* In place of settling, where there is no room for it. */
static pykv_status stay(lsm *self, const lsm_manifest *listed, wal_recovery *recovery,
                        version *before) SINGLE_THREADED
{
    replay_run run = {self, false};
    pykv_status status = lsm_forget_replayed(self, listed, before);
    if (status == PYKV_OK) {
        status = wal_recovery_replay(recovery, replay, &run);
    }
    return status == PYKV_OK ? lsm_keep_logs(self, listed, recovery) : status;
}

static pykv_status replay_and_settle(lsm *self, const lsm_manifest *listed,
                                     wal_recovery *recovery) SINGLE_THREADED
{
    const wal_recovered *found = wal_recovery_result(recovery);
    replay_run run = {self, self->options.read_only == 0};
    version *before = version_acquire(lsm_view(self)->version);
    pykv_status status = wal_recovery_replay(recovery, replay, &run);
    atomic_store_explicit(&self->visible_sequence, found->last_sequence, memory_order_release);
    if (status == PYKV_OK && run.to_tables) {
        status = settle(self, listed, recovery);
    }
    if (status == PYKV_NO_SPACE && run.to_tables && found->durable) {
        status = stay(self, listed, recovery, before);
    }
    version_release(before);
    return status;
}

pykv_status lsm_recover(lsm *self, const lsm_manifest *listed) SINGLE_THREADED
{
    env_capabilities can = env_directory_capabilities(self->home);
    size_t history = PYKV_PLANTED(131) ? 0 : lsm_history_count(listed);
    wal_recovery_input input = {.logs = listed->logs + history,
                                .log_count = listed->log_count - history,
                                .store_id = listed->store_id,
                                .first_sequence = listed->flushed_sequence + 1,
                                .durable_through = listed->durable_through,
                                .mapped = can.mapped_reads && self->options.no_mapped_reads == 0,
                                .point_in_time = self->options.recover_point_in_time != 0};
    wal_recovery *recovery;
    pykv_status status = wal_recovery_open(self->home, &input, &recovery);
    if (status != PYKV_OK) {
        return status;
    }
    const wal_recovered *found = wal_recovery_result(recovery);
    self->recovered_record_count = found->record_count;
    self->discarded_bytes = found->discarded_bytes;
    status = replay_and_settle(self, listed, recovery);
    wal_recovery_free(recovery);
    return status;
}
