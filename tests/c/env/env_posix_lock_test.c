/*
 * env_posix_lock_test: who holds a directory, among processes, forks and deaths.
 */
#include <fcntl.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/child.h"
#include "base/memory.h"
#include "env/env_posix.h"
#include "env/files.h"

static char path[512];
static env_directory *directory;
static int ready[2]; /* a pipe: a child says that it got somewhere */

static void start(void)
{
    char *temporary = check_temporary_directory();
    snprintf(path, sizeof path, "%s", temporary);
    free(temporary);
    directory = NULL;
    CHECK_OK(env_directory_open(env_posix(), path, false, &directory));
    CHECK_EQUAL(0, pipe(ready));
}

static void finish(void)
{
    close(ready[0]);
    close(ready[1]);
    env_directory_close(directory);
}

static void tell(char letter)
{
    if (write(ready[1], &letter, 1) != 1) {
        _exit(99);
    }
}

static char hear(void)
{
    char letter = 0;
    CHECK_EQUAL(1, read(ready[0], &letter, 1));
    return letter;
}

/* Exit code 0: the lock is held by the parent, and the message names it. */
static int find_locked_by_parent(void)
{
    env_lock *lock = NULL;
    if (env_lock_take(directory, "LOCK", &lock) != PYKV_LOCKED || lock != NULL) {
        return 1;
    }
    return error_last()->owner_pid == (int64_t)getppid() ? 0 : 2;
}

static int find_free(void)
{
    env_lock *lock = NULL;
    if (env_lock_take(directory, "LOCK", &lock) != PYKV_OK) {
        return 1;
    }
    env_lock_release(lock);
    return 0;
}

TEST(another_process_is_refused_and_told_the_owner)
{
    env_lock *lock = NULL;
    start();
    CHECK_OK(env_lock_take(directory, "LOCK", &lock));
    CHECK_EQUAL(0, child_run(find_locked_by_parent));
    env_lock_release(lock);
    CHECK_EQUAL(0, child_run(find_free));
    finish();
}

TEST(the_lock_file_holds_the_owners_number)
{
    char text[32];
    env_lock *lock = NULL;
    start();
    file_put(directory, "LOCK", "123456789 a longer text that was there before\n");
    CHECK_OK(env_lock_take(directory, "LOCK", &lock));
    snprintf(text, sizeof text, "%lld\n", (long long)getpid());
    file_expect(directory, "LOCK", text);
    env_lock_release(lock);
    file_expect(directory, "LOCK", text);
    finish();
}

/* Exit code 0: an owner is not guessed from what is no number. */
static int find_locked_by_unknown(void)
{
    env_lock *lock = NULL;
    pykv_status status = env_lock_take(directory, "LOCK", &lock);
    return status == PYKV_LOCKED && error_last()->owner_pid == 0 ? 0 : 1;
}

TEST(garbage_in_the_lock_file_names_no_owner)
{
    static const char *const texts[] = {"", "garbage\n", "-5\n", "12", "99999999999999999999999\n"};
    start();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char lock_path[600];
        file_put(directory, "LOCK", texts[i]);
        snprintf(lock_path, sizeof lock_path, "%s/LOCK", path);
        int foreign = open(lock_path, O_RDWR | O_CLOEXEC);
        CHECK_EQUAL(0, flock(foreign, LOCK_EX));
        CHECK_EQUAL(0, child_run(find_locked_by_unknown));
        close(foreign);
    }
    finish();
}

TEST(a_second_path_to_the_same_directory_is_refused)
{
    char second_path[600];
    env_directory *second = NULL;
    env_lock *lock = NULL;
    env_lock *refused = NULL;
    start();
    snprintf(second_path, sizeof second_path, "%s-link", path);
    CHECK_EQUAL(0, symlink(path, second_path));
    CHECK_OK(env_lock_take(directory, "LOCK", &lock));
    CHECK_OK(env_directory_open(env_posix(), second_path, false, &second));
    CHECK_STATUS(PYKV_LOCKED, env_lock_take(second, "OTHER", &refused));
    CHECK_EQUAL(getpid(), error_last()->owner_pid);
    env_lock_release(lock);
    env_directory_close(second);
    CHECK_EQUAL(0, unlink(second_path));
    finish();
}

/* A POSIX lock goes with any descriptor of its file that the process closes: a look at who holds it
 * would free it. */
TEST(a_lock_outlives_other_descriptors_of_its_file)
{
    char lock_path[600];
    env_lock *lock = NULL;
    start();
    CHECK_OK(env_lock_take(directory, "LOCK", &lock));
    snprintf(lock_path, sizeof lock_path, "%s/LOCK", path);
    int other = open(lock_path, O_RDONLY | O_CLOEXEC);
    CHECK(other >= 0);
    CHECK_EQUAL(0, close(other));
    CHECK_EQUAL(0, child_run(find_locked_by_parent));
    env_lock_release(lock);
    finish();
}

/* The owner: takes the lock, forks a child that lives on, and dies without releasing. */
static int own_and_die(void)
{
    env_lock *lock = NULL;
    if (env_lock_take(directory, "LOCK", &lock) != PYKV_OK) {
        tell('f');
        return 1;
    }
    pid_t pid = fork();
    if (pid == 0) {
        tell('c');
        sleep(CHILD_SECONDS); /* ended by the pipe's reader, or at last by itself */
        _exit(0);
    }
    char message[1 + sizeof pid] = {0}; /* one write, so that no other comes between its bytes */
    memcpy(message + 1, &pid, sizeof pid);
    if (write(ready[1], message, sizeof message) != sizeof message) {
        return 2;
    }
    (void)kill(getpid(), SIGKILL);
    return 3;
}

/* A worker that was forked off once kept the lock of an owner that had died. */
TEST(a_dead_owners_lock_is_free_although_its_child_lives)
{
    pid_t grandchild = 0;
    start();
    pid_t owner = child_start(own_and_die);
    char heard[2] = {hear(), 0};
    /* the two writers' order is open; the owner's message is a zero and a number behind it */
    for (int i = 0; i < 2; i++) {
        char letter = i == 0 ? heard[0] : hear();
        if (letter == 0) {
            CHECK_EQUAL(sizeof grandchild, read(ready[0], &grandchild, sizeof grandchild));
        } else {
            CHECK_EQUAL('c', letter);
        }
    }
    CHECK_EQUAL(CHILD_SIGNALLED + SIGKILL, child_wait(owner));
    int code = find_free();
    CHECK_EQUAL(0, kill(grandchild, 0));
    CHECK_EQUAL(0, kill(grandchild, SIGKILL));
    CHECK_EQUAL(0, code);
    finish();
}

static env_lock *inherited;

static int release_in_child(void)
{
    int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
    env_lock_release(inherited);
    return fcntl(descriptor, F_GETFD) >= 0 ? 0 : 1;
}

static bool forks_behind_flock;
static int child_found;

/* Stands before the system's function. */
int flock(int descriptor, int operation)
{
    int result = (int)syscall(SYS_flock, descriptor, operation);
    if (forks_behind_flock) {
        forks_behind_flock = false;
        pid_t pid = fork();
        if (pid == 0) {
            _exit(fcntl(descriptor, F_GETFD) < 0 ? 0 : 1);
        }
        child_found = child_wait(pid);
    }
    return result;
}

/* A thread that forked between the lock and the note of its descriptor once left the lock to its
 * child, for as long as that lived. */
TEST(a_child_that_is_forked_while_the_lock_is_taken_does_not_have_it)
{
    env_lock *lock = NULL;
    start();
    child_found = -1;
    forks_behind_flock = true;
    CHECK_OK(env_lock_take(directory, "LOCK", &lock));
    CHECK_EQUAL(0, child_found);
    env_lock_release(lock);
    finish();
}

TEST(a_release_in_a_forked_child_frees_nothing)
{
    start();
    CHECK_OK(env_lock_take(directory, "LOCK", &inherited));
    CHECK_EQUAL(0, child_run(release_in_child));
    CHECK_EQUAL(0, child_run(find_locked_by_parent));
    env_lock_release(inherited);
    finish();
}

TEST(an_exchanged_lock_file_does_not_make_two_owners)
{
    char lock_path[600];
    env_lock *lock = NULL;
    start();
    CHECK_OK(env_lock_take(directory, "LOCK", &lock));
    snprintf(lock_path, sizeof lock_path, "%s/LOCK", path);
    CHECK_EQUAL(0, unlink(lock_path));
    env_lock *second = NULL;
    CHECK_STATUS(PYKV_LOCKED, env_lock_take(directory, "LOCK", &second)); /* by the registry */
    env_lock_release(lock);
    CHECK_OK(env_lock_take(directory, "LOCK", &second));
    CHECK_EQUAL(0, child_run(find_locked_by_parent));
    env_lock_release(second);
    finish();
}

TEST(a_lock_file_that_cannot_be_opened_is_no_lock)
{
    env_lock *lock = NULL;
    start();
    CHECK_OK(env_make_directory(directory, "LOCK"));
    CHECK_STATUS(PYKV_IO_FAILED, env_lock_take(directory, "LOCK", &lock));
    CHECK_OK(env_lock_take(directory, "LOCK2", &lock)); /* nothing stayed registered */
    env_lock_release(lock);
    finish();
}

TEST(a_failed_allocation_leaves_the_directory_free)
{
    env_lock *lock = NULL;
    start();
    for (uint64_t at = 1; at <= 3; at++) {
        (void)mem_fail_at(at, 0);
        pykv_status status = env_lock_take(directory, "LOCK", &lock);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        if (status == PYKV_OK) {
            env_lock_release(lock);
        }
        CHECK_EQUAL(0, find_free());
    }
    finish();
}

TEST_MAIN(CASE(another_process_is_refused_and_told_the_owner),
          CASE(the_lock_file_holds_the_owners_number),
          CASE(garbage_in_the_lock_file_names_no_owner),
          CASE(a_second_path_to_the_same_directory_is_refused),
          CASE(a_lock_outlives_other_descriptors_of_its_file),
          CASE(a_dead_owners_lock_is_free_although_its_child_lives),
          CASE(a_child_that_is_forked_while_the_lock_is_taken_does_not_have_it),
          CASE(a_release_in_a_forked_child_frees_nothing),
          CASE(an_exchanged_lock_file_does_not_make_two_owners),
          CASE(a_lock_file_that_cannot_be_opened_is_no_lock),
          CASE(a_failed_allocation_leaves_the_directory_free))
