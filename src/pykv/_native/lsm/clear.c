/*
 * clear: everything goes in one step: a record in the log, then a view without anything, then a
 * manifest without tables.
 *
 * The record is what decides after a crash: recovery forgets what comes before it. Flushes and
 * compactions that began before find that they are void.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "lsm/edit.h"
#include "lsm/jobs.h"
#include "lsm/room.h"
#include "lsm/write.h"

/* The view of an empty store, ready to be published. */
static pykv_status make_empty(lsm *self, memtable **active_out, version **tables_out)
{
    pykv_status status = version_new_empty(tables_out);
    if (status == PYKV_OK) {
        status = lsm_new_memtable(self, active_out);
        if (status != PYKV_OK) {
            version_release(*tables_out);
        }
    }
    return status;
}

static pykv_status append_clear(lsm *self, record *operation, memtable *active, version *tables)
    REQUIRES(self->writer)
{
    view *fresh;
    pykv_status status = view_new(active, NULL, 0, tables, &fresh);
    if (status != PYKV_OK) {
        return status;
    }
    status = wal_append(self->log, operation, 1);
    if (status != PYKV_OK) {
        view_release(fresh);
        return lsm_append_failed(self, status);
    }
    memtable_seal(lsm_view(self)->active);
    lsm_replace_view(self, fresh);
    self->is_flush_due = true;
    self->clear_count++;
    lsm_publish(self);
    return PYKV_OK;
}

/* One attempt, with the manifest lock held, so that no version is installed beside. */
static pykv_status clear_locked(lsm *self, record *operation, memtable *active, version *tables)
    REQUIRES(self->manifest_lock)
{
    mutex_lock(&self->writer);
    version *before = version_acquire(lsm_view(self)->version);
    pykv_status status = lsm_check_writable(self);
    if (status == PYKV_OK) {
        status = lsm_check_sequences(self, 1);
    }
    if (status == PYKV_OK) {
        status = wal_room(self->log, wal_bytes(operation, 1));
    }
    if (status == PYKV_OK) {
        status = append_clear(self, operation, active, tables);
    }
    mutex_unlock(&self->writer);
    if (status == PYKV_OK) {
        doubt_cleared(&self->doubt, before);
        if (lsm_install_clear(self, operation->sequence) != PYKV_OK) {
            /* Without that manifest the record in the log does the same at the next open. */
        }
    }
    version_release(before);
    return status;
}

static pykv_status clear(lsm *self, record *operation, memtable *active, version *tables)
{
    pykv_status status = PYKV_WOULD_BLOCK;
    while (status == PYKV_WOULD_BLOCK) {
        mutex_lock(&self->manifest_lock);
        status = clear_locked(self, operation, active, tables);
        mutex_unlock(&self->manifest_lock);
        if (status == PYKV_WOULD_BLOCK) {
            pykv_status provided = wal_provide(self->log, wal_bytes(operation, 1));
            status = provided == PYKV_OK ? PYKV_WOULD_BLOCK : provided;
        }
    }
    return status;
}

pykv_status lsm_clear(lsm *self, int32_t flags)
{
    record operation;
    memtable *active;
    version *tables;
    if ((flags & PYKV_NO_WAIT) != 0) {
        return PYKV_WOULD_BLOCK; /* a manifest is made durable */
    }
    lsm_prepare_operation(&operation, RECORD_CLEAR, slice_make(NULL, 0), slice_make(NULL, 0), 0);
    pykv_status status = make_empty(self, &active, &tables);
    if (status != PYKV_OK) {
        return status;
    }
    if (self->options.read_only != 0) {
        mutex_lock(&self->writer);
        status = lsm_check_writable(self);
        mutex_unlock(&self->writer);
    } else {
        status = clear(self, &operation, active, tables);
    }
    memtable_release(active);
    version_release(tables);
    if (status == PYKV_OK && lsm_waits_for_sync(self, flags)) {
        status = wal_sync_through(self->log, operation.sequence);
    }
    lsm_tell_room(self);
    lsm_tidy(self);
    return status;
}
