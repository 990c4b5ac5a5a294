/*
 * ingest_file: checks, and the name in the store.
 */
#include "lsm/ingest_file.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/second_name.h"
#include "lsm/edit.h"
#include "lsm/ingest_copy.h"
#include "lsm/key_space.h"
#include "lsm/lsm.h"
#include "lsm/open.h"
#include "table/table_iterator.h"
#include "table/table_verify.h"

/* ---- checks ---- */

static pykv_status refuse(const table *opened, const char *what)
{
    return error_set_at(PYKV_FORMAT, env_file_path(opened->file),
                        "%s: only files of pykv.TableWriter can be ingested", what);
}

static pykv_status check_kind(const table *opened, uint64_t put_count)
{
    const table_properties *says = &opened->properties;
    if (says->sequence_min != TABLE_SEQUENCE_FOREIGN ||
        says->sequence_max != TABLE_SEQUENCE_FOREIGN) {
        return refuse(opened, "the table has sequences of a store");
    }
    if (says->attached.size != 0) {
        return refuse(opened, "the table points to values in other files");
    }
    return put_count == says->entry_count ? PYKV_OK
                                          : refuse(opened, "the table has entries other than puts");
}

static bool is_user_key(slice stored)
{
    uint32_t space;
    slice user_key;
    return key_space_split(stored, &space, &user_key) && space == KEY_SPACE_DEFAULT &&
           user_key.size <= PYKV_KEY_BYTES_MAX;
}

/* Keys that a store has, of the default namespace. Those without a prefix can only be too long. */
static pykv_status check_keys(table *opened)
{
    static const uint8_t mark = KEY_SPACE_MARK;
    bool all = opened->properties.key_length_max > PYKV_KEY_BYTES_MAX;
    iterator *walk;
    pykv_status status = table_iterator_new(opened, block_source_direct(), &walk);
    if (status != PYKV_OK) {
        return status;
    }
    iterator_seek(walk, slice_make(&mark, all ? 0 : 1), UINT64_MAX);
    while (iterator_valid(walk) && status == PYKV_OK) {
        if (is_user_key(iterator_current(walk)->key)) {
            iterator_next(walk);
        } else {
            status = refuse(opened, "the table has a key of a namespace, or of no store");
        }
    }
    status = status == PYKV_OK ? walk->status : status;
    iterator_free(walk);
    return status;
}

static manifest_table facts_of(const table *opened, const table_counts *counts)
{
    const table_properties *says = &opened->properties;
    manifest_table facts = {.file_id = opened->file_id,
                            .file_bytes = opened->file_bytes,
                            .file_crc = counts->file_crc,
                            .entry_count = says->entry_count,
                            .deadline_min_us = says->deadline_min_us,
                            .deadline_max_us = says->deadline_max_us,
                            .raw_bytes = says->raw_bytes};
    if (!PYKV_PLANTED(392)) {
        memcpy(facts.eighths, counts->eighths, sizeof facts.eighths);
    }
    return facts;
}

/* A key of the file, as it will be stored. */
static pykv_status take_key(slice in_file, uint32_t space, buffer *out)
{
    stored_key stored;
    slice user_key = key_space_strip(in_file, key_space_prefix_bytes(KEY_SPACE_DEFAULT));
    pykv_status status = stored_key_make(space, user_key, &stored);
    if (status == PYKV_OK) {
        status = buffer_append(out, stored.key.data, stored.key.size);
        stored_key_reset(&stored);
    }
    return status;
}

static pykv_status check(table *opened, uint64_t now_us, ingest_file *out)
{
    table_counts counts = {0};
    pykv_status status = table_verify_counted(opened, now_us, &counts);
    if (status == PYKV_OK) {
        status = check_kind(opened, counts.put_count);
    }
    if (status == PYKV_OK) {
        status = check_keys(opened);
    }
    if (status == PYKV_OK) {
        status = take_key(opened->properties.first_key, out->space, &out->smallest);
    }
    if (status == PYKV_OK) {
        status = take_key(opened->properties.last_key, out->space, &out->largest);
    }
    if (status == PYKV_OK) {
        out->facts = facts_of(opened, &counts);
    }
    return status;
}

static pykv_status read_ends(env_file *file, bool *are_of_table_out)
{
    uint64_t size;
    size_t got = 0;
    uint8_t header[TABLE_HEADER_BYTES] = {0};
    uint8_t footer[TABLE_FOOTER_BYTES] = {0};
    pykv_status status = env_file_size(file, &size);
    if (status == PYKV_OK && size >= sizeof header + sizeof footer) {
        status = env_file_read(file, 0, header, sizeof header, &got);
        if (status == PYKV_OK) {
            status = env_file_read(file, size - sizeof footer, footer, sizeof footer, &got);
        }
    }
    *are_of_table_out = table_has_ends(header, footer);
    return status;
}

/* What is no table is not called a damaged one: nothing of this store is wrong. */
static pykv_status check_ends(const ingest_file *file)
{
    env_file *opened;
    bool are_of_table = false;
    pykv_status status = env_file_open(file->from, file->parts.name, ENV_READ, &opened);
    if (status != PYKV_OK) {
        return status;
    }
    status = read_ends(opened, &are_of_table);
    if (status == PYKV_OK && !are_of_table) {
        status = error_set_at(PYKV_FORMAT, env_file_path(opened),
                              "the file is no table, or one that was not finished: "
                              "pykv.TableWriter makes one, and its finish() ends it");
    }
    env_file_close(opened);
    return status;
}

static pykv_status open_table(lsm *self, const ingest_file *file, table **out)
{
    table_open_options options = lsm_table_options(self);
    return table_open(file->from, file->parts.name, &options, out);
}

pykv_status ingest_file_open(lsm *self, uint32_t space, const char *path, ingest_file *out)
{
    table *opened;
    *out = (ingest_file){.path = path, .space = space};
    pykv_status status = path_split(path, &out->parts);
    if (status == PYKV_OK) {
        status = env_directory_open(self->env, out->parts.directory, false, &out->from);
    }
    if (status == PYKV_OK) {
        status = check_ends(out);
    }
    if (status == PYKV_OK) {
        status = open_table(self, out, &opened);
    }
    if (status != PYKV_OK) {
        return status;
    }
    status = check(opened, lsm_now(self), out);
    table_close(opened);
    return status;
}

void ingest_file_reset(ingest_file *self)
{
    if (self->from != NULL) {
        env_directory_close(self->from);
    }
    mem_free(self->parts.memory);
    buffer_reset(&self->smallest);
    buffer_reset(&self->largest);
    *self = (ingest_file){.path = NULL};
}

/* ---- the name ---- */

/* Who made the file may not have synced it. */
static pykv_status sync_file(lsm *self, const char *name)
{
    env_file *file;
    pykv_status status = env_file_open(self->home, name, ENV_READ, &file);
    if (status == PYKV_OK) {
        status = env_file_sync(file);
        env_file_close(file);
    }
    return status;
}

static pykv_status bring_as_it_is(lsm *self, ingest_file *file, uint32_t number)
{
    char name[TABLE_FILE_NAME_BYTES];
    table_file_name(number, name);
    pykv_status status = second_name(file->from, file->parts.name, self->home, name);
    if (status != PYKV_PATH_EXISTS) {
        file->facts.number = number;
    }
    return status == PYKV_OK ? sync_file(self, name) : status;
}

static pykv_status bring_written_again(lsm *self, ingest_file *file, uint32_t number)
{
    table *opened;
    pykv_status status = open_table(self, file, &opened);
    if (status != PYKV_OK) {
        return status;
    }
    status = ingest_copy(self, opened, file->space, number, &file->facts);
    if (status != PYKV_PATH_EXISTS) {
        file->facts.number = number;
    }
    table_close(opened);
    return status;
}

pykv_status ingest_file_bring(lsm *self, ingest_file *file)
{
    uint32_t number = 0;
    mutex_lock(&self->writer);
    pykv_status status = lsm_take_number(self, &number);
    mutex_unlock(&self->writer);
    if (status != PYKV_OK) {
        return status;
    }
    return file->space == KEY_SPACE_DEFAULT ? bring_as_it_is(self, file, number)
                                            : bring_written_again(self, file, number);
}

void ingest_file_take_back(lsm *self, ingest_file *file)
{
    char name[TABLE_FILE_NAME_BYTES];
    pykv_error failure = *error_last();
    if (file->facts.number != 0) {
        table_file_name(file->facts.number, name);
        (void)!env_unlink(self->home, name); /* else the next open does */
    }
    error_restore(&failure);
}
