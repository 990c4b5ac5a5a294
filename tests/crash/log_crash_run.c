/*
 * log_crash_run: the power goes at every call of a seeded workload over a log, and again inside
 * the recovery from it; what is found afterwards must be what was promised.
 *
 * For every call k of the workload that changes the disk: run it until the power goes at k, then
 * make the disk that the next boot finds under every policy of env_memory, several times by chance.
 * On each: the recovered records are a prefix of what was acknowledged (or that and one write that
 * failed), at least up to the last acknowledged sync, with whole batches, and never called damaged.
 * Then the log is recovered as an owner does at open, the power goes inside that, and the log must
 * end where it did.
 * ENV_CRASH_TORN_SECTOR, which may take back bytes that were synced, is run where syncs are padded.
 *
 * PYKV_STATES: how many disks are checked, over all cases (default 2,000).  PYKV_SEED: the first
 * seed.
 */
#include "crash/log_subject.h"
#include "harness/check.h"

#include "base/memory.h"

enum { RECOVERY_CALLS_MAX = 24 };

static const char *const policy_names[ENV_CRASH_POLICY_COUNT] = {
    "", "DROP_ALL", "KEEP_ALL", "PREFIX", "SUBSET", "TORN", "TORN_SECTOR"};

static uint64_t state_count;
static const log_subject *subject; /* of this run */

/* Where the simulation is, for the message of a failure. */
typedef struct place {
    const log_workload *plan;
    const log_history *history;
    uint64_t call_number;
    int policy;
    int second_policy; /* 0: before the second crash */
} place;

static uint64_t check_disk(const place *here, env *disk, bool keeps_all)
{
    uint64_t last = 0;
    pykv_status status = PYKV_OK;
    const char *wrong = subject->check(disk, here->plan, here->history, keeps_all, &last, &status);
    state_count++;
    if (wrong != NULL) {
        check_failed(__FILE__, __LINE__,
                     "%s (status %d; workload seed %" PRIu64
                     ", %s sink%s, power off at call %" PRIu64
                     ", %s, then %s; acknowledged up to %" PRIu64 ", synced up to %" PRIu64
                     ", found up to %" PRIu64 ")",
                     wrong, (int)status, here->plan->seed, here->plan->mapped ? "mapped" : "pwrite",
                     here->plan->padding ? " padded" : "", here->call_number,
                     policy_names[here->policy], policy_names[here->second_policy],
                     here->history->last_sequence, here->history->synced_sequence, last);
    }
    return last;
}

static env *new_disk(const log_workload *plan)
{
    env *disk = NULL;
    CHECK_OK(env_memory_new(plan->seed + 1, LOG_WORKLOAD_FILE_BYTES_MAX, &disk));
    return disk;
}

/* Runs the workload to its end or until a call fails. */
static void run(const log_workload *plan, env *disk, log_history *history)
{
    pykv_status status = subject->open(disk, plan, history);
    for (size_t i = 0; i < plan->step_count && status == PYKV_OK; i++) {
        status = subject->step();
    }
    CHECK(status == PYKV_OK || env_memory_is_off(disk));
    subject->close();
}

/* The recovery of a disk is cut short by a power failure: what was found before must be found
 * again. */
static void crash_inside_recovery(place *here, env *disk, uint64_t last, uint64_t *chance)
{
    env *after = NULL;
    uint64_t now = env_memory_call_count(disk);
    env_memory_power_off_at(disk, now + 1 + check_random(chance, RECOVERY_CALLS_MAX));
    pykv_status status = subject->recover(disk, here->plan);
    CHECK(status == PYKV_OK || env_memory_is_off(disk));
    here->second_policy = 1 + (int)check_random(chance, ENV_CRASH_POLICY_COUNT - 1);
    CHECK_OK(env_memory_crash(disk, check_random(chance, UINT64_MAX),
                              (env_crash_policy)here->second_policy, &after));
    uint64_t found = check_disk(here, after, false);
    here->second_policy = 0;
    if (found != last) {
        check_failed(__FILE__, __LINE__,
                     "a crash inside recovery moved the end of the log from %" PRIu64 " to %" PRIu64
                     " (workload seed %" PRIu64 ", call %" PRIu64 ", %s)",
                     last, found, here->plan->seed, here->call_number, policy_names[here->policy]);
    }
    env_memory_free(after);
}

static void crash_at(const log_workload *plan, uint64_t call_number, uint64_t *chance)
{
    static log_history history;
    env *disk = new_disk(plan);
    env_memory_power_off_at(disk, call_number);
    run(plan, disk, &history);
    place here = {plan, &history, call_number, 0, 0};
    for (int policy = ENV_CRASH_DROP_ALL; policy < ENV_CRASH_POLICY_COUNT; policy++) {
        env *after = NULL;
        if (policy == ENV_CRASH_TORN_SECTOR && !plan->padding) {
            continue;
        }
        here.policy = policy;
        CHECK_OK(env_memory_crash(disk, check_random(chance, UINT64_MAX), (env_crash_policy)policy,
                                  &after));
        uint64_t last = check_disk(&here, after, policy == ENV_CRASH_KEEP_ALL);
        crash_inside_recovery(&here, after, last, chance);
        env_memory_free(after);
    }
    env_memory_free(disk);
}

/* Crashes one workload at every step-th of its calls, beginning by chance. */
static void simulate_workload(const log_workload *plan, uint64_t state_budget, uint64_t *chance)
{
    static log_history history;
    env *disk = new_disk(plan);
    run(plan, disk, &history);
    CHECK(history.commit_count > plan->step_count / 2);
    place here = {plan, &history, 0, ENV_CRASH_KEEP_ALL, 0};
    CHECK_EQUAL(history.last_sequence, check_disk(&here, disk, true));
    uint64_t call_count = env_memory_call_count(disk);
    env_memory_free(disk);
    uint64_t states_per_call = plan->padding ? 12 : 10;
    uint64_t step = (call_count * states_per_call + state_budget - 1) / state_budget;
    for (uint64_t call = 1 + check_random(chance, step); call <= call_count; call += step) {
        crash_at(plan, call, chance);
    }
}

void log_crash_simulate(const log_subject *simulated, bool mapped, bool padding)
{
    subject = simulated;
    uint64_t budget = check_count("PYKV_STATES", 2000) / LOG_CRASH_CASES;
    uint64_t end = state_count + budget;
    uint64_t chance = check_seed() + (mapped ? 2 : 0) + (padding ? 1 : 0);
    int64_t blocks = mem_block_count();
    for (uint64_t i = 0; state_count < end; i++) {
        log_workload plan = {.seed = check_seed() + i,
                             .mapped = mapped,
                             .padding = padding,
                             .step_count = 60,
                             .capacity = 1024 * (1 + i * 5 % 8),
                             .sync_percent = 3 + i % 4 * 6};
        simulate_workload(&plan, end - state_count, &chance);
    }
    CHECK_EQUAL(blocks, mem_block_count());
    printf("crash states so far: %" PRIu64 ", failures: 0, seed %" PRIu64 "\n", state_count,
           check_seed());
}
