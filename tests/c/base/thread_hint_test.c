/*
 * thread_hint_test: numbers are small, stay with their thread and are dealt in turn.
 */
#include <pthread.h>

#include "harness/check.h"

#include "base/thread_hint.h"

static void *ask_twice(void *argument)
{
    uint32_t *hint = argument;
    uint32_t first = thread_hint();
    *hint = thread_hint() == first ? first : THREAD_HINT_COUNT;
    return NULL;
}

TEST(as_many_threads_as_numbers_get_a_different_one_each)
{
    bool seen[THREAD_HINT_COUNT] = {false};
    for (size_t i = 0; i < THREAD_HINT_COUNT; i++) {
        uint32_t hint = THREAD_HINT_COUNT;
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, ask_twice, &hint) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(hint < THREAD_HINT_COUNT);
        CHECK(!seen[hint]);
        seen[hint] = true;
    }
}

TEST(a_thread_keeps_its_number)
{
    uint32_t first = thread_hint();
    CHECK(first < THREAD_HINT_COUNT);
    for (int i = 0; i < 100; i++) {
        CHECK_EQUAL(first, thread_hint());
    }
}

TEST_MAIN(CASE(as_many_threads_as_numbers_get_a_different_one_each),
          CASE(a_thread_keeps_its_number))
