/*
 * checkpoint: the mark, and taking back what failed.
 */
#include "log/checkpoint.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
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

static pykv_status create_mark(env_directory *home)
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

/* The directory is there. It becomes durable behind its mark: where a sync ends what a journal has,
 * the second one has little left to do. */
static pykv_status mark(checkpoint *self, env_directory *above)
{
    pykv_status status = env_directory_open(self->environment, self->path, false, &self->home);
    if (status == PYKV_OK) {
        status = create_mark(self->home);
    }
    return status == PYKV_OK ? env_directory_sync(above) : status;
}

/* Makes the directory, which must not be there, with its mark. *made_out: the directory is made,
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
        status = env_make_directory(above, parts.name);
        *made_out = status == PYKV_OK;
        status = *made_out ? mark(self, above) : status;
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
