/*
 * log_crash_test: the power goes at every call of a small owner of a log: the
 * cases of log_crash_run.c.
 */
#include "crash/log_subject.h"
#include "harness/check.h"

TEST(a_log_by_pwrite_recovers_a_prefix_after_any_crash)
{
    log_crash_simulate(&log_store_subject, false, false);
}

TEST(a_padded_log_by_pwrite_recovers_a_prefix_even_when_whole_sectors_are_torn)
{
    log_crash_simulate(&log_store_subject, false, true);
}

TEST(a_mapped_log_recovers_a_prefix_after_any_crash)
{
    log_crash_simulate(&log_store_subject, true, false);
}

TEST(a_padded_mapped_log_recovers_a_prefix_even_when_whole_sectors_are_torn)
{
    log_crash_simulate(&log_store_subject, true, true);
}

TEST_MAIN(CASE(a_log_by_pwrite_recovers_a_prefix_after_any_crash),
          CASE(a_padded_log_by_pwrite_recovers_a_prefix_even_when_whole_sectors_are_torn),
          CASE(a_mapped_log_recovers_a_prefix_after_any_crash),
          CASE(a_padded_mapped_log_recovers_a_prefix_even_when_whole_sectors_are_torn))
