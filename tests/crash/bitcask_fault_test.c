/*
 * bitcask_fault_test: the Bitcask under failing calls and allocations (store_fault.h).
 */
#include <errno.h>

#include "harness/check.h"
#include "store_fault.h"

static const fault_suite suite = {.engine = &engine_bitcask, .name = "bitcask"};

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

TEST_MAIN(CASE(an_input_output_error_at_any_call_loses_nothing),
          CASE(a_full_disk_at_any_call_loses_nothing),
          CASE(too_many_open_files_at_any_call_lose_nothing),
          CASE(a_failed_allocation_loses_nothing))
