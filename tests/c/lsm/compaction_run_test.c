/*
 * compaction_run_test: plans carried out on a simulated disk.
 */
#include "harness/check.h"

#include "env/env_fault.h"
#include "lsm/compaction_run.h"
#include "lsm/tables_fixture.h"

static tables_fixture fixture;

static pykv_status run_steps(compaction *run, uint64_t step_bytes)
{
    bool more = true;
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && more) {
        status = compaction_step(run, step_bytes, &more);
    }
    return status;
}

/* Runs a plan, checks its outputs, throws them away and resets the plan. */
static void check_run(const char *file, int line, compaction_plan *plan, const char *wanted)
{
    compaction *run;
    size_t count;
    size_t files = job_file_count(&fixture.base);
    CHECK_OK(compaction_new(&fixture.base.job, &fixture.options, plan, &run));
    CHECK_OK(run_steps(run, 1));
    const manifest_table *made = compaction_outputs(run, &count);
    tables_check(file, line, &fixture, made, count, wanted);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(plan->output_level, made[i].level);
    }
    compaction_free(run);
    compaction_plan_reset(plan);
    CHECK_EQUAL(files, job_file_count(&fixture.base));
}

#define CHECK_RUN(plan, wanted) check_run(__FILE__, __LINE__, (plan), (wanted))

static void plan_level0(compaction_plan *out)
{
    bool wanted[TABLES_MAX] = {true};
    CHECK_OK(compaction_plan_level0(tables_version(&fixture), &fixture.options, 5, wanted,
                                    "level 0", out));
}

/* The plan of the first tables of a level. */
static void plan_first(uint8_t level_index, uint32_t count, compaction_plan *out)
{
    level_run run = {0, count};
    CHECK_OK(compaction_plan_level(tables_version(&fixture), &fixture.options, level_index, run,
                                   "size", out));
}

TEST(inputs_of_both_levels_are_merged_newest_first)
{
    compaction_plan plan;
    tables_init(&fixture);
    tables_add(&fixture, 5, "a@1 c@2 e@3");
    tables_add(&fixture, 5, "f@4");
    tables_add(&fixture, 0, "b@6 c@5");
    tables_add(&fixture, 0, "a@8 b@7");
    plan_level0(&plan);
    CHECK_RUN(&plan, "a@8 b@7 c@5 e@3 | ");
    tables_reset(&fixture);
}

TEST(tombstones_go_only_where_no_deeper_level_has_the_key)
{
    compaction_plan plan;
    tables_init(&fixture);
    tables_add(&fixture, 6, "a@1 c@2");
    tables_add(&fixture, 5, "b@3 d@4");
    tables_add(&fixture, 0, "a@5- b@6- d@7-");
    plan_level0(&plan);
    CHECK_RUN(&plan, "a@5- b@6- | ");
    plan_first(5, 1, &plan);
    CHECK_RUN(&plan, "a@1 b@3 c@2 d@4 | ");
    tables_reset(&fixture);
}

TEST(what_the_plan_could_not_see_yet_stays)
{
    compaction_plan plan;
    tables_init(&fixture);
    fixture.base.job.visible_sequence = 6;
    tables_add(&fixture, 5, "a@1 b@2");
    tables_add(&fixture, 0, "a@4 b@5-");
    tables_add(&fixture, 0, "a@9- a@8 a@7 a@6 b@10");
    plan_level0(&plan);
    CHECK_RUN(&plan, "a@9- a@8 a@7 a@6 b@10 | ");
    tables_reset(&fixture);
}

TEST(a_range_of_tombstones_takes_its_keys_with_it)
{
    compaction_plan plan;
    tables_init(&fixture);
    tables_add(&fixture, 6, "a@1 b@2");
    tables_add(&fixture, 5, "a@4- b@5-");
    plan_first(5, 1, &plan);
    CHECK_RUN(&plan, "");
    tables_reset(&fixture);
}

/* Its file is damaged: that would show if it were read. */
static void damage(const table_file *which)
{
    char path[32];
    uint8_t *bytes;
    uint64_t size;
    snprintf(path, sizeof path, "/d/%08x.tbl", which->facts.number);
    CHECK_OK(env_memory_file_bytes(fixture.base.disk, path, &bytes, &size));
    bytes[TABLE_HEADER_BYTES + 4] ^= 1;
}

TEST(a_table_that_is_dead_is_not_read)
{
    compaction_plan plan;
    level_run run = {0, 2};
    tables_init(&fixture);
    damage(tables_add(&fixture, 6, "a@1- b@2-"));
    damage(tables_add(&fixture, 6, "c@1!999 d@2!1000"));
    tables_add(&fixture, 5, "b@5 c@6");
    plan_first(5, 1, &plan);
    CHECK_RUN(&plan, "b@5 c@6 | ");
    CHECK_OK(compaction_plan_rewrite(fixture.of, &fixture.options, 6, run, "expired", &plan));
    CHECK_RUN(&plan, "");
    tables_reset(&fixture);
}

TEST(a_dead_table_that_hides_something_is_read)
{
    compaction_plan plan;
    tables_init(&fixture);
    tables_add(&fixture, 6, "d@1");
    tables_add(&fixture, 5, "a@2 b@2 d@1");
    tables_add(&fixture, 4, "b@4!1 c@4!1");
    plan_first(4, 1, &plan);
    CHECK_RUN(&plan, "a@2 d@1 | ");
    tables_reset(&fixture);

    tables_init(&fixture);
    fixture.base.job.visible_sequence = 3;
    tables_add(&fixture, 5, "a@1 b@1 d@1");
    tables_add(&fixture, 4, "b@4!1 c@4!1");
    plan_first(4, 1, &plan);
    CHECK_RUN(&plan, "a@1 b@4- b@1 c@4- d@1 | ");
    tables_reset(&fixture);
}

TEST(outputs_are_cut_at_their_size_and_align_with_the_level_behind)
{
    static char text[TABLES_TEXT_BYTES];
    compaction_plan plan;
    compaction *run;
    size_t count;
    tables_init(&fixture);
    text[0] = '\0';
    for (unsigned i = 0; i < 400; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "k%03u@%u ", i, i + 500);
    }
    tables_add(&fixture, 6, "k070@1 k199x@2");
    tables_add(&fixture, 6, "k205@1 k499@2");
    tables_add(&fixture, 4, text);
    plan_first(4, 1, &plan);
    CHECK_OK(compaction_new(&fixture.base.job, &fixture.options, &plan, &run));
    CHECK_OK(run_steps(run, 1000));
    const manifest_table *made = compaction_outputs(run, &count);
    CHECK(count > 3);
    uint64_t entries = 0;
    bool aligned = false;
    for (size_t i = 0; i < count; i++) {
        entries += made[i].entry_count;
        aligned |= made[i].sequence_min == 700;
    }
    CHECK_EQUAL(400, entries);
    CHECK(aligned);
    CHECK_EQUAL(400, compaction_counts(run).entries_read);
    compaction_free(run);
    compaction_plan_reset(&plan);
    tables_reset(&fixture);
}

TEST(outputs_that_were_taken_stay)
{
    compaction_plan plan;
    compaction *run;
    size_t count;
    bool more;
    tables_init(&fixture);
    tables_add(&fixture, 6, "a@1");
    tables_add(&fixture, 5, "a@2");
    plan_first(5, 1, &plan);
    CHECK_OK(compaction_new(&fixture.base.job, &fixture.options, &plan, &run));
    CHECK_OK(run_steps(run, 1000));
    CHECK_OK(compaction_step(run, 1000, &more));
    CHECK(!more);
    compaction_take(run);
    compaction_outputs(run, &count);
    CHECK_EQUAL(1, count);
    compaction_free(run);
    CHECK_EQUAL(3, job_file_count(&fixture.base));
    compaction_plan_reset(&plan);
    tables_reset(&fixture);
}

static void add_many(void)
{
    static char text[TABLES_TEXT_BYTES];
    for (unsigned turn = 0; turn < 3; turn++) {
        text[0] = '\0';
        for (unsigned i = 0; i < 100; i++) {
            snprintf(text + strlen(text), sizeof text - strlen(text), "k%03u@%u ", i * 3 + turn,
                     turn * 100 + i + 1);
        }
        tables_add(&fixture, turn == 0 ? 5 : 0, text);
    }
}

TEST(a_compaction_that_is_given_up_leaves_no_file)
{
    compaction_plan plan;
    tables_init(&fixture);
    add_many();
    plan_level0(&plan);
    bool more = true;
    for (size_t steps = 0; more; steps++) {
        compaction *run;
        CHECK_OK(compaction_new(&fixture.base.job, &fixture.options, &plan, &run));
        for (size_t i = 0; i < steps && more; i++) {
            CHECK_OK(compaction_step(run, 500, &more));
        }
        compaction_free(run);
        CHECK_EQUAL(3, job_file_count(&fixture.base));
    }
    compaction_plan_reset(&plan);
    tables_reset(&fixture);
}

TEST(a_damaged_input_ends_the_compaction)
{
    compaction_plan plan;
    compaction *run;
    tables_init(&fixture);
    add_many();
    damage(fixture.files[1]);
    plan_level0(&plan);
    CHECK_OK(compaction_new(&fixture.base.job, &fixture.options, &plan, &run));
    CHECK_STATUS(PYKV_CORRUPTION, run_steps(run, 500));
    compaction_free(run);
    CHECK_EQUAL(3, job_file_count(&fixture.base));
    compaction_plan_reset(&plan);
    tables_reset(&fixture);
}

/* ---- tables whose checks are right over entries that are wrong ---- */

/* Writes bytes to the one block of a table, at its begin or where text stands. */
static void forge(const table_file *which, const char *text, const void *bytes, size_t count)
{
    const table *from = which->table;
    block_handle place = table_index_handle(&from->index, 0);
    block_trailer trailer = {place.size, BLOCK_DATA, CODEC_NONE};
    uint8_t *data;
    uint64_t size;
    CHECK_OK(env_memory_file_bytes(fixture.base.disk, env_file_path(from->file), &data, &size));
    data += place.offset;
    uint8_t *at = text == NULL ? data : memmem(data, place.size, text, strlen(text));
    CHECK(at != NULL);
    memcpy(at, bytes, count);
    block_trailer_encode(&trailer, from->seed, place.offset, data, place.size, data + place.size);
}

/* Runs the plan, which ends as damage of what path names, and resets all. */
static void check_forged(compaction_plan *plan, const char *path)
{
    compaction *run;
    size_t files = job_file_count(&fixture.base);
    CHECK_OK(compaction_new(&fixture.base.job, &fixture.options, plan, &run));
    CHECK_STATUS(PYKV_CORRUPTION, run_steps(run, 500));
    CHECK(strcmp(path, error_last()->path) == 0);
    compaction_free(run);
    CHECK_EQUAL(files, job_file_count(&fixture.base));
    compaction_plan_reset(plan);
    tables_reset(&fixture);
}

/* Fuzzing found that the writer of the output refused the entry, and so the caller was told that
 * his argument was invalid. Where the version that came too late was hidden it went, as an older
 * one does. */
TEST(an_input_whose_entries_do_not_rise_is_damaged)
{
    for (uint8_t of_level = 0; of_level <= 5; of_level += 5) {
        compaction_plan plan;
        tables_init(&fixture);
        table_file *deep = tables_add(&fixture, 5, "a@1 b@2 c@3");
        table_file *fresh = tables_add(&fixture, 0, "a@4 b@5 c@6");
        forge(of_level == 0 ? fresh : deep, of_level == 0 ? "bb@5" : "bb@2", "z", 1);
        plan_level0(&plan);
        check_forged(&plan, of_level == 0 ? "/d/00000002.tbl" : "/d/00000001.tbl");
    }
}

/* Fuzzing found that the manifest that was to list the output was refused as the store's own
 * error. */
TEST(an_input_with_an_entry_newer_than_the_manifest_says_is_damaged)
{
    static const uint8_t sequence[8] = {200};
    compaction_plan plan;
    tables_init(&fixture);
    forge(tables_add(&fixture, 5, "a@1 b@2 c@3"), NULL, sequence, sizeof sequence);
    tables_add(&fixture, 0, "a@4 b@5 c@6");
    plan_level0(&plan);
    check_forged(&plan, "/d/00000001.tbl");
}

/* Which table is the wrong one is not known. */
TEST(two_inputs_with_one_version_of_a_key_are_damaged)
{
    compaction_plan plan;
    tables_init(&fixture);
    tables_add(&fixture, 5, "a@1 b@2 c@3");
    tables_add(&fixture, 0, "a@4 b@2 c@6");
    plan_level0(&plan);
    check_forged(&plan, "/d");
}

/* Every call of the system that writes, and every allocation, fails in turn. */
TEST(a_failure_at_any_point_leaves_no_file_and_no_memory)
{
    compaction_plan plan;
    env *faulty;
    env_directory *home;
    tables_init(&fixture);
    add_many();
    plan_level0(&plan);
    CHECK_OK(env_fault_new(fixture.base.disk, &faulty));
    CHECK_OK(env_directory_open(faulty, "/d", false, &home));
    table_job job = fixture.base.job;
    job.surroundings = faulty;
    job.home = home;
    uint64_t failures = 0;
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        compaction *run = NULL;
        env_fault_plan faults = {.at = at,
                                 .system_errno = 28,
                                 .call_mask = ENV_CALLS_WITH_STATUS & ~(1U << ENV_CALL_UNLINK)};
        env_fault_set(faulty, &faults);
        mem_fail_at(at % 3 == 0 ? at / 3 : 0, 0);
        status = compaction_new(&job, &fixture.options, &plan, &run);
        if (status == PYKV_OK) {
            status = run_steps(run, 500);
        }
        mem_fail_at(0, 0);
        compaction_free(run);
        failures += status != PYKV_OK;
        CHECK_EQUAL(3, job_file_count(&fixture.base));
    }
    CHECK(failures > 10);
    env_directory_close(home);
    env_fault_free(faulty);
    compaction_plan_reset(&plan);
    tables_reset(&fixture);
}

TEST_MAIN(CASE(inputs_of_both_levels_are_merged_newest_first),
          CASE(tombstones_go_only_where_no_deeper_level_has_the_key),
          CASE(what_the_plan_could_not_see_yet_stays),
          CASE(a_range_of_tombstones_takes_its_keys_with_it),
          CASE(a_table_that_is_dead_is_not_read), CASE(a_dead_table_that_hides_something_is_read),
          CASE(outputs_are_cut_at_their_size_and_align_with_the_level_behind),
          CASE(outputs_that_were_taken_stay), CASE(a_compaction_that_is_given_up_leaves_no_file),
          CASE(a_damaged_input_ends_the_compaction),
          CASE(an_input_whose_entries_do_not_rise_is_damaged),
          CASE(an_input_with_an_entry_newer_than_the_manifest_says_is_damaged),
          CASE(two_inputs_with_one_version_of_a_key_are_damaged),
          CASE(a_failure_at_any_point_leaves_no_file_and_no_memory))
