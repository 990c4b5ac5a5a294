/*
 * env_posix_directory: directories and names of the real environment.
 *
 * A directory is a descriptor; names are resolved by it, so it stays the same directory when it or
 * a parent is renamed. Its path is made absolute at open, for messages only: a later chdir changes
 * nothing. The names of a directory that its opener may not read can be used all the same; what the
 * system does not let it sync is durable when the system says so. Thread-safe.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/process.h"
#include "env/env_posix.h"

enum { WORKING_DIRECTORY_BYTES_MAX = 1 << 16 };

static const posix_directory *posix_of(const env_directory *directory)
{
    return (const posix_directory *)directory;
}

static int descriptor_of(const env_directory *directory)
{
    return posix_of(directory)->descriptor;
}

/* Grows the buffer until the working directory fits. */
static pykv_status working_directory(char **path_out)
{
    for (size_t size = 256; size <= WORKING_DIRECTORY_BYTES_MAX; size *= 2) {
        char *path = mem_alloc(size);
        if (path == NULL) {
            return error_set_no_memory(size);
        }
        if (getcwd(path, size) != NULL) {
            *path_out = path;
            return PYKV_OK;
        }
        mem_free(path);
        if (errno != ERANGE) {
            return env_fail(errno, ".", "find the working directory");
        }
    }
    return env_fail(ENAMETOOLONG, ".", "find the working directory");
}

static pykv_status absolute_path(const char *path, char **path_out)
{
    char *joined;
    if (path[0] == '\0') {
        return env_fail(ENOENT, path, "open a directory without a name");
    }
    if (path[0] == '/') {
        joined = env_text_copy(path);
    } else {
        char *working = NULL;
        pykv_status status = working_directory(&working);
        if (status != PYKV_OK) {
            return status;
        }
        joined = env_path_join(working, path);
        mem_free(working);
    }
    if (joined == NULL) {
        return error_set_no_memory(strlen(path));
    }
    *path_out = joined;
    return PYKV_OK;
}

static int open_directory(const char *path)
{
    return posix_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
}

/* A descriptor for the names of a directory that may be searched, readable or not. */
static int open_for_names(const char *path)
{
#if defined(O_PATH)
    return posix_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY);
#else
    (void)path;
    errno = EACCES;
    return -1;
#endif
}

/* Length up to and with the slash before the last component; 0: there is no parent. */
static size_t parent_length(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') {
        length--;
    }
    while (length > 0 && path[length - 1] != '/') {
        length--;
    }
    return length;
}

/* Syncs the directory that holds path, if it may be read: one that may not cannot be synced. path
 * is edited and put back. */
static pykv_status sync_parent(char *path)
{
    size_t length = parent_length(path);
    if (length == 0) {
        return PYKV_OK;
    }
    char kept = path[length];
    path[length] = '\0';
    int descriptor = open_directory(path);
    pykv_status status = PYKV_OK;
    if (descriptor < 0 || posix_sync_names(descriptor) != 0) {
        status = env_fail(errno, path, "sync a parent directory");
    }
    if (descriptor >= 0) {
        posix_close_quietly(descriptor);
    }
    path[length] = kept;
    return status == PYKV_NO_PERMISSION ? PYKV_OK : status;
}

/* Makes the directory path (its parents exist) and makes its name durable. */
static pykv_status make_one(char *path)
{
    if (mkdir(path, 0755) == 0) {
        return PYKV_PLANTED(321) ? PYKV_OK : sync_parent(path);
    }
    return errno == EEXIST ? PYKV_OK : env_fail(errno, path, "make a directory");
}

/* Makes every missing component of an absolute path. Existing ones are probed, not made, because
 * mkdir of an existing one may fail otherwise (read-only root, no permission). */
static pykv_status make_all(char *path)
{
    for (size_t end = 1;; end++) {
        if (path[end] != '/' && path[end] != '\0') {
            continue;
        }
        char kept = path[end];
        struct stat found;
        path[end] = '\0';
        pykv_status status = stat(path, &found) == 0 ? PYKV_OK : make_one(path);
        path[end] = kept;
        if (status != PYKV_OK || kept == '\0') {
            return status;
        }
    }
}

static pykv_status list_descriptor(int descriptor, const char *path, env_names *names);

/* A directory that somebody made just now has a name that may not be durable yet; one that holds
 * files was opened before. What may not be listed may be empty. */
static pykv_status sync_if_empty(int descriptor, char *path)
{
    env_names names = {NULL, 0};
    pykv_status status = list_descriptor(descriptor, path, &names);
    bool may_be_empty = names.count == 0;
    env_names_free(&names);
    if ((status != PYKV_OK && status != PYKV_NO_PERMISSION) || !may_be_empty) {
        return status;
    }
    return sync_parent(path);
}

static pykv_status open_path(posix_directory *opened, bool create)
{
    char *path = opened->head.path;
    int descriptor = open_directory(path);
    opened->readable = descriptor >= 0 || errno != EACCES;
    if (!opened->readable) {
        descriptor = open_for_names(path);
    }
    bool found = descriptor >= 0;
    if (!found && create && errno == ENOENT) {
        pykv_status status = make_all(path);
        if (status != PYKV_OK) {
            return status;
        }
        descriptor = open_directory(path);
    }
    if (descriptor < 0) {
        return env_fail(errno, path, "open a directory");
    }
    pykv_status status = found && create ? sync_if_empty(descriptor, path) : PYKV_OK;
    if (status != PYKV_OK) {
        posix_close_quietly(descriptor);
        return status;
    }
    opened->descriptor = descriptor;
    return PYKV_OK;
}

pykv_status posix_directory_open(env *self, const char *path, bool create, env_directory **out)
{
    posix_directory *opened = mem_alloc_zeroed(1, sizeof *opened);
    if (opened == NULL) {
        return error_set_no_memory(sizeof *opened);
    }
    opened->head.owner = self;
    pykv_status status = process_init();
    if (status == PYKV_OK) {
        status = absolute_path(path, &opened->head.path);
    }
    if (status == PYKV_OK) {
        status = open_path(opened, create);
    }
    if (status != PYKV_OK) {
        mem_free(opened->head.path);
        mem_free(opened);
        return status;
    }
    opened->capabilities = posix_capabilities(opened->descriptor);
    *out = &opened->head;
    return PYKV_OK;
}

void posix_directory_close(env_directory *directory)
{
    posix_close_quietly(descriptor_of(directory));
    mem_free(directory->path);
    mem_free(directory);
}

pykv_status posix_directory_identity(env_directory *directory, uint64_t *device, uint64_t *inode)
{
    struct stat status;
    if (fstat(descriptor_of(directory), &status) != 0) {
        return env_fail(errno, directory->path, "inspect a directory");
    }
    *device = (uint64_t)status.st_dev;
    *inode = (uint64_t)status.st_ino;
    return PYKV_OK;
}

env_capabilities posix_directory_capabilities(env_directory *directory)
{
    return posix_of(directory)->capabilities;
}

pykv_status posix_directory_sync(env_directory *directory)
{
    if (posix_of(directory)->readable && posix_sync_names(descriptor_of(directory)) != 0) {
        return env_fail(errno, directory->path, "sync a directory");
    }
    return PYKV_OK;
}

static pykv_status read_names(DIR *stream, const char *path, env_names *names)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(stream);
        if (entry == NULL) {
            return errno == 0 ? PYKV_OK : env_fail(errno, path, "list a directory");
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        pykv_status status = env_names_add(names, entry->d_name);
        if (status != PYKV_OK) {
            return status;
        }
    }
}

/* Reads through a descriptor of its own, because the position of a directory is shared. */
static pykv_status list_descriptor(int descriptor, const char *path, env_names *names)
{
    int own = posix_openat(descriptor, ".", O_RDONLY | O_DIRECTORY);
    if (own < 0) {
        return env_fail(errno, path, "list a directory");
    }
    DIR *stream = fdopendir(own);
    if (stream == NULL) {
        posix_close_quietly(own);
        return env_fail(errno, path, "list a directory");
    }
    pykv_status status = read_names(stream, path, names);
    (void)closedir(stream);
    return status;
}

pykv_status posix_directory_list(env_directory *directory, env_names *out)
{
    env_names names = {NULL, 0};
    pykv_status status = list_descriptor(descriptor_of(directory), directory->path, &names);
    if (status != PYKV_OK) {
        env_names_free(&names);
        return status;
    }
    *out = names;
    return PYKV_OK;
}

pykv_status posix_rename(env_directory *directory, const char *from, const char *to)
{
    int descriptor = descriptor_of(directory);
    if (renameat(descriptor, from, descriptor, to) != 0) {
        return env_fail_name(errno, directory->path, from, "rename");
    }
    return PYKV_OK;
}

pykv_status posix_unlink(env_directory *directory, const char *name)
{
    if (unlinkat(descriptor_of(directory), name, 0) != 0) {
        return env_fail_name(errno, directory->path, name, "unlink");
    }
    return PYKV_OK;
}

/* From a symbolic link it is one of the file behind it, as an open is. */
pykv_status posix_link(env_directory *directory, const char *from, env_directory *target,
                       const char *to)
{
    int flags = PYKV_PLANTED(390) ? 0 : AT_SYMLINK_FOLLOW;
    if (linkat(descriptor_of(directory), from, descriptor_of(target), to, flags) != 0) {
        bool is_target = errno == EEXIST;
        return env_fail_name(errno, is_target ? target->path : directory->path,
                             is_target ? to : from, "link");
    }
    return PYKV_OK;
}

pykv_status posix_make_directory(env_directory *directory, const char *name)
{
    if (mkdirat(descriptor_of(directory), name, 0755) != 0) {
        return env_fail_name(errno, directory->path, name, "make a directory");
    }
    return PYKV_OK;
}

pykv_status posix_remove_directory(env *self, const char *path)
{
    (void)self;
    if (rmdir(path) != 0) {
        return env_fail(errno, path, "remove a directory");
    }
    return PYKV_OK;
}
