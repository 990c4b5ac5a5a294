/*
 * epoch_test: a ticket waits for those who were inside, and only for them.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "harness/check.h"

#include "base/epoch.h"
#include "base/memory.h"

static epoch *new_epoch(void)
{
    epoch *self = mem_alloc_aligned(64, sizeof *self);
    CHECK(self != NULL);
    epoch_init(self);
    return self;
}

TEST(without_readers_a_ticket_passes_at_once)
{
    epoch *self = new_epoch();
    for (int i = 0; i < 5; i++) {
        epoch_ticket ticket;
        epoch_begin(self, &ticket);
        CHECK(epoch_passed(self, &ticket));
        CHECK(epoch_passed(self, &ticket));
    }
    mem_free(self);
}

TEST(a_reader_that_was_inside_holds_the_ticket_in_either_phase)
{
    epoch *self = new_epoch();
    for (int i = 0; i < 4; i++) {
        epoch_token reader = epoch_enter(self);
        epoch_ticket ticket;
        epoch_begin(self, &ticket);
        for (int poll = 0; poll < 10; poll++) {
            CHECK(!epoch_passed(self, &ticket));
        }
        epoch_leave(self, reader);
        CHECK(epoch_passed(self, &ticket));
    }
    mem_free(self);
}

/* A ticket given up half-way leaves a reader in the phase that is not current. */
TEST(readers_of_both_phases_are_waited_for)
{
    epoch *self = new_epoch();
    epoch_token old = epoch_enter(self);
    epoch_ticket given_up;
    epoch_begin(self, &given_up);
    CHECK(!epoch_passed(self, &given_up));
    epoch_token recent = epoch_enter(self);
    CHECK(old != recent);
    epoch_ticket ticket;
    epoch_begin(self, &ticket);
    CHECK(!epoch_passed(self, &ticket));
    epoch_leave(self, recent);
    CHECK(!epoch_passed(self, &ticket));
    epoch_leave(self, old);
    CHECK(epoch_passed(self, &ticket));

    old = epoch_enter(self);
    epoch_begin(self, &given_up);
    CHECK(!epoch_passed(self, &given_up));
    recent = epoch_enter(self);
    epoch_begin(self, &ticket);
    epoch_leave(self, old);
    CHECK(!epoch_passed(self, &ticket));
    epoch_leave(self, recent);
    CHECK(epoch_passed(self, &ticket));
    mem_free(self);
}

TEST(a_stream_of_new_readers_cannot_hold_a_ticket)
{
    epoch *self = new_epoch();
    epoch_token inside = epoch_enter(self);
    epoch_ticket ticket;
    epoch_begin(self, &ticket);
    CHECK(!epoch_passed(self, &ticket));
    int polls = 0;
    do {
        epoch_token next = epoch_enter(self);
        epoch_leave(self, inside);
        inside = next;
        polls++;
    } while (polls < 10 && !epoch_passed(self, &ticket));
    CHECK(polls <= 2);
    CHECK_EQUAL(1, epoch_reader_count(self));
    epoch_leave(self, inside);
    mem_free(self);
}

TEST(readers_may_nest)
{
    epoch *self = new_epoch();
    epoch_token outer = epoch_enter(self);
    epoch_token inner = epoch_enter(self);
    CHECK_EQUAL(2, epoch_reader_count(self));
    epoch_ticket ticket;
    epoch_begin(self, &ticket);
    epoch_leave(self, inner);
    CHECK(!epoch_passed(self, &ticket));
    epoch_leave(self, outer);
    CHECK(epoch_passed(self, &ticket));
    CHECK_EQUAL(0, epoch_reader_count(self));
    mem_free(self);
}

enum { MANY_READERS = 3 * EPOCH_LINE_COUNT };

typedef struct visitor {
    epoch *self;
    epoch_token token;
} visitor;

static void *enter_and_go(void *argument)
{
    visitor *one = argument;
    one->token = epoch_enter(one->self);
    return NULL;
}

TEST(more_threads_than_lines_are_counted_and_any_thread_may_let_them_out)
{
    epoch *self = new_epoch();
    visitor visitors[MANY_READERS];
    for (size_t i = 0; i < MANY_READERS; i++) {
        visitors[i] = (visitor){self, 0};
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, enter_and_go, &visitors[i]) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
    }
    CHECK_EQUAL(MANY_READERS, epoch_reader_count(self));
    epoch_ticket ticket;
    epoch_begin(self, &ticket);
    for (size_t i = 0; i < MANY_READERS; i++) {
        CHECK(!epoch_passed(self, &ticket));
        epoch_leave(self, visitors[i].token);
    }
    CHECK(epoch_passed(self, &ticket));
    CHECK_EQUAL(0, epoch_reader_count(self));
    mem_free(self);
}

/* Readers follow a pointer that a writer keeps replacing; what it retires is wiped and freed. */
enum { READER_COUNT = 3, LIVE = 0x600d600d, DEAD = 0x0bad0bad };

typedef struct object {
    uint32_t state;
    uint32_t number;
} object;

typedef struct race {
    epoch *self;
    _Atomic(object *) current;
    _Atomic bool over;
    _Atomic uint64_t bad_reads;
    _Atomic uint64_t reads;
} race;

static void *read_until_over(void *argument)
{
    race *shared = argument;
    uint32_t seen = 0;
    while (!atomic_load(&shared->over)) {
        epoch_token outer = epoch_enter(shared->self);
        object *found = atomic_load_explicit(&shared->current, memory_order_acquire);
        epoch_token inner = epoch_enter(shared->self);
        bool good = found->state == LIVE && found->number >= seen;
        epoch_leave(shared->self, inner);
        seen = found->number;
        good = good && found->state == LIVE;
        epoch_leave(shared->self, outer);
        atomic_fetch_add(&shared->bad_reads, good ? 0 : 1);
        atomic_fetch_add(&shared->reads, 1);
    }
    return NULL;
}

static object *new_object(uint32_t number)
{
    object *made = mem_alloc(sizeof *made);
    CHECK(made != NULL);
    *made = (object){LIVE, number};
    return made;
}

static void retire(race *shared, object *old)
{
    epoch_ticket ticket;
    epoch_begin(shared->self, &ticket);
    while (!epoch_passed(shared->self, &ticket)) {
        sched_yield();
    }
    old->state = DEAD;
    mem_free(old);
}

TEST(a_retired_object_is_never_seen_dead_by_a_reader)
{
    race shared = {.self = new_epoch()};
    atomic_store(&shared.current, new_object(0));
    pthread_t readers[READER_COUNT];
    for (size_t i = 0; i < READER_COUNT; i++) {
        CHECK(pthread_create(&readers[i], NULL, read_until_over, &shared) == 0);
    }
    uint64_t rounds = check_count("PYKV_EPOCH_ROUNDS", 3000);
    for (uint32_t i = 1; i <= rounds || atomic_load(&shared.reads) < 1000; i++) {
        retire(&shared, atomic_exchange(&shared.current, new_object(i)));
    }
    atomic_store(&shared.over, true);
    for (size_t i = 0; i < READER_COUNT; i++) {
        CHECK(pthread_join(readers[i], NULL) == 0);
    }
    CHECK_EQUAL(0, atomic_load(&shared.bad_reads));
    CHECK_EQUAL(0, epoch_reader_count(shared.self));
    mem_free(atomic_load(&shared.current));
    mem_free(shared.self);
}

TEST_MAIN(CASE(without_readers_a_ticket_passes_at_once),
          CASE(a_reader_that_was_inside_holds_the_ticket_in_either_phase),
          CASE(readers_of_both_phases_are_waited_for),
          CASE(a_stream_of_new_readers_cannot_hold_a_ticket), CASE(readers_may_nest),
          CASE(more_threads_than_lines_are_counted_and_any_thread_may_let_them_out),
          CASE(a_retired_object_is_never_seen_dead_by_a_reader))
