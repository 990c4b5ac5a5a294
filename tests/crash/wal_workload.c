/*
 * wal_workload: an owner of a write-ahead log for the crash and fault suites, and a seeded stream
 * of writes, syncs, rolls and flushes for it.
 *
 * It has no tables: a flush is the manifest that says up to where they would go and lists the logs
 * behind that only. What was flushed counts as durable. Single-threaded.
 */
#include "crash/wal_workload.h"

#include "crash/log_subject.h"
#include "crash/log_workload_parts.h"
#include "harness/check.h"

#include "lsm/version_edit.h"
#include "lsm/wal.h"

/* A log with records and the last of them. */
typedef struct log_end {
    uint32_t number;
    uint64_t sequence;
} log_end;

typedef struct wal_store {
    const log_workload *plan;
    log_history *history;
    env_directory *home;
    pykv_options options;
    mutex writer;
    wal *log;
    uint32_t next_number;
    uint32_t first_log; /* the manifest lists logs from it on */
    uint64_t flushed_sequence;
    log_end ends[LOG_WORKLOAD_FILE_COUNT_MAX]; /* of logs that are not flushed */
    size_t end_count;
    uint64_t edit;
    uint64_t chance;
    uint64_t attempt_count;
} wal_store;

static wal_store store;

/* ---- the owner ---- */

static uint32_t take_number(void *context)
{
    (void)context;
    return store.next_number++;
}

static pykv_status write_manifest(void *context)
{
    lsm_manifest now = {.store_id = store.plan->seed, .edit = ++store.edit};
    size_t count = 0;
    (void)context;
    mutex_lock(&store.writer);
    pykv_status status = wal_list(store.log, store.first_log, &now.logs, &count);
    now.next_number = store.next_number;
    now.flushed_sequence = store.flushed_sequence;
    now.last_sequence = wal_last_sequence(store.log);
    now.durable_through = wal_synced_position(store.log);
    mutex_unlock(&store.writer);
    if (status != PYKV_OK) {
        return status;
    }
    now.log_count = count;
    status = lsm_manifest_replace(store.home, &now);
    lsm_manifest_reset(&now);
    return status;
}

static void note_synced(void *context, uint64_t sequence)
{
    (void)context;
    CHECK(sequence > store.history->synced_sequence);
    log_history_synced(store.history, sequence);
}

static void ignore_call(void *context)
{
    (void)context;
}

static pykv_status open_store(env *disk, const log_workload *plan, log_history *history)
{
    memset(&store, 0, sizeof store);
    memset(history, 0, sizeof *history);
    store.plan = plan;
    store.history = history;
    store.chance = plan->seed + 1;
    store.next_number = 1;
    store.options.log_sink = plan->mapped ? PYKV_LOG_MAPPED : PYKV_LOG_PWRITE;
    store.options.log_sector_padding = plan->padding;
    store.options.durability =
        !plan->mapped && plan->seed % 2 == 0 ? PYKV_DURABILITY_SYNC : PYKV_DURABILITY_OS;
    mutex_init(&store.writer);
    pykv_status status = env_directory_open(disk, "/log", true, &store.home);
    wal_owner owner = {.writer = &store.writer,
                       .take_number = take_number,
                       .write_manifest = write_manifest,
                       .synced = note_synced,
                       .wake_log = ignore_call};
    if (status == PYKV_OK) {
        status = wal_open(disk, store.home, &owner, &store.options, plan->seed,
                          WAL_LOG_BYTES_MIN + plan->capacity, 0, 0, &store.log);
    }
    return status;
}

static void close_store(void)
{
    wal_free(store.log);
    if (store.home != NULL) {
        env_directory_close(store.home);
    }
    if (store.plan != NULL) {
        mutex_destroy(&store.writer);
    }
    memset(&store, 0, sizeof store);
}

static bool store_has_failed(void)
{
    mutex_lock(&store.writer);
    pykv_status status = wal_check(store.log);
    mutex_unlock(&store.writer);
    return status != PYKV_OK;
}

/* ---- steps ---- */

static pykv_status sync_store(void)
{
    return wal_sync(store.log);
}

/* Appends records, providing what is missing. */
static pykv_status append(record *records, size_t count)
{
    for (;;) {
        uint64_t bytes = wal_bytes(records, count);
        mutex_lock(&store.writer);
        pykv_status status = wal_room(store.log, bytes);
        if (status == PYKV_OK) {
            status = wal_append(store.log, records, count);
            CHECK(status != PYKV_WOULD_BLOCK);
        }
        mutex_unlock(&store.writer);
        if (status != PYKV_WOULD_BLOCK) {
            return status;
        }
        status = wal_provide(store.log, bytes);
        if (status != PYKV_OK) {
            return status;
        }
    }
}

static void note_end(void)
{
    mutex_lock(&store.writer);
    uint64_t last = wal_last_sequence(store.log);
    log_end now = {wal_first_after(store.log, last - 1), last};
    mutex_unlock(&store.writer);
    if (store.end_count == 0 || store.ends[store.end_count - 1].number != now.number) {
        CHECK(store.end_count < LOG_WORKLOAD_FILE_COUNT_MAX);
        store.end_count++;
    }
    store.ends[store.end_count - 1] = now;
}

static pykv_status write_step(size_t count)
{
    static log_workload_bytes bytes[LOG_WORKLOAD_BATCH_COUNT_MAX];
    record records[LOG_WORKLOAD_BATCH_COUNT_MAX];
    log_history *history = store.history;
    attempt now = {++store.attempt_count, history->last_sequence + 1, count};
    for (size_t i = 0; i < count; i++) {
        log_workload_record(store.plan, now.first_sequence + i, now.number, &bytes[i], &records[i]);
    }
    CHECK(history->failed_count < LOG_WORKLOAD_FAILED_COUNT_MAX);
    history->failed[history->failed_count++] = now;
    pykv_status status = append(records, count);
    if (status == PYKV_OK) {
        CHECK(history->commit_count < LOG_WORKLOAD_COMMIT_COUNT_MAX);
        CHECK(records[0].sequence == now.first_sequence);
        history->commits[history->commit_count++] = now;
        history->failed_count--;
        history->last_sequence += count;
        note_end();
    }
    return status;
}

static pykv_status roll_step(void)
{
    mutex_lock(&store.writer);
    pykv_status status = wal_roll(store.log);
    mutex_unlock(&store.writer);
    return status == PYKV_WOULD_BLOCK ? wal_prepare_next(store.log) : status;
}

/* Flushes the oldest count logs: their records go to tables, durable before this. */
static pykv_status flush(size_t count, uint32_t next_number)
{
    if (count > 0) {
        store.flushed_sequence = store.ends[count - 1].sequence;
        store.first_log = next_number;
        store.end_count -= count;
        memmove(store.ends, &store.ends[count], store.end_count * sizeof store.ends[0]);
    }
    pykv_status status = write_manifest(NULL);
    if (status == PYKV_OK) {
        wal_drop_before(store.log, store.first_log);
    }
    return status;
}

/* Flushes some logs, but not the one that is written to. */
static pykv_status flush_step(void)
{
    size_t count = store.end_count;
    count = count > 0 ? (size_t)check_random(&store.chance, count) : 0;
    return flush(count, store.ends[count].number);
}

/* Flushes all logs with records. */
static pykv_status flush_all_step(void)
{
    pykv_status status = roll_step();
    mutex_lock(&store.writer);
    uint32_t next_number = wal_first_after(store.log, wal_last_sequence(store.log));
    mutex_unlock(&store.writer);
    if (status != PYKV_OK || store.end_count == 0 ||
        store.ends[store.end_count - 1].number == next_number) {
        return status;
    }
    return flush(store.end_count, next_number);
}

static pykv_status step_store(void)
{
    uint64_t choice = check_random(&store.chance, 100);
    uint64_t count = 2 + check_random(&store.chance, LOG_WORKLOAD_BATCH_COUNT_MAX - 1);
    if (choice < store.plan->sync_percent) {
        return sync_store();
    }
    switch (choice) {
    case 99:
    case 98:
        return wal_step(store.log);
    case 97:
    case 96:
        return wal_prepare_next(store.log);
    case 95:
    case 94:
    case 93:
        return roll_step();
    case 92:
    case 91:
        return flush_step();
    case 90:
        return flush_all_step();
    default:
        return write_step(choice < store.plan->sync_percent + 20 ? (size_t)count : 1);
    }
}

const log_subject wal_subject = {
    .open = open_store,
    .step = step_store,
    .sync = sync_store,
    .has_failed = store_has_failed,
    .close = close_store,
    .check = wal_workload_check,
    .recover = wal_workload_recover,
};
