/*
 * store_fault: every call to the system, and every allocation, fails once or for ever.
 *
 * A write that fails is not applied, except that one whose sync failed may or may not be there
 * after the store is opened again. Reads never give anything but what was written, and never a part
 * of a batch. When the fault is over a store that is not FAILED goes on; one that is goes on after
 * it was opened again; then everything acknowledged is there, also after a power cut. Nothing
 * leaks.
 */
#include "store_fault.h"

#include "harness/check.h"
#include "store_workload.h"
#include "store_workload_parts.h"

#include "base/memory.h"
#include "env/env_fault.h"

enum { STEPS = 45, STEPS_AFTER = 10 };

typedef struct fault_run {
    store_plan plan;
    env *disk;
    env *faulty; /* over disk */
    store_driver driver;
    store_history history;
    uint64_t at;
    bool sticky;
    int system_errno; /* 0: an allocation */
    size_t in_doubt;  /* the last commit that may be there after the death of the process */
    bool armed;
    bool reached; /* there were so many calls while it was armed */
} fault_run;

static fault_run now;
static const fault_suite *suite;

static void fail(const char *what)
{
    check_failed(__FILE__, __LINE__,
                 "%s (%s, plan %" PRIu64 ", sink %d, durability %d, call %" PRIu64
                 ", sticky %d, errno %d): %s",
                 what, suite->name, now.plan.seed, (int)now.plan.log_sink, (int)now.plan.durability,
                 now.at, now.sticky, now.system_errno, error_last()->text);
}

static void arm(void)
{
    env_fault_plan plan = {.at = now.at,
                           .sticky = now.sticky,
                           .system_errno = now.system_errno,
                           .seed = now.plan.seed};
    now.armed = true;
    if (now.system_errno == 0) {
        (void)mem_fail_at(now.at, now.sticky);
    } else {
        env_fault_set(now.faulty, &plan);
    }
}

static void disarm(void)
{
    env_fault_plan none = {.at = 0};
    uint64_t seen = now.system_errno == 0 ? mem_fail_at(0, 0) : env_fault_seen(now.faulty);
    if (now.armed) {
        now.reached = seen >= now.at;
    }
    now.armed = false;
    env_fault_set(now.faulty, &none);
}

/* A failed step leaves the history as it was, unless its commit is in doubt. If the process dies at
 * once it always is: what of a failed write reached the log may be whole. */
static void settle(size_t tried_before, pykv_status status)
{
    now.in_doubt = now.history.tried;
    if (status != PYKV_COMMIT_UNKNOWN && now.history.tried > now.history.finished) {
        now.history.tried = tried_before;
    }
}

static void check_content(const char *when)
{
    size_t commit;
    bool is_clear = now.driver.clear_commit == now.history.tried;
    disarm();
    const char *wrong = driver_check(&now.driver, now.history.finished,
                                     is_clear ? now.history.tried : now.history.finished, &commit);
    if (wrong != NULL) {
        fprintf(stderr, "%s: ", when);
        fail(wrong);
    }
}

/* Runs until a step fails; then looks, with the fault over. */
static bool run_until_failure(void)
{
    size_t tried = 0;
    pykv_status status = driver_open(&now.driver, now.faulty, &now.plan, &now.history);
    if (status != PYKV_OK) {
        disarm();
        return false;
    }
    for (size_t i = 0; i < STEPS && status == PYKV_OK; i++) {
        tried = now.history.tried;
        status = driver_step(&now.driver);
    }
    settle(tried, status);
    if (now.driver.store == NULL) {
        disarm();
        return false;
    }
    check_content("after the fault");
    return true;
}

static void reopen_after(void)
{
    size_t commit = 0;
    disarm();
    if (driver_open(&now.driver, now.faulty, &now.plan, &now.history) != PYKV_OK) {
        fail("the store does not open when the fault is over");
    }
    const char *wrong = driver_check(&now.driver, now.history.durable, now.in_doubt, &commit);
    if (wrong == NULL && commit < now.history.finished) {
        wrong = "an acknowledged write is gone, and no power was lost";
    }
    if (wrong != NULL) {
        fail(wrong);
    }
    history_cut(&now.history, commit);
}

static void go_on(void)
{
    for (size_t i = 0; i < STEPS_AFTER; i++) {
        if (driver_step(&now.driver) != PYKV_OK) {
            fail("the store refuses an operation when the fault is over");
        }
    }
    if (suite->engine->sync(now.driver.store) != PYKV_OK) {
        fail("the store does not sync when the fault is over");
    }
    check_content("going on");
}

/* The power goes: what comes back is the state after a commit, one of from..to. */
static void cut_power(env_crash_policy policy, size_t from, size_t to)
{
    env *after;
    store_driver driver;
    size_t commit;
    store_plan plan = now.plan;
    CHECK_OK(env_memory_crash(now.disk, now.at, policy, &after));
    plan.clock = after;
    if (driver_open(&driver, after, &plan, &now.history) != PYKV_OK) {
        fail("the store does not open after the power cut");
    }
    const char *wrong = driver_check(&driver, from, to, &commit);
    if (wrong != NULL) {
        fail(wrong);
    }
    driver_drop(&driver);
    env_memory_free(after);
}

/* As cut_power, while the files are as the fault left them, in one of the ways that power goes. */
static void cut_power_at_once(void)
{
    env_crash_policy policy = (env_crash_policy)(ENV_CRASH_DROP_ALL + now.at % ENV_CRASH_TORN);
    cut_power(policy, policy == ENV_CRASH_KEEP_ALL ? now.history.finished : now.history.durable,
              now.in_doubt);
}

/* One fault at call `at`. False when the workload ends before it. */
static bool one_fault(void)
{
    int64_t blocks = mem_block_count();
    now.history = (store_history){.tried = 0};
    now.in_doubt = 0;
    CHECK_OK(env_memory_new(now.plan.seed, WORKLOAD_FILE_MAX, &now.disk));
    CHECK_OK(env_fault_new(now.disk, &now.faulty));
    now.plan.clock = now.disk;
    arm();
    bool is_open = run_until_failure();
    bool failed = is_open && suite->engine->state(now.driver.store) == PYKV_STATE_FAILED;
    bool dies = now.at % 4 == 0;
    cut_power_at_once();
    if (!is_open || failed || dies) {
        driver_drop(&now.driver);
        reopen_after();
    }
    go_on();
    driver_drop(&now.driver);
    const char *wrong = workload_check_copies(now.disk, &now.plan, &now.history);
    if (wrong != NULL) {
        fail(wrong);
    }
    cut_power(ENV_CRASH_DROP_ALL, now.history.finished, now.history.finished);
    env_fault_free(now.faulty);
    env_memory_free(now.disk);
    if (mem_block_count() != blocks) {
        fail("memory was not freed");
    }
    return now.reached;
}

static void fail_everywhere(int system_errno, int32_t sink, int32_t durability)
{
    uint64_t wanted = check_count("PYKV_FAULTS", 600) / 12;
    uint64_t chance = check_seed() + (uint64_t)system_errno * 64 + (uint64_t)sink * 8;
    uint64_t done = 0;
    while (done < wanted) {
        now.plan = (store_plan){.engine = suite->engine,
                                .seed = 1 + check_random(&chance, 1 << 30),
                                .step_count = STEPS,
                                .log_sink = sink,
                                .durability = durability,
                                .clears = true,
                                .makes_names = check_random(&chance, 2) == 0,
                                .pins = true,
                                .has_reader = check_random(&chance, 2) == 0};
        now.plan.keeps_history = workload_keeps_history(&now.plan, &chance);
        now.system_errno = system_errno;
        now.at = 0;
        bool reached = true;
        while (reached && done < wanted) {
            now.at += 1 + check_random(&chance, system_errno == 0 ? 40 : 9);
            now.sticky = check_random(&chance, 2) == 0;
            reached = one_fault();
            done++;
        }
    }
    printf("%s failed calls, errno %d, sink %d, durability %d: %" PRIu64 ", failures: 0\n",
           suite->name, system_errno, (int)sink, (int)durability, done);
}

void fail_every_call(const fault_suite *given, int system_errno)
{
    suite = given;
    fail_everywhere(system_errno, PYKV_LOG_PWRITE, PYKV_DURABILITY_OS);
    fail_everywhere(system_errno, PYKV_LOG_MAPPED, PYKV_DURABILITY_OS);
    fail_everywhere(system_errno, PYKV_LOG_PWRITE, PYKV_DURABILITY_SYNC);
}
