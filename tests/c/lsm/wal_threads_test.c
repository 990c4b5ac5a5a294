/*
 * wal_threads: writers that sync and writers that do not, a thread of the LOG role and one that
 * drops old logs, all at once; meant for the thread sanitizer.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "lsm/wal_fixture.h"
#include "lsm/wal_fixture_disk.h"

enum { WRITERS = 4, WRITES = 400, DROP_BEHIND = 3 };

typedef struct crowd {
    fixture store;
    _Atomic uint64_t synced_least; /* acknowledged as durable */
    _Atomic int32_t writing;
} crowd;

static void raise_least(crowd *self, uint64_t sequence)
{
    uint64_t least = atomic_load(&self->synced_least);
    while (least < sequence &&
           !atomic_compare_exchange_weak(&self->synced_least, &least, sequence)) {
    }
}

/* Single records and batches; each third write waits for its sync. */
static void *write_some(void *argument)
{
    crowd *self = argument;
    for (int i = 0; i < WRITES; i++) {
        CHECK_OK(fixture_write(&self->store, 1 + (size_t)(i % 5 == 0) * 4, 200));
        if (i % 3 == 0) {
            uint64_t sequence = fixture_last(&self->store);
            CHECK_OK(wal_sync_through(self->store.log, sequence));
            raise_least(self, sequence);
        }
        if (i % 50 == 49) {
            CHECK_OK(fixture_roll(&self->store));
        }
    }
    atomic_fetch_sub(&self->writing, 1);
    return NULL;
}

static void *serve_log(void *argument)
{
    crowd *self = argument;
    while (atomic_load(&self->writing) > 0) {
        CHECK_OK(wal_step(self->store.log));
        sched_yield();
    }
    return NULL;
}

/* The sequence before the first of the logs that are kept; 0: nothing can be dropped. */
static uint64_t find_droppable(fixture *self, uint32_t *number_out)
{
    uint64_t flushed = 0;
    mutex_lock(&self->writer);
    size_t count = self->log->log_count;
    for (size_t i = 0; i + DROP_BEHIND < count; i++) {
        if (self->log->logs[i]->last_sequence != 0) {
            flushed = self->log->logs[i]->last_sequence;
            *number_out = self->log->logs[i + 1]->number;
        }
    }
    mutex_unlock(&self->writer);
    return flushed;
}

/* What a flush does when its table is durable. */
static void *drop_some(void *argument)
{
    crowd *self = argument;
    while (atomic_load(&self->writing) > 0) {
        uint32_t number = 0;
        uint64_t flushed = find_droppable(&self->store, &number);
        if (flushed > 0) {
            mutex_lock(&self->store.manifest);
            self->store.first_log = number;
            self->store.flushed_sequence = flushed;
            mutex_unlock(&self->store.manifest);
            CHECK_OK(fixture_write_manifest(&self->store));
            wal_drop_before(self->store.log, number);
        }
        sched_yield();
    }
    return NULL;
}

static void run_crowd(int32_t sink, int32_t padding)
{
    static crowd self;
    pthread_t threads[WRITERS + 2];
    memset(&self, 0, sizeof self);
    self.store.options = (pykv_options){
        .durability = PYKV_DURABILITY_OS, .log_sink = sink, .log_sector_padding = padding};
    fixture_open(&self.store, false);
    atomic_store(&self.writing, WRITERS);
    CHECK(pthread_create(&threads[WRITERS], NULL, serve_log, &self) == 0);
    CHECK(pthread_create(&threads[WRITERS + 1], NULL, drop_some, &self) == 0);
    for (int i = 0; i < WRITERS; i++) {
        CHECK(pthread_create(&threads[i], NULL, write_some, &self) == 0);
    }
    for (int i = 0; i < WRITERS + 2; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_EQUAL(WRITERS * (WRITES + WRITES / 5 * 4), fixture_last(&self.store));
    CHECK(atomic_load(&self.synced_least) <= fixture_synced_now(&self.store));
    env *after = fixture_crash(&self.store, ENV_CRASH_SUBSET);
    CHECK(found_last(after) >= atomic_load(&self.synced_least));
    env_memory_free(after);
    fixture_free(&self.store);
}

TEST(writers_a_log_thread_and_a_flush_work_on_a_mapped_log_at_once)
{
    run_crowd(PYKV_LOG_MAPPED, 0);
}

TEST(writers_a_log_thread_and_a_flush_work_on_a_padded_log_by_pwrite_at_once)
{
    run_crowd(PYKV_LOG_PWRITE, 1);
}

TEST_MAIN(CASE(writers_a_log_thread_and_a_flush_work_on_a_mapped_log_at_once),
          CASE(writers_a_log_thread_and_a_flush_work_on_a_padded_log_by_pwrite_at_once))
