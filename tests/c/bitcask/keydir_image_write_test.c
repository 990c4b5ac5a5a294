/*
 * keydir_image_write: what the file is, and what a reader finds when the writing fails or the power
 * goes at any moment: the old image, the new one or none, never a part.
 */
#include "bitcask/keydir_image_sectioned.h"
#include "env/env_fault.h"

TEST(free_units_are_left_out_and_units_follow_their_buckets)
{
    keydir_model model;
    keydir_image_layout layout;
    uint64_t size;
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 10000, 10000);
    CHECK_OK(image_save(&model, directory));
    const uint8_t *data = image_bytes(disk, &size, &layout);
    CHECK_EQUAL(layout.section_bytes, size);
    CHECK_EQUAL(model.directory->bucket_count, layout.bucket_count);
    CHECK_EQUAL(model.count, layout.key_count);
    CHECK(layout.unit_count < model.directory->units.item_count);
    uint32_t unit_number = 0;
    for (uint64_t i = 0; i < layout.bucket_count; i++) {
        const uint8_t *header = data + layout.payload_offset + i * KEYDIR_HEADER_BYTES;
        for (uint32_t k = 0; k < header[60]; k++) {
            uint32_t got = 0;
            memcpy(&got, header + 4 * k, sizeof got);
            CHECK_EQUAL(unit_number++, got);
        }
    }
    CHECK_EQUAL(layout.unit_count, unit_number);
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
}

TEST(pending_pages_are_never_written_with_new_checks)
{
    keydir_model model;
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 2000, 2000);
    CHECK_OK(image_save(&model, directory));
    CHECK_OK(image_load(&model, directory));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, image_save(&model, directory));
    CHECK_OK(image_check_all(model.directory));
    CHECK_OK(image_save(&model, directory));
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
}

TEST(a_name_that_is_too_long_is_refused)
{
    keydir_model model;
    char name[300];
    keydir_image_header header = image_header();
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    image_fill(&model, 10, 10);
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, image_write(model.directory, &header, directory, name));
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
}

/* The image on a disk is that of old_count or new_count keys, whole. */
static void expect_one_of(env *disk, uint64_t old_count, uint64_t new_count, bool may_be_missing)
{
    keydir *opened;
    keydir_image_header header;
    env_directory *directory = image_directory(disk, "/d");
    pykv_status status = image_open(directory, &opened, &header);
    if (status == PYKV_OK) {
        char text[256] = "";
        uint64_t count = keydir_count(opened);
        CHECK(count == old_count || count == new_count);
        CHECK_OK(image_check_all(opened));
        CHECK_OK(keydir_check(opened, NULL, NULL, text, sizeof text));
        mem_free(header.segments);
        keydir_free(opened);
    } else {
        CHECK(may_be_missing && status == PYKV_NOT_FOUND);
    }
    env_directory_close(directory);
}

TEST(a_failed_call_leaves_the_old_image_and_no_rest)
{
    keydir_model model;
    env *disk = image_disk();
    env *faulty;
    env_names names;
    CHECK_OK(env_fault_new(disk, &faulty));
    env_directory *directory = image_directory(faulty, "/d");
    image_fill(&model, 70, 3000);
    uint64_t old_count = model.count;
    CHECK_OK(image_save(&model, directory));
    for (uint64_t key = 100; key < 3000; key++) {
        CHECK_OK(keydir_model_put(&model, key));
    }
    pykv_status status = PYKV_IO_FAILED;
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        env_fault_plan plan = {.at = k, .system_errno = 5};
        env_fault_set(faulty, &plan);
        status = image_save(&model, directory);
        CHECK(status == PYKV_OK || status == PYKV_IO_FAILED);
        env_fault_plan none = {.at = 0};
        env_fault_set(faulty, &none);
        expect_one_of(disk, old_count, model.count, false);
    }
    CHECK_OK(env_directory_list(directory, &names));
    CHECK_EQUAL(1, names.count);
    env_names_free(&names);
    keydir_model_close(&model);
    env_directory_close(directory);
    env_fault_free(faulty);
    env_memory_free(disk);
}

TEST(a_failed_allocation_leaves_nothing_behind)
{
    keydir_model model;
    env_names names;
    char *path = check_temporary_directory();
    env_directory *directory = image_directory(env_posix(), path);
    pykv_status status = PYKV_NO_MEMORY;
    image_fill(&model, 3000, 3000);
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        int64_t blocks = mem_block_count();
        mem_fail_at(k, 0);
        status = image_save(&model, directory);
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK_EQUAL(blocks, mem_block_count());
        CHECK_OK(env_directory_list(directory, &names));
        CHECK_EQUAL(status == PYKV_OK, names.count);
        env_names_free(&names);
    }
    keydir_model_close(&model);
    env_directory_close(directory);
    free(path);
}

/* Loses the power at the call with this number; every policy of what survives, several times. */
static bool crash_at(const keydir_model *model, env *before, uint64_t call_number,
                     uint64_t old_count)
{
    env *disk;
    CHECK_OK(env_memory_clone(before, &disk));
    env_directory *directory = image_directory(disk, "/d");
    env_memory_power_off_at(disk, env_memory_call_count(disk) + call_number);
    pykv_status status = image_save(model, directory);
    bool off = env_memory_is_off(disk);
    CHECK(off || status == PYKV_OK);
    env_directory_close(directory);
    for (uint64_t seed = 0; seed < 4 * (ENV_CRASH_POLICY_COUNT - 1); seed++) {
        env *after;
        env_crash_policy policy =
            (env_crash_policy)(ENV_CRASH_DROP_ALL + seed % (ENV_CRASH_POLICY_COUNT - 1));
        CHECK_OK(env_memory_crash(disk, seed, policy, &after));
        uint64_t must_be = status == PYKV_OK ? model->count : old_count;
        expect_one_of(after, must_be, model->count, false);
        env_memory_free(after);
    }
    env_memory_free(disk);
    return off;
}

TEST(a_power_cut_at_any_call_leaves_a_whole_image)
{
    keydir_model model;
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 70, 3000);
    uint64_t old_count = model.count;
    CHECK_OK(image_save(&model, directory));
    env_directory_close(directory);
    for (uint64_t key = 100; key < 3000; key++) {
        CHECK_OK(keydir_model_put(&model, key));
    }
    uint64_t call_number = 1;
    while (crash_at(&model, disk, call_number, old_count)) {
        call_number++;
    }
    printf("  %" PRIu64 " calls, each with every crash policy\n", call_number - 1);
    CHECK(call_number > 5);
    keydir_model_close(&model);
    env_memory_free(disk);
}

/* ---- several directories ---- */

/* The image on a disk is that of before the change, or of behind it. */
static void expect_sections(sectioned *self, env *disk, uint64_t first_id, bool is_new_due)
{
    keydir_image_sections opened;
    env_directory *directory = image_directory(disk, "/d");
    CHECK_OK(keydir_image_open(directory, IMAGE_NAME, &opened));
    CHECK_EQUAL(SECTIONS, opened.count);
    uint64_t id = opened.list[1].header.space_id;
    CHECK(id == self->list[1].header.space_id || (id == first_id && !is_new_due));
    keydir_image_reset(&opened);
    env_directory_close(directory);
}

TEST(a_failed_call_leaves_all_sections_of_before)
{
    sectioned self;
    env *faulty;
    sectioned_open(&self, 100);
    CHECK_OK(env_fault_new(self.disk, &faulty));
    env_directory *directory = image_directory(faulty, "/d");
    pykv_status status = PYKV_IO_FAILED;
    self.list[1].header.space_id = 2;
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        CHECK_EQUAL(PYKV_IO_FAILED, status);
        env_fault_plan plan = {.at = k, .system_errno = 5};
        env_fault_set(faulty, &plan);
        status = sectioned_save(&self, directory);
        env_fault_plan none = {.at = 0};
        env_fault_set(faulty, &none);
        expect_sections(&self, self.disk, 3, status == PYKV_OK);
    }
    env_directory_close(directory);
    env_fault_free(faulty);
    sectioned_close(&self);
}

TEST(a_power_cut_at_any_call_leaves_all_sections_of_one_moment)
{
    sectioned self;
    bool off = true;
    sectioned_open(&self, 100);
    self.list[1].header.space_id = 2;
    for (uint64_t call_number = 1; off; call_number++) {
        env *disk;
        CHECK_OK(env_memory_clone(self.disk, &disk));
        env_directory *directory = image_directory(disk, "/d");
        env_memory_power_off_at(disk, env_memory_call_count(disk) + call_number);
        pykv_status status = sectioned_save(&self, directory);
        off = env_memory_is_off(disk);
        env_directory_close(directory);
        for (uint64_t seed = 0; seed < 4 * (ENV_CRASH_POLICY_COUNT - 1); seed++) {
            env *after;
            env_crash_policy policy =
                (env_crash_policy)(ENV_CRASH_DROP_ALL + seed % (ENV_CRASH_POLICY_COUNT - 1));
            CHECK_OK(env_memory_crash(disk, seed, policy, &after));
            expect_sections(&self, after, 3, status == PYKV_OK);
            env_memory_free(after);
        }
        env_memory_free(disk);
    }
    sectioned_close(&self);
}

TEST_MAIN(CASE(a_failed_call_leaves_all_sections_of_before),
          CASE(a_power_cut_at_any_call_leaves_all_sections_of_one_moment),
          CASE(free_units_are_left_out_and_units_follow_their_buckets),
          CASE(pending_pages_are_never_written_with_new_checks),
          CASE(a_name_that_is_too_long_is_refused),
          CASE(a_failed_call_leaves_the_old_image_and_no_rest),
          CASE(a_failed_allocation_leaves_nothing_behind),
          CASE(a_power_cut_at_any_call_leaves_a_whole_image))
