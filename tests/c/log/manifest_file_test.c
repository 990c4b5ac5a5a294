/*
 * manifest_file: the head that is written is read again and no other one is; the file is replaced
 * at one moment, and stays in force when replacing fails.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/memory.h"
#include "log/manifest_disk.h"

#define PATH HOME "/" MANIFEST_NAME

static const manifest_head example = {.engine = PYKV_ENGINE_LSM,
                                      .clean = true,
                                      .store_id = 0x0123456789ABCDEF,
                                      .edit = 9,
                                      .epoch = 2,
                                      .hash_seed_low = 3,
                                      .hash_seed_high = UINT64_MAX,
                                      .next_number = 77,
                                      .last_sequence = 95,
                                      .durable_through = 78,
                                      .wall_high_us = 1700000000000000};

static void make(uint8_t out[MANIFEST_HEAD_BYTES])
{
    memset(out, 0, MANIFEST_HEAD_BYTES);
    manifest_head_encode(&example, out);
    manifest_head_seal(out);
}

static pykv_status decode(const uint8_t *data, manifest_head *out)
{
    return manifest_head_decode(data, MANIFEST_HEAD_BYTES, PATH, PYKV_ENGINE_LSM, "an LSM store",
                                out);
}

TEST(every_field_of_a_head_is_read_again)
{
    uint8_t data[MANIFEST_HEAD_BYTES];
    manifest_head got;
    make(data);
    CHECK_OK(decode(data, &got));
    CHECK_EQUAL(example.engine, got.engine);
    CHECK_EQUAL(example.clean, got.clean);
    CHECK_EQUAL(example.store_id, got.store_id);
    CHECK_EQUAL(example.edit, got.edit);
    CHECK_EQUAL(example.epoch, got.epoch);
    CHECK_EQUAL(example.hash_seed_low, got.hash_seed_low);
    CHECK_EQUAL(example.hash_seed_high, got.hash_seed_high);
    CHECK_EQUAL(example.next_number, got.next_number);
    CHECK_EQUAL(example.last_sequence, got.last_sequence);
    CHECK_EQUAL(example.durable_through, got.durable_through);
    CHECK_EQUAL(example.wall_high_us, got.wall_high_us);
}

TEST(every_flipped_bit_of_a_head_is_refused)
{
    uint8_t data[MANIFEST_HEAD_BYTES];
    manifest_head got;
    make(data);
    for (uint32_t bit = 0; bit < MANIFEST_HEAD_BYTES * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, decode(data, &got));
        CHECK(strstr(error_last()->text, PATH) != NULL);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_STATUS(PYKV_CORRUPTION,
                 manifest_head_decode(data, MANIFEST_HEAD_BYTES - 1, PATH, 2, "", &got));
}

/* Decodes the head with a byte changed and the check made right. */
static pykv_status decode_changed(size_t at, uint8_t value)
{
    uint8_t data[MANIFEST_HEAD_BYTES];
    manifest_head got;
    make(data);
    data[at] = value;
    manifest_head_seal(data);
    return decode(data, &got);
}

TEST(a_newer_version_and_another_engine_are_no_corruption)
{
    CHECK_STATUS(PYKV_FORMAT, decode_changed(8, MANIFEST_HEAD_VERSION + 1));
    CHECK(strstr(error_last()->text, "version 2") != NULL);
    CHECK_STATUS(PYKV_FORMAT, decode_changed(12, PYKV_ENGINE_BITCASK));
    CHECK(strstr(error_last()->text, "belongs to a Bitcask, not to an LSM store") != NULL);
    CHECK_STATUS(PYKV_FORMAT, decode_changed(12, 77));
    CHECK(strstr(error_last()->text, "engine number 77") != NULL);
}

TEST(flags_and_unused_bytes_are_checked_behind_a_right_check)
{
    CHECK_OK(decode_changed(13, 0));
    CHECK_STATUS(PYKV_CORRUPTION, decode_changed(13, 2));
    CHECK_EQUAL(13, error_last()->offset);
    CHECK_STATUS(PYKV_CORRUPTION, decode_changed(14, 1));
    CHECK_STATUS(PYKV_CORRUPTION, decode_changed(15, 0x80));
    CHECK_OK(decode_changed(32, 1)); /* the engine's */
    CHECK_OK(decode_changed(251, 1));
}

TEST(an_entry_belongs_to_its_head)
{
    uint8_t data[MANIFEST_HEAD_BYTES];
    uint8_t entry[16] = {1, 2, 3};
    make(data);
    manifest_entry_seal(entry, sizeof entry, manifest_head_crc(data));
    CHECK_OK(manifest_entry_check(entry, sizeof entry, manifest_head_crc(data), PATH, 256));
    data[24]++;
    uint32_t newer = manifest_head_seal(data);
    CHECK_STATUS(PYKV_CORRUPTION, manifest_entry_check(entry, sizeof entry, newer, PATH, 256));
    CHECK_EQUAL(256, error_last()->offset);
}

/* A number that is given again would overwrite the file that has it. */
TEST(the_next_number_is_above_all_and_one_that_a_file_can_have_or_the_end)
{
    uint64_t end = UINT64_C(1) << 32;
    CHECK_OK(manifest_check_next_number(1, 0, PATH));
    CHECK_OK(manifest_check_next_number(end, UINT32_MAX, PATH));
    CHECK_STATUS(PYKV_CORRUPTION, manifest_check_next_number(0, 0, PATH));
    CHECK_STATUS(PYKV_CORRUPTION, manifest_check_next_number(8, 8, PATH));
    CHECK_STATUS(PYKV_CORRUPTION, manifest_check_next_number(end + 1, 8, PATH));
    CHECK_EQUAL(64, error_last()->offset);
}

/* ---- the file ---- */

static pykv_status replace(env_directory *home, const char *text)
{
    buffer bytes = BUFFER_EMPTY;
    pykv_status status = buffer_append(&bytes, text, strlen(text));
    if (status == PYKV_OK) {
        status = manifest_file_replace(home, &bytes);
    }
    buffer_reset(&bytes);
    return status;
}

static void check_text(env_directory *home, const char *text)
{
    buffer bytes = BUFFER_EMPTY;
    env_file *file;
    CHECK_OK(manifest_file_load(home, 100, &bytes, &file));
    CHECK_EQUAL(strlen(text), bytes.size);
    CHECK(memcmp(text, bytes.data, bytes.size) == 0);
    CHECK(strcmp(PATH, env_file_path(file)) == 0);
    env_file_close(file);
    buffer_reset(&bytes);
}

TEST(what_replaced_the_file_is_loaded_up_to_a_limit)
{
    env_directory *home;
    env *disk = new_disk(&home);
    buffer bytes = BUFFER_EMPTY;
    env_file *file;
    CHECK_STATUS(PYKV_NOT_FOUND, manifest_file_load(home, 100, &bytes, &file));
    CHECK_OK(replace(home, "first"));
    check_text(home, "first");
    CHECK_OK(replace(home, "2nd"));
    check_text(home, "2nd");
    CHECK_STATUS(PYKV_CORRUPTION, manifest_file_load(home, 2, &bytes, &file));
    CHECK(strstr(error_last()->text, "too large") != NULL);
    free_disk(disk, home);
}

static uint64_t size_of(env_directory *home, const char *name)
{
    env_file *file;
    uint64_t size = 0;
    if (env_file_open(home, name, ENV_READ, &file) != PYKV_OK) {
        return UINT64_MAX;
    }
    CHECK_OK(env_file_size(file, &size));
    env_file_close(file);
    return size;
}

TEST(what_is_kept_becomes_the_file_or_is_given_back)
{
    env_directory *home;
    env *disk = new_disk(&home);
    buffer bytes = BUFFER_EMPTY;
    CHECK_OK(replace(home, "first"));
    CHECK_OK(manifest_file_reserve(home, 4097));
    CHECK_EQUAL(8192, size_of(home, MANIFEST_SPARE_NAME));
    CHECK_OK(manifest_file_reserve(home, 1));
    CHECK_EQUAL(8192, size_of(home, MANIFEST_SPARE_NAME));
    check_text(home, "first");
    CHECK_OK(buffer_append(&bytes, "kept", 4));
    CHECK_OK(manifest_file_replace_reserved(home, &bytes));
    buffer_reset(&bytes);
    check_text(home, "kept");
    CHECK_EQUAL(UINT64_MAX, size_of(home, MANIFEST_SPARE_NAME));
    CHECK_OK(manifest_file_reserve(home, 1));
    manifest_file_release(home);
    CHECK_EQUAL(UINT64_MAX, size_of(home, MANIFEST_SPARE_NAME));
    free_disk(disk, home);
}

TEST(a_failed_allocation_is_no_memory)
{
    env_directory *home;
    env *disk = new_disk(&home);
    CHECK_OK(replace(home, "first"));
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        buffer bytes = BUFFER_EMPTY;
        env_file *file = NULL;
        mem_fail_at(at, 0);
        status = manifest_file_load(home, 100, &bytes, &file);
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        if (status == PYKV_OK) {
            env_file_close(file);
        }
        buffer_reset(&bytes);
    }
    free_disk(disk, home);
}

/* Replaces "old" by "new" with the power off at the call numbered at; true: the old one is there
 * after it. */
static bool replace_and_crash(uint64_t at, env_crash_policy policy, bool *off_out,
                              pykv_status *status_out)
{
    env_directory *home;
    env *after;
    uint8_t *data;
    uint64_t size;
    env *disk = new_disk(&home);
    CHECK_OK(replace(home, "old"));
    env_memory_power_off_at(disk, env_memory_call_count(disk) + at);
    *status_out = replace(home, "new");
    *off_out = env_memory_is_off(disk);
    CHECK_OK(env_memory_crash(disk, check_seed() + at, policy, &after));
    free_disk(disk, home);
    CHECK_OK(env_directory_open(after, HOME, false, &home));
    CHECK_OK(env_memory_file_bytes(after, PATH, &data, &size));
    bool is_old = size == 3 && memcmp(data, "old", 3) == 0;
    CHECK(is_old || (size == 3 && memcmp(data, "new", 3) == 0));
    free_disk(after, home);
    return is_old;
}

TEST(when_the_power_goes_the_old_or_the_new_file_is_there)
{
    for (env_crash_policy policy = ENV_CRASH_DROP_ALL; policy < ENV_CRASH_POLICY_COUNT; policy++) {
        bool off = true;
        uint64_t old_count = 0;
        for (uint64_t at = 1; off; at++) {
            pykv_status status;
            bool is_old = replace_and_crash(at, policy, &off, &status);
            CHECK_EQUAL(off, status != PYKV_OK);
            CHECK(off || !is_old);
            old_count += is_old;
        }
        CHECK(old_count >= 2);
    }
}

TEST_MAIN(CASE(every_field_of_a_head_is_read_again), CASE(every_flipped_bit_of_a_head_is_refused),
          CASE(a_newer_version_and_another_engine_are_no_corruption),
          CASE(flags_and_unused_bytes_are_checked_behind_a_right_check),
          CASE(an_entry_belongs_to_its_head),
          CASE(the_next_number_is_above_all_and_one_that_a_file_can_have_or_the_end),
          CASE(what_replaced_the_file_is_loaded_up_to_a_limit),
          CASE(what_is_kept_becomes_the_file_or_is_given_back),
          CASE(a_failed_allocation_is_no_memory),
          CASE(when_the_power_goes_the_old_or_the_new_file_is_there))
