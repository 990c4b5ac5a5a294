/*
 * env_posix_directory_test: paths, parents, permissions and read-only media of the real
 * environment. This program's own fsync takes the place of the C library's and notes what it syncs.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/child.h"
#include "base/memory.h"
#include "env/files.h"

enum { PATH_BYTES = 1024, SYNC_COUNT_MAX = 64 };

static int sync_errno; /* nonzero: fsync fails with it */
static struct stat synced[SYNC_COUNT_MAX];
static size_t synced_count;

int fsync(int descriptor)
{
    if (synced_count < SYNC_COUNT_MAX) {
        fstat(descriptor, &synced[synced_count++]);
    }
    if (sync_errno != 0) {
        errno = sync_errno;
        return -1;
    }
    return (int)syscall(SYS_fsync, descriptor);
}

static bool was_synced(const char *path)
{
    struct stat status;
    CHECK_EQUAL(0, stat(path, &status));
    for (size_t i = 0; i < synced_count; i++) {
        if (synced[i].st_dev == status.st_dev && synced[i].st_ino == status.st_ino) {
            return true;
        }
    }
    return false;
}

static char base[PATH_BYTES];

/* A path in a fresh temporary directory; valid until the next call. */
static const char *below(const char *name)
{
    static char path[PATH_BYTES + 512];
    snprintf(path, sizeof path, "%s/%s", base, name);
    return path;
}

static void start(void)
{
    char *path = check_temporary_directory();
    CHECK(realpath(path, base) != NULL);
    free(path);
    synced_count = 0;
}

static void open_and_close(const char *path)
{
    env_directory *directory = NULL;
    CHECK_OK(env_directory_open(env_posix(), path, true, &directory));
    env_directory_close(directory);
}

TEST(every_parent_of_a_made_directory_is_synced)
{
    start();
    open_and_close(below("a/b/c"));
    CHECK(was_synced(base));
    CHECK(was_synced(below("a")));
    CHECK(was_synced(below("a/b")));
    CHECK_EQUAL(3, synced_count);
}

TEST(an_empty_directory_that_was_there_has_its_name_synced)
{
    start();
    CHECK_EQUAL(0, mkdir(below("made"), 0755));
    open_and_close(below("made/"));
    CHECK(was_synced(base));
}

TEST(a_directory_in_use_costs_no_sync)
{
    env_directory *directory = NULL;
    start();
    CHECK_OK(env_directory_open(env_posix(), below("used"), true, &directory));
    file_put(directory, "file", "text");
    env_directory_close(directory);
    synced_count = 0;
    open_and_close(below("used"));
    CHECK_OK(env_directory_open(env_posix(), below("used"), false, &directory));
    CHECK_EQUAL(0, synced_count);
    CHECK_OK(env_directory_sync(directory));
    CHECK(was_synced(below("used")));
    env_directory_close(directory);
}

/* A relative path once led the files of a store elsewhere after the program changed its directory.
 */
TEST(a_relative_path_is_resolved_at_open)
{
    env_directory *directory = NULL;
    char before[PATH_BYTES];
    start();
    CHECK(getcwd(before, sizeof before) != NULL);
    CHECK_EQUAL(0, chdir(base));
    pykv_status status = env_directory_open(env_posix(), "inner", true, &directory);
    CHECK_EQUAL(0, chdir("/"));
    CHECK_OK(status);
    file_put(directory, "file", "text");
    CHECK_EQUAL(0, access(below("inner/file"), F_OK));
    CHECK_EQUAL(0, strcmp(below("inner"), env_directory_path(directory)));
    env_directory_close(directory);
    CHECK_EQUAL(0, chdir(before));
}

TEST(a_link_to_a_directory_has_the_identity_of_its_target)
{
    uint64_t pair[4];
    env_directory *directory = NULL;
    env_directory *linked = NULL;
    start();
    CHECK_OK(env_directory_open(env_posix(), below("target"), true, &directory));
    CHECK_EQUAL(0, symlink("target", below("link")));
    CHECK_OK(env_directory_open(env_posix(), below("link"), false, &linked));
    CHECK_OK(env_directory_identity(directory, &pair[0], &pair[1]));
    CHECK_OK(env_directory_identity(linked, &pair[2], &pair[3]));
    CHECK(pair[0] == pair[2] && pair[1] == pair[3]);
    env_directory_close(directory);
    env_directory_close(linked);
}

static void expect_own_name(const char *name, ino_t inode)
{
    struct stat status;
    CHECK_EQUAL(0, lstat(below(name), &status));
    CHECK(S_ISREG(status.st_mode) && status.st_ino == inode);
}

/* A table that came into a store through a symbolic link was one there: the rows went with the
 * directory of the file, and no checkpoint elsewhere had them. */
TEST(a_link_of_a_symbolic_link_is_one_of_its_file)
{
    env_directory *from = NULL;
    env_directory *to = NULL;
    struct stat status;
    char path[PATH_BYTES + 8];
    start();
    CHECK_OK(env_directory_open(env_posix(), below("from/deeper"), true, &from));
    CHECK_OK(env_directory_open(env_posix(), below("to"), true, &to));
    snprintf(path, sizeof path, "%s/file", base);
    file_put(from, "../../file", "text");
    CHECK_EQUAL(0, symlink("../../file", below("from/deeper/relative")));
    CHECK_EQUAL(0, symlink(path, below("from/deeper/absolute")));
    CHECK_EQUAL(0, symlink("none", below("from/deeper/dangling")));
    CHECK_EQUAL(0, stat(path, &status));
    CHECK_OK(env_link(from, "relative", to, "a"));
    CHECK_OK(env_link(from, "absolute", to, "b"));
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, env_link(from, "dangling", to, "c"));
    expect_own_name("to/a", status.st_ino);
    expect_own_name("to/b", status.st_ino);
    env_directory_close(from);
    env_directory_close(to);
}

TEST(a_path_that_is_too_long_is_an_invalid_argument)
{
    char name[300];
    env_directory *directory = NULL;
    start();
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 env_directory_open(env_posix(), below(name), true, &directory));
    CHECK_EQUAL(ENAMETOOLONG, error_last()->system_errno);
}

/* Exit code 0: an unprivileged user may neither make nor open what is not his. */
static int open_as_nobody(void)
{
    env_directory *directory = NULL;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        return 1;
    }
    if (env_directory_open(env_posix(), below("new"), true, &directory) != PYKV_NO_PERMISSION) {
        return 2;
    }
    return error_last()->system_errno == EACCES ? 0 : 3;
}

TEST(missing_permission_is_named)
{
    start();
    CHECK_EQUAL(0, chmod(base, 0));
    int code = child_run(open_as_nobody);
    CHECK_EQUAL(0, chmod(base, 0700));
    CHECK_EQUAL(0, code);
}

TEST(read_only_media_are_named)
{
    env_directory *directory = NULL;
    env_directory *made = NULL;
    env_file *file = NULL;
    start();
    if (mount("none", base, "tmpfs", MS_RDONLY, NULL) != 0) {
        printf("(cannot mount a read-only tmpfs, errno %d: not checked) ", errno);
        return;
    }
    pykv_status opened = env_directory_open(env_posix(), base, true, &directory);
    pykv_status created =
        opened == PYKV_OK ? env_file_open(directory, "file", FILES_CREATE, &file) : opened;
    pykv_status made_inner = env_directory_open(env_posix(), below("inner"), true, &made);
    env_directory_close(directory);
    CHECK_EQUAL(0, umount(base));
    CHECK_STATUS(PYKV_OK, opened);
    CHECK_EQUAL(PYKV_READ_ONLY, created);
    CHECK_EQUAL(PYKV_READ_ONLY, made_inner);
}

TEST(a_name_that_cannot_be_made_durable_is_a_failure)
{
    env_directory *directory = NULL;
    env_directory *made = NULL;
    start();
    CHECK_OK(env_directory_open(env_posix(), base, false, &directory));
    sync_errno = EIO;
    pykv_status synced_root = env_directory_sync(directory);
    pykv_status opened = env_directory_open(env_posix(), below("new"), true, &made);
    pykv_status again = env_directory_open(env_posix(), below("new"), true, &made); /* empty */
    sync_errno = 0;
    env_directory_close(directory);
    CHECK_EQUAL(PYKV_IO_FAILED, synced_root);
    CHECK_EQUAL(PYKV_IO_FAILED, opened);
    CHECK_EQUAL(PYKV_IO_FAILED, again);
    CHECK(made == NULL);
}

TEST(the_root_has_no_parent_to_sync)
{
    env_directory *directory = NULL;
    start();
    CHECK_OK(env_directory_open(env_posix(), "/", true, &directory));
    CHECK_EQUAL(0, synced_count);
    env_directory_close(directory);
}

/* Exit code 0: a relative path below a working directory that was removed is not found. */
static int open_below_nothing(void)
{
    env_directory *directory = NULL;
    if (chdir(below("gone")) != 0 || rmdir(below("gone")) != 0) {
        return 1;
    }
    pykv_status status = env_directory_open(env_posix(), "inner", true, &directory);
    return status == PYKV_PATH_NOT_FOUND ? 0 : 2;
}

TEST(a_working_directory_that_is_gone_is_not_found)
{
    start();
    CHECK_EQUAL(0, mkdir(below("gone"), 0755));
    CHECK_EQUAL(0, child_run(open_below_nothing));
}

/* Exit code 0: a working directory longer than the first guesses of a buffer is found. */
static int open_far_down(void)
{
    char name[201];
    env_directory *directory = NULL;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    if (chdir(base) != 0) {
        return 1;
    }
    for (int i = 0; i < 5; i++) {
        if (mkdir(name, 0755) != 0 || chdir(name) != 0) {
            return 2;
        }
    }
    if (env_directory_open(env_posix(), "inner", true, &directory) != PYKV_OK) {
        return 3;
    }
    return strlen(env_directory_path(directory)) > 1000 ? 0 : 4;
}

TEST(a_long_working_directory_is_found)
{
    start();
    CHECK_EQUAL(0, child_run(open_far_down));
}

TEST(a_list_without_memory_leaves_nothing)
{
    env_directory *directory = NULL;
    start();
    CHECK_OK(env_directory_open(env_posix(), base, false, &directory));
    file_put(directory, "a", "");
    file_put(directory, "b", "");
    int64_t blocks = mem_block_count();
    for (uint64_t at = 1; at <= 4; at++) {
        env_names names = {NULL, 0};
        (void)mem_fail_at(at, 0);
        pykv_status status = env_directory_list(directory, &names);
        (void)mem_fail_at(0, 0);
        CHECK_EQUAL(PYKV_NO_MEMORY, status);
        CHECK_EQUAL(0, names.count);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    env_directory_close(directory);
}

TEST(a_failed_allocation_leaves_no_descriptor_and_no_block)
{
    start();
    int64_t blocks = mem_block_count();
    for (uint64_t at = 1; at <= 8; at++) {
        env_directory *directory = NULL;
        (void)mem_fail_at(at, 0);
        pykv_status status = env_directory_open(env_posix(), below("inner"), true, &directory);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        env_directory_close(directory);
        CHECK_EQUAL(blocks, mem_block_count());
    }
    int next = open("/", O_RDONLY | O_DIRECTORY);
    close(next);
    CHECK(next < 16);
}

/* Exit code 0: names can be made in a directory that may be written and not read, at the first
 * attempt as at the next, though such a directory can neither be listed nor synced. */
static int make_in_what_is_unreadable(void)
{
    env_directory *directory = NULL;
    env_names names;
    if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
        return 1;
    }
    for (int i = 0; i < 2; i++) {
        if (env_directory_open(env_posix(), below("shared/new"), true, &directory) != PYKV_OK) {
            return 2;
        }
        env_directory_close(directory);
    }
    if (env_directory_open(env_posix(), below("shared"), true, &directory) != PYKV_OK) {
        return 3;
    }
    if (env_make_directory(directory, "named") != PYKV_OK ||
        env_make_directory(directory, "named") != PYKV_PATH_EXISTS ||
        env_directory_sync(directory) != PYKV_OK) {
        return 4;
    }
    int code = env_directory_list(directory, &names) == PYKV_NO_PERMISSION ? 0 : 5;
    env_directory_close(directory);
    return code;
}

/* The first open there once made its directory and failed: its parent could not be synced. */
TEST(a_directory_is_made_in_one_that_may_be_written_and_not_read)
{
    start();
    CHECK_EQUAL(0, chmod(base, 0755));
    CHECK_EQUAL(0, mkdir(below("shared"), 0755));
    CHECK_EQUAL(0, chmod(below("shared"), 01333));
    CHECK_EQUAL(0, child_run(make_in_what_is_unreadable));
    CHECK_EQUAL(0, chmod(below("shared"), 0700));
}

TEST_MAIN(CASE(every_parent_of_a_made_directory_is_synced),
          CASE(an_empty_directory_that_was_there_has_its_name_synced),
          CASE(a_directory_in_use_costs_no_sync), CASE(a_relative_path_is_resolved_at_open),
          CASE(a_link_to_a_directory_has_the_identity_of_its_target),
          CASE(a_link_of_a_symbolic_link_is_one_of_its_file),
          CASE(a_path_that_is_too_long_is_an_invalid_argument), CASE(missing_permission_is_named),
          CASE(a_directory_is_made_in_one_that_may_be_written_and_not_read),
          CASE(read_only_media_are_named), CASE(a_name_that_cannot_be_made_durable_is_a_failure),
          CASE(the_root_has_no_parent_to_sync), CASE(a_working_directory_that_is_gone_is_not_found),
          CASE(a_long_working_directory_is_found), CASE(a_list_without_memory_leaves_nothing),
          CASE(a_failed_allocation_leaves_no_descriptor_and_no_block))
