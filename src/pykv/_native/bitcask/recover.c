/*
 * recover: the un-sealed end of the log after an unclean close.
 *
 * The valid prefix of every un-sealed segment is written again into a new, sealed and synced
 * segment, because the page cache may show what the device refused (docs/decisions/0006). Then a
 * manifest with a higher epoch lists the copies instead. A file that held more than its valid
 * prefix is kept as *.torn. Read-only, the same prefix is read where it stands.
 *
 * Invariant: until the new manifest is durable the old one and every file it lists are untouched.
 */
#include "bitcask/recover.h"

#include <stdio.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/manifest_edit.h"
#include "bitcask/segment.h"
#include "bitcask/segment_list.h"
#include "bitcask/store.h"
#include "log/log_file.h"
#include "log/log_recovery.h"

/* An un-sealed segment under recovery. */
typedef struct unsealed {
    segment *source;
    buffer scratch;
    bool torn; /* holds more than its valid prefix */
} unsealed;

typedef struct recovery {
    unsealed *sources;
    log_recovery_segment *views;
    size_t count;
    log_recovery result;
} recovery;

static pykv_status allocate(recovery *self, uint64_t count)
{
    *self = (recovery){0};
    self->sources = mem_alloc_zeroed(count + 1, sizeof *self->sources);
    self->views = mem_alloc_zeroed(count + 1, sizeof *self->views);
    if (self->sources == NULL || self->views == NULL) {
        return error_set_no_memory(count * (sizeof *self->sources + sizeof *self->views));
    }
    return PYKV_OK;
}

static void release(recovery *self)
{
    for (size_t i = 0; self->sources != NULL && i < self->count; i++) {
        segment_close(self->sources[i].source);
        buffer_reset(&self->sources[i].scratch);
    }
    mem_free(self->sources);
    mem_free(self->views);
}

static pykv_status open_unsealed(bitcask *store, const manifest_segment *entry, unsealed *source,
                                 log_recovery_segment *view)
{
    static const env_mapping unmapped = {.base = NULL};
    pykv_status status =
        segment_open(store->home, entry, store->store_id, 0, store->mapped_reads, &source->source);
    if (status != PYKV_OK) {
        return status;
    }
    /* A live writer cuts segments off under a reader's mapping. */
    bool mapped = store->options.read_only == 0;
    view->path = env_file_path(source->source->file);
    view->start_offset = LOG_SEGMENT_HEADER_BYTES;
    status = log_file_view(source->source->file, mapped ? &source->source->mapping : &unmapped,
                           &source->scratch, &view->data, &view->size);
    if (status == PYKV_OK) {
        status = log_segment_decode(view->data, view->size, view->path, &view->header);
    }
    return status;
}

static pykv_status check_mappings(const recovery *self)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->count && status == PYKV_OK && !PYKV_PLANTED(252); i++) {
        const log_recovery_segment *view = &self->views[i];
        status = log_file_check_view(view->data, &self->sources[i].source->mapping, view->path);
    }
    return status;
}

static pykv_status find_end(bitcask *store, const manifest *listed, recovery *self)
{
    pykv_status status = allocate(self, listed->segment_count);
    for (uint64_t i = 0; i < listed->segment_count && status == PYKV_OK; i++) {
        if (!listed->segments[i].sealed) {
            self->count++;
            status = open_unsealed(store, &listed->segments[i], &self->sources[self->count - 1],
                                   &self->views[self->count - 1]);
        }
    }
    if (status != PYKV_OK || self->count == 0) {
        return status;
    }
    /* A claim of a sealed segment was checked when that was opened. */
    bool open_claim = listed->durable_through >= log_position(self->views[0].header.number, 0);
    work_lender lender = work_lender_of(&store->options);
    log_recover(self->views, self->count, listed->sealed_sequence + 1,
                open_claim ? listed->durable_through : 0, &lender, &self->result);
    status = check_mappings(self);
    if (status != PYKV_OK) {
        return status;
    }
    if (self->result.damaged && store->options.recover_point_in_time == 0) {
        const log_recovery_segment *end = &self->views[self->result.valid_segment];
        return error_set_corruption(
            end->path, self->result.valid_offset,
            "the log is damaged before a place that was synced (recovery=\"point_in_time\" opens "
            "it up to here)",
            self->result.claim, log_position(end->header.number, self->result.valid_offset));
    }
    return PYKV_OK;
}

/* ---- read-write: copying ---- */

/* Members of one batch, collected until the last. */
typedef struct batch_members {
    record *records;
    uint64_t *offsets;
    size_t count;
    size_t capacity;
} batch_members;

/* A record of another engine has no meaning here. */
static pykv_status check_kind(const bitcask *store, const record *found)
{
    return found->kind <= RECORD_CLEAR
               ? PYKV_OK
               : error_set(PYKV_CORRUPTION, "%s: a log of a Bitcask has a record of kind %u",
                           env_directory_path(store->home), found->kind);
}

/* A clear of the default namespace, which the manifest knows; those of others stay records. */
static bool is_clear(const record *found)
{
    return found->kind == RECORD_CLEAR && found->namespace_id == NAMESPACE_DEFAULT;
}

static void note_clear(bitcask *store, uint64_t sequence) SINGLE_THREADED
{
    directory_now_locked(&store->spaces.main.directory)->clear_sequence = sequence;
}

static pykv_status add_member(batch_members *self, const record *member)
{
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 64 : self->capacity * 2;
        record *records = mem_resize(self->records, capacity * sizeof *records);
        if (records == NULL) {
            return error_set_no_memory(capacity * sizeof *records);
        }
        self->records = records;
        uint64_t *offsets = mem_resize(self->offsets, capacity * sizeof *offsets);
        if (offsets == NULL) {
            return error_set_no_memory(capacity * sizeof *offsets);
        }
        self->offsets = offsets;
        self->capacity = capacity;
    }
    self->records[self->count] = *member;
    self->records[self->count].flags &=
        (uint8_t)~(RECORD_FLAG_BATCH | RECORD_FLAG_BATCH_LAST | RECORD_FLAG_SYNCED);
    self->count++;
    return PYKV_OK;
}

static pykv_status copy_records(bitcask *store, log_reader *reader, segment *target,
                                log_writer *writer, batch_members *members) SINGLE_THREADED
{
    record found;
    uint64_t offset;
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && log_reader_next(reader, &found, &offset)) {
        bool last =
            (found.flags & RECORD_FLAG_BATCH) == 0 || (found.flags & RECORD_FLAG_BATCH_LAST) != 0;
        status = check_kind(store, &found);
        if (status == PYKV_OK) {
            status = add_member(members, &found);
        }
        if (status == PYKV_OK && last) {
            status =
                log_writer_append_batch(writer, members->records, members->count, members->offsets);
            members->count = 0;
        }
        if (target->first_sequence == 0) {
            target->first_sequence = found.sequence;
        }
        target->last_sequence = found.sequence;
        if (found.deadline_us != 0) {
            segment_note_deadline(target, store_clock_now(&store->clock), found.deadline_us,
                                  found.key.size + found.value.size);
        }
        if (is_clear(&found)) {
            note_clear(store, found.sequence);
            store->durable_clear_sequence = found.sequence;
        }
        store->recovered_record_count++;
    }
    return status;
}

static pykv_status fill_copy(bitcask *store, const log_recovery_segment *view, uint64_t first,
                             segment *target, uint64_t *valid_end_out)
{
    log_sink *sink;
    log_writer writer;
    log_reader reader;
    batch_members members = {0};
    pykv_status status = log_sink_open_pwrite(target->file, LOG_SEGMENT_HEADER_BYTES, 0, &sink);
    if (status != PYKV_OK) {
        return status;
    }
    log_writer_init(&writer, sink, target->file_id, UINT64_MAX, 0);
    log_reader_init(&reader, view->data, view->valid_end, view->header.file_id, view->start_offset,
                    true, first);
    status = copy_records(store, &reader, target, &writer, &members);
    if (status == PYKV_OK && !PYKV_PLANTED(25)) {
        status = env_file_sync(target->file);
    }
    atomic_store_explicit(&target->length, log_sink_tail(sink), memory_order_release);
    *valid_end_out = reader.valid_end;
    log_sink_close(sink);
    mem_free(members.records);
    mem_free(members.offsets);
    return status;
}

/* Copies the valid prefix of one segment; the copy is in the list, sealed, when it is done. */
static pykv_status copy_segment(bitcask *store, const log_recovery_segment *view, uint64_t first,
                                uint64_t *valid_end_out) SINGLE_THREADED
{
    log_segment_header header = view->header;
    segment *target;
    header.number = (uint32_t)store->next_number++;
    header.synced_through = 0;
    pykv_status status = env_random(store->env, &header.file_id, sizeof header.file_id);
    if (status == PYKV_OK) {
        status =
            segment_create(store->home, &header, view->size + 4096, store->mapped_reads, &target);
    }
    if (status != PYKV_OK) {
        return status;
    }
    status = fill_copy(store, view, first, target, valid_end_out);
    target->sealed = true;
    target->synced = true;
    if (status == PYKV_OK) {
        mutex_lock(&store->writer);
        status = bitcask_add_segment(store, target, target->length, BITCASK_NO_ADDRESS);
        mutex_unlock(&store->writer);
    }
    if (status != PYKV_OK) {
        segment_close(target);
        return status;
    }
    if (target->last_sequence > store->sealed_sequence) {
        store->sealed_sequence = target->last_sequence;
        store->appended_sequence = target->last_sequence;
        store->synced_position = log_position(target->number, target->length);
    }
    return PYKV_OK;
}

static bool has_records(const log_recovery_segment *view, uint64_t first)
{
    return log_recovery_first(view, view->valid_end) == first;
}

static pykv_status copy_all(bitcask *store, recovery *self) SINGLE_THREADED
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        uint64_t first = store->sealed_sequence + 1;
        uint64_t valid_end = LOG_SEGMENT_HEADER_BYTES;
        if (i <= self->result.valid_segment && has_records(&self->views[i], first)) {
            status = copy_segment(store, &self->views[i], first, &valid_end);
        }
        for (uint64_t at = valid_end; at < self->views[i].size && !self->sources[i].torn; at++) {
            self->sources[i].torn = self->views[i].data[at] != 0;
        }
    }
    return status;
}

/* Renames files that held more than the valid prefix: what was torn off is kept for whoever wants
 * it. */
static pykv_status keep_torn(bitcask *store, recovery *self)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        char name[SEGMENT_NAME_BYTES];
        char kept[SEGMENT_NAME_BYTES];
        if (self->sources[i].torn && !PYKV_PLANTED(39)) {
            segment_name(self->sources[i].source->number, false, name);
            snprintf(kept, sizeof kept, "%08x%s", self->sources[i].source->number,
                     BITCASK_TORN_SUFFIX);
            status = env_rename(store->home, name, kept);
        }
    }
    return status;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Goes on behind last, what manifest and log knew, where the log was cut before it: a clear hides
 * all up to its own, and a merge has dropped tombstones for all up to its birth. One number is left
 * out, so that a follower that had read all is told that what it read is gone. */
static void pass_known_sequences(bitcask *store, uint64_t last) REQUIRES(store->writer)
{
    last = larger(last, store->durable_clear_sequence);
    for (size_t i = 0; i < store->segment_count; i++) {
        const segment *each = store->segments[i];
        last = larger(last, each->kind == LOG_SEGMENT_MERGED ? each->birth_sequence : 0);
    }
    if (last > store->appended_sequence && last < UINT64_MAX && !PYKV_PLANTED(259)) {
        store->sealed_sequence = last + 1;
        store->appended_sequence = last + 1;
    }
}

static pykv_status recover_by_copy(bitcask *store, recovery *self, const manifest *listed)
{
    pykv_status status = copy_all(store, self);
    if (status == PYKV_OK) {
        status = check_mappings(self);
    }
    if (status == PYKV_OK) {
        status = env_directory_sync(store->home);
    }
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&store->manifest_lock);
    mutex_lock(&store->writer);
    uint64_t last = PYKV_PLANTED(203) ? 0 : store->appended_sequence;
    if (self->result.damaged) {
        pass_known_sequences(store, larger(listed->last_sequence, self->result.sequence_bound));
    }
    store->synced_sequence = store->appended_sequence;
    mutex_unlock(&store->writer);
    status = past_epochs_end(&store->epochs, store->epoch_number, last);
    store->epoch_number += !PYKV_PLANTED(38);
    store->merge_edit = store->edit + 1;
    if (status == PYKV_OK) {
        status = bitcask_write_manifest(store, true);
    }
    mutex_unlock(&store->manifest_lock);
    return status == PYKV_OK ? keep_torn(store, self) : status;
}

/* ---- read-only: in place ---- */

void bitcask_tail_reset(bitcask_tail *self)
{
    for (size_t i = 0; i < self->count; i++) {
        segment_close(self->segments[i]);
    }
    mem_free(self->segments);
    *self = (bitcask_tail){.segments = NULL};
}

/* Reads the records of a source from sequence first on, and gives its segment to the tail. */
static pykv_status take_source(bitcask *store, recovery *self, size_t index, uint64_t first,
                               bitcask_tail *out)
{
    segment *source = self->sources[index].source;
    log_reader reader;
    record found;
    uint64_t offset;
    log_reader_init(&reader, self->views[index].data, self->views[index].valid_end, source->file_id,
                    LOG_SEGMENT_HEADER_BYTES, true, first);
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && log_reader_next(&reader, &found, &offset)) {
        status = check_kind(store, &found);
        out->last_sequence = found.sequence;
        out->record_count++;
        if (is_clear(&found)) {
            out->clear_sequence = found.sequence;
        }
        if (log_recovery_is_claimed(self->result.claim, &self->views[index], &reader)) {
            out->synced_sequence = found.sequence;
        }
    }
    if (source->mapping.size < self->views[index].size) {
        segment_map_anew(source, self->views[index].size); /* A live writer has gone on. */
    }
    if (status == PYKV_OK) {
        atomic_store_explicit(&source->length, reader.valid_end, memory_order_release);
        source->address_bytes = self->views[index].size;
        out->segments[out->count++] = source;
        self->sources[index].source = NULL;
    }
    return status;
}

/* The last segment of the log, and those behind it, may go on. */
static pykv_status watch(bitcask *store, const recovery *self, shown_state *shown)
{
    pykv_status status = PYKV_OK;
    for (size_t i = self->result.valid_segment; i < self->count && status == PYKV_OK; i++) {
        status = shown_state_add(shown, store->home, self->views[i].header.number,
                                 self->views[i].valid_end);
    }
    return status;
}

static pykv_status take_sources(bitcask *store, recovery *self, shown_state *shown,
                                bitcask_tail *out)
{
    out->segments = mem_alloc_zeroed(self->count + 1, sizeof(segment *));
    if (out->segments == NULL) {
        return error_set_no_memory((self->count + 1) * sizeof(segment *));
    }
    pykv_status status = watch(store, self, shown);
    for (size_t i = 0; i < self->count && i <= self->result.valid_segment && status == PYKV_OK;
         i++) {
        status = take_source(store, self, i, out->last_sequence + 1, out);
    }
    out->discarded_bytes = self->result.discarded_bytes;
    return status;
}

pykv_status bitcask_read_tail(bitcask *self, const manifest *listed, shown_state *shown,
                              bitcask_tail *out)
{
    recovery work;
    *out = (bitcask_tail){.last_sequence = listed->sealed_sequence,
                          .synced_sequence = listed->sealed_sequence,
                          .clear_sequence = listed->clear_sequence};
    pykv_status status = find_end(self, listed, &work);
    if (status == PYKV_OK) {
        status = take_sources(self, &work, shown, out);
    }
    release(&work);
    if (status != PYKV_OK) {
        bitcask_tail_reset(out);
    }
    return status;
}

/* Adds the tail to a store that nobody uses yet. */
static pykv_status add_tail(bitcask *self, bitcask_tail *tail) SINGLE_THREADED
{
    pykv_status status = PYKV_OK;
    self->appended_sequence = tail->last_sequence;
    self->synced_sequence = tail->synced_sequence;
    note_clear(self, tail->clear_sequence);
    self->recovered_record_count = tail->record_count;
    self->discarded_bytes = tail->discarded_bytes;
    while (tail->count > 0 && status == PYKV_OK) {
        segment *last = tail->segments[tail->count - 1];
        mutex_lock(&self->writer);
        status = bitcask_add_segment(self, last, last->address_bytes, BITCASK_NO_ADDRESS);
        mutex_unlock(&self->writer);
        tail->count -= status == PYKV_OK;
    }
    return status;
}

static pykv_status recover_in_place(bitcask *self, const manifest *listed)
{
    bitcask_tail tail;
    pykv_status status = bitcask_read_tail(self, listed, &self->shown, &tail);
    if (status == PYKV_OK) {
        status = add_tail(self, &tail);
        bitcask_tail_reset(&tail);
    }
    return status;
}

pykv_status bitcask_recover_tail(bitcask *self, const manifest *listed) SINGLE_THREADED
{
    recovery tail;
    self->appended_sequence = self->sealed_sequence;
    if (self->options.read_only != 0 || PYKV_PLANTED(58)) {
        return recover_in_place(self, listed);
    }
    pykv_status status = find_end(self, listed, &tail);
    if (status == PYKV_OK) {
        self->discarded_bytes = tail.result.discarded_bytes;
        status = recover_by_copy(self, &tail, listed);
    }
    release(&tail);
    return status;
}
