/*
 * wal: appending, rolling from log to log, the list of logs, opening and closing.
 * Thread-safety as wal.h states it.
 */
#include "lsm/wal.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/process.h"
#include "log/log_file.h"
#include "lsm/version_edit.h"
#include "lsm/wal_internal.h"

enum {
    MARK_BYTES = 8,
    BATCH_END_BYTES = 8,
    BATCH_FLAGS = RECORD_FLAG_BATCH | RECORD_FLAG_BATCH_LAST,
    BYTES_TOO_MANY = 64 /* that wal_bytes may say */
};

/* ---- appending ---- */

pykv_status wal_check(const wal *self)
{
    wal_lock_is_held(self);
    if (PYKV_LIKELY(!self->failed)) {
        return PYKV_OK;
    }
    return error_set(
        PYKV_STORE_FAILED,
        "writes are refused since a failure (%.300s): close the store and open it again",
        self->failure.text);
}

uint64_t wal_batch_bytes(const record *records, size_t count)
{
    uint64_t bytes = MARK_BYTES + BATCH_END_BYTES;
    for (size_t i = 0; i < count; i++) {
        uint8_t flags = (uint8_t)(records[i].flags & ~(BATCH_FLAGS | RECORD_FLAG_SYNCED));
        bytes += record_bytes(flags, records[i].key.size, records[i].value.size);
    }
    return bytes;
}

/* True if the log takes bytes more: an empty one takes everything. */
static inline bool fits(const wal *self, const wal_log *log, uint64_t bytes)
{
    return log_writer_end(&log->writer) == 0 || log_sink_tail(log->sink) + bytes <= self->log_bytes;
}

/* True if bytes more can be appended without waiting for prepared bytes. */
static bool is_ready(const wal *self, const wal_log *log, uint64_t bytes)
{
    if (!log_sink_is_mapped(log->sink) || bytes > LOG_BUILT_BYTES_MAX + BYTES_TOO_MANY) {
        return true; /* what is larger is not built in the mapping */
    }
    uint64_t end = log_sink_tail(log->sink) + bytes;
    end = end < self->log_bytes ? end : self->log_bytes;
    return end <= atomic_load_explicit(&log->sink->ready_until, memory_order_acquire);
}

wal_shortage wal_find_shortage(const wal *self, uint64_t bytes)
{
    wal_log *active = self->active;
    if (active != NULL && fits(self, active, bytes)) {
        return is_ready(self, active, bytes) ? WAL_SHORT_OF_NOTHING : WAL_SHORT_OF_BYTES;
    }
    if (wal_unsynced_count(self) >= WAL_UNSYNCED_SEALED_MAX) {
        return WAL_SHORT_OF_SYNC;
    }
    return self->prepared == NULL ? WAL_SHORT_OF_LOG : WAL_SHORT_OF_ROLL;
}

/* Beyond the active log, or what is ready of it. */
static pykv_status make_room(wal *self, uint64_t bytes) REQUIRES(self->writer)
{
    pykv_status status = wal_check(self);
    wal_shortage missing = wal_find_shortage(self, bytes);
    if (status == PYKV_OK && missing == WAL_SHORT_OF_ROLL) {
        status = wal_activate_prepared(self);
        missing = wal_find_shortage(self, bytes);
    }
    if (status != PYKV_OK) {
        return status;
    }
    return missing == WAL_SHORT_OF_NOTHING ? PYKV_OK : PYKV_WOULD_BLOCK;
}

pykv_status wal_room(wal *self, uint64_t bytes)
{
    wal_lock_is_held(self);
    const wal_log *active = self->active;
    if (PYKV_LIKELY(active != NULL && !self->failed)) {
        const log_sink *sink = active->sink;
        uint64_t limit = log_sink_is_mapped(sink)
                             ? atomic_load_explicit(&sink->ready_until, memory_order_acquire)
                             : self->log_bytes;
        if (PYKV_LIKELY(log_sink_tail(sink) + bytes <= limit)) {
            return PYKV_OK;
        }
    }
    return make_room(self, bytes);
}

static pykv_status append_batch(wal_log *active, record *records, size_t count, uint64_t sequence)
{
    for (size_t i = 0; i < count; i++) {
        records[i].sequence = sequence + i;
    }
    size_t together = PYKV_PLANTED(79) ? 1 : count;
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < count && status == PYKV_OK; i += together) {
        status = log_writer_append_batch(&active->writer, &records[i], together, NULL);
    }
    return status;
}

pykv_status wal_append(wal *self, record *records, size_t count)
{
    wal_lock_is_held(self);
    wal_log *active = self->active;
    PYKV_ASSERT(active != NULL && !self->failed);
    PYKV_ASSERT(count > 0);
    uint64_t sequence = self->appended_sequence + 1;
    uint64_t offset;
    pykv_status status;
    if (PYKV_LIKELY(count == 1)) {
        records->sequence = sequence;
        records->flags &= (uint8_t)~BATCH_FLAGS;
        status = log_writer_append(&active->writer, records, &offset);
    } else {
        status = append_batch(active, records, count, sequence);
    }
    if (PYKV_UNLIKELY(status != PYKV_OK)) {
        return status;
    }
    self->appended_sequence += count;
    active->last_sequence = self->appended_sequence;
    if (PYKV_UNLIKELY(log_sink_tail(active->sink) >= self->ahead_at)) {
        self->ahead_at = UINT64_MAX;
        self->owner.wake_log(self->owner.context);
    }
    return PYKV_OK;
}

/* ---- rolling ---- */

uint32_t wal_unsynced_count(const wal *self)
{
    uint32_t count = 0;
    for (size_t i = 0; i < self->log_count; i++) {
        count += self->logs[i]->sealed && !self->logs[i]->synced;
    }
    return count;
}

pykv_status wal_seal_active(wal *self)
{
    wal_log *active = self->active;
    if (active == NULL) {
        return PYKV_OK;
    }
    pykv_status status = log_sink_seal(active->sink);
    if (status == PYKV_OK) {
        active->sealed = true;
        active->synced = active->last_sequence <= self->synced_sequence;
        self->active = NULL;
    }
    return status;
}

pykv_status wal_activate_prepared(wal *self)
{
    uint64_t position = self->synced_position;
    if (PYKV_PLANTED(78) && self->active != NULL) {
        position = log_position(self->active->number, log_writer_end(&self->active->writer));
    }
    pykv_status status = wal_seal_active(self);
    if (status != PYKV_OK) {
        return status;
    }
    self->active = self->prepared;
    self->active->first_sequence = self->appended_sequence + 1;
    self->prepared = NULL;
    self->ahead_at = log_sink_prepare_at(self->active->sink);
    log_writer_synced(&self->active->writer, position);
    self->owner.wake_log(self->owner.context);
    return PYKV_OK;
}

pykv_status wal_roll(wal *self)
{
    wal_lock_is_held(self);
    pykv_status status = wal_check(self);
    bool empty = self->active != NULL && self->active->last_sequence == 0;
    if (status != PYKV_OK || empty) {
        return status;
    }
    if (self->prepared == NULL || wal_unsynced_count(self) >= WAL_UNSYNCED_SEALED_MAX) {
        return PYKV_WOULD_BLOCK;
    }
    return wal_activate_prepared(self);
}

/* ---- the list ---- */

uint64_t wal_last_sequence(const wal *self)
{
    wal_lock_is_held(self);
    return self->appended_sequence;
}

uint64_t wal_synced_sequence(const wal *self)
{
    wal_lock_is_held(self);
    return self->synced_sequence;
}

uint64_t wal_synced_position(const wal *self)
{
    wal_lock_is_held(self);
    return self->synced_position;
}

/* True if a log that nobody else needs is kept for who reads changes. */
static bool is_kept(const wal *self, const wal_log *log) REQUIRES(self->writer)
{
    return log->number >= self->keep_from && log->last_sequence != 0 && !PYKV_PLANTED(130);
}

uint32_t wal_first_after(const wal *self, uint64_t sequence)
{
    uint32_t number = 0;
    wal_lock_is_held(self);
    for (size_t i = 0; i < self->log_count; i++) {
        const wal_log *log = self->logs[i];
        number = log->number;
        bool holds_more = log->last_sequence > sequence && !PYKV_PLANTED(254);
        if (!log->history && (!log->sealed || holds_more)) {
            return number;
        }
    }
    return number + 1;
}

pykv_status wal_list(const wal *self, uint32_t number, manifest_log **logs_out, size_t *count_out)
{
    wal_lock_is_held(self);
    size_t count = 0;
    manifest_log *listed = mem_alloc_zeroed(self->log_count + 1, sizeof *listed);
    if (listed == NULL) {
        return error_set_no_memory((self->log_count + 1) * sizeof *listed);
    }
    for (size_t i = 0; i < self->log_count; i++) {
        const wal_log *log = self->logs[i];
        bool is_live = wal_log_is_live(log, number);
        if (is_live || is_kept(self, log)) {
            listed[count++] =
                (manifest_log){.number = log->number,
                               .file_id = log->file_id,
                               .birth_sequence = log->birth_sequence,
                               .history_end = is_live ? 0 : log_writer_end(&log->writer),
                               .epoch = (uint32_t)(log->file == NULL ? log->epoch : self->epoch)};
        }
    }
    *logs_out = listed;
    *count_out = count;
    return PYKV_OK;
}

/* Bytes of a log up to its last record. The writer of an empty one may be changing, while the log
 * is prepared. */
static uint64_t used_bytes(const wal_log *log)
{
    return log->last_sequence != 0 ? log_writer_end(&log->writer) : LOG_SEGMENT_HEADER_BYTES;
}

wal_usage wal_usage_now(const wal *self)
{
    wal_lock_is_held(self);
    wal_usage usage = {.log_count = self->log_count,
                       .written_bytes = self->dropped_bytes,
                       .sync_count = self->sync_count,
                       .mapped = self->active != NULL ? log_sink_is_mapped(self->active->sink)
                                                      : self->mapped};
    for (size_t i = 0; i < self->log_count; i++) {
        usage.disk_bytes += used_bytes(self->logs[i]);
        usage.history_bytes += self->logs[i]->history ? used_bytes(self->logs[i]) : 0;
        usage.written_bytes += used_bytes(self->logs[i]) - LOG_SEGMENT_HEADER_BYTES;
    }
    return usage;
}

wal_log *wal_unpin(wal *self, wal_log *log)
{
    (void)self;
    PYKV_ASSERT(log->pin_count > 0);
    log->pin_count--;
    log->next = NULL;
    return log->pin_count == 0 && log->dropped ? log : NULL;
}

void wal_log_close(wal_log *log)
{
    log_sink_close(log->sink);
    env_file_close(log->file);
    mem_free(log);
}

void wal_take_away(wal *self, wal_log *dead)
{
    while (dead != NULL) {
        wal_log *log = dead;
        char name[LOG_FILE_NAME_BYTES];
        dead = log->next;
        log_file_name(log->number, name);
        if (env_unlink(self->home, name) != PYKV_OK) {
            /* The next open removes it: no manifest lists it. */
        }
        wal_log_close(log);
    }
}

/* Takes logs below number off the list; returns those that nobody uses. */
static wal_log *drop_logs(wal *self, uint32_t number) REQUIRES(self->writer)
{
    wal_log *dead = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < self->log_count; i++) {
        wal_log *log = self->logs[i];
        if (wal_log_is_live(log, number) && !(PYKV_PLANTED(81) && log->number == number)) {
            self->logs[kept++] = log;
            continue;
        }
        self->active = self->active == log ? NULL : self->active;
        self->prepared = self->prepared == log ? NULL : self->prepared;
        log->sealed = true;
        wal_note_synced(self, log->last_sequence);
        if (is_kept(self, log)) {
            log->history = true;
            log->synced = true;
            self->logs[kept++] = log;
            continue;
        }
        log->dropped = true;
        self->dropped_bytes += used_bytes(log) - LOG_SEGMENT_HEADER_BYTES;
        if (log->pin_count == 0) {
            log->next = dead;
            dead = log;
        }
    }
    self->log_count = kept;
    return dead;
}

void wal_drop_before(wal *self, uint32_t number)
{
    mutex_lock(self->writer);
    wal_log *dead = drop_logs(self, number);
    mutex_unlock(self->writer);
    wal_take_away(self, dead);
    wal_release_sinks(self);
}

/* ---- opening and closing ---- */

pykv_status wal_open(env *environment, env_directory *home, const wal_owner *owner,
                     const pykv_options *options, uint64_t store_id, uint64_t log_bytes,
                     uint64_t last_sequence, uint64_t durable_through,
                     wal **wal_out) SINGLE_THREADED
{
    PYKV_ASSERT(log_bytes >= WAL_LOG_BYTES_MIN && log_bytes <= WAL_LOG_BYTES_MAX);
    wal *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->environment = environment;
    self->home = home;
    self->owner = *owner;
    self->writer = owner->writer;
    self->options = options;
    self->store_id = store_id;
    self->log_bytes = log_bytes - log_bytes % RECORD_GRANULE_BYTES;
    self->mapped = env_directory_capabilities(home).mapped_log &&
                   options->log_sink != PYKV_LOG_PWRITE &&
                   options->durability != PYKV_DURABILITY_SYNC && process_guard_check();
    self->appended_sequence = last_sequence;
    self->synced_sequence = last_sequence;
    self->keep_from = UINT32_MAX;
    self->synced_position = durable_through;
    atomic_init(&self->last_sync_us, env_monotonic_us(environment));
    mutex_init(&self->prepare_lock);
    mutex_init(&self->sync_lock);
    condition_init(&self->sync_done);
    *wal_out = self;
    return PYKV_OK;
}

pykv_status wal_close(wal *self)
{
    pykv_status status = wal_sync(self);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(self->writer);
    wal_log *last = self->active;
    status = wal_seal_active(self);
    mutex_unlock(self->writer);
    if (status == PYKV_OK && last != NULL) {
        status = env_file_sync(last->file);
    }
    return status;
}

void wal_free(wal *self) SINGLE_THREADED
{
    if (self == NULL) {
        return;
    }
    if (self->made != NULL && self->made->dropped) {
        wal_log_close(self->made);
    }
    for (size_t i = 0; i < self->log_count; i++) {
        wal_log_close(self->logs[i]);
    }
    mem_free(self->logs);
    mutex_destroy(&self->prepare_lock);
    mutex_destroy(&self->sync_lock);
    condition_destroy(&self->sync_done);
    mem_free(self);
}
