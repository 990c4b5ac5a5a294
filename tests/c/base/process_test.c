/*
 * process_test: the fork stamp, the registry and the descriptors that children close.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "child.h"
#include "harness/check.h"

#include "base/memory.h"
#include "base/process.h"

static bool madvise_fails;

/* Stands before the system's function: the core must get along with a kernel that cannot wipe. */
int madvise(void *address, size_t size, int advice)
{
    if (madvise_fails) {
        errno = EINVAL;
        return -1;
    }
    return (int)syscall(SYS_madvise, address, size, advice);
}

static uint64_t parent_stamp;
static uint64_t grandparent_stamp;

static int stamp_is_new(void)
{
    uint64_t stamp = process_stamp();
    bool stable = process_stamp() == stamp;
    return stable && stamp != 0 && stamp != parent_stamp && stamp != grandparent_stamp ? 0 : 1;
}

static int child_and_grandchild_are_new(void)
{
    if (stamp_is_new() != 0) {
        return 1;
    }
    grandparent_stamp = parent_stamp;
    parent_stamp = process_stamp();
    return child_run(stamp_is_new) == 0 ? 0 : 2;
}

static int stamps_differ_without_wiping(void)
{
    madvise_fails = true;
    if (process_init() != PYKV_OK) {
        return 3;
    }
    parent_stamp = process_stamp();
    return child_run(child_and_grandchild_are_new);
}

/* Runs first, before this process is set up: its child is set up without the wiped page. */
TEST(the_stamp_changes_at_a_fork_where_the_kernel_cannot_wipe)
{
    CHECK_EQUAL(0, child_run(stamps_differ_without_wiping));
}

TEST(setting_up_keeps_the_stamp_and_may_be_repeated)
{
    uint64_t before = process_stamp();
    CHECK(before != 0);
    CHECK_OK(process_init());
    CHECK_EQUAL(before, process_stamp());
    CHECK_OK(process_init());
    CHECK_EQUAL(before, process_stamp());
}

TEST(the_stamp_changes_in_children_and_their_children)
{
    CHECK_OK(process_init());
    parent_stamp = process_stamp();
    grandparent_stamp = 0;
    CHECK_EQUAL(0, child_run(child_and_grandchild_are_new));
    CHECK_EQUAL(parent_stamp, process_stamp());
}

TEST(a_store_is_registered_once_until_it_leaves)
{
    CHECK_OK(process_register(1, 2, "one"));
    CHECK_STATUS(PYKV_LOCKED, process_register(1, 2, "one"));
    CHECK_EQUAL(getpid(), error_last()->owner_pid);
    CHECK(strcmp("one", error_last()->path) == 0);
    CHECK_OK(process_register(1, 3, "other inode"));
    CHECK_OK(process_register(2, 2, "other device"));
    process_unregister(1, 2);
    CHECK_STATUS(PYKV_LOCKED, process_register(1, 3, "other inode"));
    CHECK_OK(process_register(1, 2, "again"));
    process_unregister(1, 2);
    process_unregister(1, 3);
    process_unregister(2, 2);
}

TEST(leaving_without_being_registered_is_ignored)
{
    CHECK_OK(process_register(5, 5, "here"));
    process_unregister(5, 6);
    CHECK_STATUS(PYKV_LOCKED, process_register(5, 5, "here"));
    process_unregister(5, 5);
    process_unregister(5, 5);
}

TEST(the_registry_grows_and_gives_its_memory_back)
{
    int64_t before = mem_block_count();
    for (uint64_t i = 0; i < 1000; i++) {
        CHECK_OK(process_register(7, i, "x"));
    }
    for (uint64_t i = 0; i < 1000; i++) {
        CHECK_STATUS(PYKV_LOCKED, process_register(7, i, "x"));
    }
    for (uint64_t i = 0; i < 1000; i++) {
        process_unregister(7, i);
    }
    CHECK_EQUAL(before, mem_block_count());
}

TEST(a_registry_that_cannot_grow_is_left_as_it_was)
{
    mem_fail_at(1, 1);
    pykv_status status = process_register(8, 1, "x");
    mem_fail_at(0, 0);
    CHECK_EQUAL(PYKV_NO_MEMORY, status);
    CHECK_OK(process_register(8, 1, "x"));
    process_unregister(8, 1);
}

enum { THREAD_COUNT = 4, ROUND_COUNT = 2000 };

static _Atomic int holders;
static _Atomic int collisions;

static void *fight_for_one_store(void *argument)
{
    (void)argument;
    for (int i = 0; i < ROUND_COUNT; i++) {
        if (process_register(9, 9, "x") == PYKV_OK) {
            atomic_fetch_add(&collisions, atomic_fetch_add(&holders, 1) == 0 ? 0 : 1);
            atomic_fetch_sub(&holders, 1);
            process_unregister(9, 9);
        }
    }
    return NULL;
}

TEST(of_threads_that_register_one_store_at_most_one_has_it)
{
    pthread_t threads[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_create(&threads[i], NULL, fight_for_one_store, NULL) == 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_EQUAL(0, atomic_load(&collisions));
}

static int register_inherited(void)
{
    return process_register(10, 10, "x") == PYKV_OK ? 0 : 1;
}

TEST(a_child_starts_with_an_empty_registry)
{
    CHECK_OK(process_init());
    CHECK_OK(process_register(10, 10, "x"));
    CHECK_EQUAL(0, child_run(register_inherited));
    CHECK_STATUS(PYKV_LOCKED, process_register(10, 10, "x"));
    process_unregister(10, 10);
}

static _Atomic bool churn_over;

static void *churn(void *argument)
{
    static uint8_t bytes[16];
    process_mapping mapping = {.base = bytes, .size = sizeof bytes};
    (void)argument;
    while (!atomic_load(&churn_over)) {
        if (process_register(11, 11, "x") == PYKV_OK) {
            process_unregister(11, 11);
        }
        if (process_guard(&mapping) == PYKV_OK) {
            process_unguard(&mapping);
        }
    }
    return NULL;
}

static int use_every_table(void)
{
    static uint8_t bytes[16];
    process_mapping mapping = {.base = bytes, .size = sizeof bytes};
    if (process_register(11, 12, "x") != PYKV_OK || process_guard(&mapping) != PYKV_OK) {
        return 1;
    }
    process_unguard(&mapping);
    process_unregister(11, 12);
    return 0;
}

/* The other thread is often inside a lock when the fork happens; the child must not wait for it. */
TEST(a_child_can_use_the_tables_whatever_other_threads_were_doing)
{
    CHECK_OK(process_init());
    pthread_t thread;
    atomic_store(&churn_over, false);
    CHECK(pthread_create(&thread, NULL, churn, NULL) == 0);
    int failed = 0;
    for (int i = 0; i < 50 && failed == 0; i++) {
        failed = child_run(use_every_table);
    }
    atomic_store(&churn_over, true);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQUAL(0, failed);
}

static int closed_descriptor;
static int kept_descriptor;

static int one_is_closed_the_other_is_not(void)
{
    bool closed = fcntl(closed_descriptor, F_GETFD) == -1 && errno == EBADF;
    bool kept = fcntl(kept_descriptor, F_GETFD) != -1;
    return (closed ? 0 : 1) + (kept ? 0 : 2);
}

TEST(a_child_closes_what_is_registered_and_nothing_else)
{
    CHECK_OK(process_init());
    int ends[2];
    CHECK(pipe(ends) == 0);
    closed_descriptor = ends[0];
    kept_descriptor = ends[1];
    CHECK_OK(process_close_on_fork(kept_descriptor));
    CHECK_OK(process_close_on_fork(closed_descriptor));
    process_forget_descriptor(kept_descriptor);
    CHECK_EQUAL(0, child_run(one_is_closed_the_other_is_not));
    CHECK(fcntl(closed_descriptor, F_GETFD) != -1);
    process_forget_descriptor(closed_descriptor);
    close(ends[0]);
    close(ends[1]);
}

static int wait_for_pipe_end[2];

static int live_until_told(void)
{
    char byte;
    close(wait_for_pipe_end[1]);
    return read(wait_for_pipe_end[0], &byte, 1) == 0 ? 0 : 1;
}

/*
 * The story: a server forks a worker and ends; the worker lives on with a copy of the lock's
 * descriptor, and with it the flock: nobody can open the store. The child's copy must be gone.
 */
TEST(a_living_child_does_not_keep_the_lock_of_its_parent)
{
    CHECK_OK(process_init());
    char *directory = check_temporary_directory();
    char path[600];
    snprintf(path, sizeof path, "%s/LOCK", directory);
    free(directory);
    int owner = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(owner >= 0 && flock(owner, LOCK_EX | LOCK_NB) == 0);
    CHECK_OK(process_close_on_fork(owner));
    CHECK(pipe(wait_for_pipe_end) == 0);
    pid_t worker = child_start(live_until_told);
    close(wait_for_pipe_end[0]);
    int next = open(path, O_RDWR | O_CLOEXEC);
    bool excluded = flock(next, LOCK_EX | LOCK_NB) != 0;
    process_forget_descriptor(owner);
    close(owner);
    /* The worker may not have run its fork handler yet: wait for the lock, for at most 10 s. */
    bool free_again = false;
    for (int i = 0; i < 10000 && !free_again; i++) {
        free_again = flock(next, LOCK_EX | LOCK_NB) == 0;
        usleep(1000);
    }
    close(wait_for_pipe_end[1]);
    CHECK_EQUAL(0, child_wait(worker));
    CHECK(excluded);
    CHECK(free_again);
    close(next);
}

static int fill_the_descriptors(void)
{
    for (int i = 0; i < 4096; i++) {
        if (process_close_on_fork(10000 + i) != PYKV_OK) {
            return 1;
        }
    }
    if (process_close_on_fork(9999) != PYKV_NO_MEMORY || error_last()->status != PYKV_NO_MEMORY) {
        return 2;
    }
    process_forget_descriptor(12345);
    return process_close_on_fork(9999) == PYKV_OK ? 0 : 3;
}

TEST(the_table_of_descriptors_has_a_limit_that_is_an_error)
{
    CHECK_EQUAL(0, child_run(fill_the_descriptors));
}

TEST_MAIN(CASE(the_stamp_changes_at_a_fork_where_the_kernel_cannot_wipe),
          CASE(setting_up_keeps_the_stamp_and_may_be_repeated),
          CASE(the_stamp_changes_in_children_and_their_children),
          CASE(a_store_is_registered_once_until_it_leaves),
          CASE(leaving_without_being_registered_is_ignored),
          CASE(the_registry_grows_and_gives_its_memory_back),
          CASE(a_registry_that_cannot_grow_is_left_as_it_was),
          CASE(of_threads_that_register_one_store_at_most_one_has_it),
          CASE(a_child_starts_with_an_empty_registry),
          CASE(a_child_can_use_the_tables_whatever_other_threads_were_doing),
          CASE(a_child_closes_what_is_registered_and_nothing_else),
          CASE(a_living_child_does_not_keep_the_lock_of_its_parent),
          CASE(the_table_of_descriptors_has_a_limit_that_is_an_error))
