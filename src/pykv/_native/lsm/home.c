/*
 * home: the files of a store: which names are ours, which numbers are taken, which files nobody
 * lists.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/home_destroy.h"
#include "log/log_file.h"
#include "log/manifest_file.h"
#include "log/repair_swap.h"
#include "lsm/open.h"

#define TEMPORARY_SUFFIX ".tmp"
#define TORN_SUFFIX      ".torn"

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static bool is_torn(const char *name)
{
    char torn[LOG_FILE_NAME_BYTES];
    char *end;
    unsigned long number = strtoul(name, &end, 16);
    if (number == 0 || number > UINT32_MAX || strcmp(end, TORN_SUFFIX) != 0) {
        return false;
    }
    log_file_torn_name((uint32_t)number, torn);
    return strcmp(name, torn) == 0;
}

static home_claim claim(const char *name)
{
    if (table_file_number(name) != 0) {
        return HOME_CERTAIN;
    }
    if (log_file_number(name) != 0 || strcmp(name, REPAIR_DIRECTORY) == 0) {
        return HOME_LIKELY;
    }
    bool temporary = strcmp(name, MANIFEST_NAME TEMPORARY_SUFFIX) == 0 ||
                     strcmp(name, HOME_UNFINISHED_NAME) == 0;
    return temporary || is_torn(name) ? HOME_LEFT : HOME_NOT_MINE;
}

static bool owns(const char *name)
{
    bool listed = claim(name) != HOME_NOT_MINE && strcmp(name, REPAIR_DIRECTORY) != 0;
    return listed || strcmp(name, MANIFEST_NAME) == 0;
}

const home_engine lsm_home = {PYKV_ENGINE_LSM, claim, owns};

pykv_status lsm_destroy(env *environment, const char *path)
{
    return home_destroy(environment, path, &lsm_home);
}

static uint32_t number_of(const char *name)
{
    uint32_t number = table_file_number(name);
    return number != 0 ? number : log_file_number(name);
}

pykv_status lsm_skip_used_numbers(lsm *self) SINGLE_THREADED
{
    env_names names;
    pykv_status status = env_directory_list(self->home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < names.count; i++) {
        uint32_t number = number_of(names.names[i]);
        if (number >= self->next_number) {
            self->next_number = (uint64_t)number + 1;
        }
    }
    env_names_free(&names);
    return PYKV_OK;
}

/* The highest number is left out: wal_drop_before names the end of all logs by it. */
pykv_status lsm_take_number(lsm *self, uint32_t *number_out)
{
    if (self->next_number >= UINT32_MAX) {
        return error_set(PYKV_NOT_SUPPORTED, "%s has used all its file numbers",
                         env_directory_path(self->home));
    }
    *number_out = (uint32_t)self->next_number++;
    return PYKV_OK;
}

static bool has_table(const version *tables, uint32_t number)
{
    for (int i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t k = 0; k < tables->levels[i].count; k++) {
            if (tables->levels[i].files[k]->facts.number == number) {
                return true;
            }
        }
    }
    return false;
}

/* Before the first write: no log is in use. */
pykv_status lsm_remove_orphans(lsm *self) SINGLE_THREADED
{
    env_names names;
    pykv_status status = env_directory_list(self->home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    const version *tables = lsm_view(self)->version;
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        uint32_t table_number = table_file_number(names.names[i]);
        bool orphan = table_number != 0 ? !has_table(tables, table_number)
                                        : log_file_number(names.names[i]) != 0 ||
                                              ends_with(names.names[i], TEMPORARY_SUFFIX);
        if (orphan && claim(names.names[i]) != HOME_NOT_MINE) {
            status = env_unlink(self->home, names.names[i]);
        }
    }
    env_names_free(&names);
    return status == PYKV_PATH_NOT_FOUND ? PYKV_OK : status;
}
