/*
 * lsm_fault_test: the LSM store under failing calls and allocations (store_fault.h).
 */
#include <errno.h>

#include "harness/check.h"
#include "store_fault.h"

#include "env/env_fault.h"
#include "env/env_memory.h"

static const fault_suite suite = {.engine = &engine_lsm, .name = "lsm"};

enum { BIG_VALUE_BYTES = 20000, BIG_PUTS = 6 };

/* A disk, the same behind a wrapper that fails calls, and a store on that. */
typedef struct scene {
    env *disk;
    env *faulty;
    void *store;
} scene;

static void open_store(scene *self, env *on)
{
    pykv_options options = {.memory_budget_bytes = 16 << 20, .memtable_bytes = 64 << 10};
    CHECK_OK(engine_lsm.open(on, "/store", &options, &self->store));
}

static void begin(scene *self)
{
    CHECK_OK(env_memory_new(1, 1 << 20, &self->disk));
    CHECK_OK(env_fault_new(self->disk, &self->faulty));
    open_store(self, self->faulty);
}

static void end(scene *self)
{
    engine_lsm.free(self->store);
    env_fault_free(self->faulty);
    env_memory_free(self->disk);
}

static void fail_calls(scene *self, env_call call, uint64_t at, int system_errno)
{
    env_fault_plan plan = {
        .at = at, .system_errno = system_errno, .call_mask = UINT32_C(1) << call};
    env_fault_set(self->faulty, &plan);
}

/* More than a memtable holds: another one and another log begin. */
static void put_big_ones(scene *self, char name)
{
    static const uint8_t value[BIG_VALUE_BYTES];
    for (char i = 0; i < BIG_PUTS; i++) {
        char key[2] = {name, (char)('0' + i)};
        CHECK_OK(
            engine_lsm.put(self->store, slice_make(key, 2), slice_make(value, sizeof value), 0, 0));
    }
}

static bool has_key(const scene *self, const char *key)
{
    return engine_lsm.contains(self->store, NULL, slice_make(key, strlen(key)), 0) == PYKV_OK;
}

/* The manifest of a clear fails, which the clear survives, for its record is in the log. The next
 * manifest once listed the logs from the clear's on, and the flushed sequence of before: the
 * recovery waited for operations of a memtable that the clear had dropped with its log. */
TEST(a_clear_whose_manifest_fails_loses_nothing_that_follows)
{
    scene now;
    env *after;
    begin(&now);
    put_big_ones(&now, 'a');
    fail_calls(&now, ENV_CALL_RENAME, 1, EIO);
    CHECK_OK(engine_lsm.clear(now.store, 0));
    CHECK_EQUAL(1, env_fault_failed(now.faulty));
    put_big_ones(&now, 'b');
    CHECK_OK(engine_lsm.sync(now.store));
    CHECK_OK(env_memory_crash(now.disk, 1, ENV_CRASH_DROP_ALL, &after));
    end(&now);
    open_store(&now, after);
    CHECK(has_key(&now, "b0") && has_key(&now, "b5"));
    CHECK(!has_key(&now, "a0") && !has_key(&now, "a5"));
    engine_lsm.free(now.store);
    env_memory_free(after);
}

/* The sync of the directory behind a new manifest fails, with whatever errno: the manifest may be
 * in force. Its table was once taken away where the reason was not EIO, and a process that died
 * then left a store whose table was missing. */
TEST(a_table_stays_while_a_manifest_that_lists_it_may_be_in_force)
{
    for (uint64_t at = 1; at <= 4; at++) {
        scene now;
        begin(&now);
        CHECK_OK(engine_lsm.put(now.store, slice_make("k", 1), slice_make("v", 1), 0, 0));
        fail_calls(&now, ENV_CALL_SYNC_DIRECTORY, at, ENOSPC);
        pykv_status status = engine_lsm.flush(now.store);
        CHECK(status == PYKV_OK || env_fault_failed(now.faulty) > 0);
        engine_lsm.free(now.store);
        fail_calls(&now, ENV_CALL_SYNC_DIRECTORY, 0, 0);
        open_store(&now, now.faulty);
        CHECK(has_key(&now, "k"));
        end(&now);
    }
}

TEST(an_input_output_error_at_any_call_loses_nothing)
{
    fail_every_call(&suite, EIO);
}

TEST(a_full_disk_at_any_call_loses_nothing)
{
    fail_every_call(&suite, ENOSPC);
}

TEST(too_many_open_files_at_any_call_lose_nothing)
{
    fail_every_call(&suite, EMFILE);
}

TEST(a_failed_allocation_loses_nothing)
{
    fail_every_call(&suite, 0);
}

/* The store fails with the sync: reads go on, without the write; another open takes up the log. */
TEST(a_write_whose_sync_failed_is_seen_by_nobody_until_the_store_was_opened_again)
{
    scene now;
    slice one = slice_make("k", 1);
    slice other = slice_make("n", 1);
    begin(&now);
    CHECK_OK(engine_lsm.put(now.store, one, one, 0, PYKV_SYNC));
    fail_calls(&now, ENV_CALL_SYNC, 1, EIO);
    CHECK_STATUS(PYKV_COMMIT_UNKNOWN, engine_lsm.put(now.store, other, other, 0, PYKV_SYNC));
    CHECK_EQUAL(PYKV_STATE_FAILED, engine_lsm.state(now.store));
    CHECK_STATUS(PYKV_STORE_FAILED, engine_lsm.put(now.store, other, other, 0, 0));
    CHECK(has_key(&now, "k"));
    CHECK(!has_key(&now, "n"));
    CHECK_STATUS(PYKV_STORE_FAILED, engine_lsm.close(now.store, -1));
    engine_lsm.free(now.store);
    open_store(&now, now.faulty);
    CHECK(has_key(&now, "k"));
    CHECK_OK(engine_lsm.put(now.store, other, other, 0, PYKV_SYNC));
    CHECK(has_key(&now, "n"));
    end(&now);
}

TEST_MAIN(CASE(a_write_whose_sync_failed_is_seen_by_nobody_until_the_store_was_opened_again),
          CASE(a_clear_whose_manifest_fails_loses_nothing_that_follows),
          CASE(a_table_stays_while_a_manifest_that_lists_it_may_be_in_force),
          CASE(an_input_output_error_at_any_call_loses_nothing),
          CASE(a_full_disk_at_any_call_loses_nothing),
          CASE(too_many_open_files_at_any_call_lose_nothing),
          CASE(a_failed_allocation_loses_nothing))
