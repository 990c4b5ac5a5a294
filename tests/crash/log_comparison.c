/*
 * log_comparison: what was found on a disk against what was promised. Single-threaded.
 */
#include "crash/log_workload_parts.h"
#include "harness/check.h"

void log_history_synced(log_history *self, uint64_t sequence)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->failed_count; i++) {
        if (self->failed[i].first_sequence > sequence) {
            self->failed[kept++] = self->failed[i];
        }
    }
    self->failed_count = kept;
    self->synced_sequence = sequence;
}

log_comparison log_comparison_from(const log_workload *plan, const log_history *history,
                                   bool keeps_all, uint64_t sequence)
{
    log_comparison self = {.plan = plan, .history = history, .keeps_all = keeps_all};
    while (self.commit_index < history->commit_count &&
           history->commits[self.commit_index].first_sequence < sequence) {
        self.commit_index++;
    }
    return self;
}

static bool record_is(const log_workload *plan, const record *found, uint64_t number)
{
    static log_workload_bytes bytes;
    record wanted;
    log_workload_record(plan, found->sequence, number, &bytes, &wanted);
    return wanted.kind == found->kind && slice_equal(wanted.key, found->key) &&
           slice_equal(wanted.value, found->value);
}

/* Takes the record as one of the commit that comes next; false: it is none. */
static bool take_acknowledged(log_comparison *self, const record *found)
{
    if (self->in_failed || self->commit_index == self->history->commit_count) {
        return false;
    }
    const attempt *commit = &self->history->commits[self->commit_index];
    if (found->sequence != commit->first_sequence + self->seen_in_commit ||
        !record_is(self->plan, found, commit->number)) {
        return false;
    }
    if (++self->seen_in_commit == commit->count) {
        self->commit_index++;
        self->seen_in_commit = 0;
    }
    return true;
}

/* The same for writes that failed; behind one nothing may come. */
static bool take_failed(log_comparison *self, const record *found)
{
    bool any = false;
    for (size_t i = 0; i < self->history->failed_count; i++) {
        const attempt *failed = &self->history->failed[i];
        self->failed_fits[i] = (self->seen_in_commit == 0 || self->failed_fits[i]) &&
                               self->seen_in_commit < failed->count &&
                               found->sequence == failed->first_sequence + self->seen_in_commit &&
                               record_is(self->plan, found, failed->number);
        any = any || self->failed_fits[i];
    }
    self->in_failed = true;
    self->seen_in_commit++;
    return any;
}

const char *log_comparison_next(log_comparison *self, const record *found)
{
    if (take_acknowledged(self, found)) {
        return NULL;
    }
    bool all_before = self->commit_index == self->history->commit_count;
    if (!self->in_failed && (self->seen_in_commit > 0 || (self->keeps_all && !all_before))) {
        return "a record is not what was acknowledged under its sequence";
    }
    return take_failed(self, found) ? NULL : "a record that was never written";
}

const char *log_comparison_end(const log_comparison *self)
{
    if (self->seen_in_commit == 0) {
        return NULL;
    }
    for (size_t i = 0; i < self->history->failed_count && self->in_failed; i++) {
        if (self->failed_fits[i] && self->seen_in_commit == self->history->failed[i].count) {
            return NULL;
        }
    }
    return self->in_failed ? "part of a failed batch" : "part of a batch";
}
