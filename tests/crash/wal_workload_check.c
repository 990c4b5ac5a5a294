/*
 * wal_workload_check: opens the logs of a disk as an owner does, compares what they give with what
 * was promised, and ends them as an owner does when what they held is in tables. Single-threaded.
 */
#include "crash/log_workload_parts.h"
#include "crash/wal_workload.h"
#include "harness/check.h"

#include "log/log_file.h"
#include "lsm/version_edit.h"
#include "lsm/wal_recover.h"

/* The logs of a disk. */
typedef struct found_log {
    env_directory *home;
    lsm_manifest listed;
    wal_recovery *recovery; /* NULL: there is no manifest yet */
    log_comparison state;
    const char *wrong;
    uint64_t last; /* sequence of the last record, or flushed */
} found_log;

static void close_found(found_log *self)
{
    wal_recovery_free(self->recovery);
    lsm_manifest_reset(&self->listed);
    if (self->home != NULL) {
        env_directory_close(self->home);
    }
}

/* On failure nothing is held. */
static pykv_status open_found(found_log *self, env *disk, const log_workload *plan)
{
    memset(self, 0, sizeof *self);
    pykv_status status = env_directory_open(disk, "/log", false, &self->home);
    if (status == PYKV_OK) {
        status = lsm_manifest_read(self->home, &self->listed);
    }
    if (status == PYKV_PATH_NOT_FOUND || status == PYKV_NOT_FOUND) {
        return PYKV_OK;
    }
    wal_recovery_input input = {.logs = self->listed.logs,
                                .log_count = (size_t)self->listed.log_count,
                                .store_id = plan->seed,
                                .first_sequence = self->listed.flushed_sequence + 1,
                                .durable_through = self->listed.durable_through,
                                .mapped = plan->seed % 3 != 0};
    if (status == PYKV_OK) {
        status = wal_recovery_open(self->home, &input, &self->recovery);
    }
    if (status != PYKV_OK) {
        close_found(self);
    }
    return status;
}

static pykv_status compare(void *context, const record *found)
{
    found_log *self = context;
    if (found->sequence != self->last + 1) {
        self->wrong = "a sequence does not follow what is in tables";
    }
    if (self->wrong == NULL) {
        self->wrong = log_comparison_next(&self->state, found);
    }
    self->last = found->sequence;
    return PYKV_OK;
}

const char *wal_workload_check(env *disk, const log_workload *plan, const log_history *history,
                               bool keeps_all, uint64_t *last_out, pykv_status *status_out)
{
    found_log found;
    pykv_status status = open_found(&found, disk, plan);
    found.last = status == PYKV_OK ? found.listed.flushed_sequence : 0;
    found.state = log_comparison_from(plan, history, keeps_all, found.last + 1);
    if (status == PYKV_OK && found.recovery != NULL) {
        status = wal_recovery_replay(found.recovery, compare, &found);
    }
    *status_out = status;
    *last_out = found.last;
    const char *wrong = found.wrong;
    if (status != PYKV_OK) {
        wrong = "the logs cannot be read";
    } else if (wrong == NULL) {
        wrong = log_comparison_end(&found.state);
    }
    if (wrong == NULL && found.recovery != NULL &&
        wal_recovery_result(found.recovery)->last_sequence != found.last) {
        wrong = "the replay does not give what recovery found";
    } else if (wrong == NULL && found.last < history->synced_sequence) {
        wrong = "a synced record is missing";
    } else if (wrong == NULL && keeps_all && found.last < history->last_sequence) {
        wrong = "an acknowledged record is missing though nothing was lost";
    }
    if (status == PYKV_OK) {
        close_found(&found);
    }
    return wrong;
}

static pykv_status count_one(void *context, const record *found)
{
    found_log *self = context;
    self->last = found->sequence;
    return PYKV_OK;
}

/* The manifest of a store whose logs are all in tables. */
static pykv_status write_manifest(const found_log *self)
{
    lsm_manifest now = {.store_id = self->listed.store_id,
                        .edit = self->listed.edit + 1,
                        .epoch = self->listed.epoch + 1,
                        .next_number = self->listed.next_number,
                        .last_sequence = self->last,
                        .flushed_sequence = self->last,
                        .durable_through = self->listed.durable_through};
    return lsm_manifest_replace(self->home, &now);
}

/* What was torn off must be kept under another name. */
static void check_kept(const found_log *self)
{
    env_names names;
    bool kept = wal_recovery_result(self->recovery)->discarded_bytes == 0;
    CHECK_OK(env_directory_list(self->home, &names));
    for (size_t i = 0; i < names.count; i++) {
        kept = kept || strstr(names.names[i], ".torn") != NULL;
        for (uint64_t k = 0; k < self->listed.log_count; k++) {
            CHECK(log_file_number(names.names[i]) != self->listed.logs[k].number);
        }
    }
    env_names_free(&names);
    CHECK(kept);
}

pykv_status wal_workload_recover(env *disk, const log_workload *plan)
{
    found_log found;
    pykv_status status = open_found(&found, disk, plan);
    if (status != PYKV_OK || found.recovery == NULL) {
        if (status == PYKV_OK) {
            close_found(&found);
        }
        return status;
    }
    found.last = found.listed.flushed_sequence;
    status = wal_recovery_replay(found.recovery, count_one, &found);
    if (status == PYKV_OK) {
        status = wal_recovery_keep_torn(found.recovery);
    }
    if (status == PYKV_OK) {
        status = write_manifest(&found);
    }
    if (status == PYKV_OK) {
        status = wal_recovery_finish(found.recovery);
    }
    if (status == PYKV_OK) {
        check_kept(&found);
    }
    close_found(&found);
    return status;
}
