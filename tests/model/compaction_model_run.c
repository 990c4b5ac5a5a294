/*
 * compaction_model_run: compactions of the model: which, and their steps.
 */
#include "compaction_model.h"

enum { GIVE_UP_ONE_IN = 25 };

/* ---- publishing ---- */

table_job history_job_of_now(compaction_history *self)
{
    table_job job = self->job.job;
    job.visible_sequence = self->visible_sequence;
    job.now_us = self->now_us;
    self->has_lagged |= self->visible_sequence < self->sequence;
    return job;
}

/* Publishes the version with change applied. */
void history_publish(compaction_history *self, const version_change *change)
{
    version *next;
    if (version_apply(self->of, change, &next) != PYKV_OK) {
        history_fail(self, "the version cannot be changed");
    }
    version_release(self->of);
    self->of = next;
    history_check_reads(self);
}

table_file *history_open_table(compaction_history *self, const manifest_table *facts)
{
    table_file *made;
    table_open_options options = job_open_options(&self->job);
    if (table_file_open(&self->graveyard, facts, &options, &made) != PYKV_OK) {
        history_fail(self, "an output does not open");
    }
    return made;
}

/* ---- compactions ---- */

compaction_options history_options_of_now(compaction_history *self,
                                          const compaction_plan *running[HISTORY_RUN_COUNT])
{
    compaction_options options = self->options;
    options.visible_sequence = self->visible_sequence;
    options.now_us = self->now_us;
    options.running = running;
    for (size_t i = 0; i < HISTORY_RUN_COUNT; i++) {
        if (self->runs[i].run != NULL) {
            running[options.running_count++] = &self->runs[i].plan;
        }
    }
    return options;
}

/* Any tables of level 0, into any level that is legal. */
static pykv_status plan_any_level0(compaction_history *self, const compaction_options *options,
                                   compaction_plan *out)
{
    bool wanted[HISTORY_OPERATIONS_MAX] = {false};
    uint32_t count = self->of->levels[0].count;
    uint8_t deepest = 1;
    if (count == 0) {
        return PYKV_NOT_FOUND;
    }
    while (deepest + 1 < LSM_LEVEL_COUNT && self->of->levels[deepest].count == 0) {
        deepest++;
    }
    for (uint32_t i = 0; i < count; i++) {
        wanted[i] = history_roll(self, 2) == 0;
    }
    wanted[history_roll(self, count)] = true;
    uint8_t level_index = (uint8_t)(1 + history_roll(self, deepest));
    return compaction_plan_level0(self->of, options, level_index, wanted, "any", out);
}

/* Any neighbours of level 0, into one of them. */
static pykv_status plan_any_runs(compaction_history *self, const compaction_options *options,
                                 compaction_plan *out)
{
    uint32_t count = self->of->levels[0].count;
    if (count == 0) {
        return PYKV_NOT_FOUND;
    }
    level_run runs = {(uint32_t)history_roll(self, count), 1};
    runs.count += (uint32_t)history_roll(self, count - runs.first);
    return compaction_plan_runs(self->of, options, 0, runs, "any", out);
}

/* Any neighbours of a deeper level, one level down or where they stand. */
static pykv_status plan_any_level(compaction_history *self, const compaction_options *options,
                                  compaction_plan *out)
{
    uint8_t level_index = (uint8_t)(1 + history_roll(self, LSM_LEVEL_COUNT - 1));
    uint32_t count = self->of->levels[level_index].count;
    if (count == 0) {
        return PYKV_NOT_FOUND;
    }
    level_run run = {(uint32_t)history_roll(self, count), 1};
    run.count += (uint32_t)history_roll(self, count - run.first);
    return level_index + 1 == LSM_LEVEL_COUNT || history_roll(self, 4) == 0
               ? compaction_plan_rewrite(self->of, options, level_index, run, "any", out)
               : compaction_plan_level(self->of, options, level_index, run, "any", out);
}

static pykv_status plan_range(compaction_history *self, const compaction_options *options,
                              compaction_plan *out)
{
    char start[16];
    char stop[16];
    uint8_t first = (uint8_t)history_roll(self, HISTORY_KEY_COUNT);
    uint8_t behind = (uint8_t)(first + history_roll(self, HISTORY_KEY_COUNT));
    key_range range = {.start = slice_make(start, history_key(first, start)),
                       .has_stop = behind < HISTORY_KEY_COUNT};
    if (range.has_stop) {
        range.stop = slice_make(stop, history_key(behind, stop));
    }
    compaction_wish wish = {range, self->job.next_number, self->sequence};
    return compaction_pick_range(self->of, options, &wish, out);
}

static pykv_status choose_plan(compaction_history *self, const compaction_options *options,
                               compaction_plan *out)
{
    switch (history_roll(self, 7)) {
    case 0:
        return plan_any_level0(self, options, out);
    case 3:
        return plan_any_runs(self, options, out);
    case 1:
        return plan_any_level(self, options, out);
    case 2:
        return plan_range(self, options, out);
    default:
        return compaction_pick(self->of, options, out);
    }
}

/* Puts outputs in the place of the inputs; the one input of a trivial move is its own output. */
static void install(compaction_history *self, const compaction_plan *plan, table_file **outputs,
                    size_t output_count)
{
    size_t removed_count = 0;
    uint32_t removed[HISTORY_OPERATIONS_MAX];
    version_addition added[HISTORY_OPERATIONS_MAX];
    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < plan->input_counts[side]; i++) {
            removed[removed_count++] = plan->inputs[side][i]->facts.number;
        }
    }
    for (size_t i = 0; i < output_count; i++) {
        added[i] = (version_addition){outputs[i], plan->output_level};
    }
    version_change change = {.removed = removed,
                             .removed_count = removed_count,
                             .added = added,
                             .added_count = output_count};
    compaction_plan_end(plan);
    history_publish(self, &change);
}

static void finish_run(compaction_history *self, history_run *which)
{
    table_file *outputs[HISTORY_OPERATIONS_MAX];
    size_t count;
    const compaction_plan *plan = &which->plan;
    const manifest_table *made = compaction_outputs(which->run, &count);
    for (size_t i = 0; i < count; i++) {
        outputs[i] = history_open_table(self, &made[i]);
    }
    compaction_take(which->run);
    install(self, plan, outputs, count);
    for (size_t i = 0; i < count; i++) {
        table_file_release(outputs[i]);
    }
    for (size_t side = 0; side < 2; side++) {
        for (size_t i = 0; i < plan->input_counts[side]; i++) {
            table_file_mark_obsolete(plan->inputs[side][i]);
        }
    }
    self->installed_count++;
}

void history_drop_run(history_run *which)
{
    compaction_free(which->run);
    compaction_plan_reset(&which->plan);
    which->run = NULL;
}

/* Begins what the plan of a free run says; a trivial move is done at once. */
void history_begin_run(compaction_history *self, history_run *which, const compaction_options *with)
{
    table_job job = history_job_of_now(self);
    compaction_plan_begin(&which->plan);
    if (which->plan.is_trivial_move && history_roll(self, 4) != 0) {
        install(self, &which->plan, which->plan.inputs[0], 1);
        compaction_plan_reset(&which->plan);
        self->moved_count++;
    } else {
        CHECK_OK(compaction_new(&job, with, &which->plan, &which->run));
    }
}

void history_compact_some(compaction_history *self)
{
    bool more;
    const compaction_plan *running[HISTORY_RUN_COUNT];
    history_run *which = &self->runs[history_roll(self, HISTORY_RUN_COUNT)];
    if (which->run == NULL) {
        compaction_options options = history_options_of_now(self, running);
        if (choose_plan(self, &options, &which->plan) == PYKV_OK) {
            history_begin_run(self, which, &options);
        }
        return;
    }
    if (history_roll(self, GIVE_UP_ONE_IN) == 0) {
        compaction_plan_end(&which->plan);
        history_drop_run(which);
        self->given_up_count++;
        return;
    }
    if (compaction_step(which->run, 1 + history_roll(self, self->step_bytes_max), &more) !=
        PYKV_OK) {
        history_fail(self, "a compaction fails");
    }
    if (!more) {
        finish_run(self, which);
        history_drop_run(which);
    }
}

void history_end_run(compaction_history *self, history_run *which)
{
    bool more = which->run != NULL;
    while (more) {
        CHECK_OK(compaction_step(which->run, self->step_bytes_max, &more));
    }
    if (which->run != NULL) {
        finish_run(self, which);
        history_drop_run(which);
    }
}
