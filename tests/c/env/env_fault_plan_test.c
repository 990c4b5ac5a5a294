/*
 * env_fault_plan_test: which calls a plan means, which of them fail, and what is counted.
 */
#include <errno.h>

#include "harness/check.h"

#include "env/env_fault_parts.h"
#include "env/env_fault_plan.h"
#include "env/env_memory.h"

typedef struct planned {
    env *inner;
    env *outer;
} planned;

static planned plan_new(env_fault_plan plan)
{
    planned self;
    CHECK_OK(env_memory_new(check_seed(), 4096, &self.inner));
    CHECK_OK(env_fault_new(self.inner, &self.outer));
    env_fault_set(self.outer, &plan);
    return self;
}

static void plan_free(planned *self)
{
    env_fault_free(self->outer);
    env_memory_free(self->inner);
}

TEST(only_calls_of_the_mask_and_the_name_are_seen_and_one_of_them_fails)
{
    planned self = plan_new((env_fault_plan){
        .at = 2, .system_errno = EIO, .call_mask = 1U << ENV_CALL_READ, .name_part = "wanted"});
    CHECK_OK(fault_check_call(self.outer, ENV_CALL_WRITE, "/wanted"));
    CHECK_OK(fault_check_call(self.outer, ENV_CALL_READ, "/other"));
    CHECK_EQUAL(0, env_fault_seen(self.outer));
    CHECK_OK(fault_check_call(self.outer, ENV_CALL_READ, "/wanted"));
    CHECK_STATUS(PYKV_IO_FAILED, fault_check_call(self.outer, ENV_CALL_READ, "/wanted"));
    CHECK_OK(fault_check_call(self.outer, ENV_CALL_READ, "/wanted"));
    CHECK_EQUAL(3, env_fault_seen(self.outer));
    CHECK_EQUAL(1, env_fault_failed(self.outer));
    plan_free(&self);
}

TEST(a_sticky_plan_fails_every_call_from_its_first_on)
{
    planned self = plan_new((env_fault_plan){.at = 2, .sticky = true, .system_errno = ENOSPC});
    CHECK_EQUAL(0, fault_count_call(fault_of(self.outer), ENV_CALL_WRITE, "/a"));
    CHECK_EQUAL(ENOSPC, fault_count_call(fault_of(self.outer), ENV_CALL_WRITE, "/a"));
    CHECK_EQUAL(ENOSPC, fault_count_call(fault_of(self.outer), ENV_CALL_SYNC, "/b"));
    CHECK_EQUAL(2, env_fault_failed(self.outer));
    plan_free(&self);
}

TEST(numbers_drawn_are_below_their_bound)
{
    planned self = plan_new((env_fault_plan){.seed = check_seed()});
    for (uint32_t i = 0; i < 1000; i++) {
        CHECK(fault_draw(fault_of(self.outer), 7) < 7);
    }
    plan_free(&self);
}

TEST_MAIN(CASE(only_calls_of_the_mask_and_the_name_are_seen_and_one_of_them_fails),
          CASE(a_sticky_plan_fails_every_call_from_its_first_on),
          CASE(numbers_drawn_are_below_their_bound))
