/*
 * ingest: the steps, and taking back what failed.
 */
#include "lsm/ingest.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/edit.h"
#include "lsm/ingest_file.h"
#include "lsm/ingest_level.h"
#include "lsm/jobs.h"
#include "lsm/names.h"
#include "lsm/room.h"
#include "lsm/space.h"
#include "lsm/write.h"

enum { PAUSE_WAIT_US = 10000 };

typedef struct ingest {
    ingest_file *files; /* by rising keys, once they are checked */
    size_t count;
    record *marks;          /* for the log, one each */
    manifest_table *facts;  /* for the manifest, one each */
    uint64_t last_sequence; /* of the marks */
    bool taken;             /* the manifest may list the files */
} ingest;

/* ---- the files ---- */

static int compare_files(const void *left, const void *right)
{
    return slice_compare(ingest_file_smallest(left), ingest_file_smallest(right));
}

static pykv_status check_disjoint(const ingest *self)
{
    for (size_t i = 1; i < self->count && !PYKV_PLANTED(165); i++) {
        const ingest_file *before = &self->files[i - 1];
        const ingest_file *behind = &self->files[i];
        if (slice_compare(ingest_file_largest(before), ingest_file_smallest(behind)) >= 0) {
            return error_set(PYKV_INVALID_ARGUMENT,
                             "the keys of %.200s and of %.200s overlap: ingest them one after the "
                             "other, the newer one last",
                             before->path, behind->path);
        }
    }
    return PYKV_OK;
}

static pykv_status ingest_open(lsm *store, uint32_t space, const char *const *paths, size_t count,
                               ingest *self)
{
    size_t each = sizeof *self->files + sizeof *self->marks + sizeof *self->facts;
    *self = (ingest){.files = mem_alloc_zeroed(count, each)};
    if (self->files == NULL) {
        return error_set_no_memory(count * each);
    }
    self->marks = (record *)(void *)(self->files + count);
    self->facts = (manifest_table *)(void *)(self->marks + count);
    pykv_status status = PYKV_OK;
    while (self->count < count && status == PYKV_OK) {
        status = ingest_file_open(store, space, paths[self->count], &self->files[self->count]);
        self->count++;
    }
    if (status == PYKV_OK) {
        qsort(self->files, self->count, sizeof *self->files, compare_files);
        status = check_disjoint(self);
    }
    return status;
}

static pykv_status bring(lsm *store, ingest *self)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        status = ingest_file_bring(store, &self->files[i]);
    }
    return status == PYKV_OK && !PYKV_PLANTED(274) ? env_directory_sync(store->home) : status;
}

static void ingest_reset(lsm *store, ingest *self)
{
    for (size_t i = 0; i < self->count; i++) {
        if (!self->taken) {
            ingest_file_take_back(store, &self->files[i]);
        }
        ingest_file_reset(&self->files[i]);
    }
    mem_free(self->files);
}

/* Takes the names away that the files came with. One that stays harms nobody. */
static void remove_sources(const ingest *self)
{
    for (size_t i = 0; i < self->count; i++) {
        (void)!env_unlink(self->files[i].from, self->files[i].parts.name);
    }
}

/* ---- writers pause ---- */

static pykv_status pause_writers(lsm *store)
{
    for (;;) {
        uint64_t seen = lsm_room_seen(store);
        mutex_lock(&store->writer);
        pykv_status status = lsm_check_writable(store);
        bool is_free = store->ingest_mark == 0;
        if (status == PYKV_OK && is_free) {
            store->ingest_mark = LSM_INGEST_UNMARKED;
        }
        mutex_unlock(&store->writer);
        if (status != PYKV_OK || is_free) {
            return status;
        }
        lsm_room_wait(store, seen, PAUSE_WAIT_US);
    }
}

static void let_writers_go(lsm *store)
{
    mutex_lock(&store->writer);
    store->ingest_mark = 0;
    change_feeds_wake(&store->feeds);
    mutex_unlock(&store->writer);
    lsm_tell_room(store);
}

/* ---- the log ---- */

static void prepare_marks(ingest *self)
{
    for (size_t i = 0; i < self->count; i++) {
        const ingest_file *file = &self->files[i];
        lsm_prepare_operation(&self->marks[i], RECORD_INGEST, ingest_file_smallest(file),
                              ingest_file_largest(file), 0);
    }
}

/* Appends the marks, which gives them their sequences. PYKV_NOT_FOUND: memtables hold something. */
static pykv_status append_marks(lsm *store, ingest *self) REQUIRES(store->writer)
{
    if (store->is_flush_due || lsm_view(store)->immutable_count > 0) {
        return PYKV_NOT_FOUND;
    }
    pykv_status status = lsm_check_writable(store);
    if (status == PYKV_OK) {
        status = lsm_names_check(store, self->marks, self->count);
    }
    if (status == PYKV_OK) {
        status = lsm_check_sequences(store, self->count);
    }
    if (status == PYKV_OK) {
        status = wal_room(store->log, wal_bytes(self->marks, self->count));
    }
    if (status == PYKV_OK) {
        store->ingest_mark = wal_last_sequence(store->log) + 1;
        status = wal_append(store->log, self->marks, self->count);
        status = status == PYKV_OK ? PYKV_OK : lsm_append_failed(store, status);
    }
    if (status == PYKV_OK) {
        self->last_sequence = wal_last_sequence(store->log);
    }
    return status;
}

/* ---- the manifest ---- */

/* What the manifest is to say of the tables. */
static void place(lsm *store, ingest *self) REQUIRES(store->compaction_lock, store->manifest_lock)
{
    mutex_lock(&store->writer);
    const version *now = lsm_view(store)->version;
    mutex_unlock(&store->writer);
    for (size_t i = 0; i < self->count; i++) {
        const ingest_file *file = &self->files[i];
        manifest_table *facts = &self->facts[i];
        *facts = file->facts;
        facts->sequence_min = self->marks[i].sequence;
        facts->sequence_max = self->marks[i].sequence;
        facts->deletes_through = self->marks[i].sequence;
        facts->level = ingest_level(now, store->compactions, LSM_COMPACTIONS_MAX,
                                    ingest_file_smallest(file), ingest_file_largest(file));
    }
}

static pykv_status install(lsm *store, ingest *self)
    REQUIRES(store->compaction_lock, store->manifest_lock)
{
    pykv_status status =
        PYKV_PLANTED(157) ? PYKV_OK : wal_sync_through(store->log, self->last_sequence);
    if (status != PYKV_OK) {
        return status;
    }
    place(store, self);
    mutex_lock(&store->writer);
    lsm_edit edit = {.outputs = self->facts,
                     .output_count = self->count,
                     .ingested_through = self->last_sequence,
                     .clear_count = store->clear_count};
    mutex_unlock(&store->writer);
    status = lsm_install_held(store, &edit, &self->taken);
    if (status == PYKV_OK) {
        mutex_lock(&store->writer);
        lsm_publish(store);
        mutex_unlock(&store->writer);
    } else if (self->taken) {
        status = error_set(PYKV_COMMIT_UNKNOWN,
                           "the manifest of an ingest could not be written (%.300s): its rows may "
                           "or may not be there after the next open",
                           error_last()->text);
    }
    return status;
}

/* One attempt, with the memtables empty. */
static pykv_status append_and_install(lsm *store, ingest *self)
{
    mutex_lock(&store->compaction_lock);
    mutex_lock(&store->manifest_lock);
    mutex_lock(&store->writer);
    pykv_status status = append_marks(store, self);
    mutex_unlock(&store->writer);
    if (status == PYKV_OK) {
        status = install(store, self);
    }
    mutex_unlock(&store->manifest_lock);
    mutex_unlock(&store->compaction_lock);
    return status;
}

/* While writers pause. */
static pykv_status add_tables(lsm *store, ingest *self)
{
    pykv_status status = PYKV_NOT_FOUND;
    while (status == PYKV_NOT_FOUND || status == PYKV_WOULD_BLOCK) {
        pykv_status provided = status == PYKV_NOT_FOUND
                                   ? lsm_flush_active(store)
                                   : wal_provide(store->log, wal_bytes(self->marks, self->count));
        if (provided != PYKV_OK) {
            return provided;
        }
        status = append_and_install(store, self);
    }
    return status;
}

static pykv_status ingest_run(lsm *store, ingest *self)
{
    prepare_marks(self);
    pykv_status status = bring(store, self);
    if (status == PYKV_OK) {
        status = lsm_flush_active(store); /* most of it beside writers */
    }
    if (status == PYKV_OK) {
        status = pause_writers(store);
    }
    if (status == PYKV_OK) {
        status = add_tables(store, self);
        pykv_error failure = *error_last();
        let_writers_go(store);
        error_restore(&failure);
    }
    return status;
}

pykv_status lsm_ingest(lsm *self, const char *const *paths, size_t count, bool moves)
{
    return lsm_ingest_in(self, KEY_SPACE_DEFAULT, paths, count, moves);
}

pykv_status lsm_ingest_in(lsm *self, uint32_t space, const char *const *paths, size_t count,
                          bool moves)
{
    ingest running;
    if (count == 0) {
        return PYKV_OK;
    }
    if (count > LSM_INGEST_FILES_MAX) {
        return error_set(PYKV_INVALID_ARGUMENT, "%zu files; one ingest takes %d", count,
                         LSM_INGEST_FILES_MAX);
    }
    if (self->options.read_only != 0) {
        return error_set(PYKV_READ_ONLY, "%s is open read-only", env_directory_path(self->home));
    }
    pykv_status status = ingest_open(self, space, paths, count, &running);
    if (status == PYKV_OK) {
        status = ingest_run(self, &running);
    }
    if (status == PYKV_OK && moves) {
        remove_sources(&running);
    }
    pykv_error failure = *error_last();
    ingest_reset(self, &running);
    lent_call(&self->gate.lent, PYKV_ROLE_DATA);
    lsm_tidy(self);
    error_restore(&failure);
    return status;
}
