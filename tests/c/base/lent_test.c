/*
 * lent_test: lent threads work in steps, rest between them, miss no call, and leave when told to.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "harness/check.h"

#include "base/lent.h"

enum { LONG_US = 60 * 1000000, THREAD_COUNT = 4 };

/* A role's work: counts its steps and rests for pause_us. */
typedef struct work {
    lent lent;
    int32_t role;
    _Atomic uint64_t step_count;
    _Atomic uint64_t pause_us;
} work;

static uint64_t count_step(void *context, int32_t role)
{
    work *self = context;
    bool is_expected = role == self->role;
    atomic_fetch_add(&self->step_count, is_expected ? 1 : 1000);
    return atomic_load(&self->pause_us);
}

static void *serve(void *context)
{
    work *self = context;
    return lent_serve(&self->lent, self->role, count_step, self) == PYKV_OK ? context : NULL;
}

static void start(work *self, int32_t role, uint64_t pause_us, pthread_t *threads, size_t count)
{
    *self = (work){.role = role, .pause_us = pause_us};
    lent_init(&self->lent);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, serve, self));
    }
    while (lent_count(&self->lent, role) < (int32_t)count) {
        usleep(100);
    }
}

static void end(work *self, pthread_t *threads, size_t count)
{
    lent_dismiss(&self->lent);
    for (size_t i = 0; i < count; i++) {
        void *result;
        CHECK_EQUAL(0, pthread_join(threads[i], &result));
        CHECK(result == self);
    }
    CHECK(!lent_any(&self->lent));
    lent_destroy(&self->lent);
}

static void await_steps(work *self, uint64_t count)
{
    while (atomic_load(&self->step_count) < count) {
        usleep(100);
    }
}

TEST(a_role_that_is_none_is_refused_and_its_step_is_not_called)
{
    work self = {.role = PYKV_ROLE_LOG};
    lent_init(&self.lent);
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, lent_serve(&self.lent, 0, count_step, &self));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, lent_serve(&self.lent, 3, count_step, &self));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, lent_check_role(-1));
    CHECK_OK(lent_check_role(PYKV_ROLE_DATA));
    CHECK_EQUAL(0, self.step_count);
    CHECK(!lent_any(&self.lent));
    lent_destroy(&self.lent);
}

TEST(a_thread_lent_after_the_dismissal_leaves_without_a_step)
{
    work self = {.role = PYKV_ROLE_LOG};
    lent_init(&self.lent);
    lent_dismiss(&self.lent);
    CHECK_OK(lent_serve(&self.lent, PYKV_ROLE_LOG, count_step, &self));
    CHECK_EQUAL(0, self.step_count);
    CHECK_EQUAL(0, lent_count(&self.lent, PYKV_ROLE_LOG));
    lent_destroy(&self.lent);
}

TEST(steps_without_a_rest_follow_each_other)
{
    work self;
    pthread_t thread;
    start(&self, PYKV_ROLE_DATA, 0, &thread, 1);
    await_steps(&self, 100);
    end(&self, &thread, 1);
}

TEST(all_threads_of_a_role_are_called_and_no_other)
{
    work self;
    pthread_t threads[THREAD_COUNT];
    start(&self, PYKV_ROLE_DATA, LONG_US, threads, THREAD_COUNT);
    await_steps(&self, THREAD_COUNT);
    CHECK_EQUAL(0, lent_count(&self.lent, PYKV_ROLE_LOG));
    lent_call(&self.lent, PYKV_ROLE_LOG);
    usleep(2000);
    CHECK_EQUAL(THREAD_COUNT, self.step_count);
    usleep(2000); /* until all of them rest */
    lent_call(&self.lent, PYKV_ROLE_DATA);
    await_steps(&self, 2 * THREAD_COUNT);
    lent_call_all(&self.lent);
    await_steps(&self, 3 * THREAD_COUNT);
    end(&self, threads, THREAD_COUNT);
}

/* Calls its own role in its first step, as a writer may while the thread works. */
static uint64_t call_then_end(void *context, int32_t role)
{
    work *self = context;
    if (atomic_fetch_add(&self->step_count, 1) == 0) {
        lent_call(&self->lent, role);
    } else {
        lent_dismiss(&self->lent);
    }
    return LONG_US;
}

TEST(a_call_that_comes_while_the_thread_works_is_not_missed)
{
    work self = {.role = PYKV_ROLE_LOG};
    lent_init(&self.lent);
    CHECK_OK(lent_serve(&self.lent, PYKV_ROLE_LOG, call_then_end, &self));
    CHECK_EQUAL(2, self.step_count);
    lent_destroy(&self.lent);
}

TEST(a_wait_ends_when_a_thread_leaves_and_else_when_its_time_is_over)
{
    work self;
    pthread_t thread;
    start(&self, PYKV_ROLE_LOG, LONG_US, &thread, 1);
    CHECK(lent_any(&self.lent));
    CHECK(!lent_wait(&self.lent, 1000));
    lent_dismiss(&self.lent);
    while (lent_any(&self.lent)) {
        (void)lent_wait(&self.lent, 1000);
    }
    end(&self, &thread, 1);
}

TEST_MAIN(CASE(a_role_that_is_none_is_refused_and_its_step_is_not_called),
          CASE(a_thread_lent_after_the_dismissal_leaves_without_a_step),
          CASE(steps_without_a_rest_follow_each_other),
          CASE(all_threads_of_a_role_are_called_and_no_other),
          CASE(a_call_that_comes_while_the_thread_works_is_not_missed),
          CASE(a_wait_ends_when_a_thread_leaves_and_else_when_its_time_is_over))
