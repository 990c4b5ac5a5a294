/*
 * wal_crash_test: the power goes at every call of an owner of a write-ahead log: the
 * cases of log_crash_run.c.
 */
#include "crash/log_subject.h"
#include "harness/check.h"

TEST(a_row_of_logs_by_pwrite_recovers_a_prefix_after_any_crash)
{
    log_crash_simulate(&wal_subject, false, false);
}

TEST(a_padded_row_of_logs_by_pwrite_recovers_a_prefix_even_when_whole_sectors_are_torn)
{
    log_crash_simulate(&wal_subject, false, true);
}

TEST(a_mapped_row_of_logs_recovers_a_prefix_after_any_crash)
{
    log_crash_simulate(&wal_subject, true, false);
}

TEST(a_padded_mapped_row_of_logs_recovers_a_prefix_even_when_whole_sectors_are_torn)
{
    log_crash_simulate(&wal_subject, true, true);
}

TEST_MAIN(CASE(a_row_of_logs_by_pwrite_recovers_a_prefix_after_any_crash),
          CASE(a_padded_row_of_logs_by_pwrite_recovers_a_prefix_even_when_whole_sectors_are_torn),
          CASE(a_mapped_row_of_logs_recovers_a_prefix_after_any_crash),
          CASE(a_padded_mapped_row_of_logs_recovers_a_prefix_even_when_whole_sectors_are_torn))
