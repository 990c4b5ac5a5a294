/*
 * wal_owner: a write-ahead log with an owner that does no more than keep its manifest, on a
 * simulated disk or in a real temporary directory. Header only: every test program includes it
 * once.
 */
#ifndef PYKV_TESTS_LSM_WAL_OWNER_H
#define PYKV_TESTS_LSM_WAL_OWNER_H

#include "harness/check.h"

#include "base/memory.h"
#include "base/process.h"
#include "env/env_fault.h"
#include "env/env_memory.h"
#include "log/log_file.h"
#include "log/log_image.h"
#include "lsm/version_edit.h"
#include "lsm/wal.h"
#include "lsm/wal_internal.h"
#include "lsm/wal_recover.h"

#define FIXTURE_PATH   "/store"
#define FIXTURE_UNUSED __attribute__((unused))

enum {
    FIXTURE_FILE_BYTES_MAX = 8 << 20,
    FIXTURE_LOG_BYTES = 8192,
    FIXTURE_STORE_ID = 77,
    FIXTURE_BATCH_MAX = 64
};

/* A disk, the log on it, and what its owner knows. */
typedef struct fixture {
    env *inner; /* the simulated disk; NULL: the real one */
    env *disk;  /* the same, with faults */
    env_directory *home;
    char *path;
    pykv_options options;
    uint64_t log_bytes;
    wal *log;
    mutex manifest;
    mutex writer;
    uint32_t next_number;
    uint32_t first_log; /* the manifest lists logs from it on */
    uint64_t flushed_sequence;
    uint64_t edit;          /* manifests written, or tried */
    uint64_t told_sequence; /* that the log said is durable */
    uint64_t wake_count;
} fixture;

static uint32_t fixture_take_number(void *context)
{
    fixture *self = context;
    return self->next_number++;
}

static pykv_status fixture_write_manifest(void *context)
{
    fixture *self = context;
    lsm_manifest now = {.store_id = FIXTURE_STORE_ID};
    size_t count = 0;
    mutex_lock(&self->manifest);
    mutex_lock(&self->writer);
    pykv_status status = wal_list(self->log, self->first_log, &now.logs, &count);
    now.next_number = self->next_number;
    now.last_sequence = wal_synced_sequence(self->log);
    now.flushed_sequence = self->flushed_sequence;
    if (now.last_sequence < now.flushed_sequence) {
        now.last_sequence = now.flushed_sequence;
    }
    now.durable_through = wal_synced_position(self->log);
    mutex_unlock(&self->writer);
    if (status == PYKV_OK) {
        now.log_count = count;
        now.edit = ++self->edit;
        status = lsm_manifest_replace(self->home, &now);
        lsm_manifest_reset(&now);
    }
    mutex_unlock(&self->manifest);
    return status;
}

static void fixture_synced(void *context, uint64_t sequence)
{
    fixture *self = context;
    CHECK(sequence > self->told_sequence);
    self->told_sequence = sequence;
}

static void fixture_wake(void *context)
{
    fixture *self = context;
    self->wake_count++;
}

/* Opens a log with the options as they are, in a fresh directory. */
FIXTURE_UNUSED static void fixture_open(fixture *self, bool real)
{
    CHECK_OK(process_init());
    if (real) {
        self->disk = env_posix();
        self->path = check_temporary_directory();
    } else {
        CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_BYTES_MAX, &self->inner));
        CHECK_OK(env_fault_new(self->inner, &self->disk));
    }
    CHECK_OK(env_directory_open(self->disk, real ? self->path : FIXTURE_PATH, true, &self->home));
    mutex_init(&self->manifest);
    mutex_init(&self->writer);
    self->log_bytes = self->log_bytes == 0 ? FIXTURE_LOG_BYTES : self->log_bytes;
    self->next_number = 1;
    wal_owner owner = {.context = self,
                       .writer = &self->writer,
                       .take_number = fixture_take_number,
                       .write_manifest = fixture_write_manifest,
                       .synced = fixture_synced,
                       .wake_log = fixture_wake};
    CHECK_OK(wal_open(self->disk, self->home, &owner, &self->options, FIXTURE_STORE_ID,
                      self->log_bytes, 0, 0, &self->log));
}

FIXTURE_UNUSED static fixture fixture_of(pykv_options options)
{
    fixture self = {.options = options};
    return self;
}

/* Ends the log as the death of the process would; the disk stays. */
FIXTURE_UNUSED static void fixture_kill(fixture *self)
{
    wal_free(self->log);
    self->log = NULL;
}

FIXTURE_UNUSED static void fixture_free(fixture *self)
{
    fixture_kill(self);
    env_directory_close(self->home);
    mutex_destroy(&self->writer);
    mutex_destroy(&self->manifest);
    if (self->inner != NULL) {
        env_fault_free(self->disk);
        env_memory_free(self->inner);
    }
    free(self->path);
}

#endif
