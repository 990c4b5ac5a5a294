/*
 * table_output_test: what flushes and compactions drop, keep and cut.
 */
#include "array_iterator.h"
#include "harness/check.h"

#include "base/hash.h"
#include "env/env_fault.h"
#include "log/log_format.h"
#include "lsm/job_fixture.h"
#include "lsm/values_fixture.h"
#include "lsm/version.h"

static job_fixture fixture;

enum { TEXT_BYTES = 4096 };

static bool holds_none(const void *context, slice key)
{
    (void)context;
    (void)key;
    return false;
}

/* Older tables hold the keys that begin with the letter at context. */
static bool holds_letter(const void *context, slice key)
{
    return key.size > 0 && key.data[0] == *(const uint8_t *)context;
}

static const older_tables NOTHING_OLDER = {holds_none, NULL};
static const older_tables OLDER_B = {holds_letter, "b"};
static const table_cut_options ONE_TABLE = {.table_bytes = UINT64_MAX,
                                            .overlap_bytes_max = UINT64_MAX};

/* Adds the entries of a text, divided by spaces. */
static pykv_status add_all(table_output *output, const char *text)
{
    char copy[TEXT_BYTES];
    char *rest = NULL;
    pykv_status status = PYKV_OK;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL && status == PYKV_OK;
         word = strtok_r(NULL, " ", &rest)) {
        iterator_entry entry = job_entry(word);
        status = table_output_add(output, &entry);
    }
    return status;
}

/* What the outputs hold, each table followed by "| ". */
static void read_all(const table_output *output, char out[TEXT_BYTES])
{
    size_t count;
    const manifest_table *made = table_output_made(output, &count);
    out[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        job_read_table(&fixture, &made[i], out, TEXT_BYTES);
        snprintf(out + strlen(out), TEXT_BYTES - strlen(out), "| ");
    }
}

/* Writes the entries of a text, and checks what the one output holds; "" means no output. */
static void check_written(older_tables older, const char *text, const char *wanted)
{
    table_output output;
    char found[TEXT_BYTES];
    char expected[TEXT_BYTES] = "";
    table_output_init(&output, &fixture.job, older, 3, &ONE_TABLE);
    CHECK_OK(add_all(&output, text));
    CHECK_OK(table_output_finish(&output));
    read_all(&output, found);
    if (wanted[0] != '\0') {
        snprintf(expected, sizeof expected, "%s | ", wanted);
    }
    if (strcmp(expected, found) != 0) {
        check_failed(__FILE__, __LINE__, "\"%s\" gave \"%s\", not \"%s\"", text, found, expected);
    }
    table_output_reset(&output);
    CHECK_EQUAL(0, job_file_count(&fixture));
}

TEST(entries_come_out_as_they_went_in)
{
    job_init(&fixture);
    check_written(NOTHING_OLDER, "a@3 b@9 c@1!2000", "a@3 b@9 c@1");
    check_written(NOTHING_OLDER, "", "");
    job_reset(&fixture);
}

TEST(a_version_is_dropped_if_a_newer_one_was_visible_at_the_plan)
{
    job_init(&fixture);
    check_written(NOTHING_OLDER, "a@9 a@8 a@7 b@6 b@5", "a@9 b@6");
    fixture.job.visible_sequence = 7;
    check_written(NOTHING_OLDER, "a@9 a@8 a@7 a@6 a@5", "a@9 a@8 a@7");
    check_written(NOTHING_OLDER, "a@9 a@6 a@5 b@4 b@3", "a@9 a@6 b@4");
    fixture.job.visible_sequence = 0;
    check_written(NOTHING_OLDER, "a@9 a@8 a@7-", "a@9 a@8 a@7-");
    job_reset(&fixture);
}

TEST(a_tombstone_goes_with_what_it_hides_if_nothing_older_has_its_key)
{
    job_init(&fixture);
    check_written(NOTHING_OLDER, "a@9- a@8 b@7-", "");
    check_written(OLDER_B, "a@9- a@8 b@7- b@6 c@5-", "b@7-");
    job_reset(&fixture);
}

TEST(a_tombstone_stays_as_long_as_what_it_hides_may_be_seen)
{
    job_init(&fixture);
    fixture.job.visible_sequence = 8;
    check_written(NOTHING_OLDER, "a@9- a@7 a@6 b@8- b@7", "a@9- a@7");
    check_written(NOTHING_OLDER, "a@9- a@7- a@6", "a@9-");
    job_reset(&fixture);
}

TEST(an_expired_record_is_a_tombstone_at_its_own_sequence)
{
    job_init(&fixture);
    check_written(NOTHING_OLDER, "a@9!1000 a@8 b@7!1001", "b@7");
    check_written(OLDER_B, "a@9!5 a@8 b@7!999 b@6 c@5", "b@7- c@5");
    fixture.job.visible_sequence = 6;
    check_written(NOTHING_OLDER, "a@9!5 a@8 a@4!5 a@3", "a@9- a@8");
    job_reset(&fixture);
}

TEST(what_expired_becomes_a_tombstone_without_value_and_with_a_check_of_its_own)
{
    job_init(&fixture);
    table_output output;
    size_t count;
    char text[TEXT_BYTES] = "";
    record bare = {.kind = RECORD_DELETE, .key = slice_make("b", 1)};
    table_output_init(&output, &fixture.job, OLDER_B, 2, &ONE_TABLE);
    output.job.building.keeps_checks = true;
    CHECK_OK(add_all(&output, "b@7!999"));
    CHECK_OK(table_output_finish(&output));
    const manifest_table *made = table_output_made(&output, &count);
    CHECK_EQUAL(1, count);
    CHECK_EQUAL(2, made->level);
    CHECK_EQUAL(1, made->tombstone_count);
    CHECK_EQUAL(0, made->deadline_max_us);
    job_read_table(&fixture, made, text, sizeof text);
    table *opened;
    table_found found;
    char name[TABLE_FILE_NAME_BYTES];
    table_open_options options = job_open_options(&fixture);
    table_file_name(made->number, name);
    CHECK_OK(table_open(fixture.home, name, &options, &opened));
    uint64_t hash = hash_murmur3("b", 1, JOB_SEED_LOW, JOB_SEED_HIGH).low;
    CHECK_OK(
        table_get(opened, block_source_direct(), table_position_make(bare.key, 100), hash, &found));
    CHECK_EQUAL(TABLE_DELETE, found.kind);
    CHECK_EQUAL(0, found.value.size);
    CHECK_EQUAL(0, found.deadline_us);
    CHECK_EQUAL(record_body_crc(&bare), found.body_crc);
    table_release(block_source_direct(), &found);
    table_close(opened);
    table_output_reset(&output);
    job_reset(&fixture);
}

/* Versions of one key over many blocks, more than the size of an output. */
TEST(an_output_never_ends_between_versions_of_one_key)
{
    static char text[TEXT_BYTES];
    static const table_cut_options small = {.table_bytes = 300, .overlap_bytes_max = UINT64_MAX};
    table_output output;
    size_t count;
    job_init(&fixture);
    fixture.job.visible_sequence = 0;
    for (const char *key = "abcdefgh"; *key != '\0'; key++) {
        for (unsigned sequence = 60; sequence > 30; sequence--) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "%c@%u ", *key, sequence);
        }
    }
    table_output_init(&output, &fixture.job, NOTHING_OLDER, 3, &small);
    CHECK_OK(add_all(&output, text));
    CHECK_OK(table_output_finish(&output));
    const manifest_table *made = table_output_made(&output, &count);
    CHECK(count > 3);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(0, made[i].entry_count % 30);
        CHECK_EQUAL(31, made[i].sequence_min);
        CHECK_EQUAL(60, made[i].sequence_max);
    }
    table_output_reset(&output);
    job_reset(&fixture);
}

TEST(outputs_that_were_taken_stay_and_are_durable)
{
    table_output output;
    env *after;
    env_directory *home;
    env_names names;
    job_init(&fixture);
    table_output_init(&output, &fixture.job, NOTHING_OLDER, 3, &ONE_TABLE);
    CHECK_OK(add_all(&output, "a@1 b@2"));
    CHECK_OK(table_output_finish(&output));
    table_output_take(&output);
    CHECK_EQUAL(2, output.counts.entries_read);
    CHECK_EQUAL(0, output.counts.entries_dropped);
    CHECK(output.counts.bytes_written > 0);
    table_output_reset(&output);
    CHECK_OK(env_memory_crash(fixture.disk, 1, ENV_CRASH_DROP_ALL, &after));
    CHECK_OK(env_directory_open(after, "/d", false, &home));
    CHECK_OK(env_directory_list(home, &names));
    CHECK_EQUAL(1, names.count);
    env_names_free(&names);
    env_directory_close(home);
    env_memory_free(after);
    job_reset(&fixture);
}

/* A file that is there already is someone's: it is not removed when its number is given again. */
TEST(a_file_of_another_is_not_removed)
{
    table_output output;
    env_file *other;
    job_init(&fixture);
    CHECK_OK(env_file_open(fixture.home, "00000001.tbl", ENV_WRITE | ENV_CREATE, &other));
    env_file_close(other);
    table_output_init(&output, &fixture.job, NOTHING_OLDER, 3, &ONE_TABLE);
    CHECK_STATUS(PYKV_PATH_EXISTS, add_all(&output, "a@1"));
    table_output_reset(&output);
    CHECK_EQUAL(1, job_file_count(&fixture));
    job_reset(&fixture);
}

/* Runs the same outputs with every call and every allocation failing in turn. */
TEST(a_failure_leaves_no_file_and_no_memory)
{
    static const table_cut_options small = {.table_bytes = 100, .overlap_bytes_max = UINT64_MAX};
    static const char *const text = "a@30 b@29 c@28 d@27 e@26 f@25 g@24 h@23 i@22 j@21 k@20 l@19";
    env *faulty;
    job_init(&fixture);
    CHECK_OK(env_fault_new(fixture.disk, &faulty));
    bool failed = true;
    for (uint64_t at = 1; failed; at++) {
        table_output output;
        env_directory *home;
        bool of_memory = at % 2 == 0;
        env_fault_plan plan = {.at = of_memory ? 0 : at / 2 + 1,
                               .system_errno = 5,
                               .call_mask = ENV_CALLS_WITH_STATUS & ~(1U << ENV_CALL_UNLINK)};
        env_fault_set(faulty, &(env_fault_plan){.at = 0});
        CHECK_OK(env_directory_open(faulty, "/d", false, &home));
        table_job job = fixture.job;
        job.surroundings = faulty;
        job.home = home;
        table_output_init(&output, &job, NOTHING_OLDER, 1, &small);
        env_fault_set(faulty, &plan);
        mem_fail_at(of_memory ? at / 2 : 0, 0);
        pykv_status status = add_all(&output, text);
        status = status == PYKV_OK ? table_output_finish(&output) : status;
        mem_fail_at(0, 0);
        table_output_reset(&output);
        env_directory_close(home);
        CHECK_EQUAL(0, job_file_count(&fixture));
        failed = status != PYKV_OK || at < 100;
        CHECK(status == PYKV_OK || error_last()->status == status);
    }
    env_fault_free(faulty);
    job_reset(&fixture);
}

/* ---- steps ---- */

enum { MOVED = 20, STEP_BYTES = 2 * VALUES_BIG_BYTES + 1 };

/* Pulls pointers to values that move, in steps; how many those are. */
static uint32_t pull_moved(table_output *output, const iterator_entry *pointers)
{
    array_control control = {.seed = check_seed()};
    iterator *from = array_iterator_new(&control, pointers, MOVED);
    bool more = true;
    uint32_t steps = 0;
    iterator_seek_first(from);
    for (; more; steps++) {
        uint64_t before = output->values.moved_bytes;
        CHECK_OK(table_output_pull(output, from, STEP_BYTES, &more));
        CHECK(output->values.moved_bytes - before < STEP_BYTES + VALUES_BIG_BYTES);
    }
    iterator_free(from);
    return steps;
}

/* Only the pointers counted: what a step moved was bound by nothing, 65 MB where it was charged for
 * one, and a close waited for all of it. */
TEST(a_step_moves_as_many_bytes_of_values_as_it_may_and_one_value_more)
{
    values_fixture values;
    iterator_entry pointers[MOVED];
    uint8_t encoded[MOVED][VALUE_POINTER_BYTES_MAX];
    char keys[MOVED][4];
    table_output output;
    values_init(&values, UINT64_MAX);
    for (uint32_t i = 0; i < MOVED; i++) {
        snprintf(keys[i], sizeof keys[i], "k%02u", i);
        value_pointer where = values_add(&values, keys[i], i + 1);
        pointers[i] = values_entry(keys[i], i + 1, 0);
        pointers[i].kind = INTERNAL_KIND_POINTER;
        pointers[i].value = slice_make(encoded[i], value_pointer_encode(&where, encoded[i]));
    }
    CHECK_OK(value_writer_finish(&values.writer));
    version_values segment = {.segment = values_open(&values, 0)};
    version of = {.values = &segment, .value_segment_count = 1};
    table_job job = values.base.job;
    job.values = (value_job){.store_id = VALUES_STORE_ID,
                             .segment_bytes = UINT64_MAX,
                             .moved_from = &of,
                             .moved = {segment.segment->facts.number},
                             .moved_count = 1};
    table_output_init(&output, &job, NOTHING_OLDER, 1, &ONE_TABLE);
    CHECK(pull_moved(&output, pointers) >= MOVED / 3);
    CHECK_EQUAL(MOVED * VALUES_BIG_BYTES, output.values.moved_bytes);
    table_output_reset(&output);
    value_segment_release(segment.segment);
    values_reset(&values);
}

TEST_MAIN(CASE(entries_come_out_as_they_went_in),
          CASE(a_version_is_dropped_if_a_newer_one_was_visible_at_the_plan),
          CASE(a_tombstone_goes_with_what_it_hides_if_nothing_older_has_its_key),
          CASE(a_tombstone_stays_as_long_as_what_it_hides_may_be_seen),
          CASE(an_expired_record_is_a_tombstone_at_its_own_sequence),
          CASE(what_expired_becomes_a_tombstone_without_value_and_with_a_check_of_its_own),
          CASE(an_output_never_ends_between_versions_of_one_key),
          CASE(outputs_that_were_taken_stay_and_are_durable),
          CASE(a_file_of_another_is_not_removed), CASE(a_failure_leaves_no_file_and_no_memory),
          CASE(a_step_moves_as_many_bytes_of_values_as_it_may_and_one_value_more))
