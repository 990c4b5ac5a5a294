/*
 * repair_interrupted: a repair that was interrupted at any of its moves is finished by the next
 * one, and nobody finds an empty store in between.
 */
#include "bitcask/repair_fixture.h"
#include "env/env_fault.h"
#include "log/repair_swap.h"

enum { SAVED_KEYS = REPAIR_KEYS - 1 };

/* The calls of which one fails, and all later ones. */
static const uint32_t moves =
    1U << ENV_CALL_RENAME | 1U << ENV_CALL_UNLINK | 1U << ENV_CALL_MAKE_DIRECTORY;

/* A closed store of several segments whose first record is damaged. */
static repair_fixture damaged_store(void)
{
    repair_fixture self = repair_new();
    fixture_fill(&self.base, 0, REPAIR_KEYS, REPAIR_VALUE_BYTES);
    fixture_close(&self.base);
    repair_flip(&self, "00000001.log", LOG_SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 20);
    return self;
}

/* Repairs with all moves from number at on failing; true if one did. */
static bool interrupted_repair(repair_fixture *self, uint64_t at)
{
    env *faulty;
    pykv_report report;
    env_fault_plan plan = {.at = at, .sticky = true, .system_errno = 5, .call_mask = moves};
    CHECK_OK(env_fault_new(env_posix(), &faulty));
    env_fault_set(faulty, &plan);
    pykv_status status = bitcask_repair(faulty, self->path, &report);
    bool failed = env_fault_failed(faulty) > 0;
    env_fault_free(faulty);
    CHECK(failed || status == PYKV_OK);
    return failed;
}

static void check_saved(repair_fixture *self)
{
    repair_open(self);
    CHECK_EQUAL(SAVED_KEYS, bitcask_count(self->base.store));
    CHECK_OK(bitcask_contains(self->base.store, fixture_text("key-1"), 0));
    CHECK_OK(bitcask_contains(self->base.store, fixture_text("key-199"), 0));
    fixture_close(&self->base);
}

static repair_stage stage_of(repair_fixture *self)
{
    env_directory *home;
    repair_stage stage;
    CHECK_OK(env_directory_open(env_posix(), self->path, false, &home));
    CHECK_OK(repair_find_stage(home, &stage));
    env_directory_close(home);
    return stage;
}

TEST(a_repair_interrupted_at_any_move_is_finished_by_the_next_which_tells_what_it_counted)
{
    bool failed = true;
    uint64_t finished_count = 0;
    uint64_t waiting_count = 0;
    for (uint64_t at = 1; failed; at++) {
        pykv_report report;
        repair_fixture self = damaged_store();
        failed = interrupted_repair(&self, at);
        waiting_count += repair_has(&self, REPAIR_DIRECTORY "/" REPAIR_DONE_NAME);
        repair_stage stage = stage_of(&self);
        CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
        CHECK_EQUAL(SAVED_KEYS, report.kept_record_count);
        if (stage == REPAIR_MOVING) {
            finished_count++;
            CHECK_EQUAL(1, report.damage_count);
            CHECK_EQUAL(1, report.lost_record_count);
            CHECK(strstr(report.damages[0].text, "interrupted") != NULL);
        }
        CHECK(!repair_has(&self, REPAIR_DIRECTORY));
        CHECK(repair_has(&self, "damaged-1/00000001.log") ||
              repair_has(&self, "damaged-2/00000001.log"));
        check_saved(&self);
        repair_free(&self);
    }
    CHECK(waiting_count > 5 && finished_count > 3);
}

/* Such a repair once cleaned up behind the one before and did nothing else. */
TEST(a_repair_that_finds_a_finished_swap_cleans_up_and_repairs)
{
    pykv_report report;
    env_directory *home;
    repair_fixture self = damaged_store();
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_OK(env_directory_open(env_posix(), self.path, false, &home));
    CHECK_OK(env_make_directory(home, REPAIR_DIRECTORY));
    CHECK_OK(repair_mark_done(home, 2, &report));
    env_directory_close(home);
    CHECK_EQUAL(REPAIR_SWAPPED, stage_of(&self));
    repair_open(&self);
    fixture_fill(&self.base, 0, 1, REPAIR_VALUE_BYTES);
    CHECK_OK(bitcask_flush(self.base.store));
    char name[SEGMENT_NAME_BYTES];
    segment_name(self.base.store->segments[0]->number, false, name);
    fixture_close(&self.base);
    repair_flip(&self, name, LOG_SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 20);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(1, report.damage_count);
    CHECK_EQUAL(1, report.lost_record_count);
    CHECK_EQUAL(SAVED_KEYS, report.kept_record_count);
    CHECK(!repair_has(&self, REPAIR_DIRECTORY));
    CHECK(repair_has(&self, "damaged-2/" MANIFEST_NAME));
    repair_free(&self);
}

/* With all old files moved away and no new one there yet, open once made a new, empty store. And a
 * repair once finished the one before with what that had saved, whatever was written since. */
TEST(an_interrupted_repair_never_shows_an_empty_store_nor_loses_what_is_written_later)
{
    bool failed = true;
    uint64_t refused_count = 0;
    for (uint64_t at = 1; failed; at++) {
        pykv_report report;
        repair_fixture self = damaged_store();
        failed = interrupted_repair(&self, at);
        pykv_status status =
            bitcask_open(env_posix(), self.path, &self.base.options, &self.base.store);
        if (status == PYKV_OK) {
            CHECK(bitcask_count(self.base.store) >= SAVED_KEYS);
            fixture_put(&self.base, "later", "write");
            fixture_close(&self.base);
        } else {
            CHECK_EQUAL(PYKV_CORRUPTION, status);
            refused_count++;
        }
        CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
        repair_open(&self);
        fixture_expect(&self.base, "later", status == PYKV_OK ? "write" : NULL);
        CHECK_EQUAL(SAVED_KEYS + (status == PYKV_OK), bitcask_count(self.base.store));
        repair_free(&self);
    }
    CHECK(refused_count > 3);
}

TEST(only_a_whole_mark_says_that_a_store_waits)
{
    env_directory *home;
    const pykv_report report = {.kept_record_count = 7};
    repair_fixture self = repair_new();
    CHECK_EQUAL(REPAIR_NONE, stage_of(&self));
    CHECK_OK(env_directory_open(env_posix(), self.path, false, &home));
    CHECK_OK(env_make_directory(home, REPAIR_DIRECTORY));
    CHECK_OK(repair_mark_done(home, 0x01020304, &report));
    env_directory_close(home);
    CHECK_EQUAL(REPAIR_SWAPPED, stage_of(&self));
    repair_flip(&self, REPAIR_DIRECTORY "/" REPAIR_DONE_NAME, 44);
    CHECK_EQUAL(REPAIR_NONE, stage_of(&self));
    repair_free(&self);
}

TEST_MAIN(
    CASE(a_repair_interrupted_at_any_move_is_finished_by_the_next_which_tells_what_it_counted),
    CASE(a_repair_that_finds_a_finished_swap_cleans_up_and_repairs),
    CASE(an_interrupted_repair_never_shows_an_empty_store_nor_loses_what_is_written_later),
    CASE(only_a_whole_mark_says_that_a_store_waits))
