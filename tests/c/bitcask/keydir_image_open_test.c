/*
 * keydir_image_open: an image gives back the directory that was written, on every disk; anything
 * else is refused without a trace.
 */
#include "bitcask/keydir_image_model.h"
#include "env/env_fault.h"

static void round_trip(env_directory *directory, uint64_t key_count)
{
    keydir_model model;
    image_fill(&model, key_count, 2 * key_count + 100);
    CHECK_OK(image_save(&model, directory));
    CHECK_OK(image_load(&model, directory));
    CHECK_EQUAL(model.count, keydir_count(model.directory));
    for (uint64_t key = 0; key < model.key_limit; key++) {
        keydir_model_get(&model, key);
    }
    CHECK_OK(image_check_all(model.directory));
    keydir_model_check(&model, false);
    keydir_model_close(&model);
}

TEST(an_image_gives_back_the_directory_that_was_written)
{
    static const uint64_t key_counts[] = {0, 1, 100, 700, 5000, 100000};
    env *disk = image_disk();
    env_directory *simulated = image_directory(disk, "/d");
    char *path = check_temporary_directory();
    env_directory *real = image_directory(env_posix(), path);
    for (size_t i = 0; i < sizeof key_counts / sizeof key_counts[0]; i++) {
        round_trip(simulated, key_counts[i]);
        round_trip(real, key_counts[i]);
    }
    env_directory_close(simulated);
    env_directory_close(real);
    env_memory_free(disk);
    free(path);
}

TEST(the_header_comes_back_with_the_segments)
{
    keydir_model model;
    keydir *opened;
    keydir_image_header got;
    keydir_image_header wanted = image_header();
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 10, 10);
    CHECK_OK(image_save(&model, directory));
    CHECK_OK(keydir_image_open(directory, IMAGE_NAME, &opened, &got));
    CHECK_EQUAL(wanted.store_id, got.store_id);
    CHECK_EQUAL(wanted.log_position, got.log_position);
    CHECK_EQUAL(IMAGE_SEGMENT_COUNT, got.segment_count);
    CHECK_BYTES(wanted.segments, got.segments, IMAGE_SEGMENT_COUNT * sizeof *got.segments);
    CHECK(keydir_bytes(opened) >= 2 * KEYDIR_IMAGE_PAGE_BYTES);
    mem_free(got.segments);
    keydir_free(opened);
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
}

/* Sizes around a full last page of headers and a full last granule of units, then growth from the
 * mapping into the heap, and an image of that. */
TEST(a_directory_from_an_image_grows_shrinks_and_is_written_again)
{
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    uint64_t seed = check_seed();
    for (uint64_t key_count = 3000; key_count < 60000; key_count = key_count * 3 / 2) {
        keydir_model model;
        image_fill(&model, key_count, 3 * key_count);
        for (int generation = 0; generation < 3; generation++) {
            CHECK_OK(image_save(&model, directory));
            CHECK_OK(image_load(&model, directory));
            for (uint64_t i = 0; i < key_count; i++) {
                uint64_t key = check_random(&seed, model.key_limit);
                if (i % 4 == 0) {
                    keydir_model_delete(&model, key);
                } else {
                    CHECK_OK(keydir_model_put(&model, key));
                }
            }
            CHECK_OK(image_check_all(model.directory));
            keydir_model_check(&model, generation == 2);
        }
        keydir_model_close(&model);
    }
    env_directory_close(directory);
    env_memory_free(disk);
}

TEST(no_image_is_not_found)
{
    keydir_model model;
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 10, 10);
    CHECK_STATUS(PYKV_NOT_FOUND, image_load(&model, directory));
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
}

TEST(every_changed_bit_of_header_and_tables_is_refused_at_open)
{
    keydir_model model;
    keydir_image_layout layout;
    uint64_t size;
    int64_t blocks = mem_block_count();
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 100, 100);
    CHECK_OK(image_save(&model, directory));
    uint8_t *data = image_bytes(disk, &size, &layout);
    for (uint64_t bit = 0; bit < 8 * layout.payload_offset; bit++) {
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, image_load(&model, directory));
        data[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    CHECK_OK(image_load(&model, directory));
    CHECK_OK(image_check_all(model.directory));
    keydir_model_check(&model, true);
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST(an_image_of_any_other_length_is_refused)
{
    keydir_model model;
    env_file *file;
    uint64_t size;
    env *disk = image_disk();
    env_directory *directory = image_directory(disk, "/d");
    image_fill(&model, 300, 300);
    CHECK_OK(image_save(&model, directory));
    CHECK_OK(env_file_open(directory, IMAGE_NAME, ENV_READ | ENV_WRITE, &file));
    CHECK_OK(env_file_size(file, &size));
    CHECK_OK(env_file_truncate(file, size + 1));
    CHECK_STATUS(PYKV_CORRUPTION, image_load(&model, directory));
    for (uint64_t cut = size; cut > 0; cut -= cut > 512 ? 512 : 1) {
        CHECK_OK(env_file_truncate(file, cut - 1));
        CHECK_STATUS(PYKV_CORRUPTION, image_load(&model, directory));
    }
    env_file_close(file);
    keydir_model_close(&model);
    env_directory_close(directory);
    env_memory_free(disk);
}

TEST(every_failed_allocation_or_call_leaves_nothing_behind)
{
    keydir_model model;
    env *disk = image_disk();
    env *faulty;
    CHECK_OK(env_fault_new(disk, &faulty));
    env_directory *directory = image_directory(faulty, "/d");
    image_fill(&model, 2000, 2000);
    CHECK_OK(image_save(&model, directory));
    int64_t blocks = mem_block_count();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        CHECK(status == PYKV_NO_MEMORY && blocks == mem_block_count());
        mem_fail_at(k, 0);
        status = image_load(&model, directory);
        mem_fail_at(0, 0);
    }
    status = PYKV_IO_FAILED;
    blocks = mem_block_count();
    for (uint64_t k = 1; status != PYKV_OK; k++) {
        CHECK(status == PYKV_IO_FAILED && blocks == mem_block_count());
        env_fault_plan plan = {.at = k, .system_errno = 5};
        env_fault_set(faulty, &plan);
        status = image_load(&model, directory);
    }
    env_fault_plan none = {.at = 0};
    env_fault_set(faulty, &none);
    CHECK_OK(image_check_all(model.directory));
    keydir_model_check(&model, true);
    keydir_model_close(&model);
    env_directory_close(directory);
    env_fault_free(faulty);
    env_memory_free(disk);
}

TEST_MAIN(CASE(an_image_gives_back_the_directory_that_was_written),
          CASE(the_header_comes_back_with_the_segments),
          CASE(a_directory_from_an_image_grows_shrinks_and_is_written_again),
          CASE(no_image_is_not_found),
          CASE(every_changed_bit_of_header_and_tables_is_refused_at_open),
          CASE(an_image_of_any_other_length_is_refused),
          CASE(every_failed_allocation_or_call_leaves_nothing_behind))
