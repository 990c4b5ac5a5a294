/*
 * engine_lsm: the table of functions is whole, and each function is the engine's own.
 */
#include "engine_checks.h"

TEST(no_function_is_missing)
{
    engine_check_whole(&engine_lsm);
    CHECK_EQUAL(PYKV_ENGINE_LSM, engine_lsm.home->engine);
    CHECK(!engine_lsm.calls_are_readers); /* who writes may wait for readers */
}

static void expect_table(const pykv_stats *stats)
{
    CHECK_EQUAL(1, stats->table_count);
}

TEST(every_function_does_its_work_on_a_store)
{
    const engine_subject subject = {
        .ops = &engine_lsm,
        .options = {.memtable_bytes = 64 * 1024, .compression = PYKV_CODEC_NONE},
        .has_order = true,
        .check_stats = expect_table};
    engine_check(&subject);
}

TEST_MAIN(CASE(no_function_is_missing), CASE(every_function_does_its_work_on_a_store))
