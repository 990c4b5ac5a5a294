/*
 * child: runs a function in a forked child and tells how it ended, for tests of forks and deaths.
 *
 * The child leaves no core file and is killed by its parent after CHILD_SECONDS, so a hang is a
 * failure.
 */
#ifndef PYKV_TESTS_BASE_CHILD_H
#define PYKV_TESTS_BASE_CHILD_H

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHILD_SECONDS = 30, CHILD_SIGNALLED = 1000 };

/* Forks; the child exits with what body returns. Returns its process id, -1 if fork failed. */
static inline pid_t child_start(int (*body)(void))
{
    pid_t pid = fork();
    if (pid == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        _exit(body());
    }
    return pid;
}

/*
 * Waits for the child; its exit code, or CHILD_SIGNALLED plus the signal that ended it. A child
 * that takes too long is killed.
 */
static inline int child_wait(pid_t pid)
{
    int status = 0;
    pid_t ended = 0;
    for (int i = 0; i < CHILD_SECONDS * 1000 && ended == 0; i++) {
        ended = pid < 0 ? -1 : waitpid(pid, &status, WNOHANG);
        if (ended == 0) {
            usleep(1000);
        }
    }
    if (ended == 0) {
        kill(pid, SIGKILL);
        ended = waitpid(pid, &status, 0);
    }
    if (ended != pid || pid < 0) {
        return -1;
    }
    return WIFSIGNALED(status) ? CHILD_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
}

static inline int child_run(int (*body)(void))
{
    return child_wait(child_start(body));
}

#endif
