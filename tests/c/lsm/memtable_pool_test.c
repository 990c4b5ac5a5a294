/*
 * memtable_pool: nodes come back when readers have left, and the pool outlives them.
 */
#include <pthread.h>
#include <sched.h>

#include "harness/check.h"

#include "base/memory.h"
#include "lsm/memtable_pool.h"

static memtable_pool *open_pool(reclaimer *readers, epoch *entered)
{
    memtable_pool *pool;
    epoch_init(entered);
    reclaimer_init(readers, entered);
    CHECK_OK(memtable_pool_new(readers, NULL, &pool));
    return pool;
}

TEST(nodes_are_taken_and_used_again)
{
    epoch entered;
    reclaimer readers;
    int64_t blocks = mem_block_count();
    memtable_pool *pool = open_pool(&readers, &entered);
    CHECK_OK(memtable_pool_reserve(pool, 3));
    uint64_t allocated = memtable_pool_allocated(pool);
    for (int i = 0; i < 10000; i++) {
        memtable_pool_supply(pool, 3);
        memtable_node *node = memtable_pool_take(pool, 2);
        CHECK_EQUAL(2, node->level);
        CHECK_EQUAL(0, (uintptr_t)node % 64);
        CHECK_EQUAL(MEMTABLE_NODE_BYTES, memtable_pool_used(pool));
        memtable_pool_retire(pool, node);
        CHECK_EQUAL(0, memtable_pool_used(pool));
    }
    CHECK_EQUAL(allocated, memtable_pool_allocated(pool));
    memtable_pool_release(pool);
    CHECK(!reclaimer_sweep(&readers));
    CHECK_EQUAL(blocks, mem_block_count());
    reclaimer_destroy(&readers);
}

TEST(no_node_comes_back_while_a_reader_is_inside)
{
    enum { NODES = 500 };
    static memtable_node *nodes[NODES];
    epoch entered;
    reclaimer readers;
    memtable_pool *pool = open_pool(&readers, &entered);
    epoch_token token = epoch_enter(readers.readers);
    for (int i = 0; i < NODES; i++) {
        CHECK_OK(memtable_pool_reserve(pool, (size_t)i + 1));
        memtable_pool_supply(pool, 1);
        nodes[i] = memtable_pool_take(pool, 0);
        for (int k = 0; k < i; k++) {
            CHECK(nodes[k] != nodes[i]);
        }
        memtable_pool_retire(pool, nodes[i]);
    }
    CHECK(memtable_pool_allocated(pool) >= NODES * (uint64_t)MEMTABLE_NODE_BYTES);
    epoch_leave(readers.readers, token);
    uint64_t allocated = memtable_pool_allocated(pool);
    memtable_pool_supply(pool, NODES);
    CHECK_EQUAL(allocated, memtable_pool_allocated(pool));
    memtable_pool_release(pool);
    CHECK(!reclaimer_sweep(&readers));
    reclaimer_destroy(&readers);
}

TEST(retired_nodes_keep_the_pool_until_they_are_back)
{
    epoch entered;
    reclaimer readers;
    int64_t blocks = mem_block_count();
    memtable_pool *pool = open_pool(&readers, &entered);
    CHECK_OK(memtable_pool_reserve(pool, 1));
    epoch_token token = epoch_enter(readers.readers);
    memtable_pool_retire(pool, memtable_pool_take(pool, 0));
    memtable_pool_release(pool);
    CHECK(mem_block_count() > blocks);
    CHECK(reclaimer_sweep(&readers));
    CHECK(mem_block_count() > blocks);
    epoch_leave(readers.readers, token);
    CHECK(!reclaimer_sweep(&readers));
    CHECK_EQUAL(blocks, mem_block_count());
    reclaimer_destroy(&readers);
}

TEST(a_pool_without_memory_says_so_and_keeps_what_it_has)
{
    epoch entered;
    reclaimer readers;
    memtable_pool *pool = NULL;
    epoch_init(&entered);
    reclaimer_init(&readers, &entered);
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, memtable_pool_new(&readers, NULL, &pool));
    mem_fail_at(0, 0);
    CHECK(pool == NULL);
    CHECK_OK(memtable_pool_new(&readers, NULL, &pool));
    CHECK_OK(memtable_pool_reserve(pool, 5));
    mem_fail_at(1, 1);
    CHECK_OK(memtable_pool_reserve(pool, 5));
    CHECK_STATUS(PYKV_NO_MEMORY, memtable_pool_reserve(pool, 5000));
    for (int i = 0; i < 5; i++) {
        memtable_pool_supply(pool, 1);
        (void)memtable_pool_take(pool, 0);
    }
    mem_fail_at(0, 0);
    memtable_pool_release(pool);
    reclaimer_destroy(&readers);
}

typedef struct inside {
    reclaimer *readers;
    epoch_token token;
} inside;

static void *leave_after_a_while(void *context)
{
    inside *self = context;
    for (int i = 0; i < 2000; i++) {
        sched_yield();
    }
    epoch_leave(self->readers->readers, self->token);
    return NULL;
}

TEST(without_memory_the_writer_waits_for_readers_to_leave)
{
    epoch entered;
    reclaimer readers;
    pthread_t thread;
    memtable_pool *pool = open_pool(&readers, &entered);
    CHECK_OK(memtable_pool_reserve(pool, 1));
    memtable_pool_supply(pool, 1);
    uint64_t there = memtable_pool_allocated(pool) / MEMTABLE_NODE_BYTES;
    inside reader = {&readers, epoch_enter(readers.readers)};
    for (uint64_t i = 0; i < there; i++) {
        memtable_pool_retire(pool, memtable_pool_take(pool, 0));
    }
    CHECK_EQUAL(0, pthread_create(&thread, NULL, leave_after_a_while, &reader));
    mem_fail_at(1, 1);
    memtable_pool_supply(pool, (size_t)there);
    mem_fail_at(0, 0);
    pthread_join(thread, NULL);
    CHECK_EQUAL(0, epoch_reader_count(readers.readers));
    memtable_pool_release(pool);
    CHECK(!reclaimer_sweep(&readers));
    reclaimer_destroy(&readers);
}

TEST_MAIN(CASE(nodes_are_taken_and_used_again), CASE(no_node_comes_back_while_a_reader_is_inside),
          CASE(retired_nodes_keep_the_pool_until_they_are_back),
          CASE(a_pool_without_memory_says_so_and_keeps_what_it_has),
          CASE(without_memory_the_writer_waits_for_readers_to_leave))
