/*
 * destroy: removing the files of a store, and nothing else.
 *
 * The manifest goes first: a store whose destruction was interrupted does not open as one with less
 * in it.
 */
#include <string.h>

#include "base/error.h"
#include "bitcask/bitcask.h"
#include "bitcask/store.h"

static bool is_ours(const char *name)
{
    bool hint;
    return segment_number(name, &hint) != 0 ||
           strncmp(name, MANIFEST_NAME, strlen(MANIFEST_NAME)) == 0 ||
           (strlen(name) > strlen(BITCASK_TORN_SUFFIX) &&
            strcmp(name + strlen(name) - strlen(BITCASK_TORN_SUFFIX), BITCASK_TORN_SUFFIX) == 0) ||
           strncmp(name, BITCASK_IMAGE_NAME, strlen(BITCASK_IMAGE_NAME)) == 0;
}

static pykv_status remove_files(env_directory *home)
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
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        if (is_ours(names.names[i]) && strcmp(names.names[i], MANIFEST_NAME) != 0) {
            status = env_unlink(home, names.names[i]);
        }
    }
    env_names_free(&names);
    return status;
}

pykv_status bitcask_destroy(env *environment, const char *path)
{
    env_directory *home;
    env_lock *lock;
    int32_t engine;
    pykv_status status = env_directory_open(environment, path, false, &home);
    if (status != PYKV_OK) {
        return status;
    }
    status = bitcask_detect(home, &engine);
    if (status == PYKV_FORMAT) {
        env_directory_close(home);
        return status;
    }
    status = env_lock_take(home, BITCASK_LOCK_NAME, &lock);
    if (status == PYKV_OK) {
        status = remove_files(home);
        if (status == PYKV_OK) {
            status = env_unlink(home, BITCASK_LOCK_NAME);
        }
        env_lock_release(lock);
    }
    env_directory_close(home);
    if (status == PYKV_OK && env_remove_directory(environment, path) != PYKV_OK) {
        /* Other files are in it: they are not ours to remove. */
    }
    return status;
}
