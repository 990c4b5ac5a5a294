/*
 * gate_test: who is inside is waited for, who comes after the shutting is refused.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "harness/check.h"

#include "base/gate.h"
#include "base/memory.h"

enum { THREAD_COUNT = 4 };

/* A clock that moves by step_us at each look. */
typedef struct clock_by_hand {
    uint64_t now_us;
    uint64_t step_us;
    uint64_t look_count;
} clock_by_hand;

static uint64_t look(void *context)
{
    clock_by_hand *self = context;
    self->look_count++;
    return self->now_us += self->step_us;
}

static gate *new_gate(void)
{
    gate *self = mem_alloc_aligned(64, sizeof *self);
    CHECK(self != NULL);
    gate_init(self);
    return self;
}

static void free_gate(gate *self)
{
    gate_destroy(self);
    mem_free(self);
}

static epoch_token enter(gate *self, epoch *calls)
{
    epoch_token token = 0;
    CHECK(gate_enter(self, calls, &token));
    return token;
}

TEST(an_empty_gate_is_drained_at_once)
{
    gate *self = new_gate();
    clock_by_hand clock = {0};
    gate_shut(self);
    CHECK(gate_drain(self, 0, look, &clock));
    CHECK(gate_drain(self, -1, look, &clock));
    free_gate(self);
}

TEST(a_shut_gate_lets_nobody_in_and_counts_nobody)
{
    gate *self = new_gate();
    epoch_token token = 7;
    gate_shut(self);
    CHECK(!gate_enter(self, &self->readers, &token));
    CHECK(!gate_enter(self, &self->others, &token));
    CHECK_EQUAL(7, token);
    CHECK_EQUAL(0, epoch_reader_count(&self->readers) + epoch_reader_count(&self->others));
    free_gate(self);
}

TEST(calls_of_either_kind_are_waited_for_as_long_as_the_clock_allows)
{
    gate *self = new_gate();
    for (int kind = 0; kind < 2; kind++) {
        epoch *calls = kind == 0 ? &self->readers : &self->others;
        clock_by_hand clock = {.step_us = 1000};
        epoch_token token = epoch_enter(calls);
        atomic_store(&self->closing, 1);
        CHECK(!gate_drain(self, 5000, look, &clock));
        CHECK(clock.look_count >= 5 && clock.look_count <= 7);
        epoch_leave(calls, token);
        CHECK(gate_drain(self, 5000, look, &clock));
    }
    free_gate(self);
}

/* With a clock that stood still, a close with a timeout once waited for ever. */
TEST(what_was_waited_counts_where_the_clock_stands_still)
{
    gate *self = new_gate();
    clock_by_hand clock = {0};
    epoch_token token = enter(self, &self->others);
    gate_shut(self);
    CHECK(!gate_drain(self, 2000, look, &clock));
    CHECK(clock.look_count >= 2000 / 200);
    epoch_leave(&self->others, token);
    free_gate(self);
}

/* It once waited for a first look, 200 us at least, at what the call inside was doing. */
TEST(a_timeout_of_nothing_does_not_wait_for_a_call)
{
    gate *self = new_gate();
    clock_by_hand clock = {0};
    epoch_token token = enter(self, &self->readers);
    gate_shut(self);
    CHECK(!gate_drain(self, 0, look, &clock));
    CHECK_EQUAL(2, clock.look_count); /* when it began, and once behind the first look */
    epoch_leave(&self->readers, token);
    free_gate(self);
}

static uint64_t work_a_while(void *context, int32_t role)
{
    (void)role;
    usleep(20000);
    atomic_fetch_add((_Atomic uint64_t *)context, 1);
    return 60 * 1000000;
}

typedef struct loan {
    gate *self;
    _Atomic uint64_t step_count;
} loan;

static void *lend(void *context)
{
    loan *own = context;
    pykv_status status =
        lent_serve(&own->self->lent, PYKV_ROLE_DATA, work_a_while, &own->step_count);
    return status == PYKV_OK ? context : NULL;
}

TEST(a_lent_thread_may_end_its_step_beyond_the_timeout)
{
    loan own = {.self = new_gate()};
    clock_by_hand clock = {0};
    pthread_t thread;
    void *result;
    CHECK_EQUAL(0, pthread_create(&thread, NULL, lend, &own));
    while (lent_count(&own.self->lent, PYKV_ROLE_DATA) == 0) {
        usleep(100);
    }
    gate_shut(own.self);
    CHECK(gate_drain(own.self, 0, look, &clock));
    CHECK(!lent_any(&own.self->lent));
    CHECK_EQUAL(0, pthread_join(thread, &result));
    CHECK(result == &own && own.step_count <= 1);
    free_gate(own.self);
}

TEST(a_lent_thread_that_does_not_leave_is_given_up_after_a_second)
{
    gate *self = new_gate();
    clock_by_hand clock = {.step_us = 100000};
    atomic_store(&self->lent.thread_count[PYKV_ROLE_LOG], 1);
    gate_shut(self);
    CHECK(!gate_drain(self, 0, look, &clock));
    CHECK_EQUAL(11, clock.look_count);
    atomic_store(&self->lent.thread_count[PYKV_ROLE_LOG], 0);
    free_gate(self);
}

/* Threads come and go until they are refused; what they use must not be gone before. */
typedef struct crowd {
    gate *self;
    _Atomic uint64_t is_gone;
    _Atomic uint64_t bad_count;
    _Atomic uint64_t entered_count;
} crowd;

static void *come_and_go(void *context)
{
    crowd *shared = context;
    epoch_token token;
    for (uint64_t i = 0;; i++) {
        epoch *calls = i % 3 == 0 ? &shared->self->others : &shared->self->readers;
        if (!gate_enter(shared->self, calls, &token)) {
            return NULL;
        }
        atomic_fetch_add(&shared->bad_count, atomic_load(&shared->is_gone));
        atomic_fetch_add(&shared->entered_count, 1);
        epoch_leave(calls, token);
    }
}

TEST(nobody_is_inside_after_a_drain_however_many_came)
{
    crowd shared = {.self = new_gate()};
    clock_by_hand clock = {0};
    pthread_t threads[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, come_and_go, &shared));
    }
    while (atomic_load(&shared.entered_count) < 10000) {
        usleep(100);
    }
    gate_shut(shared.self);
    CHECK(gate_drain(shared.self, -1, look, &clock));
    atomic_store(&shared.is_gone, 1);
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    CHECK_EQUAL(0, shared.bad_count);
    free_gate(shared.self);
}

TEST_MAIN(CASE(an_empty_gate_is_drained_at_once),
          CASE(a_shut_gate_lets_nobody_in_and_counts_nobody),
          CASE(calls_of_either_kind_are_waited_for_as_long_as_the_clock_allows),
          CASE(what_was_waited_counts_where_the_clock_stands_still),
          CASE(a_timeout_of_nothing_does_not_wait_for_a_call),
          CASE(a_lent_thread_may_end_its_step_beyond_the_timeout),
          CASE(a_lent_thread_that_does_not_leave_is_given_up_after_a_second),
          CASE(nobody_is_inside_after_a_drain_however_many_came))
