/*
 * plan_text: what a compaction plan takes in, as a short text that a test compares.
 */
#ifndef PYKV_TESTS_LSM_PLAN_TEXT_H
#define PYKV_TESTS_LSM_PLAN_TEXT_H

#include "harness/check.h"

#include "lsm/compaction_plan.h"

enum { PLAN_TEXT_BYTES = 512 };

static inline void plan_text_numbers(char *out, table_file *const *files, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(out);
        snprintf(out + used, PLAN_TEXT_BYTES - used, " %u", files[i]->facts.number);
    }
}

/* "0>6: 3 2 | 1 | 7 8": levels, inputs of both, grandparents; "moved" in front if it is trivial. */
static inline void plan_text(const compaction_plan *plan, char out[PLAN_TEXT_BYTES])
{
    snprintf(out, PLAN_TEXT_BYTES, "%s%d>%d:", plan->is_trivial_move ? "moved " : "",
             plan->input_level, plan->output_level);
    plan_text_numbers(out, plan->inputs[0], plan->input_counts[0]);
    strncat(out, " |", PLAN_TEXT_BYTES - strlen(out) - 1);
    plan_text_numbers(out, plan->inputs[1], plan->input_counts[1]);
    strncat(out, " |", PLAN_TEXT_BYTES - strlen(out) - 1);
    plan_text_numbers(out, plan->grandparents, plan->grandparent_count);
}

/* Checks a plan that was made and resets it. */
static inline void plan_text_check(const char *file, int line, const char *wanted,
                                   compaction_plan *plan)
{
    char found[PLAN_TEXT_BYTES];
    plan_text(plan, found);
    if (strcmp(wanted, found) != 0) {
        check_failed(file, line, "the plan is \"%s\", not \"%s\"", found, wanted);
    }
    compaction_plan_reset(plan);
}

#define CHECK_PLAN(wanted, plan) plan_text_check(__FILE__, __LINE__, (wanted), (plan))

#endif
