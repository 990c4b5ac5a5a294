/*
 * checkpoint: the mark, and taking back what failed.
 */
#include "log/checkpoint.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "env/env_path.h"
#include "log/home.h"
#include "log/manifest_file.h"
#include "log/path_split.h"
#include "log/second_name.h"

struct checkpoint {
    env *environment;
    env_directory *home;
    char *path;
};

/* ---- the directory ---- */

enum { BEGUN_NAME_BYTES = sizeof CHECKPOINT_BEGUN_PREFIX + 16 };

/* Makes the empty directory of that name, and the mark in it. */
static pykv_status make_marked(env_directory *above, const char *name)
{
    char *mark = env_path_join(name, HOME_UNFINISHED_NAME);
    if (mark == NULL) {
        return error_set_no_memory(strlen(name) + sizeof HOME_UNFINISHED_NAME + 1);
    }
    pykv_status status = env_make_directory(above, name);
    if (status == PYKV_OK && !PYKV_PLANTED(150)) {
        env_file *file;
        status = env_file_open(above, mark, ENV_WRITE | ENV_CREATE | ENV_EXCLUSIVE, &file);
        if (status == PYKV_OK) {
            env_file_close(file);
        }
    }
    mem_free(mark);
    return status;
}

/* Takes back what make_marked made. The thread's last error stays. */
static void unmake_marked(env *environment, env_directory *above, const char *name)
{
    pykv_error failure = *error_last();
    char *mark = env_path_join(name, HOME_UNFINISHED_NAME);
    char *path = env_path_join(env_directory_path(above), name);
    if (mark != NULL && path != NULL) {
        (void)!env_unlink(above, mark);
        (void)!env_remove_directory(environment, path);
    }
    mem_free(mark);
    mem_free(path);
    error_restore(&failure);
}

/* PYKV_PATH_EXISTS if a directory is at path, or something that may be one. */
static pykv_status check_no_directory(env *environment, const char *path)
{
    env_directory *found;
    pykv_status status = env_directory_open(environment, path, false, &found);
    if (status == PYKV_PATH_NOT_FOUND || status == PYKV_NOT_A_DIRECTORY) {
        return PYKV_OK; /* a rename refuses to put a directory in the place of anything else */
    }
    if (status == PYKV_OK) {
        env_directory_close(found);
        status = PYKV_PLANTED(313)
                     ? PYKV_OK
                     : error_set_at(PYKV_PATH_EXISTS, path, "there is a directory already");
    }
    return status;
}

/* A directory gets its name with the mark in it: before that a crash leaves nothing there. */
static pykv_status place_marked(checkpoint *self, env_directory *above, const char *name)
{
    char begun[BEGUN_NAME_BYTES];
    uint64_t chance;
    pykv_status status = env_random(self->environment, &chance, sizeof chance);
    if (status == PYKV_OK) {
        status = check_no_directory(self->environment, self->path);
    }
    if (status != PYKV_OK) {
        return status;
    }
    snprintf(begun, sizeof begun, CHECKPOINT_BEGUN_PREFIX "%016" PRIx64, chance);
    status = make_marked(above, begun);
    if (status == PYKV_OK) {
        status = env_rename(above, begun, name);
    }
    if (status != PYKV_OK) {
        unmake_marked(self->environment, above, begun);
    }
    return status == PYKV_NOT_A_DIRECTORY
               ? error_set_at(PYKV_PATH_EXISTS, self->path, "this is no directory")
               : status;
}

/* The mark becomes durable, and behind it the name of the directory: where a sync ends what a
 * journal has, the second one has little left to do. */
static pykv_status settle(checkpoint *self, env_directory *above)
{
    pykv_status status = env_directory_open(self->environment, self->path, false, &self->home);
    if (status == PYKV_OK) {
        status = env_directory_sync(self->home);
    }
    bool is_named = status != PYKV_OK || PYKV_PLANTED(369);
    return is_named ? status : env_directory_sync(above);
}

/* Makes the directory, which must not be there, with its mark. *made_out: it is there and open,
 * whatever failed then. */
static pykv_status make(checkpoint *self, bool *made_out)
{
    path_parts parts = {.memory = NULL};
    env_directory *above;
    *made_out = false;
    pykv_status status = path_split(self->path, &parts);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_directory_open(self->environment, parts.directory, true, &above);
    if (status == PYKV_OK) {
        status = place_marked(self, above, parts.name);
        if (status == PYKV_OK) {
            status = settle(self, above);
            *made_out = self->home != NULL;
            if (!*made_out) {
                unmake_marked(self->environment, above, parts.name);
            }
        }
        env_directory_close(above);
    }
    mem_free(parts.memory);
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
    bool made;
    status = make(self, &made);
    if (status != PYKV_OK && !made) {
        mem_free(self);
        return status;
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

pykv_status checkpoint_add(checkpoint *self, env_directory *from, const char *name)
{
    return second_name(from, name, self->home, name);
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
    mem_free(self);
    return status;
}
