/*
 * wal_fault_test: calls and allocations of an owner of a write-ahead log fail:
 * the cases of log_fault_run.c.
 */
#include "crash/log_subject.h"
#include "harness/check.h"

TEST(any_failed_call_leaves_a_row_of_logs_by_pwrite_a_prefix)
{
    log_fault_calls(&wal_subject, false);
}

TEST(any_failed_call_leaves_a_mapped_row_of_logs_a_prefix)
{
    log_fault_calls(&wal_subject, true);
}

TEST(any_failed_allocation_leaves_a_row_of_logs_by_pwrite_a_prefix)
{
    log_fault_allocations(&wal_subject, false);
}

TEST(any_failed_allocation_leaves_a_mapped_row_of_logs_a_prefix)
{
    log_fault_allocations(&wal_subject, true);
}

TEST(a_row_of_logs_by_pwrite_survives_a_full_disk_and_goes_on)
{
    log_fault_full_disks(&wal_subject, false);
}

TEST(a_mapped_row_of_logs_survives_a_full_disk_and_goes_on)
{
    log_fault_full_disks(&wal_subject, true);
}

TEST_MAIN(CASE(any_failed_call_leaves_a_row_of_logs_by_pwrite_a_prefix),
          CASE(any_failed_call_leaves_a_mapped_row_of_logs_a_prefix),
          CASE(any_failed_allocation_leaves_a_row_of_logs_by_pwrite_a_prefix),
          CASE(any_failed_allocation_leaves_a_mapped_row_of_logs_a_prefix),
          CASE(a_row_of_logs_by_pwrite_survives_a_full_disk_and_goes_on),
          CASE(a_mapped_row_of_logs_survives_a_full_disk_and_goes_on))
