/*
 * reclaim_test: what was retired is freed once, and only after its readers have left.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "harness/check.h"

#include "base/memory.h"
#include "base/reclaim.h"

typedef struct object {
    reclaim_item item;
    int freed_count;
} object;

static void count_free(reclaim_item *item)
{
    ((object *)item)->freed_count++;
}

static reclaimer *new_reclaimer(void)
{
    epoch *entered = mem_alloc_aligned(64, sizeof *entered);
    reclaimer *self = mem_alloc(sizeof *self);
    CHECK(entered != NULL && self != NULL);
    epoch_init(entered);
    reclaimer_init(self, entered);
    return self;
}

static void free_reclaimer(reclaimer *self)
{
    CHECK(!reclaimer_sweep(self));
    reclaimer_destroy(self);
    mem_free(self->readers);
    mem_free(self);
}

TEST(without_readers_one_sweep_frees_everything)
{
    reclaimer *self = new_reclaimer();
    object objects[5] = {0};
    for (size_t i = 0; i < 5; i++) {
        reclaimer_retire(self, &objects[i].item, count_free);
        CHECK_EQUAL(0, objects[i].freed_count);
    }
    CHECK(!reclaimer_sweep(self));
    CHECK(!reclaimer_sweep(self));
    for (size_t i = 0; i < 5; i++) {
        CHECK_EQUAL(1, objects[i].freed_count);
    }
    free_reclaimer(self);
}

TEST(what_was_retired_under_a_reader_waits_for_it)
{
    reclaimer *self = new_reclaimer();
    object early = {0};
    object late = {0};
    epoch_token first = epoch_enter(self->readers);
    reclaimer_retire(self, &early.item, count_free);
    CHECK(reclaimer_sweep(self));
    epoch_token second = epoch_enter(self->readers);
    reclaimer_retire(self, &late.item, count_free);
    CHECK(reclaimer_sweep(self));
    CHECK_EQUAL(0, early.freed_count + late.freed_count);
    epoch_leave(self->readers, first);
    CHECK(reclaimer_sweep(self));
    CHECK_EQUAL(0, late.freed_count);
    epoch_leave(self->readers, second);
    CHECK(!reclaimer_sweep(self));
    CHECK_EQUAL(1, early.freed_count);
    CHECK_EQUAL(1, late.freed_count);
    free_reclaimer(self);
}

static int freed_of(const object *objects, size_t count)
{
    int freed = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK(objects[i].freed_count <= 1);
        freed += objects[i].freed_count;
    }
    return freed;
}

/* A get that needed room freed what a walk over the whole cache had evicted, some thousand blocks.
 */
TEST(a_sweep_of_some_frees_no_more_than_that_and_loses_none)
{
    enum { COUNT = 10 };
    reclaimer *self = new_reclaimer();
    object objects[COUNT] = {0};
    epoch_token inside = epoch_enter(self->readers);
    for (size_t i = 0; i < COUNT - 1; i++) {
        reclaimer_retire(self, &objects[i].item, count_free);
    }
    reclaimer_sweep_some(self, 4);
    CHECK_EQUAL(0, freed_of(objects, COUNT));
    epoch_leave(self->readers, inside);
    reclaimer_sweep_some(self, 4);
    CHECK_EQUAL(4, freed_of(objects, COUNT));
    inside = epoch_enter(self->readers);
    reclaimer_retire(self, &objects[COUNT - 1].item, count_free);
    reclaimer_sweep_some(self, 0);
    CHECK_EQUAL(4, freed_of(objects, COUNT));
    reclaimer_sweep_some(self, 4);
    CHECK_EQUAL(8, freed_of(objects, COUNT));
    CHECK(reclaimer_sweep(self));
    CHECK_EQUAL(9, freed_of(objects, COUNT));
    CHECK_EQUAL(0, objects[COUNT - 1].freed_count);
    epoch_leave(self->readers, inside);
    reclaimer_sweep_some(self, 4);
    CHECK_EQUAL(COUNT, freed_of(objects, COUNT));
    reclaimer_sweep_some(self, 4);
    free_reclaimer(self);
}

static void retire_next(reclaim_item *item);

typedef struct chain {
    reclaim_item item;
    reclaimer *owner;
    int left;
} chain;

static void retire_next(reclaim_item *item)
{
    chain *self = (chain *)item;
    if (--self->left > 0) {
        reclaimer_retire(self->owner, item, retire_next);
    }
}

TEST(a_free_may_retire_more)
{
    reclaimer *self = new_reclaimer();
    chain links = {.owner = self, .left = 10};
    reclaimer_retire(self, &links.item, retire_next);
    CHECK(!reclaimer_sweep(self));
    CHECK_EQUAL(0, links.left);
    free_reclaimer(self);
}

/* Threads replace a shared number and sweep, each as it likes; others read it. */
enum { THREAD_COUNT = 4, ALIVE = 77, DEAD = 13 };

typedef struct number {
    reclaim_item item;
    int state;
} number;

typedef struct race {
    reclaimer *self;
    _Atomic(number *) current;
    uint64_t round_count;
    _Atomic uint64_t bad_count;
} race;

static number *new_number(void)
{
    number *made = mem_alloc(sizeof *made);
    if (made != NULL) {
        made->state = ALIVE;
    }
    return made;
}

static void bury(reclaim_item *item)
{
    ((number *)item)->state = DEAD;
    mem_free(item);
}

static void *read_and_replace(void *argument)
{
    race *shared = argument;
    for (uint64_t round = 0; round < shared->round_count; round++) {
        epoch_token token = epoch_enter(shared->self->readers);
        number *seen = atomic_load_explicit(&shared->current, memory_order_acquire);
        atomic_fetch_add(&shared->bad_count, seen->state == ALIVE ? 0 : 1);
        epoch_leave(shared->self->readers, token);
        if (round % 3 == 0) {
            number *old = atomic_exchange(&shared->current, new_number());
            reclaimer_retire(shared->self, &old->item, bury);
        }
        if (round % 16 == 0) {
            (void)reclaimer_sweep(shared->self);
        } else if (round % 8 == 0) {
            reclaimer_sweep_some(shared->self, 2);
        }
    }
    return NULL;
}

TEST(many_threads_may_retire_and_sweep_at_once)
{
    race shared = {.self = new_reclaimer(),
                   .round_count = check_count("PYKV_RECLAIM_ROUNDS", 5000)};
    int64_t blocks = mem_block_count();
    atomic_store(&shared.current, new_number());
    pthread_t threads[THREAD_COUNT];
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_create(&threads[i], NULL, read_and_replace, &shared) == 0);
    }
    for (size_t i = 0; i < THREAD_COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK_EQUAL(0, atomic_load(&shared.bad_count));
    CHECK(!reclaimer_sweep(shared.self));
    CHECK_EQUAL(blocks + 1, mem_block_count());
    mem_free(atomic_load(&shared.current));
    free_reclaimer(shared.self);
}

TEST_MAIN(CASE(without_readers_one_sweep_frees_everything),
          CASE(what_was_retired_under_a_reader_waits_for_it),
          CASE(a_sweep_of_some_frees_no_more_than_that_and_loses_none),
          CASE(a_free_may_retire_more), CASE(many_threads_may_retire_and_sweep_at_once))
