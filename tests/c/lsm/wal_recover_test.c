/*
 * wal_recover: what the logs of a manifest hold, what is refused, and where their files go.
 */
#include <errno.h>

#include "lsm/wal_fixture.h"
#include "lsm/wal_fixture_disk.h"

/* Three logs: records 1..5, 6..10 and 11..15, all synced, and told of in the fourth's header. */
static fixture three_logs(void)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    for (int i = 0; i < 3; i++) {
        fixture_put(&self, 5, 100);
        CHECK_OK(wal_sync(self.log));
        CHECK_OK(fixture_roll(&self));
    }
    return self;
}

/* Damages the last byte of the value of the last record of a log of three_logs. */
static void damage_end(env *disk, const char *path)
{
    uint8_t *bytes;
    uint64_t size;
    CHECK_OK(env_memory_file_bytes(disk, path, &bytes, &size));
    while (bytes[size - 1] == 0) {
        size--;
    }
    bytes[size - 1] ^= 1;
}

static uint64_t expect_recovery(env *disk, uint64_t flushed, uint64_t last)
{
    found_logs found = found_open(disk, FIXTURE_PATH, false);
    CHECK_EQUAL(flushed, found.listed.flushed_sequence);
    found_replay(&found);
    CHECK_EQUAL(last, found.result.last_sequence);
    uint64_t discarded = found.result.discarded_bytes;
    found_close(&found);
    return discarded;
}

TEST(without_logs_there_is_nothing_to_replay)
{
    env *disk;
    env_directory *home;
    wal_recovery *recovery;
    wal_recovery_input input = {.first_sequence = 8};
    CHECK_OK(env_memory_new(check_seed(), 1 << 20, &disk));
    CHECK_OK(env_directory_open(disk, FIXTURE_PATH, true, &home));
    CHECK_OK(wal_recovery_open(home, &input, &recovery));
    CHECK_EQUAL(7, wal_recovery_result(recovery)->last_sequence);
    CHECK_EQUAL(0, wal_recovery_result(recovery)->record_count);
    CHECK_OK(wal_recovery_replay(recovery, found_take, NULL));
    CHECK_OK(wal_recovery_keep_torn(recovery));
    CHECK_OK(wal_recovery_finish(recovery));
    wal_recovery_free(recovery);
    env_directory_close(home);
    env_memory_free(disk);
}

TEST(records_that_are_in_tables_are_passed_over)
{
    for (uint64_t flushed = 0; flushed <= 15; flushed++) {
        fixture self = three_logs();
        self.flushed_sequence = flushed;
        CHECK_OK(fixture_write_manifest(&self));
        CHECK_EQUAL(0, expect_recovery(self.inner, flushed, 15));
        fixture_free(&self);
    }
}

TEST(logs_may_end_before_what_is_in_tables)
{
    fixture self = three_logs();
    self.flushed_sequence = 20;
    CHECK_OK(fixture_write_manifest(&self));
    found_logs found = found_open(self.inner, FIXTURE_PATH, false);
    found_replay(&found);
    CHECK_EQUAL(20, found.result.last_sequence);
    CHECK_EQUAL(0, found.result.record_count);
    found_close(&found);
    fixture_free(&self);
}

TEST(logs_are_read_by_mapping_or_by_buffer_alike)
{
    fixture self = three_logs();
    found_logs found = found_open(self.inner, FIXTURE_PATH, false);
    wal_recovery_free(found.recovery);
    wal_recovery_input input = fixture_input(&found.listed);
    input.mapped = false;
    CHECK_OK(wal_recovery_open(found.home, &input, &found.recovery));
    found_replay(&found);
    CHECK_EQUAL(15, found.result.last_sequence);
    found_close(&found);
    fixture_free(&self);
}

TEST(a_torn_tail_ends_the_log_and_is_kept_beside_it)
{
    fixture self = three_logs();
    fixture_put(&self, 5, 100); /* never synced */
    damage_end(self.inner, FIXTURE_PATH "/00000004.log");
    found_logs found = found_open(self.inner, FIXTURE_PATH, false);
    found_replay(&found);
    CHECK_EQUAL(19, found.result.last_sequence);
    CHECK(found.result.discarded_bytes > 100 && !found.result.damaged);
    for (int i = 0; i < 2; i++) { /* again after a crash */
        CHECK_OK(wal_recovery_keep_torn(found.recovery));
        CHECK(fixture_has(self.inner, "00000004.torn"));
        CHECK(fixture_has(self.inner, "00000004.log"));
        CHECK(!fixture_has(self.inner, "00000003.torn"));
    }
    CHECK_OK(wal_recovery_finish(found.recovery));
    CHECK(fixture_has(self.inner, "00000004.torn"));
    for (uint32_t number = 1; number <= 4; number++) {
        char name[LOG_FILE_NAME_BYTES];
        log_file_name(number, name);
        CHECK(!fixture_has(self.inner, name));
    }
    found_close(&found);
    fixture_free(&self);
}

TEST(where_files_have_one_name_only_the_torn_one_is_renamed_at_the_end)
{
    fixture self = three_logs();
    fixture_put(&self, 5, 100);
    damage_end(self.inner, FIXTURE_PATH "/00000004.log");
    found_logs found = found_open(self.disk, FIXTURE_PATH, false);
    fixture_fail(&self, ENV_CALL_LINK, EOPNOTSUPP, true, NULL);
    CHECK_OK(wal_recovery_keep_torn(found.recovery));
    CHECK(!fixture_has(self.inner, "00000004.torn"));
    CHECK_OK(wal_recovery_finish(found.recovery));
    CHECK(fixture_has(self.inner, "00000004.torn"));
    CHECK(!fixture_has(self.inner, "00000004.log"));
    fixture_fail(&self, ENV_CALL_LINK, EIO, true, NULL);
    CHECK_STATUS(PYKV_IO_FAILED, wal_recovery_keep_torn(found.recovery));
    found_close(&found);
    fixture_free(&self);
}

/* A log that is kept was written anew over the only name that its torn rest had. */
TEST(where_files_have_one_name_only_the_torn_one_is_copied_before_it_is_written_anew)
{
    uint64_t sizes[3];
    size_t kept = 0;
    uint8_t *bytes;
    fixture self = three_logs();
    fixture_put(&self, 5, 100);
    damage_end(self.inner, FIXTURE_PATH "/00000004.log");
    CHECK_OK(env_memory_file_bytes(self.inner, FIXTURE_PATH "/00000004.log", &bytes, &sizes[0]));
    uint8_t *before = malloc(sizes[0]);
    memcpy(before, bytes, sizes[0]);
    found_logs found = found_open(self.disk, FIXTURE_PATH, false);
    fixture_fail(&self, ENV_CALL_LINK, EOPNOTSUPP, true, NULL);
    CHECK_OK(wal_recovery_keep_torn(found.recovery));
    CHECK_OK(wal_recovery_keep(found.recovery, &kept));
    CHECK_EQUAL(4, kept);
    CHECK_OK(wal_recovery_finish(found.recovery));
    CHECK_OK(env_memory_file_bytes(self.inner, FIXTURE_PATH "/00000004.log", &bytes, &sizes[1]));
    CHECK_EQUAL(wal_recovery_end(found.recovery, 3), sizes[1]);
    CHECK_OK(env_memory_file_bytes(self.inner, FIXTURE_PATH "/00000004.torn", &bytes, &sizes[2]));
    CHECK(sizes[1] < sizes[2] && sizes[2] <= sizes[0]);
    CHECK(memcmp(before, bytes, sizes[2]) == 0);
    for (uint64_t at_end = sizes[2]; at_end < sizes[0]; at_end++) {
        CHECK_EQUAL(0, before[at_end]); /* reserved ahead */
    }
    CHECK(!fixture_has(self.inner, "00000003.torn"));
    found_close(&found);
    free(before);
    fixture_free(&self);
}

/* Whatever fails on the way, the rest is kept, and no log is missing from the manifest in force. */
TEST(what_was_torn_off_is_kept_if_the_log_cannot_be_written_anew)
{
    static const env_call calls[] = {ENV_CALL_OPEN, ENV_CALL_WRITE, ENV_CALL_SYNC, ENV_CALL_RENAME};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        for (uint64_t at = 1; at <= 6; at++) {
            size_t kept = 0;
            fixture self = three_logs();
            fixture_put(&self, 5, 100);
            damage_end(self.inner, FIXTURE_PATH "/00000004.log");
            found_logs found = found_open(self.disk, FIXTURE_PATH, false);
            fixture_fail(&self, ENV_CALL_LINK, EOPNOTSUPP, true, NULL);
            CHECK_OK(wal_recovery_keep_torn(found.recovery));
            env_fault_plan plan = {.at = at, .system_errno = EIO, .call_mask = 1U << calls[i]};
            env_fault_set(self.disk, &plan);
            pykv_status status = wal_recovery_keep(found.recovery, &kept);
            CHECK_EQUAL(status == PYKV_OK ? 4 : 0, kept);
            CHECK_STATUS(at <= 5 ? PYKV_IO_FAILED : PYKV_OK, status);
            CHECK(!fixture_has(self.inner, "HISTORY.tmp"));
            fixture_fail(&self, ENV_CALL_LINK, 0, false, NULL);
            CHECK_EQUAL(19, found_last(self.disk)); /* after a crash here */
            CHECK_OK(wal_recovery_finish(found.recovery));
            CHECK(fixture_has(self.inner, "00000004.torn"));
            CHECK_EQUAL(kept != 0, fixture_has(self.inner, "00000004.log"));
            uint8_t *bytes;
            uint64_t size;
            CHECK_OK(
                env_memory_file_bytes(self.inner, FIXTURE_PATH "/00000004.torn", &bytes, &size));
            CHECK(size > wal_recovery_end(found.recovery, 3));
            found_close(&found);
            fixture_free(&self);
        }
    }
}

/* A sealed log that was synced ends where the next one goes on, or it was damaged since. */
TEST(damage_before_what_was_synced_is_refused_or_ends_the_log_if_that_is_asked_for)
{
    static const char *const paths[] = {FIXTURE_PATH "/00000001.log", FIXTURE_PATH "/00000002.log",
                                        FIXTURE_PATH "/00000003.log"};
    for (size_t i = 0; i < 3; i++) {
        fixture self = three_logs();
        damage_end(self.inner, paths[i]);
        found_logs found = found_open(self.inner, FIXTURE_PATH, false);
        CHECK_STATUS(PYKV_CORRUPTION, found.status);
        CHECK(strstr(error_last()->text, paths[i] + strlen(FIXTURE_PATH)) != NULL);
        CHECK(strstr(error_last()->text, "point_in_time") != NULL);
        found_close(&found);
        found = found_open(self.inner, FIXTURE_PATH, true);
        found_replay(&found);
        CHECK(found.result.damaged);
        CHECK_EQUAL(4 + 5 * i, found.result.last_sequence);
        CHECK(found.result.discarded_bytes > 0);
        found_close(&found);
        fixture_free(&self);
    }
}

TEST(an_end_before_the_position_that_the_manifest_knows_durable_is_damage)
{
    fixture self = fixture_of((pykv_options){.durability = PYKV_DURABILITY_OS});
    fixture_open(&self, false);
    fixture_put(&self, 5, 100);
    CHECK_OK(wal_sync(self.log));
    CHECK_OK(fixture_write_manifest(&self));
    damage_end(self.inner, FIXTURE_PATH "/00000001.log");
    found_logs found = found_open(self.inner, FIXTURE_PATH, false);
    CHECK_STATUS(PYKV_CORRUPTION, found.status);
    found_close(&found);
    fixture_free(&self);
}

TEST(a_missing_log_is_corruption_that_names_it)
{
    fixture self = three_logs();
    CHECK_OK(env_unlink(self.home, "00000002.log"));
    found_logs found = found_open(self.inner, FIXTURE_PATH, true);
    CHECK_STATUS(PYKV_CORRUPTION, found.status);
    CHECK(strstr(error_last()->text, "00000002.log") != NULL);
    found_close(&found);
    fixture_free(&self);
}

static pykv_status refuse(void *context, const record *found)
{
    uint64_t *left = context;
    (void)found;
    return --*left == 0 ? error_set(PYKV_NO_MEMORY, "refused") : PYKV_OK;
}

TEST(a_replay_ends_where_its_taker_fails)
{
    fixture self = three_logs();
    uint64_t left = 7;
    found_logs found = found_open(self.inner, FIXTURE_PATH, false);
    CHECK_STATUS(PYKV_NO_MEMORY, wal_recovery_replay(found.recovery, refuse, &left));
    CHECK_EQUAL(0, left);
    found_close(&found);
    fixture_free(&self);
}

TEST(a_log_that_cannot_be_read_is_not_taken_for_an_empty_one)
{
    static const env_call calls[] = {ENV_CALL_OPEN, ENV_CALL_READ, ENV_CALL_SIZE};
    fixture self = three_logs();
    found_logs found = found_open(self.disk, FIXTURE_PATH, false);
    wal_recovery_input input = fixture_input(&found.listed);
    wal_recovery *recovery = NULL;
    input.mapped = false;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        fixture_fail(&self, calls[i], EIO, true, "00000002.log");
        CHECK_STATUS(PYKV_IO_FAILED, wal_recovery_open(found.home, &input, &recovery));
        CHECK(recovery == NULL);
    }
    fixture_fail(&self, ENV_CALL_READ, 0, false, NULL);
    for (uint64_t k = 1; recovery == NULL; k++) {
        mem_fail_at(k, 0);
        pykv_status status = wal_recovery_open(found.home, &input, &recovery);
        CHECK(status == PYKV_NO_MEMORY || recovery != NULL);
        mem_fail_at(0, 0);
    }
    wal_recovery_free(recovery);
    found_close(&found);
    fixture_free(&self);
}

TEST(pages_that_cannot_be_read_are_not_taken_for_the_end_of_the_log)
{
    fixture self = three_logs();
    found_logs found = found_open(self.disk, FIXTURE_PATH, false);
    wal_recovery_input input = fixture_input(&found.listed);
    wal_recovery *recovery = NULL;
    /* The second log is asked when it is opened, where reading it helps, and in the end. */
    fixture_fail(&self, ENV_CALL_MAPPED_READ, EIO, false, "00000002.log");
    CHECK_OK(wal_recovery_open(found.home, &input, &recovery));
    CHECK_EQUAL(15, wal_recovery_result(recovery)->last_sequence);
    wal_recovery_free(recovery);
    env_fault_plan plan = {.at = 2,
                           .system_errno = EIO,
                           .call_mask = UINT32_C(1) << ENV_CALL_MAPPED_READ,
                           .name_part = "00000002.log"};
    env_fault_set(self.disk, &plan);
    CHECK_STATUS(PYKV_IO_FAILED, wal_recovery_open(found.home, &input, &recovery));
    found_close(&found);
    fixture_free(&self);
}

TEST_MAIN(CASE(without_logs_there_is_nothing_to_replay),
          CASE(records_that_are_in_tables_are_passed_over),
          CASE(logs_may_end_before_what_is_in_tables),
          CASE(logs_are_read_by_mapping_or_by_buffer_alike),
          CASE(a_torn_tail_ends_the_log_and_is_kept_beside_it),
          CASE(where_files_have_one_name_only_the_torn_one_is_renamed_at_the_end),
          CASE(where_files_have_one_name_only_the_torn_one_is_copied_before_it_is_written_anew),
          CASE(what_was_torn_off_is_kept_if_the_log_cannot_be_written_anew),
          CASE(damage_before_what_was_synced_is_refused_or_ends_the_log_if_that_is_asked_for),
          CASE(an_end_before_the_position_that_the_manifest_knows_durable_is_damage),
          CASE(a_missing_log_is_corruption_that_names_it),
          CASE(a_replay_ends_where_its_taker_fails),
          CASE(a_log_that_cannot_be_read_is_not_taken_for_an_empty_one),
          CASE(pages_that_cannot_be_read_are_not_taken_for_the_end_of_the_log))
