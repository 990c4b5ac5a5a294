/*
 * recover: from the logs of an unclean close to tables.
 *
 * Everything that is replayed is in durable tables before a manifest without the logs is written;
 * the epoch rises with that manifest. What crashes on the way does the same again: the tables made
 * so far are listed nowhere. A reader of a store that another process may be writing keeps what it
 * replayed in one memtable.
 */
#include <stdio.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/process.h"
#include "log/manifest_file.h"
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

/* A replay: into what, and whether full memtables become tables. */
typedef struct replay_run {
    lsm *store;
    lsm_replayed *into;
    bool to_tables;
} replay_run;

void lsm_replayed_reset(lsm_replayed *self)
{
    if (self->active != NULL) {
        memtable_release(self->active);
    }
    version_release(self->tables);
    wal_free(self->log);
    *self = (lsm_replayed){.active = NULL};
}

static pykv_status forget_all(lsm *self, lsm_replayed *into) SINGLE_THREADED
{
    lsm_replayed empty = {.ingest_mark = into->ingest_mark};
    if (PYKV_PLANTED(95)) {
        return PYKV_OK;
    }
    pykv_status status = version_new_empty(&empty.tables);
    if (status == PYKV_OK) {
        status = lsm_new_memtable(self, &empty.active);
    }
    if (status == PYKV_OK) {
        lsm_replayed_reset(into);
        *into = empty;
    } else {
        lsm_replayed_reset(&empty);
    }
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
static pykv_status turn_to_table(lsm *self, lsm_replayed *into) SINGLE_THREADED
{
    memtable *fresh;
    pykv_status status = lsm_new_memtable(self, &fresh);
    if (status != PYKV_OK) {
        return status;
    }
    memtable_seal(into->active);
    status = write_out(self, into->active, &into->tables);
    if (status == PYKV_OK) {
        memtable_release(into->active);
        into->active = fresh;
    } else {
        memtable_release(fresh);
    }
    return status;
}

static pykv_status delete_range(memtable *active, const record *found) SINGLE_THREADED
{
    memtable_range_change change;
    if (PYKV_PLANTED(139)) {
        return PYKV_OK;
    }
    pykv_status status = memtable_ranges_prepare(active, found, 1, found->sequence, &change);
    if (status == PYKV_OK) {
        memtable_ranges_apply(active, &change);
    }
    return status;
}

static pykv_status add(lsm *self, memtable *active, const record *found) SINGLE_THREADED
{
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

static pykv_status replay(void *context, const record *found)
{
    const replay_run *run = context;
    lsm_replayed *into = run->into;
    if (found->kind == RECORD_INGEST && into->ingest_mark == 0) {
        into->ingest_mark = found->sequence;
    }
    if (found->kind == RECORD_INGEST || found->kind == RECORD_DICTIONARY) {
        return PYKV_OK; /* what was ingested is in the manifest or was not; the other is a Bitcask's
                         */
    }
    pykv_status status = found->kind == RECORD_CLEAR ? forget_all(run->store, into)
                         : found->kind == RECORD_RANGE_DELETE
                             ? delete_range(into->active, found)
                             : add(run->store, into->active, found);
    if (status == PYKV_OK && run->to_tables && memtable_is_full(into->active)) {
        status = turn_to_table(run->store, into);
    }
    return status;
}

/* ---- the end of the old logs ---- */

/* The highest sequence that a table has, or a range that hides some of one. */
static uint64_t highest_sequence(const lsm_manifest *listed)
{
    uint64_t highest = listed->ranges != NULL ? range_set_sequence_max(listed->ranges) : 0;
    for (uint64_t i = 0; i < listed->table_count; i++) {
        const manifest_table *facts = &listed->tables[i];
        highest = facts->sequence_max > highest ? facts->sequence_max : highest;
        highest = facts->deletes_through > highest ? facts->deletes_through : highest;
    }
    return highest;
}

/* The sequence to go on behind. Where the log was cut nothing is given again of what the manifest,
 * its tables or the logs knew: who read it would pass over what is new. One number is left out, so
 * that a follower that had read all is told that what it read is gone. */
static uint64_t last_after(const lsm_manifest *listed, const wal_recovered *found)
{
    if (!found->damaged || PYKV_PLANTED(271)) {
        return found->last_sequence;
    }
    uint64_t last = found->sequence_bound;
    uint64_t of_tables = highest_sequence(listed);
    last = last > listed->last_sequence ? last : listed->last_sequence;
    last = last > of_tables ? last : of_tables;
    if (last == found->last_sequence) {
        return last;
    }
    return last < INTERNAL_SEQUENCE_MAX ? last + 1 : INTERNAL_SEQUENCE_MAX;
}

static pykv_status list_tables_alone(lsm *self, const lsm_manifest *listed, wal_recovery *recovery,
                                     const version *tables) SINGLE_THREADED
{
    const wal_recovered *found = wal_recovery_result(recovery);
    lsm_manifest next = *listed;
    next.tables = NULL;
    next.table_count = 0;
    next.values = NULL;
    next.values_count = 0;
    next.clean = false;
    next.edit = listed->edit + 1;
    next.epoch = listed->epoch + (listed->clean || PYKV_PLANTED(277) ? 0 : 1);
    next.next_number = self->next_number;
    next.last_sequence = last_after(listed, found);
    next.flushed_sequence = next.last_sequence;
    next.wall_high_us = store_clock_now(&self->clock);
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
        atomic_store_explicit(&self->visible_sequence, next.last_sequence, memory_order_release);
    }
    lsm_manifest_reset(&next);
    return status;
}

/* Makes tables of what was replayed, and lets the logs go. */
static pykv_status settle(lsm *self, const lsm_manifest *listed, wal_recovery *recovery,
                          lsm_replayed *replayed)
{
    memtable_stats stats;
    memtable_stats_read(replayed->active, &stats);
    pykv_status status = stats.sequence_max > 0 ? turn_to_table(self, replayed) : PYKV_OK;
    if (status == PYKV_OK) {
        status = wal_recovery_keep_torn(recovery);
    }
    if (status == PYKV_OK) {
        status = list_tables_alone(self, listed, recovery, replayed->tables);
    }
    return status == PYKV_OK ? wal_recovery_finish(recovery) : status;
}

static pykv_status publish(lsm *self, const lsm_replayed *replayed) SINGLE_THREADED
{
    return lsm_publish_view(self, replayed->active, NULL, 0, replayed->tables);
}

/* The memtable and the version of the view, to be replayed into. */
static lsm_replayed begin_with_view(lsm *self) SINGLE_THREADED
{
    const view *now = lsm_view(self);
    return (lsm_replayed){.active = memtable_acquire(now->active),
                          .tables = version_acquire(now->version)};
}

/* In place of settling, where there is no room for it. */
static pykv_status stay(lsm *self, const lsm_manifest *listed, wal_recovery *recovery,
                        version *before) SINGLE_THREADED
{
    pykv_status status = lsm_forget_replayed(self, listed, before);
    if (status != PYKV_OK) {
        return status;
    }
    lsm_replayed again = begin_with_view(self);
    replay_run run = {self, &again, false};
    status = wal_recovery_replay(recovery, replay, &run);
    if (status == PYKV_OK) {
        status = publish(self, &again);
    }
    lsm_replayed_reset(&again);
    return status == PYKV_OK ? lsm_keep_logs(self, listed, recovery) : status;
}

static pykv_status replay_and_settle(lsm *self, const lsm_manifest *listed,
                                     wal_recovery *recovery) SINGLE_THREADED
{
    const wal_recovered *found = wal_recovery_result(recovery);
    version *before = version_acquire(lsm_view(self)->version);
    lsm_replayed replayed = begin_with_view(self);
    replay_run run = {self, &replayed, true};
    pykv_status status = wal_recovery_replay(recovery, replay, &run);
    atomic_store_explicit(&self->visible_sequence, found->last_sequence, memory_order_release);
    if (status == PYKV_OK) {
        status = settle(self, listed, recovery, &replayed);
    }
    if (status == PYKV_OK) {
        status = publish(self, &replayed);
    }
    lsm_replayed_reset(&replayed);
    if (status == PYKV_NO_SPACE && found->durable) {
        status = stay(self, listed, recovery, before);
    }
    version_release(before);
    return status;
}

/* ---- opening the logs ---- */

/* What tables have was in the log before. If the log ends below, new writes would get sequences
 * that they have; behind a point in time they get later ones. */
static pykv_status check_reach(const lsm *self, const lsm_manifest *listed,
                               const wal_recovered *found)
{
    char path[PYKV_ERROR_PATH_BYTES];
    uint64_t highest = highest_sequence(listed);
    if (highest <= found->last_sequence || found->damaged) {
        return PYKV_OK;
    }
    snprintf(path, sizeof path, "%s/%s", env_directory_path(self->home), MANIFEST_NAME);
    return error_set_corruption(path, 0, "tables have sequences behind the end of the log",
                                found->last_sequence, highest);
}

static pykv_status open_logs(lsm *self, const lsm_manifest *listed, wal_recovery **recovery_out)
{
    /* A live writer cuts logs off under a reader's mapping. */
    bool mapped = self->options.read_only == 0 && self->options.no_mapped_reads == 0 &&
                  env_directory_capabilities(self->home).mapped_reads && process_guard_check();
    size_t history = PYKV_PLANTED(131) ? 0 : lsm_history_count(listed);
    wal_recovery_input input = {.logs = listed->logs + history,
                                .log_count = listed->log_count - history,
                                .store_id = listed->store_id,
                                .first_sequence = listed->flushed_sequence + 1,
                                .durable_through = listed->durable_through,
                                .mapped = mapped,
                                .point_in_time = self->options.recover_point_in_time != 0,
                                .lender = work_lender_of(&self->options)};
    pykv_status status = wal_recovery_open(self->home, &input, recovery_out);
    if (status == PYKV_OK) {
        status = check_reach(self, listed, wal_recovery_result(*recovery_out));
        if (status != PYKV_OK) {
            wal_recovery_free(*recovery_out);
        }
    }
    return status;
}

pykv_status lsm_recover(lsm *self, const lsm_manifest *listed) SINGLE_THREADED
{
    wal_recovery *recovery;
    pykv_status status = open_logs(self, listed, &recovery);
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

/* ---- read-only ---- */

/* Adds the logs that may go on: the last one with records, and those behind it. */
static pykv_status watch_logs(lsm *self, const lsm_manifest *listed, const wal_recovery *recovery,
                              shown_state *shown)
{
    size_t history = lsm_history_count(listed);
    size_t count = listed->log_count - history;
    size_t last = count;
    while (last > 1 && wal_recovery_end(recovery, last - 1) <= LOG_SEGMENT_HEADER_BYTES) {
        last--;
    }
    pykv_status status = PYKV_OK;
    for (size_t i = last > 0 ? last - 1 : 0; i < count && status == PYKV_OK; i++) {
        status = shown_state_add(shown, self->home, listed->logs[history + i].number,
                                 wal_recovery_end(recovery, i));
    }
    return status;
}

pykv_status lsm_replay_logs(lsm *self, const lsm_manifest *listed, lsm_replayed *into,
                            shown_state *shown, wal_recovered *found_out)
{
    wal_recovery *recovery;
    replay_run run = {self, into, false};
    pykv_status status = open_logs(self, listed, &recovery);
    if (status != PYKV_OK) {
        return status;
    }
    status = wal_recovery_replay(recovery, replay, &run);
    *found_out = *wal_recovery_result(recovery);
    if (status == PYKV_OK) {
        status = watch_logs(self, listed, recovery, shown);
    }
    if (status == PYKV_OK) {
        status = lsm_history_show(self, listed, recovery, found_out->last_sequence, &into->log);
    }
    wal_recovery_free(recovery);
    return status;
}
