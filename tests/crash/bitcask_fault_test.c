/*
 * bitcask_fault_test: the Bitcask under failing calls and allocations (store_fault.h).
 */
#include <errno.h>

#include "harness/check.h"
#include "store_fault.h"

#include "base/memory.h"
#include "bitcask/bitcask.h"
#include "bitcask/operation.h"
#include "env/env_fault.h"
#include "env/env_memory.h"

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

/* Two operations of a batch are of one key. The later one once read the earlier one back to know
 * it, and where that read failed both stayed in the directory: a get gave the earlier value. */
TEST(of_two_operations_of_a_batch_on_one_key_the_later_one_wins_though_no_read_works)
{
    env *disk;
    env *faulty;
    bitcask *store;
    pykv_pinned got;
    pykv_options options = {.log_sink = PYKV_LOG_PWRITE, .no_mapped_reads = 1};
    env_fault_plan no_reads = {
        .at = 1, .sticky = true, .system_errno = EIO, .call_mask = UINT32_C(1) << ENV_CALL_READ};
    env_fault_plan none = {.at = 0};
    operation twins[2] = {{.record = {.kind = RECORD_PUT}}, {.record = {.kind = RECORD_PUT}}};
    twins[0].record.key = twins[1].record.key = slice_make("k", 1);
    twins[0].record.value = slice_make("earlier", 7);
    twins[1].record.value = slice_make("later", 5);
    CHECK_OK(env_memory_new(1, 80 << 20, &disk));
    CHECK_OK(env_fault_new(disk, &faulty));
    CHECK_OK(bitcask_open(faulty, "/store", &options, &store));
    env_fault_set(faulty, &no_reads);
    CHECK_OK(bitcask_write(store, twins, 2, 0));
    env_fault_set(faulty, &none);
    CHECK_OK(bitcask_get(store, slice_make("k", 1), 0, &got));
    CHECK(slice_equal(slice_make("later", 5), slice_make(got.data, got.length)));
    mem_free(got.owned);
    CHECK_EQUAL(1, bitcask_count(store));
    bitcask_free(store);
    env_fault_free(faulty);
    env_memory_free(disk);
}

TEST_MAIN(CASE(of_two_operations_of_a_batch_on_one_key_the_later_one_wins_though_no_read_works),
          CASE(an_input_output_error_at_any_call_loses_nothing),
          CASE(a_full_disk_at_any_call_loses_nothing),
          CASE(too_many_open_files_at_any_call_lose_nothing),
          CASE(a_failed_allocation_loses_nothing))
