/*
 * env_posix_file_test: interrupted and short system calls, large offsets, full disks, forks.
 *
 * This program's own pread, pwritev and fdatasync take the place of the C library's: while
 * trouble is on they are interrupted every other time and transfer a few bytes at most.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/child.h"
#include "env/env_posix.h"
#include "env/files.h"

enum { SHORT_BYTES = 7, SHORT_VECTOR_BYTES = 100 };

static bool trouble;
static unsigned calls;
static int sync_errno; /* nonzero: fdatasync fails with it */

static bool interrupted(void)
{
    calls++;
    if (trouble && calls % 2 == 1) {
        errno = EINTR;
        return true;
    }
    return false;
}

ssize_t pread(int descriptor, void *data, size_t size, off_t offset)
{
    if (interrupted()) {
        return -1;
    }
    size_t wanted = trouble && size > SHORT_BYTES ? SHORT_BYTES : size;
    return syscall(SYS_pread64, descriptor, data, wanted, offset);
}

/* Writes SHORT_VECTOR_BYTES at most, which may end in the middle of any vector. */
static ssize_t write_short(int descriptor, const struct iovec *vectors, int count, off_t offset)
{
    uint8_t data[SHORT_VECTOR_BYTES];
    size_t size = 0;
    for (int i = 0; i < count && size < sizeof data; i++) {
        size_t left = sizeof data - size;
        size_t taken = vectors[i].iov_len < left ? vectors[i].iov_len : left;
        memcpy(data + size, vectors[i].iov_base, taken);
        size += taken;
    }
    return syscall(SYS_pwrite64, descriptor, data, size, offset);
}

ssize_t pwritev(int descriptor, const struct iovec *vectors, int count, off_t offset)
{
    if (interrupted()) {
        return -1;
    }
    if (trouble) {
        return write_short(descriptor, vectors, count, offset);
    }
    return syscall(SYS_pwritev, descriptor, vectors, (long)count, (long)offset, 0L);
}

int fdatasync(int descriptor)
{
    if (interrupted()) {
        return -1;
    }
    if (sync_errno != 0) {
        errno = sync_errno;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, descriptor);
}

static env_directory *open_temporary(void)
{
    env_directory *directory = NULL;
    char *path = check_temporary_directory();
    CHECK_OK(env_directory_open(env_posix(), path, false, &directory));
    free(path);
    return directory;
}

static void fill(uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        data[i] = (uint8_t)(i * 7 + i / 251);
    }
}

TEST(interrupted_and_short_transfers_are_looped)
{
    uint8_t data[1000];
    uint8_t back[1000] = {0};
    size_t got = 0;
    slice parts[5];
    env_directory *directory = open_temporary();
    env_file *file = file_open(directory, "file", FILES_CREATE);
    fill(data, sizeof data);
    parts[0] = slice_make(data, 5);
    parts[1] = slice_make(data + 5, 0);
    parts[2] = slice_make(data + 5, 94);
    parts[3] = slice_make(data + 99, 200);
    parts[4] = slice_make(data + 299, sizeof data - 299);
    trouble = true;
    pykv_status written = env_file_write(file, 11, parts, 5);
    pykv_status read = env_file_read(file, 11, back, sizeof back, &got);
    pykv_status synced = env_file_sync(file);
    trouble = false;
    CHECK_OK(written);
    CHECK_OK(read);
    CHECK_OK(synced);
    CHECK_EQUAL(sizeof data, got);
    CHECK_BYTES(data, back, sizeof data);
    CHECK_EQUAL(11 + sizeof data, file_size(file));
    env_file_close(file);
    env_directory_close(directory);
}

/* One system call moves at most 2 GiB; the null device takes any number without reading them. */
TEST(writes_larger_than_one_system_call_are_split)
{
    const size_t size = (size_t)3 << 30;
    env_directory *devices = NULL;
    slice parts[2];
    uint8_t *data = mmap(NULL, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(data != MAP_FAILED);
    parts[0] = slice_make(data, size / 2 + 1);
    parts[1] = slice_make(data + parts[0].size, size - parts[0].size);
    CHECK_OK(env_directory_open(env_posix(), "/dev", false, &devices));
    env_file *file = file_open(devices, "null", ENV_WRITE);
    calls = 0;
    CHECK_OK(env_file_write(file, 0, parts, 2));
    CHECK(calls >= 2 && calls <= 4);
    env_file_close(file);
    env_directory_close(devices);
    CHECK_EQUAL(0, munmap(data, size));
}

TEST(a_read_that_fails_is_an_error_not_an_end)
{
    char data[4];
    size_t got = 77;
    env_directory *directory = open_temporary();
    env_file *file = file_open(directory, "file", ENV_WRITE | ENV_CREATE);
    CHECK_STATUS(PYKV_IO_FAILED, env_file_read(file, 0, data, 4, &got));
    CHECK_EQUAL(EBADF, error_last()->system_errno);
    CHECK_EQUAL(77, got);
    env_file_close(file);
    env_directory_close(directory);
}

TEST(a_failed_sync_is_reported_with_errno_and_path)
{
    env_directory *directory = open_temporary();
    env_file *file = file_open(directory, "file", FILES_CREATE);
    sync_errno = EIO;
    pykv_status status = env_file_sync(file);
    sync_errno = 0;
    CHECK_EQUAL(PYKV_IO_FAILED, status);
    CHECK_EQUAL(EIO, error_last()->system_errno);
    CHECK_EQUAL(0, strcmp(env_file_path(file), error_last()->path));
    env_file_close(file);
    env_directory_close(directory);
}

TEST(offsets_beyond_four_gigabytes_are_served)
{
    char data[4];
    size_t got = 0;
    const uint64_t offset = UINT64_C(5) << 30;
    env_directory *directory = open_temporary();
    env_file *file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, offset, "far", 3));
    CHECK_EQUAL(offset + 3, file_size(file));
    CHECK_OK(env_file_read(file, offset, data, 4, &got));
    CHECK_EQUAL(3, got);
    CHECK_BYTES("far", data, 3);
    CHECK_OK(env_file_truncate(file, 0));
    env_file_close(file);
    env_directory_close(directory);
}

TEST(an_offset_that_the_system_refuses_is_an_error)
{
    env_directory *directory = open_temporary();
    env_file *file = file_open(directory, "file", FILES_CREATE);
    CHECK(file_write_one(file, UINT64_MAX - 10, "x", 1) != PYKV_OK);
    CHECK(env_file_truncate(file, UINT64_MAX) != PYKV_OK);
    CHECK_EQUAL(0, file_size(file));
    env_file_close(file);
    env_directory_close(directory);
}

static env_file *forked_file;
static env_file *plain_file;

/* Exit code 0: the marked descriptor is closed here, the other is not, and closing the marked file
 * leaves a descriptor that was opened since under its number alone. */
static int close_in_child(void)
{
    int marked = ((posix_file *)forked_file)->descriptor;
    if (fcntl(marked, F_GETFD) != -1 ||
        fcntl(((posix_file *)plain_file)->descriptor, F_GETFD) < 0) {
        return 1;
    }
    if (dup2(1, marked) != marked) {
        return 2;
    }
    env_file_close(forked_file);
    return fcntl(marked, F_GETFD) >= 0 ? 0 : 3;
}

TEST(a_marked_file_is_closed_in_forked_children)
{
    env_directory *directory = open_temporary();
    forked_file = file_open(directory, "marked", FILES_CREATE);
    plain_file = file_open(directory, "plain", FILES_CREATE);
    CHECK_OK(env_file_close_on_fork(forked_file));
    CHECK_OK(env_file_close_on_fork(forked_file));
    CHECK_EQUAL(0, child_run(close_in_child));
    CHECK_OK(file_write_one(forked_file, 0, "x", 1));
    env_file_close(forked_file);
    env_file_close(plain_file);
    env_directory_close(directory);
}

/* Exit code 0: the file stops at the limit with PYKV_NO_SPACE, and takes writes below it. */
static int write_beyond_limit(void)
{
    static uint8_t data[64 << 10];
    struct rlimit limit = {40000, 40000};
    env_directory *directory = open_temporary();
    env_file *file = file_open(directory, "file", FILES_CREATE);
    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 1;
    }
    if (file_write_one(file, 0, data, sizeof data) != PYKV_NO_SPACE ||
        error_last()->system_errno != EFBIG) {
        return 2;
    }
    return file_write_one(file, 0, "x", 1) == PYKV_OK && file_size(file) == 40000 ? 0 : 3;
}

TEST(a_limit_on_file_size_is_no_space)
{
    CHECK_EQUAL(0, child_run(write_beyond_limit));
}

/* Fills the small disk behind directory; true if it filled up as it should and took writes again.
 */
static void fill_disk(env_directory *directory)
{
    static uint8_t data[32 << 10];
    uint64_t offset = 0;
    pykv_status status = PYKV_OK;
    env_file *file = file_open(directory, "file", FILES_CREATE);
    while (status == PYKV_OK && offset < (4 << 20)) {
        status = file_write_one(file, offset, data, sizeof data);
        offset += sizeof data;
    }
    CHECK_EQUAL(PYKV_NO_SPACE, status);
    CHECK_EQUAL(ENOSPC, error_last()->system_errno);
    CHECK_STATUS(PYKV_NO_SPACE, env_file_allocate(file, 0, 8 << 20));
    CHECK_OK(env_file_truncate(file, 0));
    CHECK_OK(file_write_one(file, 0, data, sizeof data));
    env_file_close(file);
}

TEST(a_full_disk_is_no_space_until_there_is_room)
{
    char *path = check_temporary_directory();
    env_directory *directory = NULL;
    if (mount("none", path, "tmpfs", 0, "size=1m") != 0) {
        printf("(cannot mount a small tmpfs, errno %d: not checked) ", errno);
        free(path);
        return;
    }
    pykv_status status = env_directory_open(env_posix(), path, false, &directory);
    if (status == PYKV_OK && setjmp(check_jump) == 0) {
        fill_disk(directory);
        env_directory_close(directory);
        CHECK_EQUAL(0, umount(path));
        free(path);
        return;
    }
    (void)umount2(path, MNT_DETACH);
    check_failed(__FILE__, __LINE__, "the small disk failed, as said above");
}

TEST_MAIN(CASE(interrupted_and_short_transfers_are_looped),
          CASE(writes_larger_than_one_system_call_are_split),
          CASE(a_read_that_fails_is_an_error_not_an_end),
          CASE(a_failed_sync_is_reported_with_errno_and_path),
          CASE(offsets_beyond_four_gigabytes_are_served),
          CASE(an_offset_that_the_system_refuses_is_an_error),
          CASE(a_marked_file_is_closed_in_forked_children), CASE(a_limit_on_file_size_is_no_space),
          CASE(a_full_disk_is_no_space_until_there_is_room))
