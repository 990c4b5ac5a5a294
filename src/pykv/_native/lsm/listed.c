/*
 * listed: opening what a manifest lists.
 */
#include "lsm/listed.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/edit.h"
#include "lsm/version_ranges.h"
#include "lsm/version_values.h"

/* What a manifest lists, opened, with one reference each. */
typedef struct listed_files {
    table_file **open; /* those that are open already, by rising number; borrowed */
    size_t open_count;
    version_addition *tables;
    size_t table_count;
    value_segment **segments;
    size_t segment_count;
} listed_files;

static void listed_files_reset(listed_files *self)
{
    for (size_t i = 0; i < self->table_count; i++) {
        table_file_release(self->tables[i].file);
    }
    for (size_t i = 0; i < self->segment_count; i++) {
        value_segment_release(self->segments[i]);
    }
    mem_free(self->open);
    mem_free(self->tables);
    mem_free(self->segments);
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = (*(table_file *const *)left)->facts.number;
    uint32_t b = (*(table_file *const *)right)->facts.number;
    return (a > b) - (a < b);
}

static pykv_status prepare(const lsm_manifest *listed, const version *shown, listed_files *out)
{
    out->open = mem_alloc_zeroed(shown->file_count + 1, sizeof(table_file *));
    out->tables = mem_alloc_zeroed(listed->table_count + 1, sizeof *out->tables);
    out->segments = mem_alloc_zeroed(listed->values_count + 1, sizeof(value_segment *));
    if (out->open == NULL || out->tables == NULL || out->segments == NULL) {
        return error_set_no_memory(listed->table_count * sizeof *out->tables);
    }
    for (int i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t k = 0; k < shown->levels[i].count; k++) {
            out->open[out->open_count++] = shown->levels[i].files[k];
        }
    }
    if (out->open_count > 1) {
        qsort(out->open, out->open_count, sizeof(table_file *), compare_numbers);
    }
    return PYKV_OK;
}

/* The open table that facts describe; NULL: there is none. */
static table_file *find_open(const listed_files *self, const manifest_table *facts)
{
    size_t low = 0;
    size_t high = self->open_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->open[middle]->facts.number < facts->number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool same = low < self->open_count && self->open[low]->facts.number == facts->number &&
                (self->open[low]->facts.file_id == facts->file_id || PYKV_PLANTED(279));
    return same ? self->open[low] : NULL;
}

static pykv_status add_table(lsm *self, const manifest_table *facts, listed_files *out)
{
    table_open_options options = lsm_table_options(self);
    version_addition *added = &out->tables[out->table_count];
    pykv_status status = PYKV_OK;
    added->level = facts->level;
    added->file = find_open(out, facts);
    if (added->file != NULL) {
        table_file_acquire(added->file);
    } else {
        status = table_file_open(&self->graveyard, facts, &options, &added->file);
    }
    out->table_count += status == PYKV_OK;
    return status;
}

static pykv_status add_values(lsm *self, const manifest_values *facts, const version *shown,
                              listed_files *out)
{
    const version_values *open = version_find_values(shown, facts->number);
    value_segment **added = &out->segments[out->segment_count];
    pykv_status status = PYKV_OK;
    if (open != NULL && open->segment->facts.file_id == facts->file_id) {
        *added = open->segment;
        value_segment_acquire(*added);
    } else {
        status =
            value_segment_open(&self->graveyard.files, self->store_id, facts, &self->codecs, added);
    }
    out->segment_count += status == PYKV_OK;
    return status;
}

static pykv_status open_files(lsm *self, const lsm_manifest *listed, const version *shown,
                              listed_files *out)
{
    pykv_status status = prepare(listed, shown, out);
    for (uint64_t i = 0; i < listed->table_count && status == PYKV_OK; i++) {
        status = add_table(self, &listed->tables[i], out);
    }
    for (uint64_t i = 0; i < listed->values_count && status == PYKV_OK; i++) {
        status = add_values(self, &listed->values[i], shown, out);
    }
    return status;
}

static pykv_status make_version(const lsm_manifest *listed, const listed_files *files,
                                version **version_out)
{
    version *empty = NULL;
    version_change change = {.added = files->tables,
                             .added_count = files->table_count,
                             .added_values = files->segments,
                             .added_values_count = files->segment_count};
    pykv_status status = version_new_empty(&empty);
    if (status == PYKV_OK) {
        status = version_apply(empty, &change, version_out);
        version_release(empty);
    }
    return status == PYKV_OK ? version_take_ranges(*version_out, listed->ranges, NULL) : status;
}

pykv_status lsm_open_listed(lsm *self, const lsm_manifest *listed, const version *shown,
                            version **version_out)
{
    listed_files files = {0};
    version *made = NULL;
    pykv_status status = open_files(self, listed, shown, &files);
    if (status == PYKV_OK) {
        status = make_version(listed, &files, &made);
    }
    listed_files_reset(&files);
    if (status != PYKV_OK) {
        version_release(made);
        return status;
    }
    *version_out = made;
    return PYKV_OK;
}
