/*
 * version_edit: what is written is read again, nothing else is taken for a manifest, and what could
 * not be read is not put in force.
 */
#include "harness/check.h"
#include "harness/hex_example.h"

#include "base/coding.h"
#include "base/memory.h"
#include "log/manifest_disk.h"
#include "lsm/version_edit.h"

enum {
    LOGS = 2,
    TABLES = 3,
    LOGS_AT = MANIFEST_HEAD_BYTES,
    TABLES_AT = LOGS_AT + LOGS * LSM_MANIFEST_LOG_BYTES,
    VALUES = 2,
    VALUES_AT = TABLES_AT + TABLES * LSM_MANIFEST_TABLE_BYTES,
    WHOLE_BYTES = VALUES_AT + VALUES * LSM_MANIFEST_VALUES_BYTES
};

static const manifest_log example_logs[LOGS] = {{3, 0x1111, 80, 4096, 1},
                                                {UINT32_MAX, UINT64_MAX, 91, 0, UINT32_MAX}};
static const manifest_table example_tables[TABLES] = {
    {5, 0, 0x2222, 900, 0xDEADBEEF, 12, 2, 70, 81, 5, 0, 1200, 81, {5, 5, 9}},
    {9, 0, 0x3333, 901, 1, 1, 0, 60, 69, 0, 0, 1201, 0, {0}},
    {4,
     6,
     UINT64_MAX,
     UINT64_MAX,
     UINT32_MAX,
     UINT64_MAX,
     UINT64_MAX,
     0,
     95,
     6,
     7,
     UINT64_MAX,
     95,
     {1, 2, 3, 4, 5, 6, UINT32_MAX}},
};

static const manifest_values example_values[VALUES] = {
    {6, 0x4444, 4096, 3, 4000}, {UINT32_MAX - 1, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};

static lsm_manifest example(uint64_t edit)
{
    lsm_manifest self = {.clean = true,
                         .store_id = 0x0123456789ABCDEF,
                         .edit = edit,
                         .epoch = 2,
                         .hash_seed_low = 3,
                         .hash_seed_high = UINT64_MAX,
                         .next_number = UINT64_C(1) << 32,
                         .last_sequence = 95,
                         .flushed_sequence = 81,
                         .durable_through = 77,
                         .wall_high_us = 1700000000000000,
                         .log_count = LOGS,
                         .table_count = TABLES,
                         .values_count = VALUES,
                         .logs = (manifest_log *)(uintptr_t)example_logs,
                         .tables = (manifest_table *)(uintptr_t)example_tables,
                         .values = (manifest_values *)(uintptr_t)example_values};
    return self;
}

static void check_equal_tables(const manifest_table *wanted, const manifest_table *got)
{
    CHECK_EQUAL(wanted->number, got->number);
    CHECK_EQUAL(wanted->level, got->level);
    CHECK_EQUAL(wanted->file_id, got->file_id);
    CHECK_EQUAL(wanted->file_bytes, got->file_bytes);
    CHECK_EQUAL(wanted->file_crc, got->file_crc);
    CHECK_EQUAL(wanted->entry_count, got->entry_count);
    CHECK_EQUAL(wanted->tombstone_count, got->tombstone_count);
    CHECK_EQUAL(wanted->sequence_min, got->sequence_min);
    CHECK_EQUAL(wanted->sequence_max, got->sequence_max);
    CHECK_EQUAL(wanted->deadline_min_us, got->deadline_min_us);
    CHECK_EQUAL(wanted->deadline_max_us, got->deadline_max_us);
    CHECK_EQUAL(wanted->raw_bytes, got->raw_bytes);
    CHECK_EQUAL(wanted->deletes_through, got->deletes_through);
    CHECK(memcmp(wanted->eighths, got->eighths, sizeof got->eighths) == 0);
}

static void check_equal(const lsm_manifest *wanted, const lsm_manifest *got)
{
    CHECK_EQUAL(wanted->clean, got->clean);
    CHECK_EQUAL(wanted->store_id, got->store_id);
    CHECK_EQUAL(wanted->edit, got->edit);
    CHECK_EQUAL(wanted->epoch, got->epoch);
    CHECK_EQUAL(wanted->hash_seed_low, got->hash_seed_low);
    CHECK_EQUAL(wanted->hash_seed_high, got->hash_seed_high);
    CHECK_EQUAL(wanted->next_number, got->next_number);
    CHECK_EQUAL(wanted->last_sequence, got->last_sequence);
    CHECK_EQUAL(wanted->flushed_sequence, got->flushed_sequence);
    CHECK_EQUAL(wanted->durable_through, got->durable_through);
    CHECK_EQUAL(wanted->wall_high_us, got->wall_high_us);
    CHECK_EQUAL(wanted->log_count, got->log_count);
    CHECK_EQUAL(wanted->table_count, got->table_count);
    for (uint64_t i = 0; i < wanted->log_count; i++) {
        CHECK_EQUAL(wanted->logs[i].number, got->logs[i].number);
        CHECK_EQUAL(wanted->logs[i].file_id, got->logs[i].file_id);
        CHECK_EQUAL(wanted->logs[i].birth_sequence, got->logs[i].birth_sequence);
        CHECK_EQUAL(wanted->logs[i].history_end, got->logs[i].history_end);
        CHECK_EQUAL(wanted->logs[i].epoch, got->logs[i].epoch);
    }
    for (uint64_t i = 0; i < wanted->table_count; i++) {
        check_equal_tables(&wanted->tables[i], &got->tables[i]);
    }
    CHECK_EQUAL(wanted->values_count, got->values_count);
    for (uint64_t i = 0; i < wanted->values_count; i++) {
        CHECK_EQUAL(wanted->values[i].number, got->values[i].number);
        CHECK_EQUAL(wanted->values[i].file_id, got->values[i].file_id);
        CHECK_EQUAL(wanted->values[i].file_bytes, got->values[i].file_bytes);
        CHECK_EQUAL(wanted->values[i].value_count, got->values[i].value_count);
        CHECK_EQUAL(wanted->values[i].value_bytes, got->values[i].value_bytes);
    }
}

TEST(every_field_that_was_written_is_read_again)
{
    env_directory *home;
    env *disk = new_disk(&home);
    lsm_manifest wanted = example(9);
    lsm_manifest got;
    CHECK_STATUS(PYKV_NOT_FOUND, lsm_manifest_read(home, &got));
    CHECK_OK(lsm_manifest_replace(home, &wanted));
    CHECK_OK(lsm_manifest_read(home, &got));
    check_equal(&wanted, &got);
    lsm_manifest_reset(&got);
    CHECK(got.logs == NULL && got.tables == NULL && got.values == NULL);
    lsm_manifest empty = {.store_id = 5, .edit = 1, .next_number = 1};
    CHECK_OK(lsm_manifest_replace(home, &empty));
    CHECK_OK(lsm_manifest_read(home, &got));
    check_equal(&empty, &got);
    lsm_manifest_reset(&got);
    free_disk(disk, home);
}

TEST(every_flipped_bit_is_refused)
{
    env_directory *home;
    env *disk = new_disk(&home);
    lsm_manifest wanted = example(9);
    lsm_manifest got;
    uint64_t size;
    CHECK_OK(lsm_manifest_replace(home, &wanted));
    for (uint32_t bit = 0; bit < WHOLE_BYTES * 8; bit++) {
        uint8_t *data = bytes_of(disk, &size);
        CHECK_EQUAL(WHOLE_BYTES, size);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, lsm_manifest_read(home, &got));
        CHECK(strstr(error_last()->text, HOME "/" MANIFEST_NAME) != NULL);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_OK(lsm_manifest_read(home, &got));
    lsm_manifest_reset(&got);
    free_disk(disk, home);
}

TEST(every_other_length_is_refused)
{
    env_directory *home;
    env *disk = new_disk(&home);
    lsm_manifest wanted = example(9);
    lsm_manifest got;
    uint64_t size;
    uint8_t copy[WHOLE_BYTES + LSM_MANIFEST_TABLE_BYTES] = {0};
    CHECK_OK(lsm_manifest_replace(home, &wanted));
    memcpy(copy, bytes_of(disk, &size), WHOLE_BYTES);
    for (size_t length = 0; length <= sizeof copy; length++) {
        write_bytes(home, copy, length);
        if (length != WHOLE_BYTES) {
            CHECK_STATUS(PYKV_CORRUPTION, lsm_manifest_read(home, &got));
        }
    }
    free_disk(disk, home);
}

/* Reads the manifest with size bytes at changed and all checks made right again. */
static pykv_status read_changed(env *disk, env_directory *home, size_t at, uint64_t value,
                                size_t value_bytes)
{
    lsm_manifest got;
    uint64_t size;
    uint8_t little[8];
    uint8_t *data = bytes_of(disk, &size);
    uint8_t saved[WHOLE_BYTES];
    memcpy(saved, data, sizeof saved);
    store_u64(little, value);
    memcpy(data + at, little, value_bytes);
    uint32_t crc = manifest_head_seal(data);
    for (size_t log = LOGS_AT; log < TABLES_AT; log += LSM_MANIFEST_LOG_BYTES) {
        manifest_entry_seal(data + log, LSM_MANIFEST_LOG_BYTES, crc);
    }
    for (size_t table = TABLES_AT; table < VALUES_AT; table += LSM_MANIFEST_TABLE_BYTES) {
        manifest_entry_seal(data + table, LSM_MANIFEST_TABLE_BYTES, crc);
    }
    for (size_t values = VALUES_AT; values < WHOLE_BYTES; values += LSM_MANIFEST_VALUES_BYTES) {
        manifest_entry_seal(data + values, LSM_MANIFEST_VALUES_BYTES, crc);
    }
    pykv_status status = lsm_manifest_read(home, &got);
    if (status == PYKV_OK) {
        lsm_manifest_reset(&got);
    }
    memcpy(data, saved, sizeof saved);
    return status;
}

TEST(unused_bytes_that_are_not_zero_are_refused_though_the_checks_are_right)
{
    static const size_t unused[][2] = {{14, 16},
                                       {32, 40},
                                       {152, 252},
                                       {TABLES_AT + 5, TABLES_AT + 8},
                                       {TABLES_AT + 84, TABLES_AT + 88},
                                       {VALUES_AT + 4, VALUES_AT + 8},
                                       {VALUES_AT + 40, VALUES_AT + 44}};
    env_directory *home;
    env *disk = new_disk(&home);
    lsm_manifest wanted = example(9);
    CHECK_OK(lsm_manifest_replace(home, &wanted));
    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++) {
        for (size_t at = unused[i][0]; at < unused[i][1]; at++) {
            CHECK_OK(read_changed(disk, home, at, 0, 1));
            CHECK_STATUS(PYKV_CORRUPTION, read_changed(disk, home, at, 1, 1));
            CHECK_STATUS(PYKV_CORRUPTION, read_changed(disk, home, at, 0x80, 1));
            CHECK(strstr(error_last()->text, "not zero") != NULL);
        }
    }
    free_disk(disk, home);
}

TEST(a_newer_version_and_another_engine_are_no_corruption)
{
    env_directory *home;
    env *disk = new_disk(&home);
    lsm_manifest wanted = example(9);
    CHECK_OK(lsm_manifest_replace(home, &wanted));
    CHECK_STATUS(PYKV_FORMAT, read_changed(disk, home, 8, 2, 4));
    CHECK_STATUS(PYKV_FORMAT, read_changed(disk, home, 12, PYKV_ENGINE_BITCASK, 1));
    free_disk(disk, home);
}

/* A byte or number of the example, changed, that no manifest can have. */
static const struct {
    size_t at;
    uint64_t value;
    size_t value_bytes;
    const char *words;
} impossible[] = {
    {96, 3, 8, "size does not fit"},
    {96, UINT64_MAX, 8, "size does not fit"},
    {104, 1, 8, "size does not fit"},
    {104, UINT64_C(1) << 57, 8, "size does not fit"}, /* in bytes: 0, modulo 2^64 */
    {112, 96, 8, "more is in tables"},
    {120, 1, 8, "no room for its deleted ranges"},
    {136, 8, 8, "size does not fit"},
    {136, UINT64_MAX, 8, "size does not fit"},
    {64, UINT32_MAX, 8, "number of a file again"},
    {LOGS_AT, 0, 4, "out of order"},
    {LOGS_AT, UINT32_MAX, 4, "out of order"},
    {LOGS_AT, 5, 4, "number to two files"},        /* a table's */
    {LOGS_AT + 4, 8, 4, "history has no records"}, /* of a header alone */
    {TABLES_AT, 9, 4, "out of order"},
    {TABLES_AT, 4, 4, "number to two files"}, /* that of a table of another level */
    {TABLES_AT + 2 * LSM_MANIFEST_TABLE_BYTES, 0, 4, "number to two files"},
    {TABLES_AT + 4, 1, 1, "out of order"},
    {TABLES_AT + 4, LSM_LEVEL_COUNT, 1, "a level that there is not"},
    {TABLES_AT + 24, 0, 8, "wrong number of entries"},
    {TABLES_AT + 32, 13, 8, "wrong number of entries"},
    {TABLES_AT + 40, 82, 8, "sequences out of bounds"},
    {TABLES_AT + 48, 96, 8, "sequences out of bounds"},
    {TABLES_AT + 88, 96, 8, "sequences out of bounds"},
    {128, 1, 8, "size does not fit"},
    {VALUES_AT, 0, 4, "out of order"},
    {VALUES_AT, 9, 4, "number to two files"}, /* a table's */
};

TEST(history_behind_a_log_that_is_replayed_is_not_put_in_force)
{
    env_directory *home;
    env *disk = new_disk(&home);
    manifest_log logs[LOGS] = {{3, 1, 80, 0, 0}, {7, 2, 91, 4096, 0}};
    lsm_manifest bad = example(9);
    bad.logs = logs;
    CHECK_STATUS(PYKV_INTERNAL, lsm_manifest_replace(home, &bad));
    CHECK(strstr(error_last()->text, "no history where it stands") != NULL);
    free_disk(disk, home);
}

TEST(what_no_manifest_can_say_is_refused_though_the_checks_are_right)
{
    env_directory *home;
    env *disk = new_disk(&home);
    lsm_manifest wanted = example(9);
    CHECK_OK(lsm_manifest_replace(home, &wanted));
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
        CHECK_STATUS(PYKV_CORRUPTION, read_changed(disk, home, impossible[i].at,
                                                   impossible[i].value, impossible[i].value_bytes));
        CHECK(strstr(error_last()->text, impossible[i].words) != NULL);
    }
    free_disk(disk, home);
}

/* A table that stood in two levels was written to the manifest, and the store could not be opened
 * any more. */
TEST(a_list_that_could_not_be_read_again_is_not_put_in_force)
{
    env_directory *home;
    env *disk = new_disk(&home);
    lsm_manifest good = example(9);
    lsm_manifest bad = example(10);
    lsm_manifest got;
    manifest_table twice[TABLES];
    memcpy(twice, example_tables, sizeof twice);
    twice[2].number = twice[1].number;
    bad.tables = twice;
    CHECK_OK(lsm_manifest_replace(home, &good));
    CHECK_STATUS(PYKV_INTERNAL, lsm_manifest_replace(home, &bad));
    CHECK(strstr(error_last()->text, "number to two files") != NULL);
    CHECK_OK(lsm_manifest_read(home, &got));
    check_equal(&good, &got);
    lsm_manifest_reset(&got);
    free_disk(disk, home);
}

TEST(a_failed_allocation_is_no_memory_and_leaves_a_manifest_in_force)
{
    env_directory *home;
    env *disk = new_disk(&home);
    lsm_manifest old = example(1);
    lsm_manifest fresh = example(2);
    lsm_manifest got;
    CHECK_OK(lsm_manifest_replace(home, &old));
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        mem_fail_at(at, 0);
        status = lsm_manifest_replace(home, &fresh);
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK_OK(lsm_manifest_read(home, &got));
        CHECK(got.edit == 2 || (got.edit == 1 && status == PYKV_NO_MEMORY));
        lsm_manifest_reset(&got);
    }
    status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        mem_fail_at(at, 0);
        status = lsm_manifest_read(home, &got);
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
    }
    lsm_manifest_reset(&got);
    free_disk(disk, home);
}

TEST(the_examples_of_the_page_are_written_and_read_as_they_stand)
{
    hex_example shown;
    size_t count = 0;
    FILE *page = hex_example_open("docs/format/lsm_manifest.md");
    while (hex_example_next(page, &shown)) {
        env_directory *home;
        env *disk = new_disk(&home);
        lsm_manifest got;
        uint64_t size;
        write_bytes(home, shown.bytes, shown.size);
        CHECK_OK(lsm_manifest_read(home, &got));
        CHECK_EQUAL(hex_example_number(&shown, "edit", 0), got.edit);
        CHECK_EQUAL(hex_example_number(&shown, "log_count", 99), got.log_count);
        CHECK_EQUAL(hex_example_number(&shown, "table_count", 99), got.table_count);
        CHECK_EQUAL(hex_example_number(&shown, "flushed_sequence", 99), got.flushed_sequence);
        CHECK_EQUAL(hex_example_number(&shown, "values_count", 99), got.values_count);
        CHECK_OK(lsm_manifest_replace(home, &got));
        const uint8_t *again = bytes_of(disk, &size);
        CHECK_EQUAL(shown.size, size);
        CHECK(memcmp(shown.bytes, again, size) == 0);
        lsm_manifest_reset(&got);
        free_disk(disk, home);
        count++;
    }
    fclose(page);
    CHECK_EQUAL(3, count);
}

TEST_MAIN(CASE(every_field_that_was_written_is_read_again), CASE(every_flipped_bit_is_refused),
          CASE(every_other_length_is_refused),
          CASE(unused_bytes_that_are_not_zero_are_refused_though_the_checks_are_right),
          CASE(a_newer_version_and_another_engine_are_no_corruption),
          CASE(history_behind_a_log_that_is_replayed_is_not_put_in_force),
          CASE(what_no_manifest_can_say_is_refused_though_the_checks_are_right),
          CASE(a_list_that_could_not_be_read_again_is_not_put_in_force),
          CASE(a_failed_allocation_is_no_memory_and_leaves_a_manifest_in_force),
          CASE(the_examples_of_the_page_are_written_and_read_as_they_stand))
