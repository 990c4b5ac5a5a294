/*
 * home_test: which names are a store's, and that destroying one removes these and no others.
 */
#include <errno.h>

#include "lsm_fixture.h"

#include "env/env_fault.h"
#include "lsm/open.h"
#include "lsm/reserve.h"

TEST(a_name_is_claimed_by_its_whole_text)
{
    static const struct {
        const char *name;
        home_claim claim;
    } rows[] = {
        {"00000001.tbl", HOME_CERTAIN},     {"ffffffff.tbl", HOME_CERTAIN},
        {"00000000.tbl", HOME_NOT_MINE},    {"0000000A.tbl", HOME_NOT_MINE},
        {"00000001.log", HOME_LIKELY},      {"000001.log", HOME_NOT_MINE},
        {"00000001.torn", HOME_LEFT},       {"1.torn", HOME_NOT_MINE},
        {"00000001.torn.x", HOME_NOT_MINE}, {"MANIFEST.tmp", HOME_LEFT},
        {"HISTORY.tmp", HOME_LEFT},         {"MANIFEST-000001", HOME_NOT_MINE},
        {"x00000001.tbl", HOME_NOT_MINE},   {"00000001.hint", HOME_NOT_MINE},
        {"notes.tmp", HOME_NOT_MINE},       {"LSM", HOME_DECIDES},
        {"LSM.tmp", HOME_NOT_MINE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_EQUAL(rows[i].claim, lsm_home.claim(rows[i].name));
        CHECK_EQUAL(rows[i].claim != HOME_NOT_MINE, lsm_home.owns(rows[i].name));
    }
    CHECK(lsm_home.owns("MANIFEST"));
    CHECK_EQUAL(PYKV_ENGINE_LSM, lsm_home.engine);
}

TEST(nothing_is_left_of_a_store_but_files_of_others)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 1000);
    CHECK_OK(lsm_flush(self.store));
    CHECK_STATUS(PYKV_LOCKED, lsm_destroy(self.disk, FIXTURE_PATH));
    fixture_close(&self);
    fixture_make_file(&self, "0000000a.torn", "ours");
    fixture_make_file(&self, "HISTORY.tmp", "ours");
    fixture_make_file(&self, "notes.txt", "theirs");
    fixture_make_file(&self, "00000001.hint", "theirs");
    CHECK_OK(lsm_destroy(self.disk, FIXTURE_PATH));
    CHECK_EQUAL(2, fixture_files(&self, "", NULL));
    fixture_unlink(&self, "notes.txt");
    fixture_unlink(&self, "00000001.hint");
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, lsm_destroy(self.disk, FIXTURE_PATH));
    self.store = NULL;
    fixture_free(&self);
}

TEST(numbers_of_files_that_are_there_are_passed_over)
{
    fixture self = fixture_new();
    uint64_t before = self.store->next_number;
    CHECK_OK(lsm_skip_used_numbers(self.store));
    CHECK_EQUAL(before, self.store->next_number);
    fixture_make_file(&self, "00000123.tbl", "");
    fixture_make_file(&self, "00000122.log", "");
    CHECK_OK(lsm_skip_used_numbers(self.store));
    CHECK_EQUAL(0x124, self.store->next_number);
    fixture_free(&self);
}

TEST(only_what_the_manifest_does_not_list_is_an_orphan)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    fixture_reopen(&self);
    fixture_make_file(&self, "00000123.tbl", "");
    fixture_make_file(&self, "00000124.log", "");
    CHECK_EQUAL(2, fixture_files(&self, ".tbl", NULL));
    fixture_make_file(&self, LSM_ROOM_NAME, "");
    lsm_manifest listed = fixture_manifest(&self);
    CHECK_OK(lsm_remove_orphans(self.store, &listed));
    lsm_manifest_reset(&listed);
    CHECK_EQUAL(0, fixture_files(&self, ".tmp", NULL));
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
    CHECK_EQUAL(0, fixture_files(&self, ".log", NULL));
    fixture_expect(&self, "a", "1");
    fixture_free(&self);
}

/* A store behind a wrapper that fails the calls of plan. */
static env *wrap(fixture *self, const env_fault_plan *plan)
{
    env *disk = self->disk;
    CHECK_OK(env_fault_new(disk, &self->disk));
    env_fault_set(self->disk, plan);
    return disk;
}

static void unwrap(fixture *self, env *disk)
{
    env_fault_free(self->disk);
    self->disk = disk;
}

TEST(an_orphan_that_cannot_be_removed_is_left_for_the_next_open)
{
    fixture self = fixture_new();
    env_fault_plan plan = {
        .at = 1, .sticky = true, .system_errno = EACCES, .call_mask = 1U << ENV_CALL_UNLINK};
    fixture_put(&self, "a", "1");
    fixture_close(&self);
    fixture_make_file(&self, "00000123.tbl", "");
    env *disk = wrap(&self, &plan);
    CHECK_OK(fixture_open(&self));
    CHECK(env_fault_failed(self.disk) > 0);
    fixture_expect(&self, "a", "1");
    fixture_kill(&self);
    unwrap(&self, disk);
    CHECK_EQUAL(2, fixture_files(&self, ".tbl", NULL));
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
    fixture_free(&self);
}

/* The power goes: the names of files come back on their own, old or new. */
static void cut_power(fixture *self, uint64_t seed)
{
    env *booted;
    fixture crashed = *self;
    CHECK_OK(env_memory_crash(self->disk, seed, ENV_CRASH_SUBSET, &booted));
    crashed.disk = booted;
    CHECK_OK(fixture_open(&crashed));
    fixture_expect(&crashed, "a", "1");
    fixture_free(&crashed);
}

/* The close wrote a manifest without logs, whose name never got durable; the process died. The next
 * open removes the logs: once, before that name was durable, so that after a power cut the manifest
 * of before was in force, and its logs were gone. */
TEST(nothing_is_removed_before_the_manifest_without_it_is_durable)
{
    fixture self = fixture_new();
    env_fault_plan plan = {.at = 0};
    fixture_close(&self);
    env *disk = wrap(&self, &plan);
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_flush(self.store));
    plan = (env_fault_plan){
        .at = 1, .sticky = true, .system_errno = EIO, .call_mask = 1U << ENV_CALL_SYNC_DIRECTORY};
    env_fault_set(self.disk, &plan);
    CHECK_OK(lsm_close(self.store, -1));
    fixture_kill(&self);
    unwrap(&self, disk);
    CHECK_OK(fixture_open(&self));
    for (uint64_t seed = 1; seed <= 40; seed++) {
        cut_power(&self, seed);
    }
    fixture_free(&self);
}

/* The counter of logs once went on with 0 behind the last number. */
TEST(when_all_numbers_are_used_writes_are_refused_and_reads_go_on)
{
    fixture self = fixture_new();
    pykv_status status = PYKV_OK;
    uint8_t value[1000] = {0};
    uint32_t count = 0;
    self.store->next_number = UINT32_MAX - 3;
    while (status == PYKV_OK) {
        char key[16];
        status = lsm_put(self.store, fixture_key(count, key), slice_make(value, sizeof value), 0);
        count += status == PYKV_OK;
    }
    CHECK_EQUAL(PYKV_NOT_SUPPORTED, status);
    CHECK(strstr(error_last()->text, "numbers") != NULL);
    CHECK(count > 0);
    CHECK_EQUAL(count, fixture_count(&self));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, lsm_flush(self.store));
    CHECK_OK(lsm_close(self.store, -1)); /* the rows are in the logs */
    fixture_kill(&self);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(count, fixture_count(&self));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_name_is_claimed_by_its_whole_text),
          CASE(nothing_is_left_of_a_store_but_files_of_others),
          CASE(numbers_of_files_that_are_there_are_passed_over),
          CASE(only_what_the_manifest_does_not_list_is_an_orphan),
          CASE(an_orphan_that_cannot_be_removed_is_left_for_the_next_open),
          CASE(nothing_is_removed_before_the_manifest_without_it_is_durable),
          CASE(when_all_numbers_are_used_writes_are_refused_and_reads_go_on))
