/*
 * engine_bitcask: the table of functions is whole, and each function is the engine's own.
 */
#include "engine_checks.h"

TEST(no_function_is_missing_but_those_of_what_it_does_not_support)
{
    engine_ops all = engine_bitcask;
    CHECK(all.delete_range == NULL && all.ingest == NULL);
    all.delete_range = engine_lsm.delete_range;
    all.ingest = engine_lsm.ingest;
    engine_check_whole(&all);
    CHECK_EQUAL(PYKV_ENGINE_BITCASK, all.home->engine);
    CHECK(all.calls_are_readers);
}

static void expect_keys(const pykv_stats *stats)
{
    CHECK_EQUAL(2, stats->key_count);
}

TEST(every_function_does_its_work_on_a_store)
{
    const engine_subject subject = {
        .ops = &engine_bitcask, .options = {.segment_bytes = 8192}, .check_stats = expect_keys};
    engine_check(&subject);
}

TEST_MAIN(CASE(no_function_is_missing_but_those_of_what_it_does_not_support),
          CASE(every_function_does_its_work_on_a_store))
