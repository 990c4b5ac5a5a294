/*
 * store_crash: the power goes at every call of a workload, in every way; the store opens again and
 * holds a prefix of the commits, at least up to the last durable one.
 *
 * Each state is then used on: recovery is cut short by a second power cut and repeated, new writes
 * are made, the store is verified and closed cleanly, and opened once more.
 */
#include "store_crash.h"

#include "harness/check.h"
#include "store_workload.h"

enum { NESTED_CALLS = 40 };

static uint64_t states_done;
static const crash_suite *suite;

static void fail(const char *what, const store_plan *plan, uint64_t call, int policy,
                 uint64_t crash_seed)
{
    check_failed(__FILE__, __LINE__,
                 "%s (%s, plan %" PRIu64 ", sink %d, durability %d, call %" PRIu64
                 ", policy %d, crash %" PRIu64 "): %s",
                 what, suite->name, plan->seed, (int)plan->log_sink, (int)plan->durability, call,
                 policy, crash_seed, error_last()->text);
}

/* Runs the workload until it ends or the power goes. */
static void run(env *disk, const store_plan *plan, store_history *history)
{
    store_driver driver;
    memset(history, 0, sizeof *history);
    pykv_status status = driver_open(&driver, disk, plan, history);
    for (size_t i = 0; status == PYKV_OK && i < plan->step_count; i++) {
        status = driver_step(&driver);
    }
    if (status == PYKV_OK) {
        status = driver_close(&driver);
    }
    if (status != PYKV_OK && !env_memory_is_off(disk)) {
        check_failed(__FILE__, __LINE__, "the workload failed with power on: %s",
                     error_last()->text);
    }
    driver_drop(&driver);
}

/* Opens what the crash left, cutting the power at a call of the recovery first. */
static env *cut_recovery(env *disk, const store_plan *plan, uint64_t *chance)
{
    store_driver driver;
    store_history scratch = {.tried = 0};
    env *after;
    uint64_t at = env_memory_call_count(disk) + 1 + check_random(chance, NESTED_CALLS);
    env_crash_policy policy = (env_crash_policy)(1 + check_random(chance, ENV_CRASH_TORN));
    env_memory_power_off_at(disk, at);
    if (driver_open(&driver, disk, plan, &scratch) == PYKV_OK) {
        driver_drop(&driver);
    }
    CHECK_OK(env_memory_crash(disk, check_random(chance, UINT64_MAX), policy, &after));
    return after;
}

/* More writes, a verification and a clean close on the recovered store. */
static const char *use_on(store_driver *driver, store_history *history)
{
    static pykv_report report;
    for (size_t i = 0; i < 12; i++) {
        if (driver_step(driver) != PYKV_OK) {
            return "the recovered store refuses an operation";
        }
    }
    if (suite->engine->verify(driver->store, NULL, &report) != PYKV_OK ||
        report.damage_count != 0) {
        return "verify finds damage in the recovered store";
    }
    if (driver_close(driver) != PYKV_OK) {
        return "the recovered store does not close cleanly";
    }
    size_t commit;
    if (driver_open(driver, driver->disk, driver->plan, history) != PYKV_OK) {
        return "the recovered store does not open again";
    }
    return driver_check(driver, history->finished, history->finished, &commit);
}

/* On a disk of its own, as looking at checkpoints removes them. */
static void check_copies(env *crashed, const store_plan *plan, store_history *history,
                         uint64_t call, int policy, uint64_t crash_seed)
{
    env *twin;
    if (history->copy_count == 0) {
        return;
    }
    CHECK_OK(env_memory_clone(crashed, &twin));
    const char *wrong = workload_check_copies(twin, plan, history);
    if (wrong != NULL) {
        fail(wrong, plan, call, policy, crash_seed);
    }
    env_memory_free(twin);
}

static void check_state(env *crashed, const store_plan *plan, const store_history *before,
                        uint64_t call, int policy, uint64_t crash_seed)
{
    store_driver driver;
    static store_history history;
    size_t commit = 0;
    uint64_t chance = crash_seed * 31 + call;
    env *nested = NULL;
    history = *before;
    check_copies(crashed, plan, &history, call, policy, crash_seed);
    if (check_random(&chance, 3) == 0) {
        nested = cut_recovery(crashed, plan, &chance);
    }
    env *disk = nested != NULL ? nested : crashed;
    if (driver_open(&driver, disk, plan, &history) != PYKV_OK) {
        fail("the store does not open after the crash", plan, call, policy, crash_seed);
    }
    size_t floor =
        policy == ENV_CRASH_KEEP_ALL && nested == NULL ? before->finished : before->durable;
    const char *wrong = suite->inspect != NULL ? suite->inspect(disk, driver.store) : NULL;
    if (wrong == NULL) {
        wrong = driver_check(&driver, floor, before->tried, &commit);
    }
    if (wrong == NULL) {
        history_cut(&history, commit);
        wrong = use_on(&driver, &history);
    }
    if (wrong != NULL) {
        fail(wrong, plan, call, policy, crash_seed);
    }
    driver_drop(&driver);
    if (nested != NULL) {
        env_memory_free(nested);
    }
    states_done++;
}

static void crash_at(const store_plan *plan, uint64_t call, uint64_t *chance)
{
    static store_history history;
    env *disk;
    CHECK_OK(env_memory_new(plan->seed, WORKLOAD_FILE_MAX, &disk));
    env_memory_power_off_at(disk, call);
    run(disk, plan, &history);
    int last_policy = plan->padding ? ENV_CRASH_TORN_SECTOR : ENV_CRASH_TORN;
    for (int policy = ENV_CRASH_DROP_ALL; policy <= last_policy; policy++) {
        env *crashed;
        uint64_t crash_seed = check_random(chance, UINT64_C(1) << 40);
        CHECK_OK(env_memory_crash(disk, crash_seed, (env_crash_policy)policy, &crashed));
        check_state(crashed, plan, &history, call, policy, crash_seed);
        env_memory_free(crashed);
    }
    env_memory_free(disk);
}

static uint64_t count_calls(const store_plan *plan)
{
    static store_history history;
    env *disk;
    CHECK_OK(env_memory_new(plan->seed, WORKLOAD_FILE_MAX, &disk));
    run(disk, plan, &history);
    CHECK_EQUAL(history.finished, history.durable);
    uint64_t calls = env_memory_call_count(disk);
    env_memory_free(disk);
    return calls;
}

void crash_everywhere(const crash_suite *given, int32_t sink, int32_t durability, bool padding)
{
    suite = given;
    uint64_t wanted = check_count("PYKV_STATES", 2000) / 5;
    uint64_t chance =
        check_seed() * 8 + (uint64_t)sink * 2 + (uint64_t)durability + (padding ? 7 : 0);
    uint64_t began = states_done;
    while (states_done - began < wanted) {
        store_plan plan = {.engine = given->engine,
                           .seed = 1 + check_random(&chance, 1 << 30),
                           .step_count = given->step_count,
                           .log_sink = sink,
                           .durability = durability,
                           .clears = true,
                           .padding = padding,
                           .makes_names = check_random(&chance, 2) == 0,
                           .pins = true};
        plan.keeps_history = workload_keeps_history(&plan, &chance);
        uint64_t calls = count_calls(&plan);
        /* A small count is spread over one workload. */
        uint64_t stride = 5 + 2 * calls * ENV_CRASH_TORN / wanted;
        for (uint64_t call = 1 + check_random(&chance, stride);
             call <= calls && states_done - began < wanted;
             call += 1 + check_random(&chance, stride)) {
            crash_at(&plan, call, &chance);
        }
    }
    printf("%s crash states, sink %d, durability %d, padding %d: %" PRIu64 ", failures: 0\n",
           given->name, (int)sink, (int)durability, padding, states_done - began);
}
