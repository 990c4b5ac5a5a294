/*
 * table_output: the rule of what is dropped, and the files.
 */
#include "lsm/table_output.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "log/log_format.h"
#include "lsm/table_file.h"

void table_output_init(table_output *self, const table_job *job, older_tables older, uint8_t level,
                       const table_cut_options *cut)
{
    *self = (table_output){.job = *job, .older = older, .level = level};
    table_cut_init(&self->cut, cut);
    value_split_init(&self->values, &job->values, job->surroundings, job->home, job->numbers);
}

/* ---- files ---- */

static size_t made_count(const table_output *self)
{
    return self->made.size / sizeof(manifest_table);
}

const manifest_table *table_output_made(const table_output *self, size_t *count_out)
{
    *count_out = made_count(self);
    return (const manifest_table *)(const void *)self->made.data;
}

const manifest_values *table_output_values(const table_output *self, size_t *count_out)
{
    return value_writer_made(&self->values.writer, count_out);
}

/* Begins an output, with room for its line in the list. */
static pykv_status open_output(table_output *self)
{
    char name[TABLE_FILE_NAME_BYTES];
    uint32_t number = 0;
    pykv_status status = buffer_reserve(&self->made, sizeof(manifest_table));
    if (status == PYKV_OK) {
        status = self->job.numbers.take(self->job.numbers.context, &number);
    }
    if (status != PYKV_OK) {
        return status;
    }
    table_file_name(number, name);
    status = table_builder_open(self->job.surroundings, self->job.home, name, &self->job.building,
                                &self->builder);
    if (status != PYKV_PATH_EXISTS) {
        self->number = number;
    }
    return status;
}

static manifest_table facts_of(const table_output *self, const table_summary *summary)
{
    manifest_table facts = {.number = self->number,
                            .level = self->level,
                            .file_id = summary->file_id,
                            .file_bytes = summary->file_bytes,
                            .file_crc = summary->file_crc,
                            .entry_count = summary->entry_count,
                            .tombstone_count = summary->tombstone_count,
                            .sequence_min = summary->sequence_min,
                            .sequence_max = summary->sequence_max,
                            .deadline_min_us = summary->deadline_min_us,
                            .deadline_max_us = summary->deadline_max_us,
                            .raw_bytes = summary->raw_bytes,
                            .deletes_through = self->job.deletes_through};
    memcpy(facts.eighths, summary->eighths, sizeof facts.eighths);
    return facts;
}

static pykv_status finish_output(table_output *self)
{
    table_summary summary;
    pykv_status status = table_builder_attach(self->builder, value_split_refs(&self->values));
    if (status == PYKV_OK) {
        status = table_builder_finish(self->builder, &summary);
    }
    if (status != PYKV_OK) {
        return status;
    }
    manifest_table facts = facts_of(self, &summary);
    status = buffer_append(&self->made, &facts, sizeof facts);
    PYKV_ASSERT(status == PYKV_OK);
    self->counts.bytes_written += facts.file_bytes;
    table_builder_free(self->builder);
    value_split_clear_refs(&self->values);
    self->builder = NULL;
    self->number = 0;
    return PYKV_OK;
}

/* Removes the file of a table; whether that works is the next open's business. */
static void remove_file(const table_output *self, uint32_t number)
{
    char name[TABLE_FILE_NAME_BYTES];
    table_file_name(number, name);
    pykv_status ignored = env_unlink(self->job.home, name);
    (void)ignored;
}

void table_output_take(table_output *self)
{
    PYKV_ASSERT(self->builder == NULL);
    value_writer_take(&self->values.writer);
    self->taken = true;
}

void table_output_reset(table_output *self)
{
    size_t count;
    pykv_error failure = *error_last();
    const manifest_table *made = table_output_made(self, &count);
    table_builder_free(self->builder);
    if (self->number != 0) {
        remove_file(self, self->number);
    }
    for (size_t i = 0; i < count && !self->taken; i++) {
        remove_file(self, made[i].number);
    }
    value_split_reset(&self->values);
    buffer_reset(&self->made);
    buffer_reset(&self->key);
    *self = (table_output){0};
    error_restore(&failure);
}

/* ---- entries ---- */

/* Notes the place of an entry. *is_new_out: it has another key than the entry before. */
static pykv_status note_place(table_output *self, slice key, uint64_t sequence, bool *is_new_out)
{
    uint64_t before = self->sequence;
    *is_new_out = !self->has_key || !slice_equal(slice_make(self->key.data, self->key.size), key);
    self->sequence = sequence;
    if (!*is_new_out) {
        return sequence < before || PYKV_PLANTED(405)
                   ? PYKV_OK
                   : error_set_corruption(env_directory_path(self->job.home), 0,
                                          "two tables have a version of a key with one sequence",
                                          before - 1, sequence);
    }
    self->has_key = true;
    self->is_hidden = false;
    buffer_clear(&self->key);
    return buffer_append(&self->key, key.data, key.size);
}

static bool is_expired(const table_output *self, const iterator_entry *entry)
{
    return entry->deadline_us != 0 && entry->deadline_us <= self->job.now_us;
}

static bool hides_something(const table_output *self, const iterator_entry *entry, bool expired)
{
    if (PYKV_PLANTED(82) || (PYKV_PLANTED(86) && expired)) {
        return false;
    }
    return self->older.may_hold(self->older.context, entry->key);
}

/* Whether nobody can see the entry, or see that it is missing. */
static bool is_dropped(table_output *self, const iterator_entry *entry)
{
    bool settled = entry->sequence <= self->job.visible_sequence || PYKV_PLANTED(85);
    bool was_hidden = self->is_hidden;
    bool expired = is_expired(self, entry);
    self->is_hidden |= settled;
    if (was_hidden) {
        return true;
    }
    return settled && (entry->kind == RECORD_DELETE || expired) &&
           !hides_something(self, entry, expired);
}

/* The tombstone that an expired record is. */
static iterator_entry tombstone_of(const iterator_entry *entry)
{
    record bare = {.kind = RECORD_DELETE, .key = entry->key, .value = slice_make("", 0)};
    iterator_entry made = {.key = entry->key,
                           .value = bare.value,
                           .sequence = entry->sequence,
                           .body_crc = record_body_crc(&bare),
                           .kind = RECORD_DELETE};
    return made;
}

static pykv_status write_entry(table_output *self, const iterator_entry *entry)
{
    pykv_status status = self->builder == NULL ? open_output(self) : PYKV_OK;
    if (status != PYKV_OK) {
        return status;
    }
    if (is_expired(self, entry)) {
        iterator_entry tombstone = tombstone_of(entry);
        return table_builder_add(self->builder, &tombstone);
    }
    iterator_entry kept = *entry;
    status = value_split_entry(&self->values, &kept);
    return status == PYKV_OK ? table_builder_add(self->builder, &kept) : status;
}

pykv_status table_output_add(table_output *self, const iterator_entry *entry)
{
    bool is_new;
    pykv_status status = note_place(self, entry->key, entry->sequence, &is_new);
    if (status != PYKV_OK) {
        return status;
    }
    self->counts.entries_read++;
    if (is_dropped(self, entry)) {
        self->counts.entries_dropped++;
        return PYKV_OK;
    }
    if (is_new || PYKV_PLANTED(84)) {
        uint64_t bytes = self->builder == NULL ? 0 : table_builder_bytes(self->builder);
        if (table_cut_before(&self->cut, entry->key, bytes)) {
            status = finish_output(self);
        }
    }
    return status == PYKV_OK ? write_entry(self, entry) : status;
}

static void count_values(table_output *self)
{
    size_t count;
    const manifest_values *made = table_output_values(self, &count);
    for (size_t i = 0; i < count; i++) {
        self->counts.bytes_written += made[i].file_bytes;
    }
}

pykv_status table_output_finish(table_output *self)
{
    pykv_status status = self->builder == NULL ? PYKV_OK : finish_output(self);
    if (status == PYKV_OK) {
        status = value_writer_finish(&self->values.writer);
    }
    if (status == PYKV_OK) {
        count_values(self);
    }
    if (status == PYKV_OK && made_count(self) > 0 && !PYKV_PLANTED(273)) {
        status = env_directory_sync(self->job.home);
    }
    return status;
}

/* Of values in segments, read to move. */
static uint64_t moved_bytes(const table_output *self)
{
    return PYKV_PLANTED(400) ? 0 : self->values.moved_bytes;
}

pykv_status table_output_pull(table_output *self, iterator *from, uint64_t step_bytes,
                              bool *more_out)
{
    uint64_t bytes = 0;
    uint64_t moved_before = moved_bytes(self);
    while (iterator_valid(from) && bytes + moved_bytes(self) - moved_before < step_bytes) {
        const iterator_entry *entry = iterator_current(from);
        bytes += entry->key.size + entry->value.size + sizeof entry->sequence;
        pykv_status status = table_output_add(self, entry);
        if (status != PYKV_OK) {
            return status;
        }
        iterator_next(from);
    }
    bool more = iterator_valid(from);
    pykv_status status = from->status;
    if (status == PYKV_OK && !more) {
        status = table_output_finish(self);
    }
    if (status == PYKV_OK) {
        *more_out = more;
    }
    return status;
}
