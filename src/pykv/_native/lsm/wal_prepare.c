/*
 * wal_prepare: what a log needs before records come to it, done beside the writers: the file, its
 * place in a durable manifest, its sink, bytes ready ahead of the tail. And the step of the LOG
 * role. Thread-safety as wal.h states it.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_file.h"
#include "lsm/wal_internal.h"

/* ---- the next log ---- */

pykv_status wal_add_log(wal *self, wal_log *added)
{
    if (self->log_count == self->log_capacity) {
        size_t capacity = self->log_capacity == 0 ? 8 : self->log_capacity * 2;
        wal_log **grown = mem_resize(self->logs, capacity * sizeof(wal_log *));
        if (grown == NULL) {
            return error_set_no_memory(capacity * sizeof(wal_log *));
        }
        self->logs = grown;
        self->log_capacity = capacity;
    }
    PYKV_ASSERT(self->log_count == 0 || self->logs[self->log_count - 1]->number < added->number);
    self->logs[self->log_count++] = added;
    return PYKV_OK;
}

/* Makes the file of log, whose header it fills, and puts log into the list, pinned. */
static pykv_status make_file(wal *self, wal_log *log)
{
    log_segment_header header = {.kind = LOG_SEGMENT_APPEND, .store_id = self->store_id};
    pykv_status status = env_random(self->environment, &header.file_id, sizeof header.file_id);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(self->writer);
    header.number = self->owner.take_number(self->owner.context);
    header.birth_sequence = self->appended_sequence + 1;
    header.synced_through = self->synced_position;
    mutex_unlock(self->writer);
    if (header.number == 0) {
        return error_last()->status;
    }
    log->number = header.number;
    log->file_id = header.file_id;
    log->birth_sequence = header.birth_sequence;
    log->birth_position = header.synced_through;
    log->pin_count = 1;
    status = log_file_create(self->home, &header, &log->file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_close_on_fork(log->file);
    mutex_lock(self->writer);
    if (status == PYKV_OK) {
        status = wal_add_log(self, log);
    }
    mutex_unlock(self->writer);
    return status;
}

static pykv_status make_log(wal *self) REQUIRES(self->prepare_lock)
{
    wal_log *log = mem_alloc_zeroed(1, sizeof *log);
    if (log == NULL) {
        return error_set_no_memory(sizeof *log);
    }
    pykv_status status = make_file(self, log);
    if (status == PYKV_OK) {
        self->made = log;
        self->made_is_listed = false;
        return PYKV_OK;
    }
    if (log->file == NULL) {
        mem_free(log);
        return status;
    }
    pykv_error failure = *error_last();
    wal_take_away(self, log);
    error_restore(&failure);
    return status;
}

static pykv_status list_made(wal *self) REQUIRES(self->prepare_lock)
{
    pykv_status status =
        PYKV_PLANTED(77) ? PYKV_OK : self->owner.write_manifest(self->owner.context);
    self->made_is_listed = status == PYKV_OK;
    return status;
}

static pykv_status open_sink(const wal *self, const wal_log *log, log_sink **sink_out)
{
    pykv_status status = PYKV_NOT_SUPPORTED;
    if (self->mapped) {
        status =
            log_sink_open_mapped(log->file, LOG_SEGMENT_HEADER_BYTES, self->log_bytes, sink_out);
    }
    if (status == PYKV_NOT_SUPPORTED || (status == PYKV_NO_MEMORY && !PYKV_PLANTED(119))) {
        bool syncs = self->options->durability == PYKV_DURABILITY_SYNC;
        status = log_sink_open_pwrite(log->file, LOG_SEGMENT_HEADER_BYTES,
                                      syncs ? self->log_bytes : 0, sink_out);
    }
    return status;
}

/* Opens the sink of a listed log and prepares its first bytes. */
static pykv_status ready_log(const wal *self, wal_log *log)
{
    log_sink *sink;
    pykv_status status = open_sink(self, log, &sink);
    if (status != PYKV_OK) {
        return status;
    }
    log_writer_init(&log->writer, sink, log->file_id, self->log_bytes, log->birth_position);
    if (self->options->log_sector_padding != 0) {
        /* Nothing of the header's sector is written again. */
        status = log_writer_pad(&log->writer);
    }
    if (status == PYKV_OK) {
        status = log_sink_prepare(sink, 0);
    }
    if (status != PYKV_OK && status != PYKV_NOT_SUPPORTED) {
        log_sink_close(sink);
        return status;
    }
    log->sink = sink;
    return PYKV_OK;
}

/* Goes on with the next log from wherever it is. */
static pykv_status prepare_locked(wal *self) REQUIRES(self->prepare_lock)
{
    mutex_lock(self->writer);
    pykv_status status = wal_check(self);
    bool wanted = self->prepared == NULL;
    mutex_unlock(self->writer);
    if (status != PYKV_OK || !wanted) {
        return status;
    }
    if (self->made == NULL) {
        status = make_log(self);
    }
    if (status == PYKV_OK && !self->made_is_listed) {
        status = list_made(self);
    }
    if (status == PYKV_OK && self->made != NULL) {
        status = ready_log(self, self->made);
    }
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(self->writer);
    wal_log *dead = wal_unpin(self, self->made);
    self->prepared = self->made->dropped ? NULL : self->made;
    self->made = NULL;
    mutex_unlock(self->writer);
    wal_take_away(self, dead);
    return PYKV_OK;
}

pykv_status wal_prepare_next(wal *self)
{
    mutex_lock(self->writer);
    bool too_many = wal_unsynced_count(self) >= WAL_UNSYNCED_SEALED_MAX;
    mutex_unlock(self->writer);
    pykv_status status = too_many ? wal_sync(self) : PYKV_OK;
    if (status == PYKV_OK) {
        mutex_lock(&self->prepare_lock);
        status = prepare_locked(self);
        mutex_unlock(&self->prepare_lock);
    }
    return status;
}

/* ---- bytes ahead of the tail ---- */

/* Other writers may have taken the room meanwhile: then there is nothing to prepare here. */
static pykv_status provide_bytes(wal *self, uint64_t bytes)
{
    pykv_status status = PYKV_OK;
    mutex_lock(self->writer);
    if (wal_find_shortage(self, bytes) == WAL_SHORT_OF_BYTES) {
        log_sink *sink = self->active->sink;
        uint64_t left = self->log_bytes - log_sink_tail(sink);
        status = log_sink_prepare(sink, bytes < left ? bytes : left);
        self->ahead_at = log_sink_prepare_at(sink);
    }
    mutex_unlock(self->writer);
    return status;
}

void wal_wait_for_next(wal *self)
{
    mutex_lock(&self->prepare_lock);
    mutex_unlock(&self->prepare_lock);
}

bool wal_give_back(wal *self)
{
    if (PYKV_PLANTED(106)) {
        return false;
    }
    pykv_error failure = *error_last();
    mutex_lock(self->writer);
    bool gave = self->active != NULL && log_sink_give_back(self->active->sink);
    gave = (self->prepared != NULL && log_sink_give_back(self->prepared->sink)) || gave;
    mutex_unlock(self->writer);
    error_restore(&failure);
    return gave;
}

static pykv_status provide(wal *self, uint64_t bytes)
{
    mutex_lock(self->writer);
    pykv_status status = wal_check(self);
    wal_shortage missing = wal_find_shortage(self, bytes);
    mutex_unlock(self->writer);
    if (status != PYKV_OK) {
        return status;
    }
    switch (missing) {
    case WAL_SHORT_OF_BYTES:
        return provide_bytes(self, bytes);
    case WAL_SHORT_OF_SYNC:
        return wal_sync(self);
    case WAL_SHORT_OF_LOG:
        return wal_prepare_next(self);
    case WAL_SHORT_OF_NOTHING:
    case WAL_SHORT_OF_ROLL:
        break;
    }
    return PYKV_OK;
}

pykv_status wal_provide(wal *self, uint64_t bytes)
{
    pykv_status status = provide(self, bytes);
    return status == PYKV_NO_SPACE && wal_give_back(self) ? provide(self, bytes) : status;
}

/* The active log, pinned, unless another thread is ahead of it already; NULL: nothing to do. */
static wal_log *begin_ahead(wal *self)
{
    mutex_lock(self->writer);
    wal_log *log = self->ahead_running ? NULL : self->active;
    if (log != NULL) {
        self->ahead_running = true;
        log->pin_count++;
    }
    mutex_unlock(self->writer);
    return log;
}

/* True if log is still the active one. */
static bool end_ahead(wal *self, wal_log *log)
{
    mutex_lock(self->writer);
    bool in_use = self->active == log;
    self->ahead_running = false;
    if (in_use) {
        self->ahead_at = log_sink_prepare_at(log->sink);
    }
    wal_log *dead = wal_unpin(self, log);
    mutex_unlock(self->writer);
    wal_take_away(self, dead);
    return in_use;
}

pykv_status wal_ahead(wal *self)
{
    wal_release_sinks(self);
    wal_log *log = begin_ahead(self);
    if (log == NULL) {
        return PYKV_OK;
    }
    pykv_status status = PYKV_OK;
    if (log_sink_wants_prepare(log->sink)) {
        status = log_sink_prepare(log->sink, 0);
    }
    if (status == PYKV_NOT_SUPPORTED) {
        status = PYKV_OK; /* writers reached the end of the log meanwhile */
    }
    log_sink_pace(log->sink);
    return end_ahead(self, log) ? status : PYKV_OK;
}

/* Takes the sink of one sealed log that nobody uses; NULL: there is none. */
static log_sink *take_sink(wal *self)
{
    log_sink *taken = NULL;
    mutex_lock(self->writer);
    for (size_t i = 0; i < self->log_count && taken == NULL; i++) {
        wal_log *log = self->logs[i];
        if (log->sealed && log->pin_count == 0) {
            taken = log->sink;
            log->sink = NULL;
        }
    }
    mutex_unlock(self->writer);
    return taken;
}

/* Takes the file of one log that has become history; NULL: there is none. */
static env_file *take_file(wal *self)
{
    env_file *taken = NULL;
    mutex_lock(self->writer);
    for (size_t i = 0; i < self->log_count && taken == NULL; i++) {
        wal_log *log = self->logs[i];
        if (log->history && log->pin_count == 0 && log->sink == NULL) {
            taken = log->file;
            log->file = NULL;
            log->epoch = taken != NULL ? self->epoch : log->epoch;
        }
    }
    mutex_unlock(self->writer);
    return taken;
}

void wal_release_sinks(wal *self)
{
    log_sink *taken = take_sink(self);
    while (taken != NULL) {
        log_sink_close(taken);
        taken = take_sink(self);
    }
    env_file *file = take_file(self);
    while (file != NULL) {
        env_file_close(file);
        file = take_file(self);
    }
}

/* ---- the LOG role ---- */

static bool sync_is_due(const wal *self) REQUIRES(self->writer)
{
    if (self->synced_sequence == self->appended_sequence || self->failed) {
        return false;
    }
    uint64_t last = atomic_load_explicit(&self->last_sync_us, memory_order_relaxed);
    return wal_unsynced_count(self) > 0 || wal_interval_has_passed(self) ||
           env_monotonic_us(self->environment) - last >= WAL_SYNC_EVERY_US;
}

pykv_status wal_step(wal *self)
{
    pykv_status status = wal_ahead(self);
    mutex_lock(self->writer);
    bool sync = sync_is_due(self);
    bool prepare = self->active != NULL && self->prepared == NULL && !self->failed;
    mutex_unlock(self->writer);
    if (status == PYKV_OK && prepare) {
        status = wal_prepare_next(self);
    }
    if (status == PYKV_OK && sync) {
        status = wal_sync(self);
    }
    return status;
}
