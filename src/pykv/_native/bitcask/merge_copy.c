/*
 * merge_copy: live records, and tombstones that something may still need, go to the output.
 *
 * Keys are looked up in groups, without the writer lock, as a reader does.
 */
#include "bitcask/merge_copy.h"

#include "base/error.h"
#include "base/invariant.h"
#include "bitcask/address.h"
#include "bitcask/key_hash.h"
#include "bitcask/manifest_edit.h"
#include "bitcask/merge_pack.h"
#include "bitcask/merge_train.h"
#include "bitcask/segment_list.h"
#include "bitcask/space_list.h"
#include "log/log_reader.h"

static pykv_status make_output(bitcask *store, merge *self)
{
    log_segment_header header = {.kind = LOG_SEGMENT_MERGED,
                                 .store_id = store->store_id,
                                 .birth_sequence = self->birth_sequence};
    uint64_t capacity =
        self->capacity < store->output_bytes_max ? self->capacity : store->output_bytes_max;
    segment *made;
    pykv_status status = env_random(store->env, &header.file_id, sizeof header.file_id);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&store->writer);
    header.number = (uint32_t)store->next_number++;
    header.synced_through = store->synced_position;
    mutex_unlock(&store->writer);
    status = segment_create(store->home, &header, capacity, store->mapped_reads, &made);
    if (status != PYKV_OK) {
        return status;
    }
    status = log_sink_open_pwrite(made->file, LOG_SEGMENT_HEADER_BYTES, 0, &self->sink);
    mutex_lock(&store->writer);
    if (status == PYKV_OK) {
        status = bitcask_add_segment(store, made, capacity, BITCASK_NO_ADDRESS);
    }
    made->merging = true;
    mutex_unlock(&store->writer);
    if (status != PYKV_OK) {
        pykv_error failure = *error_last();
        segment_unlink(store->home, made->number);
        segment_close(made);
        error_restore(&failure);
        return status;
    }
    self->output = made;
    log_writer_init(&self->writer, self->sink, made->file_id, UINT64_MAX, 0);
    return PYKV_OK;
}

static pykv_status begin_input(merge *self)
{
    const segment *source = self->inputs[self->input_index];
    const uint8_t *data;
    uint64_t size;
    uint64_t length = atomic_load_explicit(&source->length, memory_order_acquire);
    pykv_status status = segment_view(source, &self->scratch, &data, &size);
    if (status != PYKV_OK) {
        return status;
    }
    log_reader_init(&self->reader, data, length < size ? length : size, source->file_id,
                    LOG_SEGMENT_HEADER_BYTES, source->kind == LOG_SEGMENT_APPEND, 0);
    self->reader_ready = true;
    return PYKV_OK;
}

static void prefetch_group(const keydir *keys, const uint64_t *hashes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        keydir_prefetch_bucket(keys, hashes[i]);
    }
    for (size_t i = 0; i < count; i++) {
        keydir_prefetch_line(keys, hashes[i]);
    }
}

/* Tells which puts of the group are what their keys' slots lead to, as a reader does. False while
 * writers change several slots at once, and of other namespaces than the default one. */
static bool find_current(bitcask *store, merge_group *group)
{
    bool found = !group->is_named;
    epoch_token token = epoch_enter(&store->gate.readers);
    const keydir *keys = directory_now(&store->spaces.main.directory)->keys;
    prefetch_group(keys, group->hashes, group->count);
    for (size_t i = 0; i < group->count && found; i++) {
        keydir_cursor cursor;
        found = keydir_find(keys, group->hashes[i], &cursor);
        if (found) {
            group->keep[i] = keydir_next_to(&cursor, group->addresses[i]);
            found = keydir_still(&cursor);
        }
    }
    epoch_leave(&store->gate.readers, token);
    return found;
}

/* The same with the writer lock held. All pages of an image were checked when the merge began. */
static void find_current_locked(bitcask *store, merge_group *group)
{
    mutex_lock(&store->writer);
    for (size_t i = 0; i < group->count; i++) {
        keydir_cursor cursor;
        const space *within = bitcask_find_space(store, group->records[i].namespace_id);
        group->keep[i] = within != NULL;
        if (within != NULL) {
            keydir_find_locked(directory_now_locked(&within->directory)->keys, group->hashes[i],
                               &cursor);
            group->keep[i] = keydir_next_to(&cursor, group->addresses[i]);
        }
    }
    mutex_unlock(&store->writer);
}

/* Rules 3 and 4, for tombstones and clears; no manifest knows the clears of other namespaces. */
static bool must_keep_mark(const merge *self, const record *found)
{
    if (found->namespace_id != NAMESPACE_DEFAULT) {
        return self->other_birth <= found->sequence && !PYKV_PLANTED(220);
    }
    if (found->kind == RECORD_CLEAR) {
        return found->sequence > self->durable_clear;
    }
    if (found->sequence <= self->durable_clear) {
        return false;
    }
    return self->other_birth <= found->sequence && !PYKV_PLANTED(28);
}

static bool has_expired(const merge *self, const record *found)
{
    return found->deadline_us != 0 && found->deadline_us <= self->now_us;
}

/* What is copied of a record: of one that has expired, the tombstone that it is. */
static record copy_of(const merge *self, const record *found)
{
    record copy = *found;
    copy.flags &= (uint8_t)~(RECORD_FLAG_BATCH | RECORD_FLAG_BATCH_LAST | RECORD_FLAG_SYNCED);
    if (has_expired(self, found)) {
        copy.kind = RECORD_DELETE;
        copy.flags &= (uint8_t)~(RECORD_FLAG_DEADLINE | RECORD_FLAG_CODEC);
        copy.deadline_us = 0;
        copy.value = slice_make(NULL, 0);
        copy.body_crc = record_body_crc(&copy);
    }
    return copy;
}

/* The manifest that ends the merge lists one output more than the one that room was kept for. */
static pykv_status reserve_again(bitcask *store)
{
    mutex_lock(&store->manifest_lock);
    pykv_status status = bitcask_reserve_manifest(store);
    mutex_unlock(&store->manifest_lock);
    return status;
}

/* Begins the output with the dictionary, if one pays. */
static pykv_status begin_output(bitcask *store, merge *self, uint64_t sequence)
{
    pykv_status status = self->finished_bytes > 0 ? reserve_again(store) : PYKV_OK;
    if (status == PYKV_OK) {
        status = make_output(store, self);
    }
    return status == PYKV_OK ? merge_train(store, self, sequence) : status;
}

/* Whether the record goes to the next output. An output without records takes any. */
static bool is_full(const bitcask *store, const merge *self, const record *copy)
{
    return self->hints.count > 0 && !PYKV_PLANTED(256) &&
           log_sink_tail(self->sink) + record_bytes_of(copy) > store->output_bytes_max;
}

/* Copies the record that is next in the group, if the output takes it: else *full_out is true. */
static pykv_status copy_record(bitcask *store, merge *self, bool *full_out)
{
    const record *found = &self->group.records[self->group.next];
    uint64_t address = self->group.addresses[self->group.next];
    record copy = copy_of(self, found);
    if (has_expired(self, found)) {
        /* Its slot goes before the manifest without it. */
        store_clock_tell(&store->clock, found->deadline_us);
    }
    merge_source source = {.address = address, .bytes = record_bytes_of(found)};
    uint64_t offset = bitcask_offset(self->inputs[self->input_index], address);
    pykv_status status = self->output == NULL ? begin_output(store, self, copy.sequence) : PYKV_OK;
    if (status == PYKV_OK && copy.kind == RECORD_PUT) {
        status = merge_pack(store, self, offset, &copy);
    }
    *full_out = status == PYKV_OK && is_full(store, self, &copy);
    if (*full_out) {
        return PYKV_OK;
    }
    if (status == PYKV_OK) {
        status = buffer_append(&self->sources, &source, sizeof source);
    }
    if (status == PYKV_OK) {
        status = log_writer_append(&self->writer, &copy, &offset);
    }
    if (status != PYKV_OK) {
        return status;
    }
    hint_entry entry = {.hash = self->group.hashes[self->group.next],
                        .sequence = copy.sequence,
                        .offset = offset,
                        .bytes = record_bytes_of(&copy),
                        .space_id = copy.namespace_id,
                        .kind = copy.kind};
    if (copy.deadline_us != 0) {
        mutex_lock(&store->writer);
        segment_note_deadline(self->output, self->now_us, copy.deadline_us,
                              copy.key.size + copy.value.size);
        mutex_unlock(&store->writer);
    }
    return hint_list_add(&self->hints, &entry);
}

static void read_group(bitcask *store, merge *self)
{
    merge_group *group = &self->group;
    const segment *source = self->inputs[self->input_index];
    uint64_t offset;
    group->count = 0;
    group->next = 0;
    group->is_named = false;
    while (group->count < MERGE_GROUP_RECORDS &&
           log_reader_next(&self->reader, &group->records[group->count], &offset)) {
        slice key = group->records[group->count].key;
        group->hashes[group->count] = bitcask_hash(store, key.data, key.size);
        group->addresses[group->count] = bitcask_address(source, offset);
        group->is_named |= group->records[group->count].namespace_id != NAMESPACE_DEFAULT;
        group->count++;
    }
}

/* Whether the record that is next in the group is copied at all. */
static bool is_needed(const merge *self)
{
    const merge_group *group = &self->group;
    const record *found = &group->records[group->next];
    if (found->kind == RECORD_DICTIONARY || (PYKV_PLANTED(163) && has_expired(self, found))) {
        return false;
    }
    return found->kind == RECORD_PUT ? group->keep[group->next] : must_keep_mark(self, found);
}

/* Copies what is needed of some records; *done when the input is at its end. A full output ends the
 * phase. */
static pykv_status copy_some(bitcask *store, merge *self, bool *done)
{
    merge_group *group = &self->group;
    bool full = false;
    pykv_status status = PYKV_OK;
    if (group->next == group->count) {
        read_group(store, self);
        if (!find_current(store, group)) {
            find_current_locked(store, group);
        }
    }
    while (group->next < group->count && status == PYKV_OK && !full) {
        status = is_needed(self) ? copy_record(store, self, &full) : PYKV_OK;
        group->next += !full || PYKV_PLANTED(307);
    }
    if (full) {
        self->phase = MERGE_COMMIT;
    }
    *done = !full && group->count < MERGE_GROUP_RECORDS;
    return status;
}

static pykv_status check_input_end(const merge *self)
{
    const segment *source = self->inputs[self->input_index];
    uint64_t length = atomic_load_explicit(&source->length, memory_order_acquire);
    if (self->reader.valid_end == length) {
        return PYKV_OK;
    }
    return error_set_corruption(env_file_path(source->file), self->reader.valid_end,
                                "a record of a segment being merged is damaged", length,
                                self->reader.valid_end);
}

pykv_status merge_copy_step(bitcask *store, merge *self)
{
    uint64_t limit = self->reader.offset + BITCASK_STEP_BYTES;
    bool done = false;
    pykv_status status = PYKV_OK;
    if (!self->reader_ready) {
        status = begin_input(self);
        limit = BITCASK_STEP_BYTES;
    }
    while (status == PYKV_OK && !done && self->phase == MERGE_COPY && self->reader.offset < limit) {
        status = copy_some(store, self, &done);
    }
    if (self->sink != NULL) {
        log_sink_pace(self->sink);
    }
    if (status != PYKV_OK || !done) {
        return status;
    }
    status = check_input_end(self);
    self->reader_ready = false;
    self->input_index++;
    if (self->input_index == self->input_count) {
        mutex_lock(&store->writer);
        self->copied_sequence = store->published_sequence;
        mutex_unlock(&store->writer);
        self->phase = MERGE_COMMIT;
    }
    return status;
}
