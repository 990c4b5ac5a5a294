/*
 * flush_run_test: memtables to tables.
 */
#include "harness/check.h"

#include "base/epoch.h"
#include "lsm/body_crc.h"
#include "lsm/flush_run.h"
#include "lsm/tables_fixture.h"

static tables_fixture fixture;
static epoch entered;
static reclaimer readers;

/* A sealed memtable with the entries of a text, in any order, divided by spaces. */
static memtable *fill(const char *text)
{
    static char copy[TABLES_TEXT_BYTES];
    memtable *made;
    char *rest = NULL;
    epoch_init(&entered);
    reclaimer_init(&readers, &entered);
    CHECK_OK(memtable_create(&readers, 1 << 20, &made));
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        iterator_entry entry = job_entry(word);
        bool has_deadline = entry.deadline_us != 0;
        entry.body_crc = body_crc_of(&entry);
        CHECK_OK(memtable_reserve(
            made, 1, memtable_entry_bytes(entry.key.size, entry.value.size, has_deadline)));
        memtable_add(made, &entry, entry.key.data[0]);
    }
    memtable_seal(made);
    return made;
}

static void drop(memtable *made)
{
    memtable_release(made);
    CHECK(!reclaimer_sweep(&readers));
    reclaimer_destroy(&readers);
}

/* Flushes a memtable of those entries and checks what the table holds; "" means no table. */
static void check_flushed(const char *text, const char *wanted)
{
    flush_run *run;
    bool more = true;
    memtable *from = fill(text);
    size_t files = job_file_count(&fixture.base);
    CHECK_OK(flush_run_new(&fixture.base.job, from, tables_version(&fixture), &run));
    while (more) {
        CHECK_OK(flush_run_step(run, 1, &more));
    }
    const manifest_table *made = flush_run_output(run);
    tables_check(__FILE__, __LINE__, &fixture, made, made == NULL ? 0 : 1, wanted);
    CHECK(made == NULL || made->level == 0);
    flush_run_free(run);
    drop(from);
    CHECK_EQUAL(files, job_file_count(&fixture.base));
}

TEST(the_versions_that_may_be_seen_become_one_table)
{
    tables_init(&fixture);
    check_flushed("b@3 a@1 b@2 c@4-", "a@1 b@3 | ");
    fixture.base.job.visible_sequence = 3;
    check_flushed("a@5 a@4 a@3 a@2 c@6-", "a@5 a@4 a@3 c@6- | ");
    check_flushed("", "");
    tables_reset(&fixture);
}

TEST(a_tombstone_stays_if_any_table_may_hold_its_key)
{
    tables_init(&fixture);
    tables_add(&fixture, 0, "b@1 d@2");
    tables_add(&fixture, 6, "g@1 i@2");
    check_flushed("a@10- b@11- c@12- e@13- g@14- h@15!5 j@16!5", "b@11- c@12- g@14- h@15- | ");
    check_flushed("a@10- j@11-", "");
    tables_reset(&fixture);
}

/* Hundreds of values, far more than one output of a compaction. */
TEST(a_flush_makes_one_table_however_large)
{
    static char text[TABLES_TEXT_BYTES];
    flush_run *run;
    bool more = true;
    size_t steps = 0;
    tables_init(&fixture);
    text[0] = '\0';
    for (unsigned i = 0; i < 2000; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "key%06u@%u ", i, i + 1);
    }
    memtable *from = fill(text);
    CHECK_OK(flush_run_new(&fixture.base.job, from, tables_version(&fixture), &run));
    while (more) {
        CHECK_OK(flush_run_step(run, 1000, &more));
        steps++;
    }
    CHECK(steps > 20);
    CHECK_OK(flush_run_step(run, 1000, &more));
    CHECK(!more);
    CHECK_EQUAL(2000, flush_run_output(run)->entry_count);
    CHECK_EQUAL(2000, flush_run_counts(run).entries_read);
    CHECK_EQUAL(flush_run_output(run)->file_bytes, flush_run_counts(run).bytes_written);
    flush_run_take(run);
    flush_run_free(run);
    CHECK_EQUAL(1, job_file_count(&fixture.base));
    drop(from);
    tables_reset(&fixture);
}

TEST(a_flush_that_is_given_up_leaves_no_file)
{
    flush_run *run;
    bool more;
    tables_init(&fixture);
    memtable *from = fill("a@1 b@2 c@3");
    CHECK_OK(flush_run_new(&fixture.base.job, from, tables_version(&fixture), &run));
    flush_run_free(run);
    for (size_t steps = 1; steps <= 4; steps++) {
        CHECK_OK(flush_run_new(&fixture.base.job, from, fixture.of, &run));
        for (size_t i = 0; i < steps; i++) {
            CHECK_OK(flush_run_step(run, 1, &more));
        }
        flush_run_free(run);
        CHECK_EQUAL(0, job_file_count(&fixture.base));
    }
    drop(from);
    tables_reset(&fixture);
}

TEST(a_flush_without_memory_leaves_nothing)
{
    flush_run *run = NULL;
    bool more = true;
    tables_init(&fixture);
    memtable *from = fill("a@1 b@2 c@3");
    tables_version(&fixture);
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        mem_fail_at(at, 0);
        status = flush_run_new(&fixture.base.job, from, fixture.of, &run);
        if (status == PYKV_OK) {
            status = flush_run_step(run, 1000, &more);
            mem_fail_at(0, 0);
            flush_run_free(run);
        }
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK_EQUAL(0, job_file_count(&fixture.base));
    }
    drop(from);
    tables_reset(&fixture);
}

/* The flush wrote what it found in memory, whose check nobody compared: a bit that flipped between
 * log and table got a block check that fits. */
TEST(a_row_that_changed_in_memory_is_not_written)
{
    const char *const texts[] = {"b@2 c@3 d@4", "b@2!2000 c@3 d@4", "b@2- c@3 d@4"};
    tables_init(&fixture);
    for (size_t i = 0; i < 3; i++) {
        iterator_entry entry;
        flush_run *run;
        bool more = true;
        memtable *from = fill(texts[i]);
        CHECK(memtable_smallest(from, &entry));
        size_t bytes = entry.key.size + entry.value.size + (entry.deadline_us != 0 ? 8 : 0);
        uint8_t *record_bytes = (uint8_t *)(uintptr_t)entry.key.data;
        for (size_t bit = 0; bit < 8 * bytes; bit++) {
            record_bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            CHECK_OK(flush_run_new(&fixture.base.job, from, tables_version(&fixture), &run));
            CHECK_STATUS(PYKV_CORRUPTION, flush_run_step(run, 1 << 20, &more));
            CHECK(strstr(error_last()->text, "sequence 2 has changed in memory") != NULL);
            flush_run_free(run);
            CHECK_EQUAL(0, job_file_count(&fixture.base));
            record_bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        drop(from);
    }
    tables_reset(&fixture);
}

TEST_MAIN(CASE(the_versions_that_may_be_seen_become_one_table),
          CASE(a_tombstone_stays_if_any_table_may_hold_its_key),
          CASE(a_flush_makes_one_table_however_large),
          CASE(a_flush_that_is_given_up_leaves_no_file),
          CASE(a_flush_without_memory_leaves_nothing),
          CASE(a_row_that_changed_in_memory_is_not_written))
