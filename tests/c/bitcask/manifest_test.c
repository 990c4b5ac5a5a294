/*
 * manifest: what is written is read again, nothing else is ever taken for a manifest, and the file
 * is replaced at one moment.
 */
#include <errno.h>

#include "harness/check.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/memory.h"
#include "bitcask/manifest.h"
#include "env/env_fault.h"
#include "log/home.h"
#include "log/manifest_disk.h"

enum { SEGMENTS = 3, WHOLE_BYTES = MANIFEST_HEADER_BYTES + SEGMENTS * MANIFEST_ENTRY_BYTES };

static const manifest_segment example_segments[SEGMENTS] = {
    {1, 2, true, 0x1111111111111111, 40, 3, 39, 8192, 1764230400000000, 0, {{{0, 0}}, {0}}, 1},
    {4, 1, true, 0x2222222222222222, 0, 40, 90, 4096, 0, 0, {{{0, 0}}, {0}}, UINT16_MAX},
    {0xFFFFFFFF, 1, false, UINT64_MAX, 91, 0, 0, 640, 1, 0, {{{0, 0}}, {0}}, 0},
};

static manifest example(uint64_t edit)
{
    manifest self = {.clean = true,
                     .store_id = 0x0123456789ABCDEF,
                     .edit = edit,
                     .merge_edit = 8,
                     .epoch = 2,
                     .hash_seed_low = 3,
                     .hash_seed_high = UINT64_MAX,
                     .next_number = UINT64_C(1) << 32,
                     .last_sequence = 95,
                     .durable_through = 77,
                     .wall_high_us = 1700000000000000,
                     .sealed_sequence = 90,
                     .clear_sequence = 2,
                     .segment_count = SEGMENTS,
                     .segments = (manifest_segment *)(uintptr_t)example_segments};
    return self;
}

static void check_equal(const manifest *wanted, const manifest *got)
{
    CHECK_EQUAL(wanted->clean, got->clean);
    CHECK_EQUAL(wanted->store_id, got->store_id);
    CHECK_EQUAL(wanted->edit, got->edit);
    CHECK_EQUAL(wanted->merge_edit, got->merge_edit);
    CHECK_EQUAL(wanted->epoch, got->epoch);
    CHECK_EQUAL(wanted->hash_seed_low, got->hash_seed_low);
    CHECK_EQUAL(wanted->hash_seed_high, got->hash_seed_high);
    CHECK_EQUAL(wanted->next_number, got->next_number);
    CHECK_EQUAL(wanted->last_sequence, got->last_sequence);
    CHECK_EQUAL(wanted->durable_through, got->durable_through);
    CHECK_EQUAL(wanted->wall_high_us, got->wall_high_us);
    CHECK_EQUAL(wanted->sealed_sequence, got->sealed_sequence);
    CHECK_EQUAL(wanted->clear_sequence, got->clear_sequence);
    CHECK_EQUAL(wanted->segment_count, got->segment_count);
    for (uint64_t i = 0; i < wanted->segment_count; i++) {
        const manifest_segment *a = &wanted->segments[i];
        const manifest_segment *b = &got->segments[i];
        CHECK_EQUAL(a->number, b->number);
        CHECK_EQUAL(a->kind, b->kind);
        CHECK_EQUAL(a->sealed, b->sealed);
        CHECK_EQUAL(a->file_id, b->file_id);
        CHECK_EQUAL(a->birth_sequence, b->birth_sequence);
        CHECK_EQUAL(a->first_sequence, b->first_sequence);
        CHECK_EQUAL(a->deadline_max_us, b->deadline_max_us);
        CHECK_EQUAL(a->expiring_bytes, b->expiring_bytes);
        CHECK_EQUAL(a->last_sequence, b->last_sequence);
        CHECK_EQUAL(a->length, b->length);
        CHECK_EQUAL(a->tombstone_share, b->tombstone_share);
    }
}

/* Adds what a store has that keeps its history. */
static void add_history(manifest *self)
{
    static const manifest_segment history[] = {
        {2, 1, true, 0x3333333333333333, 1, 1, 30, 5000, 0, 0, {{{0, 0}}, {0}}, 0},
        {3, 1, true, 0x4444444444444444, 31, 31, 39, 2000, 0, 0, {{{0, 0}}, {0}}, 0},
    };
    self->history_count = 2;
    self->history = (manifest_segment *)(uintptr_t)history;
    CHECK_OK(past_epochs_end(&self->epochs, 0, 20));
    CHECK_OK(past_epochs_end(&self->epochs, 1, 40));
    pykv_pin pin = {.name = "copy", .sequence = 25, .bytes_max = 1 << 20, .until_us = 7};
    CHECK(history_pins_set(&self->pins, &pin));
}

TEST(history_epochs_and_pins_are_read_again)
{
    env_directory *home;
    env *disk = new_disk(&home);
    manifest wanted = example(9);
    manifest got;
    uint64_t size;
    add_history(&wanted);
    CHECK_OK(manifest_replace(home, &wanted));
    CHECK_OK(manifest_read(home, &got));
    check_equal(&wanted, &got);
    CHECK_EQUAL(39, got.history[got.history_count - 1].last_sequence);
    CHECK_EQUAL(1, past_epochs_of(&got.epochs, 21, 2));
    CHECK_EQUAL(25, history_pins_find(&got.pins, "copy")->sequence);
    manifest_reset(&got);
    uint8_t *data = bytes_of(disk, &size);
    for (uint64_t bit = 0; bit < size * 8; bit++) {
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        pykv_status status = manifest_read(home, &got);
        CHECK(status == PYKV_CORRUPTION || status == PYKV_FORMAT);
        data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    past_epochs_reset(&wanted.epochs);
    free_disk(disk, home);
}

TEST(a_merged_segment_and_one_with_tombstones_known_are_no_history)
{
    env_directory *home;
    env *disk = new_disk(&home);
    for (size_t i = 0; i < 2; i++) {
        manifest wanted = example(9);
        manifest got;
        wanted.history_count = 1;
        wanted.history = &wanted.segments[i];
        CHECK_OK(manifest_replace(home, &wanted));
        CHECK_STATUS(PYKV_CORRUPTION, manifest_read(home, &got));
        CHECK_EQUAL(WHOLE_BYTES, error_last()->offset);
    }
    free_disk(disk, home);
}

TEST(every_field_that_was_written_is_read_again)
{
    env_directory *home;
    env *disk = new_disk(&home);
    manifest wanted = example(9);
    manifest got;
    int32_t engine;
    CHECK_STATUS(PYKV_NOT_FOUND, manifest_read(home, &got));
    CHECK_OK(home_manifest_engine(home, &engine));
    CHECK_EQUAL(PYKV_ENGINE_ANY, engine);
    CHECK_OK(manifest_replace(home, &wanted));
    CHECK_OK(manifest_read(home, &got));
    check_equal(&wanted, &got);
    CHECK_OK(home_manifest_engine(home, &engine));
    CHECK_EQUAL(PYKV_ENGINE_BITCASK, engine);
    manifest_reset(&got);
    manifest empty = {.store_id = 5, .edit = 1, .next_number = 1};
    CHECK_OK(manifest_replace(home, &empty));
    CHECK_OK(manifest_read(home, &got));
    check_equal(&empty, &got);
    manifest_reset(&got);
    free_disk(disk, home);
}

TEST(every_flipped_bit_is_refused)
{
    env_directory *home;
    env *disk = new_disk(&home);
    manifest wanted = example(9);
    manifest got;
    uint64_t size;
    CHECK_OK(manifest_replace(home, &wanted));
    for (uint32_t bit = 0; bit < WHOLE_BYTES * 8; bit++) {
        uint8_t *data = bytes_of(disk, &size);
        CHECK_EQUAL(WHOLE_BYTES, size);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        pykv_status status = manifest_read(home, &got);
        CHECK(status == PYKV_CORRUPTION || status == PYKV_FORMAT);
        CHECK(strstr(error_last()->text, MANIFEST_NAME) != NULL);
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_OK(manifest_read(home, &got));
    manifest_reset(&got);
    free_disk(disk, home);
}

TEST(every_other_length_is_refused)
{
    env_directory *home;
    env *disk = new_disk(&home);
    manifest wanted = example(9);
    manifest got;
    uint64_t size;
    uint8_t copy[WHOLE_BYTES + MANIFEST_ENTRY_BYTES] = {0};
    CHECK_OK(manifest_replace(home, &wanted));
    memcpy(copy, bytes_of(disk, &size), WHOLE_BYTES);
    for (size_t length = 0; length <= sizeof copy; length++) {
        write_bytes(home, copy, length);
        if (length != WHOLE_BYTES) {
            CHECK_STATUS(PYKV_CORRUPTION, manifest_read(home, &got));
        }
    }
    free_disk(disk, home);
}

/* A header with a right check and one byte changed. */
static void write_changed(env_directory *home, const uint8_t *whole, size_t at, uint8_t value)
{
    uint8_t copy[WHOLE_BYTES];
    memcpy(copy, whole, sizeof copy);
    copy[at] = value;
    store_u32(copy + MANIFEST_HEADER_BYTES - 4, crc32c_extend(0, copy, MANIFEST_HEADER_BYTES - 4));
    write_bytes(home, copy, sizeof copy);
}

TEST(a_newer_version_and_another_engine_are_no_corruption)
{
    env_directory *home;
    env *disk = new_disk(&home);
    manifest wanted = example(9);
    manifest got;
    uint8_t whole[WHOLE_BYTES];
    uint64_t size;
    int32_t engine;
    CHECK_OK(manifest_replace(home, &wanted));
    memcpy(whole, bytes_of(disk, &size), sizeof whole);
    write_changed(home, whole, 8, MANIFEST_FORMAT_VERSION + 1);
    CHECK_STATUS(PYKV_FORMAT, manifest_read(home, &got));
    CHECK(strstr(error_last()->text, "version 2") != NULL);
    CHECK_STATUS(PYKV_FORMAT, home_manifest_engine(home, &engine));
    write_changed(home, whole, 12, PYKV_ENGINE_LSM);
    CHECK_STATUS(PYKV_FORMAT, manifest_read(home, &got));
    CHECK_OK(home_manifest_engine(home, &engine));
    CHECK_EQUAL(PYKV_ENGINE_LSM, engine);
    free_disk(disk, home);
}

/* Reads the manifest with the byte at changed and all checks made right again. */
static pykv_status read_changed(env *disk, env_directory *home, size_t at, uint8_t value)
{
    manifest got;
    uint64_t size;
    uint8_t *data = bytes_of(disk, &size);
    uint8_t saved[WHOLE_BYTES];
    memcpy(saved, data, sizeof saved);
    data[at] = value;
    store_u32(data + MANIFEST_HEADER_BYTES - 4, crc32c_extend(0, data, MANIFEST_HEADER_BYTES - 4));
    for (size_t entry = MANIFEST_HEADER_BYTES; entry < size; entry += MANIFEST_ENTRY_BYTES) {
        uint32_t crc = load_u32(data + MANIFEST_HEADER_BYTES - 4);
        store_u32(data + entry + MANIFEST_ENTRY_BYTES - 4,
                  crc32c_extend(crc, data + entry, MANIFEST_ENTRY_BYTES - 4));
    }
    pykv_status status = manifest_read(home, &got);
    if (status == PYKV_OK) {
        manifest_reset(&got);
    }
    memcpy(data, saved, sizeof saved);
    return status;
}

/* A byte without a meaning was passed over: a later format that gives it one, or damage in front of
 * the checks, would have been read as something else. */
TEST(unused_bytes_that_are_not_zero_are_refused_though_the_checks_are_right)
{
    static const size_t unused[][2] = {{14, 16}, {152, 252}};
    env_directory *home;
    env *disk = new_disk(&home);
    manifest wanted = example(9);
    CHECK_OK(manifest_replace(home, &wanted));
    CHECK_OK(read_changed(disk, home, 14, 0));
    for (size_t i = 0; i < sizeof unused / sizeof unused[0]; i++) {
        for (size_t at = unused[i][0]; at < unused[i][1]; at++) {
            CHECK_STATUS(PYKV_CORRUPTION, read_changed(disk, home, at, 1));
            CHECK_STATUS(PYKV_CORRUPTION, read_changed(disk, home, at, 0x80));
            CHECK(strstr(error_last()->text, "not zero") != NULL);
        }
    }
    free_disk(disk, home);
}

/* A number that is given again would overwrite the segment that has it. */
TEST(a_next_number_that_a_segment_has_or_that_no_segment_can_have_is_refused)
{
    env_directory *home;
    env *disk = new_disk(&home);
    manifest wanted = example(9);
    CHECK_OK(manifest_replace(home, &wanted));
    CHECK_OK(read_changed(disk, home, 68, 1)); /* 2^32 */
    CHECK_STATUS(PYKV_CORRUPTION, read_changed(disk, home, 68, 0));
    CHECK_EQUAL(64, error_last()->offset);
    CHECK_STATUS(PYKV_CORRUPTION, read_changed(disk, home, 64, 1));
    free_disk(disk, home);
}

TEST(a_flag_that_is_neither_0_nor_1_is_refused_though_the_checks_are_right)
{
    static const size_t flags[] = {13, 261, 325, 389};
    env_directory *home;
    env *disk = new_disk(&home);
    manifest wanted = example(9);
    CHECK_OK(manifest_replace(home, &wanted));
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        CHECK_OK(read_changed(disk, home, flags[i], 0));
        CHECK_OK(read_changed(disk, home, flags[i], 1));
        CHECK_STATUS(PYKV_CORRUPTION, read_changed(disk, home, flags[i], 2));
        CHECK_EQUAL(flags[i], error_last()->offset);
        CHECK_STATUS(PYKV_CORRUPTION, read_changed(disk, home, flags[i], 0x81));
    }
    free_disk(disk, home);
}

/* Replaces edit 1 by edit 2, in room kept for it if reserved, with the power off at the call
 * numbered at; the edit found after. */
static uint64_t replace_and_crash(uint64_t at, env_crash_policy policy, bool reserved,
                                  bool *off_out, pykv_status *status_out)
{
    env_directory *home;
    env *after;
    env *disk = new_disk(&home);
    manifest old = example(1);
    manifest fresh = example(2);
    manifest got;
    CHECK_OK(manifest_replace(home, &old));
    env_memory_power_off_at(disk, env_memory_call_count(disk) + at);
    *status_out = reserved ? manifest_reserve(home, 2 * SEGMENTS, 0) : PYKV_OK;
    if (*status_out == PYKV_OK) {
        *status_out =
            reserved ? manifest_replace_reserved(home, &fresh) : manifest_replace(home, &fresh);
    }
    *off_out = env_memory_is_off(disk);
    CHECK_OK(env_memory_crash(disk, check_seed() + at, policy, &after));
    free_disk(disk, home);
    CHECK_OK(env_directory_open(after, HOME, false, &home));
    CHECK_OK(manifest_read(home, &got));
    uint64_t edit = got.edit;
    manifest wanted = example(edit);
    check_equal(&wanted, &got);
    manifest_reset(&got);
    free_disk(after, home);
    return edit;
}

static void crash_everywhere(bool reserved)
{
    for (env_crash_policy policy = ENV_CRASH_DROP_ALL; policy < ENV_CRASH_POLICY_COUNT; policy++) {
        bool off = true;
        uint64_t old_count = 0;
        for (uint64_t at = 1; off; at++) {
            pykv_status status;
            uint64_t edit = replace_and_crash(at, policy, reserved, &off, &status);
            CHECK(edit == 1 || edit == 2);
            CHECK_EQUAL(off, status != PYKV_OK);
            CHECK(off || edit == 2);
            old_count += edit == 1;
        }
        CHECK(old_count >= 2);
    }
}

TEST(when_the_power_goes_the_old_or_the_new_manifest_is_there)
{
    crash_everywhere(false);
    crash_everywhere(true);
}

/* ---- room for the next one ---- */

/* Bytes of a file, UINT64_MAX if it is not there. */
static uint64_t size_of(env_directory *home, const char *name)
{
    env_file *file;
    uint64_t size = UINT64_MAX;
    if (env_file_open(home, name, ENV_READ, &file) == PYKV_OK) {
        CHECK_OK(env_file_size(file, &size));
        env_file_close(file);
    }
    return size;
}

/* Without the room a full disk stayed full: nothing could leave it. */
TEST(a_manifest_that_room_was_kept_for_is_written_on_a_full_disk)
{
    env_directory *home;
    env *disk = new_disk(&home);
    manifest old = example(1);
    manifest fresh = example(2);
    manifest got;
    CHECK_OK(manifest_replace(home, &old));
    CHECK_OK(manifest_reserve(home, SEGMENTS, 0));
    env_memory_set_capacity(disk, 1);
    CHECK_STATUS(PYKV_NO_SPACE, manifest_replace(home, &fresh));
    CHECK_EQUAL(UINT64_MAX, size_of(home, MANIFEST_NAME ".tmp")); /* nor is room lost to it */
    CHECK_OK(manifest_replace_reserved(home, &fresh));
    CHECK_OK(manifest_read(home, &got));
    check_equal(&fresh, &got);
    manifest_reset(&got);
    CHECK_EQUAL(UINT64_MAX, size_of(home, MANIFEST_SPARE_NAME));
    CHECK_STATUS(PYKV_NO_SPACE, manifest_replace_reserved(home, &fresh));
    CHECK_EQUAL(UINT64_MAX, size_of(home, MANIFEST_SPARE_NAME));
    free_disk(disk, home);
}

TEST(room_that_is_kept_grows_with_the_list_and_never_shrinks)
{
    env_directory *home;
    env *disk = new_disk(&home);
    manifest fresh = example(2);
    CHECK_OK(manifest_reserve(home, 0, 0));
    CHECK_EQUAL(4096, size_of(home, MANIFEST_SPARE_NAME));
    CHECK_OK(manifest_reserve(home, (4096 - MANIFEST_HEADER_BYTES) / MANIFEST_ENTRY_BYTES, 0));
    CHECK_EQUAL(4096, size_of(home, MANIFEST_SPARE_NAME));
    CHECK_OK(manifest_reserve(home, 200, 0));
    CHECK_EQUAL(16384, size_of(home, MANIFEST_SPARE_NAME));
    CHECK_OK(manifest_reserve(home, 1, 0));
    CHECK_EQUAL(16384, size_of(home, MANIFEST_SPARE_NAME));
    CHECK_OK(manifest_replace_reserved(home, &fresh));
    CHECK_EQUAL(WHOLE_BYTES, size_of(home, MANIFEST_NAME));
    CHECK_OK(manifest_reserve(home, 1, 0));
    manifest_release(home);
    CHECK_EQUAL(UINT64_MAX, size_of(home, MANIFEST_SPARE_NAME));
    manifest_release(home);
    free_disk(disk, home);
}

TEST(room_that_cannot_be_had_is_an_error_and_what_was_kept_stays)
{
    env_directory *home;
    env *disk = new_disk(&home);
    env_memory_set_capacity(disk, 1);
    CHECK_STATUS(PYKV_NO_SPACE, manifest_reserve(home, 1, 0));
    CHECK_EQUAL(UINT64_MAX, size_of(home, MANIFEST_SPARE_NAME));
    env_memory_set_capacity(disk, 4096);
    CHECK_OK(manifest_reserve(home, 1, 0));
    CHECK_STATUS(PYKV_NO_SPACE, manifest_reserve(home, 200, 0));
    CHECK_EQUAL(4096, size_of(home, MANIFEST_SPARE_NAME));
    CHECK_OK(manifest_reserve(home, 1, 0));
    free_disk(disk, home);
}

TEST(where_blocks_cannot_be_allocated_zeros_keep_the_room)
{
    env_directory *home;
    env *faulty;
    env *disk;
    env_fault_plan plan = {.at = 1,
                           .sticky = true,
                           .system_errno = EOPNOTSUPP,
                           .call_mask = 1U << ENV_CALL_ALLOCATE,
                           .seed = check_seed()};
    CHECK_OK(env_memory_new(check_seed(), 1 << 20, &disk));
    CHECK_OK(env_fault_new(disk, &faulty));
    CHECK_OK(env_directory_open(faulty, HOME, true, &home));
    env_fault_set(faulty, &plan);
    CHECK_OK(manifest_reserve(home, 200, 0));
    CHECK_EQUAL(1, env_fault_failed(faulty));
    CHECK_EQUAL(16384, size_of(home, MANIFEST_SPARE_NAME));
    env_memory_set_capacity(disk, 20000);
    CHECK_STATUS(PYKV_NO_SPACE, manifest_reserve(home, 400, 0));
    CHECK_OK(manifest_reserve(home, 200, 0));
    env_directory_close(home);
    env_fault_free(faulty);
    env_memory_free(disk);
}

TEST_MAIN(CASE(history_epochs_and_pins_are_read_again),
          CASE(a_merged_segment_and_one_with_tombstones_known_are_no_history),
          CASE(every_field_that_was_written_is_read_again), CASE(every_flipped_bit_is_refused),
          CASE(every_other_length_is_refused),
          CASE(a_newer_version_and_another_engine_are_no_corruption),
          CASE(unused_bytes_that_are_not_zero_are_refused_though_the_checks_are_right),
          CASE(a_next_number_that_a_segment_has_or_that_no_segment_can_have_is_refused),
          CASE(a_flag_that_is_neither_0_nor_1_is_refused_though_the_checks_are_right),
          CASE(when_the_power_goes_the_old_or_the_new_manifest_is_there),
          CASE(a_manifest_that_room_was_kept_for_is_written_on_a_full_disk),
          CASE(room_that_is_kept_grows_with_the_list_and_never_shrinks),
          CASE(room_that_cannot_be_had_is_an_error_and_what_was_kept_stays),
          CASE(where_blocks_cannot_be_allocated_zeros_keep_the_room))
