/*
 * merge: the running merge and its phases.
 */
#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/find.h"
#include "bitcask/image.h"
#include "bitcask/limbo.h"
#include "bitcask/merge_internal.h"
#include "bitcask/publish.h"
#include "bitcask/rolling.h"
#include "bitcask/sync.h"
#include "log/log_reader.h"

/* ---- beginning and ending ---- */

static uint64_t lowest_birth_outside(const bitcask *store, segment *const *inputs, size_t count)
    REQUIRES(store->writer)
{
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < store->segment_count; i++) {
        bool is_input = false;
        for (size_t j = 0; j < count; j++) {
            is_input |= store->segments[i] == inputs[j];
        }
        if (!is_input && segment_birth(store->segments[i]) < lowest) {
            lowest = segment_birth(store->segments[i]);
        }
    }
    return lowest;
}

pykv_status merge_begin(bitcask *store, segment *const *inputs, size_t input_count)
{
    PYKV_ASSERT(store->merge == NULL && input_count > 0 && input_count <= MERGE_INPUTS_MAX);
    pykv_status status = bitcask_check_image_rest(store);
    if (status != PYKV_OK) {
        return status;
    }
    merge *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    mutex_lock(&store->writer);
    self->birth_sequence = store->published_sequence;
    self->other_birth = lowest_birth_outside(store, inputs, input_count);
    self->durable_clear = store->durable_clear_sequence;
    self->capacity = LOG_SEGMENT_HEADER_BYTES;
    for (size_t i = 0; i < input_count; i++) {
        self->inputs[i] = inputs[i];
        self->inputs[i]->pin_count++;
        self->capacity += atomic_load_explicit(&inputs[i]->length, memory_order_relaxed);
    }
    self->input_count = input_count;
    mutex_unlock(&store->writer);
    store->merge = self;
    return PYKV_OK;
}

void merge_unpin_inputs(bitcask *store, merge *self) REQUIRES(store->writer)
{
    for (size_t i = 0; i < self->input_count; i++) {
        bitcask_unpin_segment(store, self->inputs[i]);
    }
}

void merge_free(bitcask *store, merge *self) REQUIRES(store->merge_lock)
{
    if (self->sink != NULL) {
        log_sink_close(self->sink);
    }
    hint_list_reset(&self->hints);
    buffer_reset(&self->scratch);
    mem_free(self);
    store->merge = NULL;
}

/* Removes an unfinished output. A finished one stays: a manifest may list it already. */
static void drop_output(bitcask *store, merge *self)
{
    char name[SEGMENT_NAME_BYTES];
    mutex_lock(&store->writer);
    bool drop = self->output != NULL && self->output->merging;
    if (drop) {
        segment_name(self->output->number, false, name);
        bitcask_remove_segment(store, self->output);
        bitcask_retire_segment(store, self->output);
    }
    mutex_unlock(&store->writer);
    if (!drop) {
        return;
    }
    if (env_unlink(store->home, name) != PYKV_OK) {
        /* The next open removes it: no manifest lists it. */
    }
}

static void end_early(bitcask *store, merge *self) REQUIRES(store->merge_lock)
{
    pykv_error failure = *error_last();
    drop_output(store, self);
    mutex_lock(&store->writer);
    merge_unpin_inputs(store, self);
    mutex_unlock(&store->writer);
    merge_free(store, self);
    error_restore(&failure);
}

void merge_abandon(bitcask *store)
{
    mutex_lock(&store->merge_lock);
    if (store->merge != NULL) {
        end_early(store, store->merge);
    }
    mutex_unlock(&store->merge_lock);
}

void merge_forget(bitcask *store)
{
    mutex_lock(&store->merge_lock);
    if (store->merge != NULL) {
        merge_free(store, store->merge);
    }
    mutex_unlock(&store->merge_lock);
}

/* ---- COPY ---- */

static pykv_status make_output(bitcask *store, merge *self)
{
    log_segment_header header = {.kind = LOG_SEGMENT_MERGED,
                                 .store_id = store->store_id,
                                 .birth_sequence = self->birth_sequence};
    segment *made;
    pykv_status status = env_random(store->env, &header.file_id, sizeof header.file_id);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&store->writer);
    header.number = (uint32_t)store->next_number++;
    header.synced_through = store->synced_position;
    mutex_unlock(&store->writer);
    status = segment_create(store->home, &header, self->capacity, store->mapped_reads, &made);
    if (status != PYKV_OK) {
        return status;
    }
    status = log_sink_open_pwrite(made->file, LOG_SEGMENT_HEADER_BYTES, &self->sink);
    mutex_lock(&store->writer);
    if (status == PYKV_OK) {
        status = bitcask_add_segment(store, made, self->capacity, BITCASK_NO_ADDRESS);
    }
    made->merging = true;
    mutex_unlock(&store->writer);
    if (status != PYKV_OK) {
        segment_close(made);
        return status;
    }
    self->output = made;
    log_writer_init(&self->writer, self->sink, made->file_id, UINT64_MAX, 0);
    return PYKV_OK;
}

static pykv_status begin_input(bitcask *store, merge *self)
{
    (void)store;
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

/* Tells whether the record at address is what its key's slot leads to. */
static pykv_status is_current(bitcask *store, uint64_t hash, uint64_t address, bool *current_out)
    REQUIRES(store->writer)
{
    keydir_cursor cursor;
    pykv_status status = bitcask_check_image_locked(store, hash);
    if (status != PYKV_OK) {
        return status;
    }
    directory *keys = atomic_load_explicit(&store->directory, memory_order_relaxed);
    *current_out = false;
    keydir_find_locked(keys->keys, hash, &cursor);
    while (!*current_out && keydir_next(&cursor)) {
        *current_out = cursor.address == address;
    }
    return PYKV_OK;
}

/* Rules 3 and 4, for tombstones and clears. */
static bool must_keep_mark(const merge *self, const record *found)
{
    if (found->kind == RECORD_CLEAR) {
        return found->sequence > self->durable_clear;
    }
    if (found->sequence <= self->durable_clear) {
        return false;
    }
    return self->other_birth <= found->sequence && !PYKV_PLANTED(28);
}

static pykv_status copy_record(bitcask *store, merge *self, const record *found, uint64_t hash)
{
    record copy = *found;
    uint64_t offset;
    pykv_status status = self->output == NULL ? make_output(store, self) : PYKV_OK;
    copy.flags &= (uint8_t)~(RECORD_FLAG_BATCH | RECORD_FLAG_BATCH_LAST | RECORD_FLAG_SYNCED);
    if (status == PYKV_OK) {
        status = log_writer_append(&self->writer, &copy, &offset);
    }
    if (status != PYKV_OK) {
        return status;
    }
    hint_entry entry = {.hash = hash,
                        .sequence = copy.sequence,
                        .offset = offset,
                        .bytes = record_bytes(copy.flags, copy.key.size, copy.value.size),
                        .kind = copy.kind};
    return hint_list_add(&self->hints, &entry);
}

/* Copies what is needed of some records; *done when the input is at its end. */
static pykv_status copy_some(bitcask *store, merge *self, bool *done)
{
    record records[MERGE_LOCK_RECORDS];
    uint64_t hashes[MERGE_LOCK_RECORDS];
    uint64_t offsets[MERGE_LOCK_RECORDS];
    bool keep[MERGE_LOCK_RECORDS];
    const segment *source = self->inputs[self->input_index];
    size_t count = 0;
    while (count < MERGE_LOCK_RECORDS &&
           log_reader_next(&self->reader, &records[count], &offsets[count])) {
        hashes[count] = bitcask_hash(store, records[count].key.data, records[count].key.size);
        count++;
    }
    *done = count < MERGE_LOCK_RECORDS;
    pykv_status status = PYKV_OK;
    mutex_lock(&store->writer);
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        if (records[i].kind == RECORD_PUT) {
            status = is_current(store, hashes[i], bitcask_address(source, offsets[i]), &keep[i]);
        } else {
            keep[i] = must_keep_mark(self, &records[i]);
        }
    }
    mutex_unlock(&store->writer);
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        if (keep[i]) {
            status = copy_record(store, self, &records[i], hashes[i]);
        }
    }
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

static pykv_status copy_step(bitcask *store, merge *self)
{
    uint64_t limit = self->reader.offset + BITCASK_STEP_BYTES;
    bool done = false;
    pykv_status status = PYKV_OK;
    if (!self->reader_ready) {
        status = begin_input(store, self);
        limit = BITCASK_STEP_BYTES;
    }
    while (status == PYKV_OK && !done && self->reader.offset < limit) {
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

pykv_status merge_step(bitcask *store, bool *more_out)
{
    merge *self = store->merge;
    pykv_status status = PYKV_OK;
    switch (self->phase) {
    case MERGE_COPY:
        status = copy_step(store, self);
        break;
    case MERGE_COMMIT:
        status = merge_commit_step(store, self);
        break;
    case MERGE_SWING:
        status = merge_swing_step(store, self);
        break;
    case MERGE_REMOVE:
        status = merge_remove_step(store, self);
        break;
    }
    if (status != PYKV_OK && store->merge != NULL) {
        end_early(store, store->merge);
    }
    *more_out = status == PYKV_OK && store->merge != NULL;
    return status;
}
