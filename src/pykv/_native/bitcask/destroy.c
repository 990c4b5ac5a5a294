/*
 * destroy: removing the files of a store, and nothing else.
 *
 * The manifest goes first: a store whose destruction was interrupted does not open as one with less
 * in it. Files are ours by their whole name: a directory may hold another engine's database, and
 * files whose names begin like ours. What repair kept (damaged-N) is not removed.
 */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "bitcask/bitcask.h"
#include "bitcask/store.h"

enum { DESTROY_NAME_BYTES = 32 };

/* Cuts suffix off name; false: it does not end so. */
static bool cut_suffix(char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);
    if (length <= suffix_length || strcmp(name + length - suffix_length, suffix) != 0) {
        return false;
    }
    name[length - suffix_length] = '\0';
    return true;
}

static bool is_segment(const char *name)
{
    bool hint;
    return segment_number(name, &hint) != 0;
}

/* Files that the store makes, the lock aside. */
static bool is_ours(const char *name)
{
    char stem[DESTROY_NAME_BYTES];
    char log_name[DESTROY_NAME_BYTES + 8];
    if (strlen(name) >= sizeof stem) {
        return false;
    }
    snprintf(stem, sizeof stem, "%s", name);
    if (cut_suffix(stem, BITCASK_TORN_SUFFIX)) {
        snprintf(log_name, sizeof log_name, "%s.log", stem);
        return is_segment(log_name);
    }
    (void)cut_suffix(stem, BITCASK_TEMPORARY_SUFFIX);
    return is_segment(stem) || strcmp(stem, MANIFEST_NAME) == 0 ||
           strcmp(stem, BITCASK_IMAGE_NAME) == 0;
}

static size_t count_ours(const env_names *names)
{
    size_t count = 0;
    for (size_t i = 0; i < names->count; i++) {
        count += is_ours(names->names[i]);
    }
    return count;
}

/* PYKV_PATH_NOT_FOUND if nothing of a store is there: then not even a lock file is made. */
static pykv_status check_home(env_directory *home)
{
    env_names names;
    int32_t engine;
    pykv_status status = bitcask_detect(home, &engine);
    if (status == PYKV_FORMAT) {
        return status;
    }
    if (status == PYKV_OK && engine != PYKV_ENGINE_ANY && engine != PYKV_ENGINE_BITCASK) {
        return error_set(PYKV_FORMAT, "%s belongs to engine number %d, not to a Bitcask",
                         env_directory_path(home), (int)engine);
    }
    status = env_directory_list(home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    size_t count = count_ours(&names);
    env_names_free(&names);
    return count > 0 ? PYKV_OK
                     : error_set(PYKV_PATH_NOT_FOUND, "there is no database in %s",
                                 env_directory_path(home));
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
        if (is_ours(names.names[i])) {
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
    pykv_status status = env_directory_open(environment, path, false, &home);
    if (status != PYKV_OK) {
        return status;
    }
    status = check_home(home);
    if (status == PYKV_OK) {
        status = env_lock_take(home, BITCASK_LOCK_NAME, &lock);
    }
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
