/*
 * engine_bitcask_named_test: the table of functions of a namespace of a Bitcask.
 */
#include "named_checks.h"

TEST(a_namespace_shares_the_gate_the_clock_and_the_upkeep_of_its_store)
{
    api_fixture f = {.options = {.engine = PYKV_ENGINE_BITCASK, .segment_bytes = 1 << 16},
                     .path = check_temporary_directory()};
    CHECK_OK(api_open(&f));
    named_check(&f);
    api_free(&f);
}

TEST_MAIN(CASE(a_namespace_shares_the_gate_the_clock_and_the_upkeep_of_its_store))
