/*
 * home_destroy: the manifest goes first: a store whose destruction was interrupted does not open as
 * one with less in it. Files are an engine's by their whole name: a directory may hold another
 * engine's database, and files whose names begin like ours. What repair kept (damaged-N) is not
 * removed.
 */
#include "log/home_destroy.h"

#include <string.h>

#include "base/error.h"
#include "log/manifest_file.h"

static size_t count_own(const home_engine *engine, const env_names *names)
{
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++) {
        count +=
            engine->owns(names->names[i]) || strcmp(names->names[i], HOME_UNFINISHED_NAME) == 0;
    }
    return count;
}

/* PYKV_PATH_NOT_FOUND if nothing of a store is there: then not even a lock file is made. */
static pykv_status check(env_directory *home, const home_engine *engine)
{
    env_names names;
    int32_t found;
    pykv_status status = home_detect(home, &engine, 1, &found);
    if (status == PYKV_FORMAT) {
        return status;
    }
    if (status == PYKV_OK && found != PYKV_ENGINE_ANY && found != engine->engine) {
        return error_set_at(PYKV_FORMAT, env_directory_path(home),
                            "the directory belongs to engine number %d, not to number %d",
                            (int)found, (int)engine->engine);
    }
    status = env_directory_list(home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    size_t count = count_own(engine, &names);
    env_names_free(&names);
    return count > 0 ? PYKV_OK
                     : error_set_at(PYKV_PATH_NOT_FOUND, env_directory_path(home),
                                    "there is no database in this directory");
}

static pykv_status remove_files(env_directory *home, const home_engine *engine)
{
    env_names names;
    pykv_status status = env_unlink(home, MANIFEST_NAME);
    if (status == PYKV_OK) {
        status = env_directory_sync(home);
    }
    if (status != PYKV_OK && status != PYKV_PATH_NOT_FOUND) {
        return status;
    }
    status = env_directory_list(home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    bool unfinished = false;
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        bool mark = strcmp(names.names[i], HOME_UNFINISHED_NAME) == 0;
        unfinished |= mark;
        if (!mark && engine->owns(names.names[i])) {
            status = env_unlink(home, names.names[i]);
        }
    }
    env_names_free(&names);
    /* What says that the rest is no store goes last. */
    return status == PYKV_OK && unfinished ? env_unlink(home, HOME_UNFINISHED_NAME) : status;
}

pykv_status home_destroy(env *environment, const char *path, const home_engine *engine)
{
    env_directory *home;
    env_lock *lock;
    pykv_status status = env_directory_open(environment, path, false, &home);
    if (status != PYKV_OK) {
        return status;
    }
    status = check(home, engine);
    if (status == PYKV_OK) {
        status = env_lock_take(home, HOME_LOCK_NAME, &lock);
    }
    if (status == PYKV_OK) {
        status = remove_files(home, engine);
        if (status == PYKV_OK) {
            status = env_unlink(home, HOME_LOCK_NAME);
        }
        env_lock_release(lock);
    }
    env_directory_close(home);
    if (status == PYKV_OK && env_remove_directory(environment, path) != PYKV_OK) {
        /* Other files are in it: they are not ours to remove. */
    }
    return status;
}
