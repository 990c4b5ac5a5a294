/*
 * wal_history: the logs as a run of sequences.
 */
#include "lsm/wal_history.h"

#include "lsm/wal_internal.h"

bool wal_find(const wal *self, uint64_t sequence, wal_place *place_out)
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
        *place_out = (wal_place){.header = {.kind = LOG_SEGMENT_APPEND,
                                            .number = log->number,
                                            .file_id = log->file_id,
                                            .birth_sequence = log->birth_sequence,
                                            .store_id = self->store_id},
                                 .last_sequence = log->last_sequence,
                                 .epoch = log->epoch,
                                 .is_old = log->file == NULL};
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
