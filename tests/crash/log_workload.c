/*
 * log_workload: the writing half: records, segments, syncs. Single-threaded.
 */
#include "crash/log_workload.h"

#include "crash/log_subject.h"
#include "crash/log_workload_parts.h"
#include "harness/check.h"

#include "base/memory.h"

/* A number that follows from seed, sequence and attempt alone. */
static uint64_t mix(const log_workload *plan, uint64_t sequence, uint64_t number)
{
    uint64_t state = (plan->seed + 1) * UINT64_C(0x9E3779B97F4A7C15) ^
                     sequence * UINT64_C(0xBF58476D1CE4E5B9) ^
                     number * UINT64_C(0x94D049BB133111EB);
    (void)check_random(&state, 2);
    return check_random(&state, UINT64_MAX);
}

/* Most values are small, some longer than a small segment, a few longer than LOG_COPY_BYTES_MAX. */
static size_t value_size(uint64_t chance)
{
    uint64_t low = chance >> 32;
    switch (chance % 64) {
    case 0:
        return (size_t)(chance % 640 == 0 ? LOG_COPY_BYTES_MAX + low % 5000 : low % 9000);
    case 1:
    case 2:
    case 3:
    case 4:
        return (size_t)(low % 2000);
    default:
        return (size_t)(low % 160);
    }
}

void log_workload_record(const log_workload *plan, uint64_t sequence, uint64_t number,
                         log_workload_bytes *bytes, record *out)
{
    uint64_t chance = mix(plan, sequence, number);
    int key_length =
        snprintf(bytes->key, sizeof bytes->key, "%" PRIu64 ".%" PRIu64, sequence, number);
    size_t size = value_size(chance);
    *out = (record){.kind = RECORD_PUT, .sequence = sequence};
    if (chance >> 24 & 1 && chance >> 25 & 1 && chance >> 26 & 1) {
        out->kind = RECORD_DELETE;
        size = 0;
    }
    memset(bytes->value, (int)(chance >> 16 & 0xFF), size);
    for (size_t i = 0; i < size; i += 16) {
        bytes->value[i] = (uint8_t)(i + sequence);
    }
    out->key = slice_make(bytes->key, (size_t)key_length);
    out->value = slice_make(bytes->value, size);
    out->body_crc = record_body_crc(out);
}

pykv_status log_store_open(log_store *self, env *disk, const log_workload *plan,
                           log_history *history)
{
    memset(self, 0, sizeof *self);
    memset(history, 0, sizeof *history);
    self->plan = plan;
    self->history = history;
    self->chance = plan->seed + 1;
    return env_directory_open(disk, "/log", true, &self->directory);
}

void log_store_close(log_store *self)
{
    log_sink_close(self->sink);
    log_sink_close(self->prepared_sink);
    if (self->file != NULL) {
        env_file_close(self->file);
    }
    if (self->prepared != NULL) {
        env_file_close(self->prepared);
    }
    for (size_t i = 0; i < self->older_count; i++) {
        env_file_close(self->older[i]);
    }
    if (self->directory != NULL) {
        env_directory_close(self->directory);
    }
}

pykv_status log_workload_segment_new(env_directory *directory, const char *name,
                                     const log_segment_header *header, const log_workload *plan,
                                     env_file **file_out, log_sink **sink_out)
{
    uint8_t bytes[LOG_SEGMENT_HEADER_BYTES];
    env_file *file = NULL;
    pykv_status status =
        env_file_open(directory, name, ENV_READ | ENV_WRITE | ENV_CREATE | ENV_TRUNCATE, &file);
    if (status != PYKV_OK) {
        return status;
    }
    log_segment_encode(header, bytes);
    slice part = slice_make(bytes, sizeof bytes);
    status = env_file_write(file, 0, &part, 1);
    if (status == PYKV_OK) {
        status =
            plan->mapped
                ? log_sink_open_mapped(file, LOG_SEGMENT_HEADER_BYTES, plan->capacity, sink_out)
                : log_sink_open_pwrite(file, LOG_SEGMENT_HEADER_BYTES,
                                       plan->seed % 2 == 0 ? plan->capacity : 0, sink_out);
    }
    if (status != PYKV_OK) {
        env_file_close(file);
        return status;
    }
    *file_out = file;
    return PYKV_OK;
}

/* Seals the active segment and sets it aside until it is synced. */
static pykv_status seal(log_store *self)
{
    pykv_status status = log_sink_seal(self->sink);
    if (status != PYKV_OK) {
        return status;
    }
    CHECK(self->older_count < LOG_WORKLOAD_FILE_COUNT_MAX);
    log_sink_close(self->sink);
    self->older[self->older_count++] = self->file;
    self->file = NULL;
    self->sink = NULL;
    return PYKV_OK;
}

/* Makes the next segment, whose records come later. */
static pykv_status prepare(log_store *self)
{
    char name[32];
    self->number++;
    self->directory_changed = true;
    snprintf(name, sizeof name, "%08x.log", self->number);
    log_segment_header header = {.kind = LOG_SEGMENT_APPEND,
                                 .number = self->number,
                                 .file_id = mix(self->plan, self->number, 0),
                                 .birth_sequence = self->history->last_sequence + 1,
                                 .synced_through = self->synced_through,
                                 .store_id = self->plan->seed};
    self->prepared_number = self->number;
    self->prepared_file_id = header.file_id;
    return log_workload_segment_new(self->directory, name, &header, self->plan, &self->prepared,
                                    &self->prepared_sink);
}

/* Seals the active segment and goes on in a new one. */
static pykv_status roll(log_store *self)
{
    pykv_status status = self->prepared == NULL ? prepare(self) : PYKV_OK;
    if (status == PYKV_OK && self->file != NULL) {
        status = seal(self);
    }
    if (status != PYKV_OK) {
        return status;
    }
    self->file = self->prepared;
    self->sink = self->prepared_sink;
    self->active_number = self->prepared_number;
    self->prepared = NULL;
    self->prepared_sink = NULL;
    log_writer_init(&self->writer, self->sink, self->prepared_file_id, self->plan->capacity,
                    self->synced_through);
    return PYKV_OK;
}

/* Appends to a segment with room, which is prepared if the sink asks for it. */
static pykv_status write_records(log_store *self, record *records, size_t count, uint64_t size)
{
    uint64_t offsets[LOG_WORKLOAD_BATCH_COUNT_MAX];
    pykv_status status = PYKV_OK;
    if (self->file == NULL || !log_writer_fits(&self->writer, size)) {
        status = roll(self);
    }
    for (int turn = 0; turn < 2 && status == PYKV_OK; turn++) {
        status = count == 1 ? log_writer_append(&self->writer, records, offsets)
                            : log_writer_append_batch(&self->writer, records, count, offsets);
        if (status != PYKV_WOULD_BLOCK) {
            return status;
        }
        status = log_sink_prepare(self->sink, size + 8);
    }
    return status;
}

static pykv_status write_step(log_store *self, size_t count)
{
    static log_workload_bytes bytes[LOG_WORKLOAD_BATCH_COUNT_MAX];
    record records[LOG_WORKLOAD_BATCH_COUNT_MAX];
    log_history *history = self->history;
    attempt now = {++self->attempt_count, history->last_sequence + 1, count};
    uint64_t size = RECORD_EXTENSION_BYTES_MAX;
    for (size_t i = 0; i < count; i++) {
        log_workload_record(self->plan, now.first_sequence + i, now.number, &bytes[i], &records[i]);
        size += log_writer_bytes(&self->writer, &records[i]);
    }
    CHECK(history->failed_count < LOG_WORKLOAD_FAILED_COUNT_MAX);
    history->failed[history->failed_count++] = now;
    pykv_status status = write_records(self, records, count, size);
    if (status == PYKV_OK) {
        CHECK(history->commit_count < LOG_WORKLOAD_COMMIT_COUNT_MAX);
        history->commits[history->commit_count++] = now;
        history->failed_count--;
        history->last_sequence += count;
    }
    return status;
}

/* Syncs and closes the sealed segments, oldest first. */
static pykv_status sync_older(log_store *self)
{
    while (self->older_count > 0) {
        pykv_status status = env_file_sync(self->older[0]);
        if (status != PYKV_OK) {
            return status;
        }
        env_file_close(self->older[0]);
        self->older_count--;
        memmove(&self->older[0], &self->older[1], self->older_count * sizeof self->older[0]);
    }
    return PYKV_OK;
}

static pykv_status sync_directory(log_store *self)
{
    if (!self->directory_changed) {
        return PYKV_OK;
    }
    pykv_status status = env_directory_sync(self->directory);
    if (status == PYKV_OK) {
        self->directory_changed = false;
    }
    return status;
}

pykv_status log_store_sync(log_store *self)
{
    uint64_t end = 0;
    pykv_status status = PYKV_OK;
    if (self->file != NULL) {
        end = log_writer_end(&self->writer);
        if (self->plan->padding) {
            status = log_writer_pad(&self->writer);
            if (status != PYKV_OK) {
                return status;
            }
        }
    }
    status = sync_older(self);
    if (status == PYKV_OK && self->file != NULL) {
        status = env_file_sync(self->file);
    }
    if (status == PYKV_OK) {
        status = sync_directory(self);
    }
    if (status != PYKV_OK) {
        self->failed = true;
        return status;
    }
    log_history_synced(self->history, self->history->last_sequence);
    if (self->file != NULL && end != 0) {
        self->synced_through = log_position(self->active_number, end);
        log_writer_synced(&self->writer, self->synced_through);
    }
    return PYKV_OK;
}

pykv_status log_store_step(log_store *self)
{
    uint64_t choice = check_random(&self->chance, 100);
    uint64_t count = 2 + check_random(&self->chance, LOG_WORKLOAD_BATCH_COUNT_MAX - 1);
    if (choice < self->plan->sync_percent) {
        return log_store_sync(self);
    }
    if (choice >= 95 && self->prepared == NULL) {
        return prepare(self);
    }
    return write_step(self, choice < self->plan->sync_percent + 20 ? (size_t)count : 1);
}

/* ---- as a subject of the suites ---- */

static log_store only_store;

static void close_only(void)
{
    log_store_close(&only_store);
    memset(&only_store, 0, sizeof only_store);
}

static pykv_status open_only(env *disk, const log_workload *plan, log_history *history)
{
    return log_store_open(&only_store, disk, plan, history);
}

static pykv_status step_only(void)
{
    return log_store_step(&only_store);
}

static pykv_status sync_only(void)
{
    return log_store_sync(&only_store);
}

static bool only_has_failed(void)
{
    return only_store.failed;
}

const log_subject log_store_subject = {
    .open = open_only,
    .step = step_only,
    .sync = sync_only,
    .has_failed = only_has_failed,
    .close = close_only,
    .check = log_store_check,
    .recover = log_store_recover,
};
