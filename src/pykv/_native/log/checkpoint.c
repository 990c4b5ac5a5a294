/*
 * checkpoint: the mark, second names, copies, and taking back what failed.
 */
#include "log/checkpoint.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/home.h"
#include "log/manifest_file.h"

enum { COPY_BYTES = 256 * 1024 };

struct checkpoint {
    env *environment;
    env_directory *home;
    char *path;
    uint8_t *block; /* of copies; NULL until the first */
};

/* ---- the directory ---- */

static void set_text(char *to, const char *text, size_t length)
{
    memcpy(to, text, length);
    to[length] = '\0';
}

/* Splits a path into that of its parent and its name. Both stand in parts, which the caller frees.
 */
static pykv_status split(const char *path, char **parts_out, const char **name_out)
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/') {
        end--;
    }
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') {
        begin--;
    }
    if (begin == end) {
        return error_set_at(end == strlen(path) ? PYKV_INVALID_ARGUMENT : PYKV_PATH_EXISTS, path,
                            "this is no name of a new directory");
    }
    char *parts = mem_alloc(strlen(path) + 4);
    if (parts == NULL) {
        return error_set_no_memory(strlen(path) + 4);
    }
    size_t parent_length = begin > 1 ? begin - 1 : 1;
    set_text(parts, begin == 0 ? "." : path, parent_length);
    set_text(parts + parent_length + 1, path + begin, end - begin);
    *parts_out = parts;
    *name_out = parts + parent_length + 1;
    return PYKV_OK;
}

/* Makes a directory that was not there, durably. */
static pykv_status make_directory(env *environment, const char *path)
{
    char *parent = NULL;
    const char *name = NULL;
    env_directory *above;
    pykv_status status = split(path, &parent, &name);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_directory_open(environment, parent, true, &above);
    if (status == PYKV_OK) {
        status = env_make_directory(above, name);
        if (status == PYKV_OK) {
            status = env_directory_sync(above);
        }
        env_directory_close(above);
    }
    mem_free(parent);
    return status;
}

static pykv_status make_mark(env_directory *home)
{
    env_file *file;
    if (PYKV_PLANTED(150)) {
        return PYKV_OK;
    }
    pykv_status status =
        env_file_open(home, HOME_UNFINISHED_NAME, ENV_WRITE | ENV_CREATE | ENV_EXCLUSIVE, &file);
    if (status == PYKV_OK) {
        env_file_close(file);
        status = env_directory_sync(home);
    }
    return status;
}

static pykv_status checkpoint_new(env *environment, const char *path, checkpoint **checkpoint_out)
{
    size_t size = strlen(path) + 1;
    checkpoint *self = mem_alloc_zeroed(1, sizeof *self + size);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self + size);
    }
    self->environment = environment;
    self->path = (char *)(self + 1);
    memcpy(self->path, path, size);
    *checkpoint_out = self;
    return PYKV_OK;
}

pykv_status checkpoint_begin(env *environment, const char *path, checkpoint **checkpoint_out)
{
    checkpoint *self = NULL;
    pykv_status status = checkpoint_new(environment, path, &self);
    if (status != PYKV_OK || self == NULL) {
        return status;
    }
    status = make_directory(environment, path);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    status = env_directory_open(environment, path, false, &self->home);
    if (status == PYKV_OK) {
        status = make_mark(self->home);
    }
    if (status != PYKV_OK) {
        return checkpoint_end(self, status);
    }
    *checkpoint_out = self;
    return PYKV_OK;
}

env_directory *checkpoint_home(checkpoint *self)
{
    return self->home;
}

/* ---- files ---- */

static pykv_status copy_bytes(checkpoint *self, env_file *source, env_file *target)
{
    uint64_t offset = 0;
    size_t got = COPY_BYTES;
    while (got == COPY_BYTES) {
        pykv_status status = env_file_read(source, offset, self->block, COPY_BYTES, &got);
        if (status == PYKV_OK && got > 0) {
            slice part = slice_make(self->block, got);
            status = env_file_write(target, offset, &part, 1);
        }
        if (status != PYKV_OK) {
            return status;
        }
        offset += got;
    }
    return env_file_sync(target);
}

static pykv_status copy_file(checkpoint *self, env_directory *from, const char *name)
{
    env_file *source;
    env_file *target;
    if (self->block == NULL) {
        self->block = mem_alloc(COPY_BYTES);
    }
    if (self->block == NULL) {
        return error_set_no_memory(COPY_BYTES);
    }
    pykv_status status = env_file_open(from, name, ENV_READ, &source);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_open(self->home, name, ENV_WRITE | ENV_CREATE | ENV_EXCLUSIVE, &target);
    if (status == PYKV_OK) {
        status = copy_bytes(self, source, target);
        env_file_close(target);
    }
    env_file_close(source);
    return status;
}

/* Where a second name is refused, for another device or too many names, the bytes are not. */
static bool asks_for_a_copy(pykv_status status)
{
    return status == PYKV_NOT_SUPPORTED || status == PYKV_NO_PERMISSION;
}

pykv_status checkpoint_add(checkpoint *self, env_directory *from, const char *name)
{
    pykv_status status = env_link(from, name, self->home, name);
    return asks_for_a_copy(status) ? copy_file(self, from, name) : status;
}

pykv_status checkpoint_settle(checkpoint *self)
{
    return PYKV_PLANTED(151) ? PYKV_OK : env_directory_sync(self->home);
}

/* ---- the end ---- */

/* The manifest first, the mark last: nothing on the way is a store. */
static void take_back(checkpoint *self)
{
    env_names names;
    pykv_status status = env_unlink(self->home, MANIFEST_NAME);
    if ((status != PYKV_OK && status != PYKV_PATH_NOT_FOUND) ||
        env_directory_list(self->home, &names) != PYKV_OK) {
        return;
    }
    for (size_t i = 0; i < names.count; i++) {
        if (strcmp(names.names[i], HOME_UNFINISHED_NAME) != 0) {
            (void)!env_unlink(self->home, names.names[i]);
        }
    }
    env_names_free(&names);
    (void)!env_unlink(self->home, HOME_UNFINISHED_NAME);
}

pykv_status checkpoint_end(checkpoint *self, pykv_status status)
{
    pykv_error failure = *error_last();
    if (self->home != NULL && status == PYKV_OK) {
        (void)!env_unlink(self->home, HOME_UNFINISHED_NAME); /* else the next open does */
    } else if (self->home != NULL) {
        take_back(self);
    }
    env_directory_close(self->home);
    if (status != PYKV_OK) {
        (void)!env_remove_directory(self->environment, self->path);
        error_restore(&failure);
    }
    mem_free(self->block);
    mem_free(self);
    return status;
}
