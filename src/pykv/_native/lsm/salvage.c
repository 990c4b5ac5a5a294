/*
 * salvage: reading around damage.
 */
#include "lsm/salvage.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/report.h"
#include "log/log_format.h"
#include "log/log_segment.h"
#include "lsm/internal_key.h"
#include "table/table_iterator.h"

/* ---- tables ---- */

/* Windows of the walk inside never reach over the end of a block. */
typedef struct salvage_walk {
    iterator base;
    iterator *inner;
    table *from;
    const char *name;
    pykv_report *report;
    uint32_t block_index; /* of the block that is shown */
    uint32_t left;        /* entries of it behind the window */
    buffer place;
} salvage_walk;

static salvage_walk *of(iterator *base)
{
    return (salvage_walk *)(void *)base;
}

static void show_nothing(salvage_walk *self, pykv_status status)
{
    self->base.count = 0;
    self->base.index = 0;
    self->base.status = status;
}

static void show_inner(salvage_walk *self)
{
    self->base.entries = self->inner->entries;
    self->base.index = self->inner->index;
    self->base.count = self->inner->count;
    self->base.status = self->inner->status;
    self->left -= self->inner->count < self->left ? self->inner->count : self->left;
}

/* Seeks the place behind all blocks before the one of block_index. */
static pykv_status seek_block(salvage_walk *self)
{
    slice key = slice_make("", 0);
    uint64_t sequence = UINT64_MAX;
    pykv_status status = PYKV_OK;
    if (self->block_index > 0) {
        table_position last = table_index_separator(&self->from->index, self->block_index - 1);
        self->place.size = 0;
        status = buffer_append(&self->place, last.key.data, last.key.size);
        if (status == PYKV_OK && last.sequence == 0) {
            status = buffer_append_zeros(&self->place, 1);
        }
        key = slice_make(self->place.data, self->place.size);
        sequence = last.sequence - 1; /* of the longer key, the highest one */
    }
    if (status == PYKV_OK) {
        iterator_seek(self->inner, key, sequence);
        status = self->inner->status;
    }
    return status;
}

/* Shows the block of block_index, or the first one behind it that can be read. */
static void enter_block(salvage_walk *self)
{
    const table_index *index = &self->from->index;
    pykv_status status = PYKV_CORRUPTION;
    while (self->block_index < index->block_count) {
        self->left = index->entry_counts[self->block_index];
        status = seek_block(self);
        if (status == PYKV_OK) {
            show_inner(self);
            return;
        }
        if (status != PYKV_CORRUPTION && status != PYKV_IO_FAILED) {
            show_nothing(self, status);
            return;
        }
        report_add_last_error(self->report, self->name);
        self->report->lost_record_count += index->entry_counts[self->block_index];
        self->block_index++;
    }
    show_nothing(self, PYKV_OK);
}

static void seek(iterator *base, slice key, uint64_t sequence)
{
    salvage_walk *self = of(base);
    (void)key;
    (void)sequence;
    self->block_index = 0;
    enter_block(self);
}

static void advance(iterator *base)
{
    salvage_walk *self = of(base);
    if (self->left > 0) {
        iterator_skip(self->inner, self->inner->count - self->inner->index);
        show_inner(self);
    } else {
        self->block_index++;
        enter_block(self);
    }
}

static void refuse(iterator *base)
{
    show_nothing(of(base), error_set(PYKV_INTERNAL, "a salvage goes forward only"));
}

static void refuse_seek(iterator *base, slice key, uint64_t sequence)
{
    (void)key;
    (void)sequence;
    refuse(base);
}

static void free_walk(iterator *base)
{
    salvage_walk *self = of(base);
    iterator_free(self->inner);
    buffer_reset(&self->place);
    mem_free(self);
}

static const iterator_ops operations = {seek, refuse_seek, refuse, advance, refuse, free_walk};

pykv_status salvage_table(table *from, const char *name, pykv_report *report,
                          iterator **iterator_out)
{
    salvage_walk *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->base = iterator_make(&operations);
    self->from = from;
    self->name = name;
    self->report = report;
    pykv_status status = table_iterator_new(from, block_source_direct(), &self->inner);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *iterator_out = &self->base;
    return PYKV_OK;
}

/* ---- logs ---- */

static pykv_status add_range(const record *found, salvaged_logs *out)
{
    static const range_rule newest = {UINT64_MAX, true, true};
    const range_set *one;
    const range_set *joined;
    if (!range_is_before(found->key, found->value)) {
        return PYKV_OK;
    }
    pykv_status status = range_set_one(found->key, found->value, found->sequence, &one);
    if (status != PYKV_OK) {
        return status;
    }
    status = range_set_join(out->ranges, one, &newest, &joined);
    range_set_release(one);
    if (status == PYKV_OK) {
        range_set_release(out->ranges);
        out->ranges = joined;
    }
    return status;
}

static pykv_status add(const record *found, salvaged_logs *out)
{
    iterator_entry entry = {.key = found->key,
                            .value = found->value,
                            .sequence = found->sequence,
                            .deadline_us = found->deadline_us,
                            .body_crc = found->body_crc,
                            .kind = found->kind};
    uint64_t hash = hash_murmur3(found->key.data, found->key.size, 0, 0).low;
    iterator_entry there;
    if (found->kind == RECORD_CLEAR) {
        out->clear_sequence =
            found->sequence > out->clear_sequence ? found->sequence : out->clear_sequence;
        return PYKV_OK;
    }
    if (found->kind == RECORD_RANGE_DELETE) {
        return add_range(found, out);
    }
    if (found->kind == RECORD_INGEST || found->kind == RECORD_DICTIONARY) {
        return PYKV_OK;
    }
    if (memtable_get(out->operations, found->key, hash, found->sequence, &there) &&
        there.sequence == found->sequence) {
        return PYKV_OK;
    }
    pykv_status status = memtable_reserve(
        out->operations, 1,
        memtable_entry_bytes(found->key.size, found->value.size, found->deadline_us != 0));
    if (status == PYKV_OK) {
        memtable_add(out->operations, &entry, hash);
    }
    return status;
}

/* A record that no operation can have, under checks that are right, is a damage too. */
static pykv_status add_checked(const record *found, const char *name, uint64_t at,
                               pykv_report *report, salvaged_logs *out)
{
    if (internal_key_check(found->key.size, found->value.size, found->sequence, found->kind) !=
        PYKV_OK) {
        report_add(report, name, at, INTERNAL_SEQUENCE_MAX, found->sequence,
                   "a record that is of no operation");
        report->lost_record_count++;
        return PYKV_OK;
    }
    return add(found, out);
}

static void note_damage(const buffer *bytes, const char *name, uint64_t from, uint64_t to,
                        pykv_report *report)
{
    if (from != 0 && !all_zero(bytes->data + from, to - from)) {
        report_add(report, name, from, to, 0, "bytes that are no valid record");
    }
}

static pykv_status read_records(const buffer *bytes, const char *name, uint64_t file_id,
                                pykv_report *report, salvaged_logs *out)
{
    uint32_t seed = record_seed(file_id);
    uint64_t at = LOG_SEGMENT_HEADER_BYTES;
    uint64_t bad_from = 0;
    pykv_status status = PYKV_OK;
    while (at + RECORD_HEADER_BYTES <= bytes->size && status == PYKV_OK) {
        record found;
        if (record_decode(bytes->data + at, bytes->size - at, seed, at, true, &found) !=
            RECORD_VALID) {
            bad_from = bad_from == 0 ? at : bad_from;
            at += RECORD_GRANULE_BYTES;
            continue;
        }
        note_damage(bytes, name, bad_from, at, report);
        bad_from = 0;
        report->record_count++;
        status = found.sequence > out->after ? add_checked(&found, name, at, report, out) : PYKV_OK;
        at += record_bytes(found.flags, found.key.size, found.value.size);
    }
    note_damage(bytes, name, bad_from, bytes->size, report);
    return status;
}

static pykv_status load(env_directory *home, const char *name, buffer *out)
{
    env_file *file;
    uint64_t size = 0;
    size_t got = 0;
    pykv_status status = env_file_open(home, name, ENV_READ, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_size(file, &size);
    if (status == PYKV_OK) {
        status = buffer_append_zeros(out, size);
    }
    if (status == PYKV_OK && size > 0) {
        status = env_file_read(file, 0, out->data, size, &got);
    }
    out->size = got;
    env_file_close(file);
    return status;
}

pykv_status salvage_log(env_directory *home, const char *name, uint64_t file_id,
                        pykv_report *report, salvaged_logs *out)
{
    buffer bytes = BUFFER_EMPTY;
    log_segment_header header = {.file_id = file_id};
    pykv_status status = load(home, name, &bytes);
    if (status == PYKV_OK) {
        report->file_count++;
        report->byte_count += bytes.size;
        status = log_segment_decode(bytes.data, bytes.size, name, &header);
    }
    if (status != PYKV_OK && status != PYKV_NO_MEMORY) {
        report_add_last_error(report, name);
        status = PYKV_OK;
    }
    if (status == PYKV_OK && header.file_id != 0 && bytes.size > 0) {
        status = read_records(&bytes, name, header.file_id, report, out);
    }
    buffer_reset(&bytes);
    return status;
}
