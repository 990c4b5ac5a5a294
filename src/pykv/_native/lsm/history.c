/*
 * history: which logs are kept, and what becomes of them when a store is opened.
 */
#include "lsm/history.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_feed.h"
#include "lsm/open.h"
#include "lsm/reserve.h"
#include "lsm/wal_history.h"

/* Logs that a feed may keep, so that one which follows is not left behind by a flush. */
enum { FEED_LOGS_MAX = 4 };

static bool is_wanted(const lsm *self) REQUIRES(self->writer)
{
    return self->options.history_bytes > 0 || change_feeds_want_history(&self->feeds);
}

void lsm_history_plan(lsm *self, uint32_t number, uint64_t flushed)
{
    history_keeper keepers[HISTORY_KEEPERS_MAX];
    uint64_t now_us = self->feeds.pins.count > 0 ? store_clock_now(&self->clock) : 0;
    bool is_full = lsm_room_is_lent(self);
    uint64_t feed_bytes = is_full ? 0 : FEED_LOGS_MAX * (self->options.memtable_bytes / 4 * 5);
    history_wish wish = {.bytes = is_full ? 0 : self->options.history_bytes,
                         .keepers = keepers,
                         .keeper_count =
                             change_feeds_keepers(&self->feeds, feed_bytes, now_us, keepers),
                         .logs_max = LSM_LOGS_MAX};
    wal_plan_history(self->log, number, flushed, &wish);
}

void lsm_history_sync(lsm *self, uint64_t sequence)
{
    mutex_lock(&self->writer);
    bool wanted = is_wanted(self) && !PYKV_PLANTED(132);
    mutex_unlock(&self->writer);
    if (wanted && wal_sync_through(self->log, sequence) != PYKV_OK) {
        /* Then the plan leaves them out. */
    }
}

size_t lsm_history_count(const lsm_manifest *listed)
{
    size_t count = 0;
    while (count < listed->log_count && listed->logs[count].history_end != 0) {
        count++;
    }
    return count;
}

/* ---- opening ---- */

static log_segment_header header_of(const lsm *self, const manifest_log *listed)
{
    return (log_segment_header){.kind = LOG_SEGMENT_APPEND,
                                .number = listed->number,
                                .file_id = listed->file_id,
                                .birth_sequence = listed->birth_sequence,
                                .store_id = self->store_id};
}

/* The first sequence of a log; 0: it is not known yet. */
static uint64_t known_first(lsm *self, const manifest_log *listed)
{
    mutex_lock(&self->writer);
    uint64_t first = self->shown_log != NULL ? wal_first_of(self->shown_log, listed) : 0;
    mutex_unlock(&self->writer);
    return first;
}

/* Finds the first sequence of each log; *start_out: the first log behind those that have none. */
static pykv_status find_firsts(lsm *self, const lsm_manifest *listed, size_t count,
                               uint64_t *firsts, size_t *start_out)
{
    size_t start = 0;
    for (size_t i = 0; i < count; i++) {
        log_segment_header header = header_of(self, &listed->logs[i]);
        firsts[i] = known_first(self, &listed->logs[i]);
        pykv_status status =
            firsts[i] != 0 ? PYKV_OK : log_feed_first(self->home, &header, &firsts[i]);
        if (status != PYKV_OK && status != PYKV_CORRUPTION && !PYKV_PLANTED(345)) {
            return status; /* nothing is known of the file */
        }
        bool rises = i == start || firsts[i] > firsts[i - 1];
        start = status != PYKV_OK || firsts[i] == 0 ? i + 1 : rises ? start : i;
    }
    *start_out = start;
    return PYKV_OK;
}

pykv_status lsm_history_adopt(lsm *self, wal *log, const lsm_manifest *listed, uint64_t last)
{
    size_t count = lsm_history_count(listed);
    size_t start = count;
    uint64_t *firsts = mem_alloc_zeroed(count + 1, sizeof *firsts);
    if (firsts == NULL) {
        return error_set_no_memory((count + 1) * sizeof *firsts);
    }
    pykv_status status = find_firsts(self, listed, count, firsts, &start);
    firsts[count] = last + 1;
    if (status == PYKV_OK && count > start && firsts[count - 1] > last) {
        start = count;
    }
    for (size_t i = start; i < count && status == PYKV_OK; i++) {
        const manifest_log *entry = &listed->logs[i];
        status = wal_adopt(log, entry, entry->history_end, firsts[i], firsts[i + 1] - 1);
    }
    mem_free(firsts);
    return status;
}

pykv_status lsm_history_adopt_all(lsm *self, wal *log, const lsm_manifest *listed,
                                  const wal_recovery *recovery)
{
    size_t history = lsm_history_count(listed);
    uint64_t last = wal_recovery_result(recovery)->last_sequence;
    size_t count = listed->log_count - history;
    uint64_t *lasts = mem_alloc_zeroed(count + 1, sizeof *lasts);
    if (lasts == NULL) {
        return error_set_no_memory((count + 1) * sizeof *lasts);
    }
    for (size_t i = count; i-- > 0;) {
        uint64_t first = wal_recovery_first(recovery, i);
        lasts[i] = last;
        last = first != 0 ? first - 1 : last;
    }
    pykv_status status = lsm_history_adopt(self, log, listed, last);
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        uint64_t first = wal_recovery_first(recovery, i);
        status = wal_adopt(log, &listed->logs[history + i], wal_recovery_end(recovery, i), first,
                           first != 0 ? lasts[i] : 0);
    }
    mem_free(lasts);
    return status;
}

pykv_status lsm_history_show(lsm *self, const lsm_manifest *listed, const wal_recovery *recovery,
                             uint64_t last, wal **log_out)
{
    wal *log = NULL;
    wal_owner owner = lsm_wal_owner(self);
    pykv_status status = wal_open(self->env, self->home, &owner, &self->options, self->store_id,
                                  WAL_LOG_BYTES_MIN, last, listed->durable_through, &log);
    if (status != PYKV_OK) {
        return status;
    }
    if (recovery == NULL) {
        status = lsm_history_adopt(self, log, listed, last);
    } else if (wal_recovery_result(recovery)->reaches_tables) {
        status = lsm_history_adopt_all(self, log, listed, recovery);
    }
    if (status != PYKV_OK) {
        wal_free(log);
        return status;
    }
    *log_out = log;
    return PYKV_OK;
}

pykv_status lsm_history_after(lsm *self, const lsm_manifest *listed, wal_recovery *recovery,
                              lsm_manifest *next) SINGLE_THREADED
{
    size_t old_count = lsm_history_count(listed);
    next->logs = NULL;
    next->log_count = 0;
    size_t kept = 0;
    const wal_recovered *found = wal_recovery_result(recovery);
    if (!is_wanted(self) || !found->reaches_tables || found->damaged ||
        wal_recovery_keep(recovery, &kept) != PYKV_OK) {
        return PYKV_OK; /* there would be a gap in it, or behind it */
    }
    next->logs = mem_alloc_zeroed(listed->log_count + 1, sizeof *next->logs);
    if (next->logs == NULL) {
        return error_set_no_memory((listed->log_count + 1) * sizeof *next->logs);
    }
    for (size_t i = 0; i < old_count; i++) {
        next->logs[next->log_count++] = listed->logs[i];
    }
    for (size_t i = 0; i < kept; i++) {
        manifest_log *log = &next->logs[next->log_count];
        *log = listed->logs[old_count + i];
        log->history_end = wal_recovery_end(recovery, i);
        next->log_count += log->history_end > LOG_SEGMENT_HEADER_BYTES;
    }
    return PYKV_OK;
}
