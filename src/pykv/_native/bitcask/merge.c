/*
 * merge: the running merge and its phases.
 */
#include "bitcask/merge.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/find.h"
#include "bitcask/image.h"
#include "bitcask/limbo.h"
#include "bitcask/publish.h"
#include "bitcask/rolling.h"
#include "bitcask/sync.h"
#include "log/log_reader.h"

typedef enum merge_phase { MERGE_COPY, MERGE_COMMIT, MERGE_SWING, MERGE_REMOVE } merge_phase;

enum { MERGE_LOCK_RECORDS = 64 }; /* looked up or swung in one hold of the writer lock */

struct merge {
    merge_phase phase;
    segment *inputs[MERGE_INPUTS_MAX];
    size_t input_count;
    size_t input_index;        /* COPY: which input */
    uint64_t other_birth;      /* lowest birth of the segments that are no inputs */
    uint64_t durable_clear;    /* clears up to it are in a durable manifest */
    segment *output;           /* NULL until the first record is copied */
    uint64_t birth_sequence;
    uint64_t capacity;
    log_sink *sink;
    log_writer writer;
    log_reader reader;         /* over the current input, or the output while swinging */
    bool reader_ready;
    buffer scratch;            /* holds the file where it is not mapped */
    hint_list hints;
    uint64_t swing_index;      /* SWING: which hint entry */
};

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

static void unpin_inputs(bitcask *store, merge *self) REQUIRES(store->writer)
{
    for (size_t i = 0; i < self->input_count; i++) {
        bitcask_unpin_segment(store, self->inputs[i]);
    }
}

static void free_merge(bitcask *store, merge *self) REQUIRES(store->merge_lock)
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
    unpin_inputs(store, self);
    mutex_unlock(&store->writer);
    free_merge(store, self);
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
        free_merge(store, store->merge);
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
        self->phase = MERGE_COMMIT;
    }
    return status;
}

/* ---- COMMIT ---- */

static void describe_output(bitcask *store, merge *self)
{
    segment *output = self->output;
    mutex_lock(&store->writer);
    atomic_store_explicit(&output->length, log_sink_tail(self->sink), memory_order_release);
    for (uint64_t i = 0; i < self->hints.count; i++) {
        const hint_entry *entry = &self->hints.entries[i];
        if (output->first_sequence == 0 || entry->sequence < output->first_sequence) {
            output->first_sequence = entry->sequence;
        }
        if (entry->sequence > output->last_sequence) {
            output->last_sequence = entry->sequence;
        }
        if (entry->kind != RECORD_PUT) {
            output->tombstone_bytes += entry->bytes;
            output->tombstone_count++;
        }
    }
    output->sealed = true;
    output->synced = true;
    output->merging = false;
    mutex_unlock(&store->writer);
}

/* Writes the manifest, as clean as it is. */
static pykv_status write_list(bitcask *store) REQUIRES(store->manifest_lock)
{
    mutex_lock(&store->writer);
    bool clean = !store->ground_ready;
    mutex_unlock(&store->writer);
    return bitcask_write_manifest(store, clean);
}

static pykv_status commit_step(bitcask *store, merge *self)
{
    if (self->output == NULL) {
        self->phase = MERGE_REMOVE;
        return PYKV_OK;
    }
    pykv_status status = PYKV_PLANTED(29) ? PYKV_OK : env_file_sync(self->output->file);
    if (status != PYKV_OK) {
        return status;
    }
    describe_output(store, self);
    self->output->has_hint = hint_write(store, self->output, &self->hints) == PYKV_OK;
    status = env_directory_sync(store->home);
    if (status == PYKV_OK) {
        mutex_lock(&store->manifest_lock);
        status = write_list(store);
        mutex_unlock(&store->manifest_lock);
    }
    if (status != PYKV_OK) {
        return status;
    }
    atomic_fetch_add_explicit(&store->counters.merged_bytes, log_sink_tail(self->sink),
                              memory_order_relaxed);
    self->phase = MERGE_SWING;
    return PYKV_OK;
}

/* ---- SWING ---- */

/* Points the slot of entry's key to the output if it still leads to the same record in an input. */
static pykv_status swing_one(bitcask *store, merge *self, const hint_entry *entry)
    REQUIRES(store->writer)
{
    uint64_t address = bitcask_address(self->output, entry->offset);
    keydir_cursor cursor;
    record copy;
    record current;
    pykv_status status = bitcask_check_image_locked(store, entry->hash);
    directory *keys = atomic_load_explicit(&store->directory, memory_order_relaxed);
    if (status == PYKV_OK) {
        status = segment_read(self->output, entry->offset, true, &self->scratch, &copy);
    }
    if (status == PYKV_OK && store->open_scan_count > 0) {
        status = undo_reserve(&keys->undo, 1);
    }
    if (status == PYKV_OK) {
        status = bitcask_find(store, keys, entry->hash, copy.key, READ_COLD_LOCKED, false,
                              &store->scratch, &cursor, &current);
    }
    if (status == PYKV_NOT_FOUND ||
        (status == PYKV_OK && (current.sequence != entry->sequence || cursor.address == address))) {
        return PYKV_OK;
    }
    if (status != PYKV_OK) {
        return status;
    }
    segment *holder = extent_segment(&store->extents, cursor.address);
    uint64_t old_bytes = record_bytes(current.flags, current.key.size, current.value.size);
    bitcask_displace(store, keys, entry->hash, cursor.address);
    holder->live_bytes -= old_bytes;
    holder->live_count--;
    keydir_replace(keys->keys, &cursor, entry->hash, address);
    self->output->live_bytes += entry->bytes;
    self->output->live_count++;
    return PYKV_OK;
}

static pykv_status swing_step(bitcask *store, merge *self)
{
    pykv_status status = PYKV_OK;
    mutex_lock(&store->writer);
    for (int i = 0; i < MERGE_LOCK_RECORDS && status == PYKV_OK &&
                    self->swing_index < self->hints.count;
         i++) {
        const hint_entry *entry = &self->hints.entries[self->swing_index];
        if (entry->kind == RECORD_PUT) {
            status = swing_one(store, self, entry);
        }
        self->swing_index++;
    }
    mutex_unlock(&store->writer);
    if (status == PYKV_OK && self->swing_index == self->hints.count) {
        self->phase = MERGE_REMOVE;
    }
    return status;
}

/* ---- REMOVE ---- */

static void unlink_input(bitcask *store, const segment *input)
{
    for (int hint = 0; hint < 2; hint++) {
        char name[SEGMENT_NAME_BYTES];
        segment_name(input->number, hint == 1, name);
        if (env_unlink(store->home, name) != PYKV_OK) {
            /* The next open removes it: no manifest lists it. */
        }
    }
}

static pykv_status write_without_inputs(bitcask *store)
{
    mutex_lock(&store->manifest_lock);
    uint64_t merge_edit = store->merge_edit;
    store->merge_edit = store->edit + 1;
    pykv_status status = write_list(store);
    if (status != PYKV_OK) {
        store->merge_edit = merge_edit;
    }
    mutex_unlock(&store->manifest_lock);
    return status;
}

static pykv_status remove_step(bitcask *store, merge *self) REQUIRES(store->merge_lock)
{
    mutex_lock(&store->writer);
    for (size_t i = 0; i < self->input_count; i++) {
        self->inputs[i]->leaving = true;
    }
    mutex_unlock(&store->writer);
    pykv_status status = write_without_inputs(store);
    mutex_lock(&store->writer);
    for (size_t i = 0; i < self->input_count; i++) {
        self->inputs[i]->leaving = false;
        if (status == PYKV_OK) {
            bitcask_remove_segment(store, self->inputs[i]);
            self->inputs[i]->removed = true;
        }
    }
    mutex_unlock(&store->writer);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < self->input_count; i++) {
        unlink_input(store, self->inputs[i]);
    }
    mutex_lock(&store->writer);
    unpin_inputs(store, self);
    mutex_unlock(&store->writer);
    atomic_fetch_add_explicit(&store->counters.merge_count, 1, memory_order_relaxed);
    free_merge(store, self);
    return PYKV_OK;
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
        status = commit_step(store, self);
        break;
    case MERGE_SWING:
        status = swing_step(store, self);
        break;
    case MERGE_REMOVE:
        status = remove_step(store, self);
        break;
    }
    if (status != PYKV_OK && store->merge != NULL) {
        end_early(store, store->merge);
    }
    *more_out = status == PYKV_OK && store->merge != NULL;
    return status;
}
