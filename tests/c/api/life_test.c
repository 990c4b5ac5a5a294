/*
 * life_test: the last user frees the engine, and only the last.
 */
#include "harness/check.h"

#include "api/life.h"
#include "base/memory.h"

static int freed;

static void free_engine(void *engine)
{
    CHECK(engine == &freed);
    freed++;
}

TEST(the_engine_goes_with_its_last_user)
{
    const engine_ops ops = {.free = free_engine};
    int64_t blocks = mem_block_count();
    engine_life *life;
    CHECK_OK(engine_life_new(&ops, &life));
    life->engine = &freed;
    freed = 0;
    engine_life_join(life);
    engine_life_join(life);
    engine_life_leave(life);
    engine_life_leave(life);
    CHECK_EQUAL(0, freed);
    engine_life_leave(life);
    CHECK_EQUAL(1, freed);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST(without_memory_there_is_no_life)
{
    const engine_ops ops = {.free = free_engine};
    engine_life *life = NULL;
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, engine_life_new(&ops, &life));
    mem_fail_at(0, 0);
    CHECK(life == NULL);
}

TEST_MAIN(CASE(the_engine_goes_with_its_last_user), CASE(without_memory_there_is_no_life))
