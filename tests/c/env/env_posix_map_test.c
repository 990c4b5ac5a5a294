/*
 * env_posix_map_test: bus errors, forks and limits of the real environment's mappings.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/child.h"
#include "env/files.h"

enum { PAGE_BYTES = 4096, FILE_BYTES = 4 * PAGE_BYTES };

static env_directory *directory;
static env_file *file;

static void start(void)
{
    static uint8_t data[FILE_BYTES];
    char *path = check_temporary_directory();
    directory = NULL;
    CHECK_OK(env_directory_open(env_posix(), path, false, &directory));
    free(path);
    memset(data, 'x', sizeof data);
    file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 0, data, sizeof data));
}

static void finish(void)
{
    env_file_close(file);
    env_directory_close(directory);
}

static uint64_t sum(const env_mapping *mapping, size_t offset, size_t size)
{
    uint64_t total = 0;
    const volatile uint8_t *bytes = mapping->base;
    for (size_t i = offset; i < offset + size; i++) {
        total += bytes[i];
    }
    return total;
}

/* Another program that truncates a file of the database must not kill the reader. */
TEST(bytes_that_a_truncation_took_read_as_zeros_and_are_counted)
{
    env_mapping mapping;
    start();
    CHECK_OK(env_file_map(file, FILE_BYTES, false, &mapping));
    CHECK_EQUAL('x', mapping.base[FILE_BYTES - 1]);
    CHECK_OK(env_file_truncate(file, PAGE_BYTES));
    CHECK_EQUAL('x' * PAGE_BYTES, sum(&mapping, 0, PAGE_BYTES));
    CHECK_EQUAL(0, env_mapping_faults(&mapping));
    CHECK_EQUAL(0, sum(&mapping, PAGE_BYTES, 3 * PAGE_BYTES));
    CHECK_EQUAL(3, env_mapping_faults(&mapping));
    env_unmap(&mapping);
    finish();
}

TEST(a_private_mapping_is_guarded_too)
{
    env_mapping mapping;
    start();
    CHECK_OK(env_file_map_private(file, FILE_BYTES, &mapping));
    mapping.base[0] = 'y';
    CHECK_OK(env_file_truncate(file, PAGE_BYTES));
    CHECK_EQUAL('y', mapping.base[0]);
    CHECK_EQUAL(0, sum(&mapping, PAGE_BYTES, PAGE_BYTES));
    CHECK_EQUAL(1, env_mapping_faults(&mapping));
    env_unmap(&mapping);
    finish();
}

/* A writer died of a bus error when ext4 was shut down under it: the page it stored into had been
 * written back, and could not be made writable again. */
TEST(a_store_that_faults_is_told_when_what_was_stored_is_claimed)
{
    env_mapping mapping;
    start();
    CHECK_OK(env_file_map(file, FILE_BYTES, true, &mapping));
    mapping.base[0] = 'y';
    CHECK_OK(env_mapping_written(&mapping, 0, 1));
    CHECK_OK(env_file_truncate(file, PAGE_BYTES));
    memset(mapping.base + PAGE_BYTES - 8, 'z', 16);
    CHECK_STATUS(PYKV_IO_FAILED, env_mapping_written(&mapping, PAGE_BYTES - 8, 16));
    mapping.base[1] = 'y';
    CHECK_STATUS(PYKV_IO_FAILED, env_mapping_written(&mapping, 1, 1)); /* from then on */
    env_unmap(&mapping);
    finish();
}

static env_mapping inherited;

/* Exit code 0: the addresses of the writable mapping are free here. */
static int look_for_mapping(void)
{
    int result = msync(inherited.base, inherited.size, MS_ASYNC);
    if (result == 0 || errno != ENOMEM) {
        return 1;
    }
    void *other = mmap(inherited.base, inherited.size, PROT_READ,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (other != (void *)inherited.base) {
        return 2;
    }
    env_unmap(&inherited); /* must leave what another put there since */
    return msync(other, FILE_BYTES, MS_ASYNC) == 0 ? 0 : 3;
}

TEST(a_writable_mapping_is_absent_in_forked_children)
{
    start();
    CHECK_OK(env_file_map(file, FILE_BYTES, true, &inherited));
    CHECK_EQUAL(0, child_run(look_for_mapping));
    inherited.base[5] = 'z';
    CHECK_OK(env_mapping_written(&inherited, 5, 1));
    env_unmap(&inherited);
    CHECK_EQUAL(FILE_BYTES, file_size(file));
    finish();
}

static int read_in_child(void)
{
    return sum(&inherited, 0, FILE_BYTES) == (uint64_t)'x' * FILE_BYTES ? 0 : 1;
}

TEST(a_read_only_mapping_is_there_in_forked_children)
{
    start();
    CHECK_OK(env_file_map(file, FILE_BYTES, false, &inherited));
    CHECK_EQUAL(0, child_run(read_in_child));
    env_unmap(&inherited);
    finish();
}

TEST(a_mapping_that_does_not_fit_is_refused)
{
    env_mapping mapping = {NULL, 0, false, NULL};
    start();
    CHECK_STATUS(PYKV_NO_MEMORY, env_file_map(file, SIZE_MAX / 2, false, &mapping));
    CHECK(mapping.owner == NULL);
    finish();
}

/* Whether a byte of the mapping can be read, asked of the system. */
static bool can_be_read(const env_mapping *mapping, size_t offset)
{
    int ends[2];
    CHECK_EQUAL(0, pipe(ends));
    ssize_t count = write(ends[1], mapping->base + offset, 1);
    CHECK(count == 1 || errno == EFAULT);
    close(ends[0]);
    close(ends[1]);
    return count == 1;
}

TEST(the_front_of_a_mapping_can_be_given_back)
{
    env_mapping mapping;
    start();
    CHECK_OK(env_file_map(file, FILE_BYTES, true, &mapping));
    env_mapping_retire(&mapping, 0);
    CHECK(can_be_read(&mapping, 0));
    mapping.base[0] = 'y';
    env_mapping_retire(&mapping, 2 * PAGE_BYTES);
    CHECK(!can_be_read(&mapping, 0) && !can_be_read(&mapping, 2 * PAGE_BYTES - 1));
    CHECK(can_be_read(&mapping, 2 * PAGE_BYTES));
    mapping.base[2 * PAGE_BYTES] = 'z';
    env_unmap(&mapping);
    CHECK_OK(env_file_map(file, FILE_BYTES, false, &mapping));
    CHECK_EQUAL('y', mapping.base[0]);
    CHECK_EQUAL('z', mapping.base[2 * PAGE_BYTES]);
    env_unmap(&mapping);
    finish();
}

TEST(a_mapping_that_was_let_go_reads_as_before)
{
    env_mapping mapping;
    start();
    CHECK_OK(env_file_map(file, FILE_BYTES, true, &mapping));
    mapping.base[0] = 'y';
    env_mapping_let_go(&mapping);
    CHECK_EQUAL('y', mapping.base[0]);
    mapping.base[1] = 'z';
    CHECK_EQUAL('z', mapping.base[1]);
    env_unmap(&mapping);
    finish();
}

TEST_MAIN(CASE(bytes_that_a_truncation_took_read_as_zeros_and_are_counted),
          CASE(a_private_mapping_is_guarded_too),
          CASE(a_store_that_faults_is_told_when_what_was_stored_is_claimed),
          CASE(a_writable_mapping_is_absent_in_forked_children),
          CASE(a_read_only_mapping_is_there_in_forked_children),
          CASE(a_mapping_that_does_not_fit_is_refused),
          CASE(the_front_of_a_mapping_can_be_given_back),
          CASE(a_mapping_that_was_let_go_reads_as_before))
