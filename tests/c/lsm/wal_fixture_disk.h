/*
 * wal_fixture_disk: verbs for what a write-ahead log left on its disk: files, power cuts, recovery.
 */
#ifndef PYKV_TESTS_LSM_WAL_FIXTURE_DISK_H
#define PYKV_TESTS_LSM_WAL_FIXTURE_DISK_H

#include "lsm/wal_fixture.h"

/* True if the store's directory has a file of this name. */
FIXTURE_UNUSED static bool fixture_has(env *disk, const char *name)
{
    env_names names;
    env_directory *home;
    bool found = false;
    CHECK_OK(env_directory_open(disk, FIXTURE_PATH, false, &home));
    CHECK_OK(env_directory_list(home, &names));
    for (size_t i = 0; i < names.count; i++) {
        found = found || strcmp(names.names[i], name) == 0;
    }
    env_names_free(&names);
    env_directory_close(home);
    return found;
}

/* Makes chosen calls fail from now on; errno 0: none. */
FIXTURE_UNUSED static void fixture_fail(fixture *self, env_call call, int system_errno, bool sticky,
                                        const char *name_part)
{
    env_fault_plan plan = {.at = system_errno != 0,
                           .sticky = sticky,
                           .system_errno = system_errno,
                           .call_mask = 1U << call,
                           .name_part = name_part,
                           .seed = check_seed()};
    env_fault_set(self->disk, &plan);
}

/* The disk after the power went. */
FIXTURE_UNUSED static env *fixture_crash(fixture *self, env_crash_policy policy)
{
    env *after;
    CHECK_OK(env_memory_crash(self->inner, check_seed(), policy, &after));
    return after;
}

/* The logs of a disk, opened as an owner does it. */
typedef struct found_logs {
    env_directory *home;
    lsm_manifest listed;
    wal_recovery *recovery; /* NULL: status says why */
    pykv_status status;
    wal_recovered result;
    uint64_t next; /* sequence that replay gives next */
} found_logs;

FIXTURE_UNUSED static wal_recovery_input fixture_input(const lsm_manifest *listed)
{
    return (wal_recovery_input){.logs = listed->logs,
                                .log_count = (size_t)listed->log_count,
                                .store_id = FIXTURE_STORE_ID,
                                .first_sequence = listed->flushed_sequence + 1,
                                .durable_through = listed->durable_through,
                                .mapped = true};
}

FIXTURE_UNUSED static found_logs found_open(env *disk, const char *path, bool point_in_time)
{
    found_logs self = {0};
    CHECK_OK(env_directory_open(disk, path, false, &self.home));
    CHECK_OK(lsm_manifest_read(self.home, &self.listed));
    wal_recovery_input input = fixture_input(&self.listed);
    input.point_in_time = point_in_time;
    self.status = wal_recovery_open(self.home, &input, &self.recovery);
    self.next = self.listed.flushed_sequence + 1;
    if (self.status == PYKV_OK) {
        self.result = *wal_recovery_result(self.recovery);
    }
    return self;
}

FIXTURE_UNUSED static void found_close(found_logs *self)
{
    wal_recovery_free(self->recovery);
    lsm_manifest_reset(&self->listed);
    env_directory_close(self->home);
}

/* Checks that records come in order and are what was written. */
FIXTURE_UNUSED static pykv_status found_take(void *context, const record *found)
{
    found_logs *self = context;
    log_image_check_record(found, self->next);
    self->next++;
    return PYKV_OK;
}

FIXTURE_UNUSED static void found_replay(found_logs *self)
{
    uint64_t first = self->listed.flushed_sequence + 1;
    CHECK_OK(self->status);
    CHECK_OK(wal_recovery_replay(self->recovery, found_take, self));
    CHECK_EQUAL(self->result.last_sequence + 1, self->next);
    CHECK_EQUAL(self->result.record_count, self->next - first);
}

/* Recovers the logs of a disk and gives the last sequence, every record up to it checked. */
FIXTURE_UNUSED static uint64_t found_last(env *disk)
{
    found_logs self = found_open(disk, FIXTURE_PATH, false);
    found_replay(&self);
    uint64_t last = self.result.last_sequence;
    found_close(&self);
    return last;
}

#endif
