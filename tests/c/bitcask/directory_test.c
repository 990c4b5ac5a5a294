/*
 * directory_test: an empty directory, and what it is made of.
 */
#include "base/memory.h"
#include "bitcask/bitcask_fixture.h"
#include "bitcask/directory.h"

TEST(a_new_directory_has_no_keys_and_gives_all_its_memory_back)
{
    int64_t before = mem_block_count();
    directory *made = NULL;
    CHECK_OK(directory_new(&made));
    CHECK_EQUAL(0, keydir_count(made->keys));
    CHECK_EQUAL(0, made->pin_count);
    CHECK(!made->detached);
    CHECK(mem_block_count() > before);
    directory_free(made);
    directory_free(NULL);
    CHECK_EQUAL(before, mem_block_count());
}

TEST(where_memory_ends_no_directory_is_made_and_none_of_it_is_kept)
{
    int64_t before = mem_block_count();
    bool failed = true;
    for (uint64_t k = 1; failed; k++) {
        directory *made = NULL;
        (void)mem_fail_at(k, false);
        failed = directory_new(&made) == PYKV_NO_MEMORY;
        (void)mem_fail_at(0, false);
        CHECK(failed == (made == NULL));
        CHECK(failed || k > 2);
        directory_free(made);
        CHECK_EQUAL(before, mem_block_count());
    }
}

TEST(readers_and_the_writer_see_the_directory_in_force)
{
    directory *first = NULL;
    directory *second = NULL;
    CHECK_OK(directory_new(&first));
    CHECK_OK(directory_new(&second));
    _Atomic(directory *) current;
    atomic_init(&current, first);
    CHECK(directory_now(&current) == first);
    atomic_store(&current, second);
    CHECK(directory_now(&current) == second);
    CHECK(directory_now_locked(&current) == second);
    directory_free(first);
    directory_free(second);
}

TEST_MAIN(CASE(a_new_directory_has_no_keys_and_gives_all_its_memory_back),
          CASE(where_memory_ends_no_directory_is_made_and_none_of_it_is_kept),
          CASE(readers_and_the_writer_see_the_directory_in_force))
