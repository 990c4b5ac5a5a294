/*
 * keydir_new_test: the directory as it begins.
 */
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_model.h"
#include "bitcask/keydir_new.h"

TEST(an_empty_directory_finds_nothing_and_is_small)
{
    keydir_model model;
    keydir_model_open(&model, keydir_model_mix, 16);
    keydir_model_check(&model, true);
    CHECK(keydir_bytes(model.directory) < 32 * 1024);
    keydir_model_close(&model);
}

TEST(a_directory_that_cannot_be_made_leaks_nothing)
{
    int64_t blocks = mem_block_count();
    keydir *directory = NULL;
    uint64_t k = 1;
    for (;; k++) {
        mem_fail_at(k, 0);
        pykv_status status = keydir_new(&directory);
        mem_fail_at(0, 0);
        if (status == PYKV_OK) {
            break;
        }
        CHECK_EQUAL(PYKV_NO_MEMORY, status);
        CHECK(directory == NULL);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    CHECK(k > 5);
    keydir_free(directory);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST(a_directory_without_buckets_holds_nothing_and_can_be_freed)
{
    int64_t before = mem_block_count();
    keydir *directory = NULL;
    CHECK_OK(keydir_new_without_buckets(&directory));
    CHECK_EQUAL(0, directory->bucket_count);
    CHECK_EQUAL(0, keydir_count(directory));
    CHECK(directory->image == NULL);
    keydir_free(directory);
    keydir_free(NULL);
    CHECK_EQUAL(before, mem_block_count());
}

TEST_MAIN(CASE(an_empty_directory_finds_nothing_and_is_small),
          CASE(a_directory_that_cannot_be_made_leaks_nothing),
          CASE(a_directory_without_buckets_holds_nothing_and_can_be_freed))
