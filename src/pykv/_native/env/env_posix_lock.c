/*
 * env_posix_lock: one opener of a directory, in this process and among processes.
 *
 * Two locks in this order: the process-wide registry of (device, inode), then flock(2) on a file of
 * the directory, which holds the owner's process id as decimal text and a line feed (advice for the
 * message only). flock belongs to the open file, so closing other descriptors of it does not free
 * it; a forked child closes its copy at once, so the lock ends with its owner. The file is never
 * removed. Thread-safe.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/process.h"
#include "env/env_posix.h"

enum { OWNER_TEXT_BYTES = 24, REPLACED_RETRIES_MAX = 16 };

typedef struct posix_lock {
    env_lock head;
    int descriptor;
    uint64_t fork_stamp; /* of the process that took it */
    uint64_t device;
    uint64_t inode;
} posix_lock;

/* 0 if the file does not tell. */
static int64_t read_owner(int descriptor)
{
    char text[OWNER_TEXT_BYTES];
    ssize_t size = pread(descriptor, text, sizeof text - 1, 0);
    if (size <= 0) {
        return 0;
    }
    text[size] = '\0';
    char *end;
    long long owner = strtoll(text, &end, 10);
    return end != text && *end == '\n' && owner > 0 ? (int64_t)owner : 0;
}

/* The id is advice: on a full disk the lock holds without it. Written before the file is cut, so
 * that a block it already has is used again. */
static void write_owner(int descriptor)
{
    char text[OWNER_TEXT_BYTES];
    int size = snprintf(text, sizeof text, "%lld\n", (long long)getpid());
    bool written =
        pwrite(descriptor, text, (size_t)size, 0) == size && ftruncate(descriptor, size) == 0;
    (void)written;
}

/* True if the name still leads to the locked file: another file there could be locked as well. */
static bool same_file(int directory, const char *name, int descriptor)
{
    struct stat locked;
    struct stat named;
    return fstat(descriptor, &locked) == 0 && fstatat(directory, name, &named, 0) == 0 &&
           locked.st_dev == named.st_dev && locked.st_ino == named.st_ino;
}

static int lock_descriptor(int descriptor)
{
    int result;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    do {
        result = PYKV_PLANTED(360) ? fcntl(descriptor, F_SETLK, &whole)
                                   : flock(descriptor, LOCK_EX | LOCK_NB);
    } while (result != 0 && errno == EINTR);
    return result;
}

/* The lock file, or -1: errno. A child that is forked at any time from then on closes its copy, if
 * *status_out says that this could be noted. */
static int open_file(int parent, const char *name, pykv_status *status_out)
{
    process_hold_forks();
    int descriptor = posix_openat(parent, name, O_RDWR | O_CREAT);
    if (descriptor >= 0) {
        *status_out = process_close_on_fork(descriptor);
    }
    process_let_forks();
    return descriptor;
}

static void close_file(int descriptor)
{
    process_forget_descriptor(descriptor);
    posix_close_quietly(descriptor);
}

/* One attempt; *replaced_out says that the file was exchanged meanwhile and is worth another. */
static pykv_status lock_once(env_directory *directory, const char *name, int *descriptor_out,
                             bool *replaced_out)
{
    int parent = ((const posix_directory *)directory)->descriptor;
    pykv_status status = PYKV_OK;
    int descriptor = open_file(parent, name, &status);
    if (descriptor < 0) {
        return env_fail(errno, directory->path, "open the lock file");
    }
    if (status == PYKV_OK && lock_descriptor(descriptor) != 0) {
        status = errno == EWOULDBLOCK ? error_set_locked(directory->path, read_owner(descriptor))
                                      : env_fail(errno, directory->path, "lock the lock file");
    } else if (status == PYKV_OK && !same_file(parent, name, descriptor)) {
        *replaced_out = true;
        status = error_set_locked(directory->path, 0);
    }
    if (status != PYKV_OK) {
        close_file(descriptor);
        return status;
    }
    *descriptor_out = descriptor;
    return PYKV_OK;
}

static pykv_status lock_file(env_directory *directory, const char *name, int *descriptor_out)
{
    pykv_status status = PYKV_LOCKED;
    for (int i = 0; i < REPLACED_RETRIES_MAX; i++) {
        bool replaced = false;
        status = lock_once(directory, name, descriptor_out, &replaced);
        if (!replaced) {
            break;
        }
    }
    return status;
}

static pykv_status register_directory(env_directory *directory, posix_lock *self)
{
    pykv_status status = posix_directory_identity(directory, &self->device, &self->inode);
    if (PYKV_PLANTED(361)) {
        self->inode = crc32c_extend(0, directory->path, strlen(directory->path));
    }
    if (status == PYKV_OK) {
        status = process_register(self->device, self->inode, directory->path);
    }
    if (status == PYKV_LOCKED) {
        return env_fail_locked_here(directory->path);
    }
    return status;
}

/* Fills self, whose registration stands; on failure no descriptor stays open. */
static pykv_status lock_and_mark(env_directory *directory, const char *name, posix_lock *self)
{
    pykv_status status = lock_file(directory, name, &self->descriptor);
    if (status != PYKV_OK) {
        return status;
    }
    write_owner(self->descriptor);
    self->fork_stamp = process_stamp();
    return PYKV_OK;
}

pykv_status posix_lock_take(env_directory *directory, const char *name, env_lock **out)
{
    posix_lock *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->head.owner = directory->owner;
    pykv_status status = register_directory(directory, self);
    if (status == PYKV_OK) {
        status = lock_and_mark(directory, name, self);
        if (status != PYKV_OK && !PYKV_PLANTED(180)) {
            process_unregister(self->device, self->inode);
        }
    }
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *out = &self->head;
    return PYKV_OK;
}

/* Unlocks before closing: a child that was forked just now may not have closed its copy yet. In a
 * forked child the descriptor is closed already and its number may be another file's. */
void posix_lock_release(env_lock *lock)
{
    posix_lock *self = (posix_lock *)lock;
    if (self->fork_stamp == process_stamp()) {
        process_forget_descriptor(self->descriptor);
        (void)flock(self->descriptor, LOCK_UN);
        posix_close_quietly(self->descriptor);
        process_unregister(self->device, self->inode);
    }
    mem_free(self);
}
