/*
 * repair_swap: the moves of a repair, each a rename that can be repeated.
 *
 * New segments have higher numbers than old ones (DONE tells the first), so a file's name says
 * which it is. The old manifest goes before the first new file comes, the new one comes last: at no
 * time does a manifest list files that are not there.
 */
#include <stdio.h>
#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "bitcask/repair.h"
#include "bitcask/store.h"

enum { REPAIR_NAME_BYTES = 96, REPAIR_ATTEMPTS_MAX = 10000 };

pykv_status repair_mark_done(env_directory *home, uint32_t first_number)
{
    env_file *file;
    uint8_t bytes[4];
    store_u32(bytes, first_number);
    slice whole = slice_make(bytes, sizeof bytes);
    pykv_status status = env_file_open(home, REPAIR_DIRECTORY "/" REPAIR_DONE_NAME,
                                       ENV_WRITE | ENV_CREATE | ENV_TRUNCATE, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_write(file, 0, &whole, 1);
    if (status == PYKV_OK) {
        status = env_file_sync(file);
    }
    env_file_close(file);
    return status;
}

static pykv_status read_done(env_directory *home, bool *done_out, uint32_t *first_out)
{
    env_file *file;
    uint8_t bytes[4] = {0};
    size_t got = 0;
    *done_out = false;
    pykv_status status =
        env_file_open(home, REPAIR_DIRECTORY "/" REPAIR_DONE_NAME, ENV_READ, &file);
    if (status != PYKV_OK) {
        return status == PYKV_PATH_NOT_FOUND ? PYKV_OK : status;
    }
    status = env_file_read(file, 0, bytes, sizeof bytes, &got);
    env_file_close(file);
    *done_out = status == PYKV_OK && got == sizeof bytes;
    *first_out = load_u32(bytes);
    return status;
}

pykv_status repair_is_done(env_directory *home, bool *done_out)
{
    uint32_t first;
    return read_done(home, done_out, &first);
}

static bool is_old(const char *name, uint32_t first_number)
{
    bool hint;
    uint32_t number = segment_number(name, &hint);
    return number != 0 && number < first_number;
}

/* Makes the first free damaged-N; name ends with a slash. */
static pykv_status make_damaged(env_directory *home, char *name, size_t name_bytes)
{
    for (int n = 1; n < REPAIR_ATTEMPTS_MAX; n++) {
        snprintf(name, name_bytes, "damaged-%d", n);
        pykv_status status = env_make_directory(home, name);
        if (status == PYKV_OK) {
            snprintf(name, name_bytes, "damaged-%d/", n);
        }
        if (status != PYKV_PATH_EXISTS) {
            return status;
        }
    }
    return error_set(PYKV_PATH_EXISTS, "%s has too many damaged-N directories: remove some",
                     env_directory_path(home));
}

static pykv_status move(env_directory *home, const char *from_directory, const char *name,
                        const char *to_directory)
{
    char from[REPAIR_NAME_BYTES];
    char to[REPAIR_NAME_BYTES];
    snprintf(from, sizeof from, "%s%s", from_directory, name);
    snprintf(to, sizeof to, "%s%s", to_directory, name);
    return env_rename(home, from, to);
}

/* Moves the old manifest, image and segments to a damaged-N directory. */
static pykv_status move_old(env_directory *home, uint32_t first_number, bool manifest_is_old)
{
    char damaged[REPAIR_NAME_BYTES / 2];
    env_names names;
    pykv_status status = env_directory_list(home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    status = make_damaged(home, damaged, sizeof damaged);
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        const char *name = names.names[i];
        bool state = manifest_is_old &&
                     (strcmp(name, MANIFEST_NAME) == 0 || strcmp(name, BITCASK_IMAGE_NAME) == 0);
        if (state || is_old(name, first_number)) {
            status = move(home, "", name, damaged);
        }
    }
    env_names_free(&names);
    return status == PYKV_OK ? env_directory_sync(home) : status;
}

static bool is_last(const char *name)
{
    return strcmp(name, MANIFEST_NAME) == 0 || strcmp(name, REPAIR_DONE_NAME) == 0 ||
           strcmp(name, BITCASK_LOCK_NAME) == 0;
}

static pykv_status move_new(env_directory *home, env_directory *fresh)
{
    env_names names;
    pykv_status status = env_directory_list(fresh, &names);
    if (status != PYKV_OK) {
        return status;
    }
    bool manifest_waits = false;
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        manifest_waits |= strcmp(names.names[i], MANIFEST_NAME) == 0;
        if (!is_last(names.names[i])) {
            status = move(home, REPAIR_DIRECTORY "/", names.names[i], "");
        }
    }
    env_names_free(&names);
    if (status == PYKV_OK) {
        status = env_directory_sync(home);
    }
    if (status == PYKV_OK && manifest_waits) {
        status = move(home, REPAIR_DIRECTORY "/", MANIFEST_NAME, "");
    }
    return status == PYKV_OK ? env_directory_sync(home) : status;
}

static pykv_status has_manifest(env_directory *place, bool *has_out)
{
    env_file *file;
    pykv_status status = env_file_open(place, MANIFEST_NAME, ENV_READ, &file);
    *has_out = status == PYKV_OK;
    if (status == PYKV_OK) {
        env_file_close(file);
    }
    return status == PYKV_PATH_NOT_FOUND ? PYKV_OK : status;
}

static pykv_status remove_fresh(env *environment, env_directory *home, env_directory *fresh)
{
    char path[PYKV_ERROR_PATH_BYTES];
    pykv_status status = env_unlink(fresh, BITCASK_LOCK_NAME);
    if (status == PYKV_OK || status == PYKV_PATH_NOT_FOUND) {
        status = env_unlink(fresh, REPAIR_DONE_NAME);
    }
    snprintf(path, sizeof path, "%s/%s", env_directory_path(home), REPAIR_DIRECTORY);
    return status == PYKV_OK ? env_remove_directory(environment, path) : status;
}

pykv_status repair_swap(env *environment, env_directory *home)
{
    char path[PYKV_ERROR_PATH_BYTES];
    env_directory *fresh;
    bool done;
    bool manifest_waits = false;
    uint32_t first = 0;
    snprintf(path, sizeof path, "%s/%s", env_directory_path(home), REPAIR_DIRECTORY);
    pykv_status status = read_done(home, &done, &first);
    if (status == PYKV_OK) {
        status = env_directory_open(environment, path, false, &fresh);
    }
    if (status != PYKV_OK) {
        return status;
    }
    status = env_directory_sync(fresh);
    if (status == PYKV_OK) {
        status = has_manifest(fresh, &manifest_waits);
    }
    if (status == PYKV_OK) {
        status = move_old(home, first, manifest_waits);
    }
    if (status == PYKV_OK) {
        status = move_new(home, fresh);
    }
    if (status == PYKV_OK) {
        status = remove_fresh(environment, home, fresh);
    }
    env_directory_close(fresh);
    return status;
}
