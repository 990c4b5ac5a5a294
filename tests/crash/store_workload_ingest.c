/*
 * store_workload_ingest: tables that are written beside the workload's store and ingested by it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "harness/check.h"
#include "store_workload.h"
#include "store_workload_parts.h"

#include "lsm/ingest_writer.h"
#include "lsm/key_space.h"

#define DIRECTORY "/files"

enum { PATH_BYTES = 32, FILES_MAX = 3 };

/* A row of the tables. */
typedef struct chosen {
    char name[WORKLOAD_KEY_BYTES];
    size_t key_length;
    uint32_t index;
    uint32_t number;
    uint64_t deadline_us;
} chosen;

/* Rows move while they are sorted, and their names with them. */
static slice key_of(const chosen *self)
{
    return slice_make(self->name, self->key_length);
}

static int compare_keys(const void *left, const void *right)
{
    return slice_compare(key_of(left), key_of(right));
}

/* Some keys of a namespace, sorted, among them that of one row. Returns how many. */
static size_t choose(store_driver *self, const store_door *door, uint32_t sure,
                     chosen rows[WORKLOAD_KEY_COUNT])
{
    size_t count = 0;
    for (uint32_t i = door->first; i < door->first + door->count; i++) {
        if (i != sure && check_random(&self->chance, 3) != 0) {
            continue;
        }
        rows[count].index = i;
        rows[count].number = workload_next_number(self);
        rows[count].deadline_us = workload_choose_deadline(self);
        rows[count].key_length = workload_key(i, rows[count].name);
        count++;
    }
    qsort(rows, count, sizeof *rows, compare_keys);
    return count;
}

static pykv_status write_file(store_driver *self, const char *path, const chosen *rows,
                              size_t count)
{
    static uint8_t value[WORKLOAD_VALUE_BYTES];
    pykv_options options = workload_options(self->plan);
    ingest_writer *writer;
    options.compression = count % 3 == 0 ? PYKV_CODEC_NONE : PYKV_CODEC_ZSTD;
    pykv_status status = ingest_writer_open(self->disk, path, &options, &writer);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        stored_key stored;
        status = stored_key_make(KEY_SPACE_DEFAULT, key_of(&rows[i]), &stored);
        if (status == PYKV_OK) {
            slice data = slice_make(value, workload_value(rows[i].number, value));
            status = ingest_writer_add(writer, stored.key, data, rows[i].deadline_us);
            stored_key_reset(&stored);
        }
    }
    if (status == PYKV_OK) {
        status = ingest_writer_finish(writer);
    }
    ingest_writer_free(writer);
    return status;
}

static pykv_status ingest(store_driver *self, const store_door *door, const chosen *rows,
                          size_t count, const char *const *paths, size_t path_count)
{
    bool moves = check_random(&self->chance, 2) == 0;
    key_values *next = workload_begin_commit(self->history);
    for (size_t i = 0; i < count; i++) {
        next->values[rows[i].index] = rows[i].number;
        next->deadlines[rows[i].index] = rows[i].deadline_us;
    }
    pykv_status status = door->ops->ingest(door->engine, paths, path_count, moves);
    workload_end_commit(self, status, true);
    return status;
}

static pykv_status make_directory(env *disk)
{
    env_directory *directory;
    pykv_status status = env_directory_open(disk, DIRECTORY, true, &directory);
    if (status == PYKV_OK) {
        env_directory_close(directory);
    }
    return status;
}

pykv_status driver_ingest(store_driver *self)
{
    static chosen rows[WORKLOAD_KEY_COUNT];
    char names[FILES_MAX][PATH_BYTES];
    const char *paths[FILES_MAX];
    uint32_t sure = workload_choose_row(self);
    store_door door = workload_door(self, sure);
    size_t count = choose(self, &door, sure, rows);
    size_t path_count = 1 + check_random(&self->chance, FILES_MAX);
    path_count = path_count < count ? path_count : count;
    pykv_status status = make_directory(self->disk);
    for (size_t i = 0; i < path_count && status == PYKV_OK; i++) {
        size_t from = count * i / path_count;
        size_t to = count * (i + 1) / path_count;
        snprintf(names[i], PATH_BYTES, DIRECTORY "/%u-%zu", self->history->last_value, i);
        paths[i] = names[i];
        status = write_file(self, names[i], &rows[from], to - from);
    }
    return status == PYKV_OK ? ingest(self, &door, rows, count, paths, path_count) : status;
}
