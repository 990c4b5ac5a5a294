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
#include "lsm/reserve.h"
#include "lsm/wal_recover.h"

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
    if (table_file_number(name) != 0 || log_file_values_number(name) != 0) {
        return HOME_CERTAIN;
    }
    if (log_file_number(name) != 0 || strcmp(name, REPAIR_DIRECTORY) == 0) {
        return HOME_LIKELY;
    }
    if (strcmp(name, LSM_MARK_NAME) == 0) {
        return PYKV_PLANTED(168) ? HOME_LEFT : HOME_DECIDES;
    }
    bool temporary = strcmp(name, MANIFEST_NAME TEMPORARY_SUFFIX) == 0 ||
                     strcmp(name, HOME_UNFINISHED_NAME) == 0 ||
                     strcmp(name, MANIFEST_SPARE_NAME) == 0 || strcmp(name, LSM_ROOM_NAME) == 0 ||
                     strcmp(name, WAL_COPY_NAME) == 0;
    return temporary || is_torn(name) ? HOME_LEFT : HOME_NOT_MINE;
}

static bool owns(const char *name)
{
    bool listed = claim(name) != HOME_NOT_MINE && strcmp(name, REPAIR_DIRECTORY) != 0;
    return listed || strcmp(name, MANIFEST_NAME) == 0;
}

void lsm_mark_home(env_directory *home)
{
    env_file *mark;
    pykv_error before = *error_last();
    if (env_file_open(home, LSM_MARK_NAME, ENV_WRITE | ENV_CREATE, &mark) == PYKV_OK) {
        env_file_close(mark);
    }
    error_restore(&before);
}

const home_engine lsm_home = {PYKV_ENGINE_LSM, claim, owns};

pykv_status lsm_destroy(env *environment, const char *path)
{
    return home_destroy(environment, path, &lsm_home);
}

static uint32_t number_of(const char *name)
{
    uint32_t number = table_file_number(name);
    number = number != 0 ? number : log_file_values_number(name);
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
        if (number >= self->next_number && !PYKV_PLANTED(363)) {
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

/* ---- orphans ---- */

static int compare_numbers(const void *left, const void *right)
{
    const uint32_t *a = left;
    const uint32_t *b = right;
    return (*a > *b) - (*a < *b);
}

static size_t file_count(const lsm_manifest *listed)
{
    return listed->log_count + listed->table_count + listed->values_count;
}

/* The numbers of all files of a manifest, rising; free with mem_free. */
static pykv_status list_numbers(const lsm_manifest *listed, uint32_t **numbers_out)
{
    size_t count = file_count(listed);
    uint32_t *numbers = mem_alloc((count + 1) * sizeof *numbers);
    if (numbers == NULL) {
        return error_set_no_memory((count + 1) * sizeof *numbers);
    }
    for (size_t i = 0; i < listed->log_count; i++) {
        numbers[i] = listed->logs[i].number;
    }
    for (size_t i = 0; i < listed->table_count; i++) {
        numbers[listed->log_count + i] = listed->tables[i].number;
    }
    for (size_t i = 0; i < listed->values_count; i++) {
        numbers[listed->log_count + listed->table_count + i] = listed->values[i].number;
    }
    qsort(numbers, count, sizeof *numbers, compare_numbers);
    *numbers_out = numbers;
    return PYKV_OK;
}

typedef bool (*name_filter)(const char *name);

static bool may_be_removed(const char *name)
{
    bool temporary = ends_with(name, TEMPORARY_SUFFIX) && claim(name) != HOME_NOT_MINE;
    return temporary || number_of(name) != 0;
}

/* The other files that a recovery may have left are few and small, or kept to save room. */
static bool is_output(const char *name)
{
    return table_file_number(name) != 0 || log_file_values_number(name) != 0;
}

static bool is_listed(const char *name, const uint32_t *numbers, size_t count)
{
    uint32_t number = number_of(name);
    return number != 0 && bsearch(&number, numbers, count, sizeof number, compare_numbers) != NULL;
}

/* The process that wrote the manifest may have died before its name was durable: until it is, the
 * files that only the manifest before it lists are needed. */
static pykv_status remove_unlisted(lsm *self, const env_names *names, name_filter filter,
                                   const uint32_t *numbers, size_t count)
{
    bool durable = PYKV_PLANTED(117);
    for (size_t i = 0; i < names->count; i++) {
        if (!filter(names->names[i]) || is_listed(names->names[i], numbers, count)) {
            continue;
        }
        pykv_status status = durable ? PYKV_OK : env_directory_sync(self->home);
        if (status != PYKV_OK) {
            return status;
        }
        durable = true;
        if (env_unlink(self->home, names->names[i]) != PYKV_OK) {
            /* It harms nothing where it is. */
        }
    }
    return PYKV_OK;
}

static pykv_status remove_orphans(lsm *self, const lsm_manifest *listed,
                                  name_filter filter) SINGLE_THREADED
{
    env_names names;
    uint32_t *numbers = NULL;
    pykv_status status = list_numbers(listed, &numbers);
    if (status != PYKV_OK || numbers == NULL) {
        return status;
    }
    status = env_directory_list(self->home, &names);
    if (status == PYKV_OK) {
        status = remove_unlisted(self, &names, filter, numbers, file_count(listed));
        env_names_free(&names);
    }
    mem_free(numbers);
    return status;
}

pykv_status lsm_remove_orphans(lsm *self, const lsm_manifest *listed) SINGLE_THREADED
{
    return remove_orphans(self, listed, may_be_removed);
}

pykv_status lsm_remove_outputs(lsm *self, const lsm_manifest *listed) SINGLE_THREADED
{
    return remove_orphans(self, listed, is_output);
}
