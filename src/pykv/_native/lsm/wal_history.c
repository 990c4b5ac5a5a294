/*
 * wal_history: the logs as a run of sequences.
 */
#include "lsm/wal_history.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/version_edit.h"
#include "lsm/wal_internal.h"

pykv_status wal_adopt(wal *self, const manifest_log *listed, uint64_t end, uint64_t first,
                      uint64_t last)
{
    wal_log *log = mem_alloc_zeroed(1, sizeof *log);
    if (log == NULL) {
        return error_set_no_memory(sizeof *log);
    }
    log->number = listed->number;
    log->file_id = listed->file_id;
    log->birth_sequence = listed->birth_sequence;
    log->epoch = listed->epoch;
    log->sealed = true;
    log->synced = true;
    log->history = listed->history_end != 0;
    log->first_sequence = first;
    log->last_sequence = last;
    log->writer.record_end = end;
    mutex_lock(self->writer);
    pykv_status status = wal_add_log(self, log);
    mutex_unlock(self->writer);
    if (status != PYKV_OK) {
        mem_free(log);
    }
    return status;
}

uint64_t wal_first_of(const wal *self, const manifest_log *listed)
{
    size_t low = 0;
    wal_lock_is_held(self);
    for (size_t high = self->log_count; low < high;) {
        size_t middle = low + (high - low) / 2;
        bool is_before = self->logs[middle]->number < listed->number;
        low = is_before ? middle + 1 : low;
        high = is_before ? high : middle;
    }
    const wal_log *log = low < self->log_count ? self->logs[low] : NULL;
    bool is_it = log != NULL && log->number == listed->number && log->file_id == listed->file_id;
    return is_it ? log->first_sequence : 0;
}

static uint64_t epoch_of(const wal *self, const wal_log *log)
{
    return log->file == NULL ? log->epoch : self->epoch;
}

/* Whether somebody wants a log that has bytes with those behind it, of which the next is of epoch
 * next. Who stands at the end of an epoch wants the log that tells of it. */
static bool is_wanted(const wal *self, const history_wish *wish, const wal_log *log, uint64_t bytes,
                      uint64_t next)
{
    bool ends_epoch = epoch_of(self, log) != next && !PYKV_PLANTED(376);
    return history_is_wanted(wish->keepers, wish->keeper_count, log->last_sequence + ends_epoch,
                             bytes);
}

void wal_plan_history(wal *self, uint32_t number, uint64_t flushed, const history_wish *wish)
{
    uint64_t bytes = 0;
    size_t listed_count = 0;
    uint64_t next = self->epoch;
    wal_lock_is_held(self);
    self->keep_from = UINT32_MAX;
    bool has_gap = (flushed > self->synced_sequence && !PYKV_PLANTED(398)) ||
                   (self->failed && PYKV_PLANTED(389));
    for (size_t i = has_gap ? 0 : self->log_count; i-- > 0;) {
        const wal_log *log = self->logs[i];
        bool is_live = wal_log_is_live(log, number);
        listed_count += is_live || log->last_sequence != 0;
        if (is_live || log->last_sequence == 0) {
            next = log->last_sequence != 0 ? epoch_of(self, log) : next;
            continue;
        }
        uint64_t before = bytes;
        bytes += log_writer_end(&log->writer);
        bool wanted = before < wish->bytes || is_wanted(self, wish, log, bytes, next);
        if (!wanted || log->last_sequence > self->synced_sequence ||
            listed_count > wish->logs_max) {
            break;
        }
        self->keep_from = log->number;
        next = epoch_of(self, log);
    }
}

void wal_set_epoch(wal *self, uint64_t number) SINGLE_THREADED
{
    self->epoch = number;
}

bool wal_find(const wal *self, uint64_t sequence, log_feed_place *place_out)
{
    wal_lock_is_held(self);
    for (size_t i = self->log_count; i-- > 0;) {
        const wal_log *log = self->logs[i];
        if (log->last_sequence == 0 || sequence < log->first_sequence) {
            continue;
        }
        if (sequence > log->last_sequence) {
            return false;
        }
        *place_out = (log_feed_place){.header = {.kind = LOG_SEGMENT_APPEND,
                                                 .number = log->number,
                                                 .file_id = log->file_id,
                                                 .birth_sequence = log->birth_sequence,
                                                 .store_id = self->store_id},
                                      .last_sequence = log->last_sequence,
                                      .epoch = epoch_of(self, log)};
        return true;
    }
    return false;
}

uint64_t wal_history_floor(const wal *self)
{
    wal_lock_is_held(self);
    for (size_t i = 0; i < self->log_count; i++) {
        if (self->logs[i]->last_sequence != 0) {
            return self->logs[i]->first_sequence;
        }
    }
    return self->appended_sequence + 1;
}
