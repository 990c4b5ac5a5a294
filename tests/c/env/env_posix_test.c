/*
 * env_posix_test: descriptors, capabilities, clocks and chance of the real environment.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/child.h"
#include "env/env_posix.h"
#include "env/files.h"

static env_directory *open_temporary(void)
{
    env_directory *directory = NULL;
    char *path = check_temporary_directory();
    CHECK_OK(env_directory_open(env_posix(), path, false, &directory));
    free(path);
    return directory;
}

static int descriptor_of(const env_file *file)
{
    return ((const posix_file *)file)->descriptor;
}

static env_directory *shared_directory;

/* Exit code 0: neither the directory nor a file came to lie on a standard descriptor. */
static int open_without_standard_streams(void)
{
    env_directory *directory = NULL;
    env_file *file = NULL;
    for (int i = 0; i < 3; i++) {
        (void)close(i);
    }
    if (env_directory_open(env_posix(), env_directory_path(shared_directory), false, &directory) !=
            PYKV_OK ||
        env_file_open(directory, "file", FILES_CREATE, &file) != PYKV_OK) {
        return 1;
    }
    for (int i = 0; i < 3; i++) {
        if (fcntl(i, F_GETFD) != -1 || errno != EBADF) {
            return 2;
        }
    }
    return descriptor_of(file) >= 3 ? 0 : 3;
}

TEST(no_file_takes_the_place_of_a_standard_stream)
{
    shared_directory = open_temporary();
    CHECK_EQUAL(0, child_run(open_without_standard_streams));
    env_directory_close(shared_directory);
}

TEST(descriptors_are_closed_by_exec)
{
    env_directory *directory = open_temporary();
    env_file *file = file_open(directory, "file", FILES_CREATE);
    CHECK_EQUAL(FD_CLOEXEC, fcntl(descriptor_of(file), F_GETFD));
    CHECK_EQUAL(FD_CLOEXEC, fcntl(((posix_directory *)directory)->descriptor, F_GETFD));
    env_file_close(file);
    env_directory_close(directory);
}

static env_capabilities capabilities_of(const char *path)
{
    int descriptor = posix_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    CHECK(descriptor >= 3);
    env_capabilities result = posix_capabilities(descriptor);
    posix_close_quietly(descriptor);
    return result;
}

TEST(a_file_system_that_is_not_listed_is_good_for_nothing)
{
    env_capabilities process_files = capabilities_of("/proc");
    CHECK(!process_files.mapped_reads);
    CHECK(!process_files.mapped_log);
}

TEST(tmpfs_takes_a_mapped_log)
{
    struct statfs status;
    if (statfs("/dev/shm", &status) != 0 || (uint32_t)status.f_type != 0x01021994u) {
        printf("(no tmpfs at /dev/shm: not checked) ");
        return;
    }
    env_capabilities shared_memory = capabilities_of("/dev/shm");
    CHECK(shared_memory.mapped_reads);
    CHECK(shared_memory.mapped_log);
}

TEST(a_closed_descriptor_has_no_capabilities)
{
    env_capabilities nothing = posix_capabilities(-1);
    CHECK(!nothing.mapped_reads && !nothing.mapped_log);
}

TEST(clocks_are_the_systems)
{
    uint64_t wall = env_wall_us(env_posix());
    uint64_t start = env_monotonic_us(env_posix());
    usleep(2000);
    CHECK(env_monotonic_us(env_posix()) - start >= 2000);
    CHECK(wall / 1000000 - (uint64_t)time(NULL) + 2 <= 4);
    CHECK(env_wall_tick_us(env_posix()) - wall + 20000 <= 1000000);
}

TEST(every_byte_of_chance_is_filled)
{
    enum { SIZE = 1000, ROUND_COUNT = 20 };
    uint8_t seen[SIZE] = {0};
    uint8_t data[SIZE];
    for (int round = 0; round < ROUND_COUNT; round++) {
        CHECK_OK(env_random(env_posix(), data, SIZE));
        for (size_t i = 0; i < SIZE; i++) {
            seen[i] |= data[i];
        }
    }
    for (size_t i = 0; i < SIZE; i++) {
        CHECK(seen[i] != 0); /* all zero 20 times: a chance of 256 to the power of -20 */
    }
    CHECK_OK(env_random(env_posix(), data, 0));
}

TEST(a_directory_that_cannot_be_synced_is_no_failure)
{
    int ends[2];
    CHECK_EQUAL(0, pipe(ends));
    CHECK_EQUAL(0, posix_sync_names(ends[0])); /* fsync of a pipe gives EINVAL */
    CHECK(posix_sync_data(ends[0]) != 0);
    close(ends[0]);
    close(ends[1]);
}

TEST_MAIN(CASE(no_file_takes_the_place_of_a_standard_stream), CASE(descriptors_are_closed_by_exec),
          CASE(a_file_system_that_is_not_listed_is_good_for_nothing),
          CASE(tmpfs_takes_a_mapped_log), CASE(a_closed_descriptor_has_no_capabilities),
          CASE(clocks_are_the_systems), CASE(every_byte_of_chance_is_filled),
          CASE(a_directory_that_cannot_be_synced_is_no_failure))
