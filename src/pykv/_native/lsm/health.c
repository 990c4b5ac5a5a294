/*
 * health: a failure for each kind of work, and the state that follows from them.
 */
#include "lsm/health.h"

#include "base/error.h"
#include "lsm/brake.h"
#include "lsm/delete_range.h"
#include "lsm/value_segment.h"

void lsm_note(lsm *self, lsm_work work, pykv_status status)
{
    if (status != PYKV_OK) {
        self->failures[work] = *error_last();
        self->failure_counts[work]++;
    }
    self->failures[work].status = status;
}

void lsm_note_result(lsm *self, lsm_work work, pykv_status status)
{
    mutex_lock(&self->writer);
    lsm_note(self, work, status);
    mutex_unlock(&self->writer);
}

void lsm_note_nothing(lsm *self)
{
    for (int i = 0; i < LSM_WORK_COUNT; i++) {
        self->failures[i].status = PYKV_OK;
    }
}

void lsm_try_values_again(lsm *self)
{
    const version *tables = lsm_view(self)->version;
    for (uint32_t i = 0; i < tables->value_segment_count; i++) {
        value_segment_set_unreadable(tables->values[i].segment, false);
    }
}

static bool has_unreadable_values(const version *tables)
{
    bool found = false;
    for (uint32_t i = 0; i < tables->value_segment_count && !found; i++) {
        found = value_segment_is_unreadable(tables->values[i].segment);
    }
    return found;
}

/* Writes go on without compactions: a write that is refused for want of room has its own failure.
 */
static int32_t state_by_failure(lsm_work work, pykv_status status)
{
    if (status == PYKV_OK) {
        return PYKV_STATE_OPEN;
    }
    bool stops_writes =
        (work != LSM_WORK_COMPACTION && work != LSM_WORK_SETTLE) || PYKV_PLANTED(272);
    return status == PYKV_NO_SPACE && stops_writes ? PYKV_STATE_READ_ONLY : PYKV_STATE_DEGRADED;
}

int32_t lsm_state_now(lsm *self)
{
    if (self->log != NULL && wal_check(self->log) != PYKV_OK) {
        return PYKV_STATE_FAILED;
    }
    int32_t state = self->options.read_only != 0 ? PYKV_STATE_READ_ONLY : PYKV_STATE_OPEN;
    for (int i = 0; i < LSM_WORK_COUNT; i++) {
        int32_t of_work = state_by_failure((lsm_work)i, self->failures[i].status);
        state = of_work > state ? of_work : state;
    }
    bool is_sound = state != PYKV_STATE_OPEN || !has_unreadable_values(lsm_view(self)->version);
    return is_sound ? state : PYKV_STATE_DEGRADED;
}

uint64_t lsm_failures_of_room(const lsm *self)
{
    return self->failure_counts[LSM_WORK_FLUSH] + self->failure_counts[LSM_WORK_COMPACTION];
}

pykv_status lsm_failure_of_room(lsm *self, uint64_t since, bool for_ranges)
{
    pykv_error failure = {.status = PYKV_OK};
    mutex_lock(&self->writer);
    bool is_new = lsm_failures_of_room(self) != since;
    bool by_compaction = lsm_view(self)->version->levels[0].count >= lsm_level0_stop(self) ||
                         (for_ranges && lsm_has_too_many_ranges(self));
    if (is_new && self->failures[LSM_WORK_FLUSH].status != PYKV_OK) {
        failure = self->failures[LSM_WORK_FLUSH];
    } else if (is_new && by_compaction && self->failures[LSM_WORK_COMPACTION].status != PYKV_OK) {
        failure = self->failures[LSM_WORK_COMPACTION];
    }
    mutex_unlock(&self->writer);
    if (failure.status != PYKV_OK) {
        error_restore(&failure);
    }
    return failure.status;
}
