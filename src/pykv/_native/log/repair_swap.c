/*
 * repair_swap: the moves of a repair, each a rename that can be repeated.
 *
 * New numbered files have higher numbers than old ones (DONE tells the first), so a file's name
 * says which it is. The old manifest goes before any other old file, the new one comes last: at no
 * time does a manifest list files that are not there, and a store that opens is either the old one,
 * all of it, or the new one.
 */
#include "log/repair_swap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/report.h"
#include "env/env_path.h"
#include "log/checkpoint.h"
#include "log/manifest_file.h"

enum {
    NUMBER_DIGITS = 8, /* of a file's name */
    DAMAGED_NAME_BYTES = 32,
    REPAIR_ATTEMPTS_MAX = 10000,
    REPAIR_NUMBER_COUNT = 6,
    REPAIR_DONE_CRC_AT = 4 + 8 * REPAIR_NUMBER_COUNT,
    REPAIR_DONE_BYTES = REPAIR_DONE_CRC_AT + 4
};

/* What DONE says. */
typedef struct repair_mark {
    bool whole; /* it is there, with nothing missing */
    uint32_t first_number;
    pykv_report report; /* numbers only */
} repair_mark;

/* The numbers of a report that DONE keeps, in their order. */
static void list_numbers(pykv_report *report, uint64_t *out[REPAIR_NUMBER_COUNT])
{
    out[0] = &report->file_count;
    out[1] = &report->record_count;
    out[2] = &report->byte_count;
    out[3] = &report->damage_count;
    out[4] = &report->lost_record_count;
    out[5] = &report->kept_record_count;
}

pykv_status repair_epoch(env *environment, uint64_t epoch, uint64_t *epoch_out)
{
    uint64_t chance;
    pykv_status status = env_random(environment, &chance, sizeof chance);
    if (status == PYKV_OK) {
        *epoch_out = PYKV_PLANTED(251) ? 0 : epoch + 1 + chance % CHECKPOINT_EPOCH_STEP_MAX;
    }
    return status;
}

pykv_status repair_mark_done(env_directory *home, uint32_t first_number, const pykv_report *report)
{
    env_file *file;
    uint8_t bytes[REPAIR_DONE_BYTES];
    uint64_t *numbers[REPAIR_NUMBER_COUNT];
    pykv_report copy = *report;
    list_numbers(&copy, numbers);
    store_u32(bytes, first_number);
    for (size_t i = 0; i < REPAIR_NUMBER_COUNT; i++) {
        store_u64(bytes + 4 + 8 * i, *numbers[i]);
    }
    store_u32(bytes + REPAIR_DONE_CRC_AT, crc32c_extend(0, bytes, REPAIR_DONE_CRC_AT));
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

static pykv_status read_done(env_directory *home, repair_mark *out)
{
    env_file *file;
    uint8_t bytes[REPAIR_DONE_BYTES] = {0};
    uint64_t *numbers[REPAIR_NUMBER_COUNT];
    size_t got = 0;
    memset(out, 0, sizeof *out);
    pykv_status status =
        env_file_open(home, REPAIR_DIRECTORY "/" REPAIR_DONE_NAME, ENV_READ, &file);
    if (status != PYKV_OK) {
        return status == PYKV_PATH_NOT_FOUND ? PYKV_OK : status;
    }
    status = env_file_read(file, 0, bytes, sizeof bytes, &got);
    env_file_close(file);
    out->whole =
        status == PYKV_OK && got == sizeof bytes &&
        load_u32(bytes + REPAIR_DONE_CRC_AT) == crc32c_extend(0, bytes, REPAIR_DONE_CRC_AT);
    out->first_number = load_u32(bytes);
    list_numbers(&out->report, numbers);
    for (size_t i = 0; i < REPAIR_NUMBER_COUNT; i++) {
        *numbers[i] = load_u64(bytes + 4 + 8 * i);
    }
    return status;
}

/* The report of a repair that another call began. */
static void recall(const pykv_report *numbers, pykv_report *out)
{
    uint64_t damages = numbers->damage_count;
    *out = *numbers;
    out->damage_count = 0;
    for (uint64_t i = 0; i < damages && i < PYKV_DAMAGE_COUNT_MAX; i++) {
        report_add(out, REPAIR_DIRECTORY, 0, 0, 0,
                   "found before the repair was interrupted: where is not known any more");
    }
    out->damage_count = damages;
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    return length > strlen(suffix) && strcmp(name + length - strlen(suffix), suffix) == 0;
}

/* A file of the old store, but for its manifest: one with a lower number, or without a
 * number. What was torn off logs stays where it is. */
static bool is_old(const home_engine *engine, const char *name, uint32_t first_number)
{
    bool is_manifest = strncmp(name, MANIFEST_NAME, strlen(MANIFEST_NAME)) == 0;
    if (is_manifest || ends_with(name, ".torn") || !engine->owns(name)) {
        return false;
    }
    char *end;
    unsigned long number = strtoul(name, &end, 16);
    bool numbered = end == name + NUMBER_DIGITS && *end == '.';
    return !numbered || number < first_number;
}

/* Makes the first free damaged-N. */
static pykv_status make_damaged(env_directory *home, char *name, size_t name_bytes)
{
    for (int n = 1; n < REPAIR_ATTEMPTS_MAX; n++) {
        snprintf(name, name_bytes, "damaged-%d", n);
        pykv_status status = env_make_directory(home, name);
        if (status != PYKV_PATH_EXISTS) {
            return status;
        }
    }
    return error_set(PYKV_PATH_EXISTS, "%s has too many damaged-N directories: remove some",
                     env_directory_path(home));
}

/* Moves a name out of a directory below home. */
static pykv_status move_out(env_directory *home, const char *below, const char *name)
{
    char *from = env_path_join(below, name);
    pykv_status status =
        from == NULL ? error_set_no_memory(strlen(name)) : env_rename(home, from, name);
    mem_free(from);
    return status;
}

/* Moves a name into a directory below home. */
static pykv_status move_into(env_directory *home, const char *below, const char *name)
{
    char *to = env_path_join(below, name);
    pykv_status status =
        to == NULL ? error_set_no_memory(strlen(name)) : env_rename(home, name, to);
    mem_free(to);
    return status;
}

/* Moves the old manifest, if it is here still, then the other old files to a damaged-N
 * directory. As long as the manifest is here nothing else has been moved. */
static pykv_status move_old(env_directory *home, const home_engine *engine, uint32_t first_number)
{
    char damaged[DAMAGED_NAME_BYTES];
    env_names names;
    pykv_status status = env_directory_list(home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    status = make_damaged(home, damaged, sizeof damaged);
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        if (strcmp(names.names[i], MANIFEST_NAME) == 0) {
            status = move_into(home, damaged, MANIFEST_NAME);
        }
    }
    if (status == PYKV_OK) {
        status = env_directory_sync(home);
    }
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        const char *name = names.names[i];
        if (is_old(engine, name, first_number)) {
            status = move_into(home, damaged, name);
        }
    }
    env_names_free(&names);
    return status == PYKV_OK ? env_directory_sync(home) : status;
}

static bool is_last(const char *name)
{
    return strcmp(name, MANIFEST_NAME) == 0 || strcmp(name, REPAIR_DONE_NAME) == 0 ||
           strcmp(name, HOME_LOCK_NAME) == 0;
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
            status = move_out(home, REPAIR_DIRECTORY, names.names[i]);
        }
    }
    env_names_free(&names);
    if (status == PYKV_OK) {
        status = env_directory_sync(home);
    }
    if (status == PYKV_OK && manifest_waits) {
        status = move_out(home, REPAIR_DIRECTORY, MANIFEST_NAME);
    }
    return status == PYKV_OK ? env_directory_sync(home) : status;
}

static pykv_status has_file(env_directory *home, const char *name, bool *has_out)
{
    env_file *file;
    pykv_status status = env_file_open(home, name, ENV_READ, &file);
    *has_out = status == PYKV_OK;
    if (status == PYKV_OK) {
        env_file_close(file);
    }
    return status == PYKV_PATH_NOT_FOUND ? PYKV_OK : status;
}

pykv_status repair_find_stage(env_directory *home, repair_stage *stage_out)
{
    repair_mark mark;
    bool waits = false;
    bool here = false;
    pykv_status status = read_done(home, &mark);
    if (status == PYKV_OK) {
        status = has_file(home, REPAIR_DIRECTORY "/" MANIFEST_NAME, &waits);
    }
    if (status == PYKV_OK) {
        status = has_file(home, MANIFEST_NAME, &here);
    }
    if (status != PYKV_OK) {
        return status;
    }
    if (!mark.whole || (waits && here)) {
        *stage_out = REPAIR_NONE;
    } else {
        *stage_out = waits ? REPAIR_MOVING : REPAIR_SWAPPED;
    }
    return PYKV_OK;
}

pykv_status repair_path(const env_directory *home, char **path_out)
{
    char *path = env_path_join(env_directory_path(home), REPAIR_DIRECTORY);
    if (path == NULL) {
        return error_set_no_memory(strlen(env_directory_path(home)));
    }
    *path_out = path;
    return PYKV_OK;
}

static pykv_status clean(env *environment, env_directory *home, const char *path)
{
    pykv_status status = env_unlink(home, REPAIR_DIRECTORY "/" HOME_LOCK_NAME);
    if (status == PYKV_OK || status == PYKV_PATH_NOT_FOUND) {
        status = env_unlink(home, REPAIR_DIRECTORY "/" REPAIR_DONE_NAME);
    }
    return status == PYKV_OK ? env_remove_directory(environment, path) : status;
}

pykv_status repair_clean(env *environment, env_directory *home)
{
    char *path = NULL;
    pykv_status status = repair_path(home, &path);
    if (status == PYKV_OK) {
        status = clean(environment, home, path);
    }
    mem_free(path);
    return status;
}

static pykv_status swap(env *environment, env_directory *home, const char *path,
                        const home_engine *engine, uint32_t first_number)
{
    env_directory *fresh;
    pykv_status status = env_directory_open(environment, path, false, &fresh);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_directory_sync(fresh);
    if (status == PYKV_OK) {
        status = move_old(home, engine, first_number);
    }
    if (status == PYKV_OK) {
        status = move_new(home, fresh);
    }
    env_directory_close(fresh);
    return status == PYKV_OK ? clean(environment, home, path) : status;
}

pykv_status repair_swap(env *environment, env_directory *home, const home_engine *engine,
                        pykv_report *report_out)
{
    char *path = NULL;
    repair_mark mark;
    pykv_status status = read_done(home, &mark);
    if (status == PYKV_OK) {
        status = repair_path(home, &path);
    }
    if (status == PYKV_OK) {
        status = swap(environment, home, path, engine, mark.first_number);
    }
    mem_free(path);
    if (status == PYKV_OK && report_out != NULL) {
        recall(&mark.report, report_out);
    }
    return status;
}
