/*
 * work_test: tasks are done once each, whoever helps, and who comes late touches nothing.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "harness/check.h"

#include "base/work.h"

enum { TASK_COUNT = 40, ROUNDS = 50, UNKNOWN = -1 };

/* Who lends: starts so many threads, less than asked for if it has no more, and says so many. */
typedef struct crew {
    pthread_t threads[WORK_THREAD_COUNT_MAX];
    int32_t started;
    int32_t to_start;
    int32_t says; /* UNKNOWN: does not tell */
    int32_t asked;
    int32_t calls;
    _Atomic int32_t *gate; /* threads wait until it is not 0, NULL: they do not */
    pykv_work *work;
} crew;

static void *help(void *context)
{
    crew *self = context;
    while (self->gate != NULL && atomic_load(self->gate) == 0) {
        usleep(100);
    }
    work_help(self->work);
    return NULL;
}

static int32_t lend(void *context, pykv_work *work, int32_t thread_count)
{
    crew *self = context;
    self->calls++;
    self->asked = thread_count;
    self->work = work;
    while (self->started < self->to_start && self->started < thread_count) {
        CHECK_EQUAL(0, pthread_create(&self->threads[self->started], NULL, help, self));
        self->started++;
    }
    return self->says == UNKNOWN ? UNKNOWN : self->started;
}

static void dismiss(crew *self)
{
    for (int32_t i = 0; i < self->started; i++) {
        CHECK_EQUAL(0, pthread_join(self->threads[i], NULL));
    }
}

/* Not atomic: ThreadSanitizer sees a task done twice, or read before it is done. */
static void count(void *argument, size_t index)
{
    uint32_t *counts = argument;
    counts[index]++;
}

static void check_counts(const uint32_t *counts, size_t done)
{
    for (size_t i = 0; i < TASK_COUNT; i++) {
        CHECK_EQUAL(i < done ? 1 : 0, counts[i]);
    }
}

TEST(lent_threads_and_the_calling_thread_do_each_task_once)
{
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t counts[TASK_COUNT] = {0};
        crew hands = {.to_start = round % (WORK_THREAD_COUNT_MAX + 1)};
        work_lender lender = {.lend = lend, .context = &hands};
        work_share(&lender, count, counts, TASK_COUNT);
        check_counts(counts, TASK_COUNT);
        CHECK_EQUAL(WORK_THREAD_COUNT_MAX, hands.asked);
        dismiss(&hands);
    }
}

TEST(without_a_lender_the_calling_thread_does_everything)
{
    uint32_t counts[TASK_COUNT] = {0};
    work_lender nobody = {.lend = NULL};
    work_share(&nobody, count, counts, TASK_COUNT);
    check_counts(counts, TASK_COUNT);
}

TEST(nobody_is_asked_for_a_single_task)
{
    uint32_t counts[TASK_COUNT] = {0};
    crew hands = {.to_start = 1};
    work_lender lender = {.lend = lend, .context = &hands};
    work_share(&lender, count, counts, 0);
    work_share(&lender, count, counts, 1);
    check_counts(counts, 1);
    CHECK_EQUAL(0, hands.calls);
    crew one = {.to_start = WORK_THREAD_COUNT_MAX};
    lender.context = &one;
    work_share(&lender, count, counts + 1, 2);
    CHECK_EQUAL(1, one.asked);
    check_counts(counts, 3);
    dismiss(&one);
}

/* Python starts a thread, and the thread first waits for the interpreter: the open may be over. */
TEST(threads_that_come_late_find_nothing_to_do)
{
    uint32_t counts[TASK_COUNT] = {0};
    _Atomic int32_t gate = 0;
    crew hands = {.to_start = 3, .gate = &gate};
    work_lender lender = {.lend = lend, .context = &hands};
    work_share(&lender, count, counts, TASK_COUNT);
    check_counts(counts, TASK_COUNT);
    memset(counts, 0, sizeof counts);
    atomic_store(&gate, 1);
    dismiss(&hands);
    check_counts(counts, 0);
}

/* An interrupt struck the lender between a start and its return. */
static pykv_work *never_freed;

TEST(a_lender_that_cannot_tell_who_comes_is_waited_for_by_nobody)
{
    uint32_t counts[TASK_COUNT] = {0};
    _Atomic int32_t gate = 0;
    crew hands = {.to_start = 2, .says = UNKNOWN, .gate = &gate};
    work_lender lender = {.lend = lend, .context = &hands};
    work_share(&lender, count, counts, TASK_COUNT);
    check_counts(counts, TASK_COUNT);
    never_freed = hands.work;
    atomic_store(&gate, 1);
    dismiss(&hands);
    CHECK(never_freed != NULL);
}

/* The call must not return while a thread is still inside a task. */
static void be_slow(void *argument, size_t index)
{
    uint32_t *counts = argument;
    usleep(index % 2 == 0 ? 3000 : 10);
    counts[index]++;
}

TEST(the_call_returns_when_the_last_thread_has_left_its_task)
{
    for (int round = 0; round < 5; round++) {
        uint32_t counts[TASK_COUNT] = {0};
        crew hands = {.to_start = 5};
        work_lender lender = {.lend = lend, .context = &hands};
        work_share(&lender, be_slow, counts, 7);
        check_counts(counts, 7);
        dismiss(&hands);
    }
}

TEST_MAIN(CASE(lent_threads_and_the_calling_thread_do_each_task_once),
          CASE(without_a_lender_the_calling_thread_does_everything),
          CASE(nobody_is_asked_for_a_single_task), CASE(threads_that_come_late_find_nothing_to_do),
          CASE(a_lender_that_cannot_tell_who_comes_is_waited_for_by_nobody),
          CASE(the_call_returns_when_the_last_thread_has_left_its_task))
