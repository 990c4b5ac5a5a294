/*
 * engine_lsm_named_test: the table of functions of a namespace.
 */
#include "harness/check.h"

#include "api/engine.h"
#include "env/env_memory.h"

enum { FILE_MAX = 4 << 20 };

static void put(const engine_ops *ops, void *engine, const char *key, const char *value)
{
    CHECK_OK(
        ops->put(engine, slice_make(key, strlen(key)), slice_make(value, strlen(value)), 0, 0));
}

static uint64_t count(const engine_ops *ops, void *engine)
{
    uint64_t found = 0;
    CHECK_OK(ops->count(engine, NULL, NULL, &found));
    return found;
}

TEST(a_namespace_shares_the_gate_the_clock_and_the_upkeep_of_its_store)
{
    const engine_ops *ops = &engine_lsm;
    const pykv_options options = {.engine = PYKV_ENGINE_LSM};
    env *disk;
    void *engine;
    void *named;
    uint32_t id;
    uint64_t bytes = 77;
    int32_t more;
    pykv_stats stats;
    pykv_report report;
    CHECK_OK(env_memory_new(check_seed(), FILE_MAX, &disk));
    CHECK_OK(ops->open(disk, "/store", &options, &engine));
    CHECK_OK(ops->name_make(engine, slice_make("users", 5), 0, &id));
    CHECK_OK(ops->named_new(engine, id, &named));
    CHECK(ops->gate(engine) == ops->named->gate(named));
    CHECK(ops->named->now(named) >= ops->now(engine) - 1000000);
    put(ops->named, named, "a", "1");
    put(ops->named, named, "b", "2");
    put(ops, engine, "a", "3");
    CHECK_EQUAL(1, count(ops, engine));
    CHECK_EQUAL(2, count(ops->named, named));
    CHECK_OK(ops->named->sync(named));
    CHECK_OK(ops->named->flush(named));
    CHECK_OK(ops->named->compact(named, NULL, NULL));
    CHECK_OK(ops->named->resume(named));
    CHECK_OK(ops->named->maintain_step(named, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(PYKV_STATE_OPEN, ops->named->state(named));
    CHECK_OK(ops->named->approximate_size(named, NULL, &bytes));
    CHECK(bytes != 77);
    ops->named->stats(named, &stats);
    CHECK_EQUAL(5, stats.last_sequence);
    CHECK_OK(ops->named->verify(named, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_OK(ops->named->checkpoint(named, "/copy"));
    ops->named->free(named);
    CHECK_OK(ops->close(engine, -1));
    ops->free(engine);
    CHECK_OK(ops->open(disk, "/copy", &options, &engine));
    CHECK_OK(ops->name_find(engine, slice_make("users", 5), &id));
    CHECK_OK(ops->named_new(engine, id, &named));
    CHECK_EQUAL(2, count(ops->named, named));
    ops->named->free(named);
    CHECK_OK(ops->close(engine, -1));
    ops->free(engine);
    env_memory_free(disk);
}

TEST_MAIN(CASE(a_namespace_shares_the_gate_the_clock_and_the_upkeep_of_its_store))
