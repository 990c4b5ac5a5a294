/*
 * memory_budget_test: a reservation never exceeds the limit, however many threads try.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "harness/check.h"

#include "base/memory_budget.h"

TEST(a_reservation_fits_or_changes_nothing)
{
    memory_budget self;
    memory_budget_init(&self, 100);
    CHECK(memory_budget_reserve(&self, 60));
    CHECK(!memory_budget_reserve(&self, 41));
    CHECK_EQUAL(60, memory_budget_used(&self));
    CHECK_EQUAL(40, memory_budget_left(&self));
    CHECK(memory_budget_reserve(&self, 40));
    CHECK(!memory_budget_reserve(&self, 1));
    CHECK(memory_budget_reserve(&self, 0));
    memory_budget_release(&self, 100);
    CHECK_EQUAL(0, memory_budget_used(&self));
}

TEST(a_huge_request_does_not_wrap_around)
{
    memory_budget self;
    memory_budget_init(&self, 100);
    CHECK(memory_budget_reserve(&self, 50));
    CHECK(!memory_budget_reserve(&self, UINT64_MAX));
    CHECK(!memory_budget_reserve(&self, UINT64_MAX - 49));
    CHECK_EQUAL(50, memory_budget_used(&self));
}

TEST(forced_bytes_may_exceed_the_limit_and_then_nothing_is_reserved)
{
    memory_budget self;
    memory_budget_init(&self, 100);
    memory_budget_force(&self, 150);
    CHECK_EQUAL(150, memory_budget_used(&self));
    CHECK_EQUAL(0, memory_budget_left(&self));
    CHECK(!memory_budget_reserve(&self, 1));
    memory_budget_unforce(&self, 60);
    CHECK(memory_budget_reserve(&self, 10));
    CHECK(!memory_budget_reserve(&self, 1));
}

TEST(with_a_spare_the_limit_follows_what_is_forced)
{
    memory_budget self;
    memory_budget_init_spare(&self, 100, 20);
    CHECK_EQUAL(100, memory_budget_limit(&self));
    memory_budget_force(&self, 80);
    CHECK_EQUAL(100, memory_budget_limit(&self));
    CHECK(memory_budget_reserve(&self, 20));
    memory_budget_force(&self, 50);
    CHECK_EQUAL(150, memory_budget_limit(&self));
    CHECK(!memory_budget_reserve(&self, 1));
    memory_budget_release(&self, 20);
    CHECK(memory_budget_reserve(&self, 20));
    memory_budget_unforce(&self, 130);
    CHECK_EQUAL(100, memory_budget_limit(&self));
    CHECK_EQUAL(20, memory_budget_used(&self));
}

TEST(a_lowered_limit_binds_at_once)
{
    memory_budget self;
    memory_budget_init(&self, 100);
    CHECK(memory_budget_reserve(&self, 80));
    memory_budget_set_limit(&self, 50);
    CHECK_EQUAL(50, memory_budget_limit(&self));
    CHECK(!memory_budget_reserve(&self, 1));
    memory_budget_release(&self, 40);
    CHECK(memory_budget_reserve(&self, 10));
    CHECK(!memory_budget_reserve(&self, 1));
    memory_budget_set_limit(&self, 51);
    CHECK(memory_budget_reserve(&self, 1));
}

enum { THREAD_COUNT = 4, LIMIT = 1000 };

typedef struct race {
    memory_budget budget;
    _Atomic uint64_t granted;
    _Atomic uint64_t over_count;
} race;

static void *reserve_and_release(void *argument)
{
    race *shared = argument;
    for (uint64_t round = 1; round <= 20000; round++) {
        uint64_t bytes = round * 37 % 600;
        if (memory_budget_reserve(&shared->budget, bytes)) {
            atomic_fetch_add(&shared->granted, 1);
            bool over = memory_budget_used(&shared->budget) > LIMIT;
            atomic_fetch_add(&shared->over_count, over ? 1 : 0);
            memory_budget_release(&shared->budget, bytes);
        }
    }
    return NULL;
}

TEST(threads_together_never_hold_more_than_the_limit)
{
    race shared = {0};
    memory_budget_init(&shared.budget, LIMIT);
    pthread_t threads[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_create(&threads[i], NULL, reserve_and_release, &shared) == 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_EQUAL(0, atomic_load(&shared.over_count));
    CHECK(atomic_load(&shared.granted) > 0);
    CHECK_EQUAL(0, memory_budget_used(&shared.budget));
}

TEST_MAIN(CASE(a_reservation_fits_or_changes_nothing), CASE(a_huge_request_does_not_wrap_around),
          CASE(forced_bytes_may_exceed_the_limit_and_then_nothing_is_reserved),
          CASE(with_a_spare_the_limit_follows_what_is_forced), CASE(a_lowered_limit_binds_at_once),
          CASE(threads_together_never_hold_more_than_the_limit))
