/*
 * log_fault_run: every call and every allocation of a seeded workload over a log fails, once or
 * until it heals; the log stays what it promised, nothing leaks, and after healing appends work
 * again.
 *
 * Each run is checked twice: as the next process finds the files, where everything acknowledged
 * must be there, and after a power failure, where everything synced must be.
 *
 * PYKV_FAULTS: how many runs with a failed call or allocation, over all cases (default 1,500).
 * PYKV_SEED: the first seed.
 */
#include <errno.h>

#include "crash/log_subject.h"
#include "harness/check.h"

#include "base/memory.h"
#include "env/env_fault.h"

enum { STEP_COUNT = 40, HEAL_AFTER = 6, NO_LIMIT = 1 << 30 };

#define CALLS_OF_A_FULL_DISK (1U << ENV_CALL_WRITE | 1U << ENV_CALL_ALLOCATE | 1U << ENV_CALL_OPEN)

static uint64_t run_count;
static const log_subject *subject; /* of this run */

/* One disk with a store on it. */
typedef struct bench {
    log_workload plan;
    log_history history;
    env *disk;
    env *faulty;
    const char *fault; /* for messages */
    uint64_t at;
    uint64_t failure_count; /* calls made to fail */
    uint64_t call_count;
    uint64_t allocation_count;
    int64_t blocks_before;
    bool failed; /* the store, at the end */
} bench;

static bench now;

static void bench_start(const log_workload *plan, const char *fault, uint64_t at)
{
    memset(&now, 0, sizeof now);
    now.plan = *plan;
    now.fault = fault;
    now.at = at;
    now.blocks_before = mem_block_count();
    CHECK_OK(env_memory_new(plan->seed + 1, LOG_WORKLOAD_FILE_BYTES_MAX, &now.disk));
    CHECK_OK(env_fault_new(now.disk, &now.faulty));
    mem_fail_at(0, 0);
}

static void bench_end(void)
{
    now.failed = subject->has_failed();
    subject->close();
    env_fault_free(now.faulty);
    env_memory_free(now.disk);
    CHECK_EQUAL(now.blocks_before, mem_block_count());
    run_count++;
}

static void fail(const char *wrong, pykv_status status)
{
    check_failed(__FILE__, __LINE__,
                 "%s (status %d: %s; workload seed %" PRIu64 ", %s sink, %s at %" PRIu64
                 "; acknowledged up to %" PRIu64 ", synced up to %" PRIu64 ")",
                 wrong, (int)status, error_last()->text, now.plan.seed,
                 now.plan.mapped ? "mapped" : "pwrite", now.fault, now.at,
                 now.history.last_sequence, now.history.synced_sequence);
}

/* Ends all faults, and notes how many calls there were. */
static void heal(void)
{
    env_fault_plan none = {0};
    now.call_count += env_fault_seen(now.faulty);
    now.failure_count += env_fault_failed(now.faulty);
    now.allocation_count += mem_fail_at(0, 0);
    env_fault_set(now.faulty, &none);
    env_memory_set_capacity(now.disk, NO_LIMIT);
}

/* Opens the store, a second time if the first was made to fail. */
static void open_store(void)
{
    pykv_status status = subject->open(now.faulty, &now.plan, &now.history);
    if (status != PYKV_OK) {
        subject->close();
        heal();
        status = subject->open(now.faulty, &now.plan, &now.history);
    }
    if (status != PYKV_OK) {
        fail("the store does not open after healing", status);
    }
}

/* Works on through failures, which heal after a few steps. Returns the last status of a failure. */
static pykv_status work(void)
{
    size_t failed_count = 0;
    pykv_status result = PYKV_OK;
    for (size_t i = 0; i < now.plan.step_count && !subject->has_failed(); i++) {
        pykv_status status = subject->step();
        if (status != PYKV_OK) {
            result = status;
            if (++failed_count == HEAL_AFTER) {
                heal();
            }
        }
    }
    heal();
    return result;
}

/* After healing everything works again, unless a sync had failed. */
static void work_on(void)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < 5 && status == PYKV_OK && !subject->has_failed(); i++) {
        status = subject->step();
    }
    if (status == PYKV_OK && !subject->has_failed()) {
        status = subject->sync();
    }
    if (status != PYKV_OK) {
        fail("the log does not work after healing", status);
    }
}

static void check_disk(env *disk, bool keeps_all)
{
    uint64_t last = 0;
    pykv_status status = PYKV_OK;
    const char *wrong = subject->check(disk, &now.plan, &now.history, keeps_all, &last, &status);
    if (wrong != NULL) {
        fail(wrong, status);
    }
}

static void check_all_disks(uint64_t *chance)
{
    check_disk(now.disk, true);
    for (int policy = ENV_CRASH_DROP_ALL; policy <= ENV_CRASH_TORN; policy++) {
        env *after = NULL;
        CHECK_OK(env_memory_crash(now.disk, check_random(chance, UINT64_MAX),
                                  (env_crash_policy)policy, &after));
        check_disk(after, false);
        env_memory_free(after);
    }
}

/* The part of a run behind the setting of its fault. The disks are looked at before and after
 * healing let the log go on: what a failure left must be overwritten and not only be out of reach.
 */
static pykv_status finish_run(uint64_t *chance)
{
    open_store();
    pykv_status failure = work();
    check_all_disks(chance);
    work_on();
    check_all_disks(chance);
    bench_end();
    return failure;
}

static log_workload plan_of(uint64_t index, bool mapped)
{
    return (log_workload){.seed = check_seed() + index,
                          .mapped = mapped,
                          .padding = index % 2 == 1,
                          .step_count = STEP_COUNT,
                          .capacity = 1024 * (1 + index * 5 % 8),
                          .sync_percent = 3 + index % 3 * 6};
}

/* Runs of one case until the case's share of PYKV_FAULTS is used up. */
static uint64_t share_end(void)
{
    return run_count + check_count("PYKV_FAULTS", 1500) / LOG_FAULT_CASES;
}

static void report(void)
{
    printf("runs with faults so far: %" PRIu64 ", failures: 0, seed %" PRIu64 "\n", run_count,
           check_seed());
}

typedef struct fault_kind {
    const char *name;
    int system_errno;
    bool sticky;
    uint32_t call_mask;
} fault_kind;

static const fault_kind fault_kinds[] = {
    {"EIO once", EIO, false, 0},
    {"EIO until healed", EIO, true, 0},
    {"ENOSPC once", ENOSPC, false, 0},
    {"ENOSPC until healed", ENOSPC, true, CALLS_OF_A_FULL_DISK},
    {"EMFILE once", EMFILE, false, 0},
    {"EMFILE until healed", EMFILE, true, 1U << ENV_CALL_OPEN | 1U << ENV_CALL_OPEN_DIRECTORY},
};
enum { FAULT_KIND_COUNT = sizeof fault_kinds / sizeof fault_kinds[0] };

static void run_call_fault(const log_workload *plan, const fault_kind *kind, uint64_t at,
                           uint64_t *chance)
{
    bench_start(plan, kind->name, at);
    env_fault_plan fault = {.at = at,
                            .sticky = kind->sticky,
                            .system_errno = kind->system_errno,
                            .call_mask = kind->call_mask,
                            .seed = check_random(chance, UINT64_MAX)};
    env_fault_set(now.faulty, &fault);
    (void)finish_run(chance);
    CHECK((at == 0) == (now.failure_count == 0));
}

void log_fault_calls(const log_subject *tried, bool mapped)
{
    subject = tried;
    uint64_t end = share_end();
    uint64_t chance = check_seed();
    for (uint64_t i = 0; run_count < end; i++) {
        log_workload plan = plan_of(i, mapped);
        uint64_t budget = (end - run_count) / FAULT_KIND_COUNT + 1;
        for (size_t k = 0; k < FAULT_KIND_COUNT; k++) {
            run_call_fault(&plan, &fault_kinds[k], 0, &chance);
            uint64_t calls = now.call_count;
            uint64_t step = (calls + budget - 1) / budget;
            for (uint64_t at = 1 + check_random(&chance, step); at <= calls; at += step) {
                run_call_fault(&plan, &fault_kinds[k], at, &chance);
            }
        }
    }
    report();
}

static void run_allocation_fault(const log_workload *plan, uint64_t at, bool sticky,
                                 uint64_t *chance)
{
    bench_start(plan, sticky ? "no memory until healed" : "no memory once", at);
    mem_fail_at(at, sticky);
    pykv_status failure = finish_run(chance);
    bool by_sync = now.failed && (failure == PYKV_COMMIT_UNKNOWN || failure == PYKV_STORE_FAILED);
    if (failure != PYKV_OK && failure != PYKV_NO_MEMORY && !by_sync) {
        fail("a failed allocation gave another status", failure);
    }
}

void log_fault_allocations(const log_subject *tried, bool mapped)
{
    subject = tried;
    uint64_t end = share_end();
    uint64_t chance = check_seed();
    for (uint64_t i = 0; run_count < end; i++) {
        log_workload plan = plan_of(i, mapped);
        uint64_t budget = (end - run_count) / 2 + 1;
        run_allocation_fault(&plan, 0, false, &chance);
        uint64_t allocations = now.allocation_count;
        uint64_t step = (allocations + budget - 1) / budget;
        for (uint64_t at = 1 + check_random(&chance, step); at <= allocations; at += step) {
            run_allocation_fault(&plan, at, false, &chance);
            run_allocation_fault(&plan, at, true, &chance);
        }
    }
    report();
}

/* A disk with room for this many bytes, until more is given. Syncs work on a full disk, so the
 * store never fails for good, and no write may fail for another reason. */
static void run_full_disk(const log_workload *plan, uint64_t capacity, uint64_t *chance)
{
    bench_start(plan, "full disk", capacity);
    env_memory_set_capacity(now.disk, capacity);
    pykv_status failure = finish_run(chance);
    CHECK(failure == PYKV_OK || failure == PYKV_NO_SPACE);
    CHECK(failure != PYKV_OK || capacity != 0);
    CHECK(!now.failed);
}

void log_fault_full_disks(const log_subject *tried, bool mapped)
{
    subject = tried;
    uint64_t end = share_end();
    uint64_t chance = check_seed();
    for (uint64_t i = 0; run_count < end; i++) {
        log_workload plan = plan_of(i, mapped);
        run_full_disk(&plan, 0, &chance);
        for (int k = 0; k < 20; k++) {
            run_full_disk(&plan, 1 + check_random(&chance, 30000), &chance);
        }
    }
    report();
}
