/*
 * lsm_crash_test: the LSM store under simulated power cuts (store_crash.h). Memtables of 64 KiB and
 * values of up to 20 KB make it flush and compact; no file stays that the store does not use.
 */
#include "harness/check.h"
#include "store_crash.h"
#include "store_workload.h"

#include "env/env_memory.h"

static bool ends_with(const char *path, const char *suffix)
{
    size_t length = strlen(path);
    return length > strlen(suffix) && strcmp(path + length - strlen(suffix), suffix) == 0;
}

/* After opening there are the store's tables and what was torn off its logs, and neither logs nor
 * what a crash left unfinished. */
static const char *inspect(env *disk, void *store)
{
    env_names names;
    pykv_stats stats = {0};
    uint64_t tables = 0;
    uint64_t segments = 0;
    bool keeps_torn = false;
    const char *wrong = NULL;
    engine_lsm.stats(store, &stats);
    if (env_memory_paths(disk, &names) != PYKV_OK) {
        return "the files cannot be listed";
    }
    for (size_t i = 0; i < names.count; i++) {
        if (strncmp(names.names[i], WORKLOAD_PATH "/", strlen(WORKLOAD_PATH) + 1) != 0) {
            continue; /* of a checkpoint */
        }
        tables += ends_with(names.names[i], ".tbl");
        segments += ends_with(names.names[i], ".val");
        keeps_torn |= ends_with(names.names[i], ".torn");
        if (ends_with(names.names[i], ".log") && stats.history_bytes == 0) {
            wrong = "a log stays after it was recovered";
        }
        if (ends_with(names.names[i], ".tmp")) {
            wrong = "an unfinished file stays";
        }
    }
    env_names_free(&names);
    if (stats.discarded_bytes > 0 && !keeps_torn) {
        wrong = "what was torn off the log is gone";
    }
    if (segments != stats.value_segment_count) {
        wrong = "a value segment stays to which nothing points";
    }
    return tables != stats.table_count ? "a table stays that nobody lists" : wrong;
}

static const crash_suite suite = {
    .engine = &engine_lsm, .name = "lsm", .step_count = 110, .inspect = inspect};

static void *open_store(env *disk)
{
    void *store;
    pykv_options options = {.memory_budget_bytes = 16 << 20, .memtable_bytes = 64 << 10};
    CHECK_OK(engine_lsm.open(disk, "/store", &options, &store));
    return store;
}

static void put_synced(void *store, const char *key)
{
    slice text = slice_make(key, strlen(key));
    CHECK_OK(engine_lsm.put(store, text, text, 0, PYKV_SYNC));
}

static bool has_key(void *store, const char *key)
{
    return engine_lsm.contains(store, NULL, slice_make(key, strlen(key)), 0) == PYKV_OK;
}

/* A clear leaves an empty memtable with a log of its own. Its flush has no highest sequence, and
 * once set the store's flushed sequence back to 0: the next recovery waited for the first operation
 * of all in a log that began behind it, and refused the store or dropped what was synced. */
TEST(a_flush_of_what_a_clear_left_empty_loses_nothing_that_follows)
{
    env *disk;
    env *after;
    CHECK_OK(env_memory_new(1, 1 << 20, &disk));
    void *store = open_store(disk);
    put_synced(store, "before");
    CHECK_OK(engine_lsm.clear(store, PYKV_SYNC));
    CHECK_OK(engine_lsm.flush(store));
    put_synced(store, "behind");
    CHECK_OK(env_memory_crash(disk, 1, ENV_CRASH_DROP_ALL, &after));
    engine_lsm.free(store);
    store = open_store(after);
    CHECK(has_key(store, "behind"));
    CHECK(!has_key(store, "before"));
    engine_lsm.free(store);
    env_memory_free(after);
    env_memory_free(disk);
}

TEST(a_prefix_of_the_commits_survives_with_the_pwrite_sink)
{
    crash_everywhere(&suite, PYKV_LOG_PWRITE, PYKV_DURABILITY_OS, false);
}

TEST(a_prefix_of_the_commits_survives_with_the_mapped_sink)
{
    crash_everywhere(&suite, PYKV_LOG_MAPPED, PYKV_DURABILITY_OS, false);
}

TEST(a_synced_commit_survives_in_a_sync_store)
{
    crash_everywhere(&suite, PYKV_LOG_PWRITE, PYKV_DURABILITY_SYNC, false);
    crash_everywhere(&suite, PYKV_LOG_MAPPED, PYKV_DURABILITY_SYNC, false);
}

TEST(sector_padding_keeps_synced_commits_on_a_device_that_garbles_whole_sectors)
{
    crash_everywhere(&suite, PYKV_LOG_PWRITE, PYKV_DURABILITY_SYNC, true);
}

TEST_MAIN(CASE(a_flush_of_what_a_clear_left_empty_loses_nothing_that_follows),
          CASE(a_prefix_of_the_commits_survives_with_the_pwrite_sink),
          CASE(a_prefix_of_the_commits_survives_with_the_mapped_sink),
          CASE(a_synced_commit_survives_in_a_sync_store),
          CASE(sector_padding_keeps_synced_commits_on_a_device_that_garbles_whole_sectors))
