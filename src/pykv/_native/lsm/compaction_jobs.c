/*
 * compaction_jobs: places for compactions.
 *
 * A plan is made from the version of now with the compaction lock held. Another job may install its
 * outputs meanwhile: its inputs stay marked, and its plan stays in the list, until that lock is
 * taken to end it, so the new plan is one that is legal beside it (lsm/compaction_plan.h).
 */
#include "lsm/compaction_jobs.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/amplification.h"
#include "lsm/brake.h"
#include "lsm/compaction_pick.h"
#include "lsm/edit.h"
#include "lsm/jobs.h"
#include "lsm/value_pick.h"

#define BYTES_KNOWN_MAX (UINT64_C(1) << 40)

/* Of so many compactions one goes to tables full of the dead, whatever level is due. */
enum { URGENT_TURN = 4 };

/* ---- taking ---- */

static compaction_job *find_job(lsm *self, compaction_state state) REQUIRES(self->compaction_lock)
{
    for (uint32_t i = 0; i < LSM_COMPACTIONS_MAX; i++) {
        compaction_state found = self->compactions[i].state;
        if (found == state || (PYKV_PLANTED(127) && found == COMPACTION_STEPS)) {
            return &self->compactions[i];
        }
    }
    return NULL;
}

static version *current_version(lsm *self, uint64_t *clear_count_out, uint64_t *visible_out)
{
    mutex_lock(&self->writer);
    version *now = version_acquire(lsm_view(self)->version);
    *clear_count_out = self->clear_count;
    *visible_out = lsm_visible(self);
    mutex_unlock(&self->writer);
    return now;
}

static compaction_options options_for(lsm *self, uint64_t visible_sequence)
{
    compaction_options options = self->options.compaction == PYKV_COMPACTION_LAZY
                                     ? compaction_options_make_lazy(self->options.table_bytes)
                                     : compaction_options_make(self->options.table_bytes);
    options.visible_sequence = visible_sequence;
    options.now_us = store_clock_now(&self->clock);
    options.reap_by_us =
        options.now_us > self->options.ttl_reap_us ? options.now_us - self->options.ttl_reap_us : 0;
    if (self->options.compression != CODEC_NONE) {
        options.level_compressed_min = LSM_LEVEL_COMPRESSED_MIN;
    }
    return options;
}

void compaction_jobs_measure(lsm *self, compaction_levels *levels_out)
{
    uint64_t clear_count;
    uint64_t visible_sequence;
    mutex_lock(&self->compaction_lock);
    version *now = current_version(self, &clear_count, &visible_sequence);
    compaction_options options = options_for(self, visible_sequence);
    compaction_levels_measure(now, &options, levels_out);
    version_release(now);
    mutex_unlock(&self->compaction_lock);
}

static void note_debt(lsm *self, uint64_t bytes)
{
    atomic_store_explicit(&self->counters.pending_compaction_bytes, bytes, memory_order_relaxed);
    mutex_lock(&self->writer);
    lsm_brake_renew(self);
    mutex_unlock(&self->writer);
}

enum { SMALL_SHARE = 8 }; /* a value segment is small if it is less than this part of a full one */

/* What a compaction that begins now is told. */
typedef struct told {
    compaction_options options;
    value_job values;           /* which are moved */
    uint64_t small_value_bytes; /* of a value segment that is small */
} told;

/* A flush of a full memtable of large values, or a full segment, leaves none that is small. */
static uint64_t small_value_bytes(const lsm *self)
{
    const pykv_options *options = &self->options;
    uint64_t full = options->memtable_bytes < options->table_bytes ? options->memtable_bytes
                                                                   : options->table_bytes;
    return full / SMALL_SHARE;
}

static const compaction_wish *wish_of(const lsm *self) REQUIRES(self->compaction_lock)
{
    bool is_over = self->room_wish_until_us == 0 || self->wish != NULL ||
                   env_monotonic_us(self->env) >= self->room_wish_until_us;
    return is_over ? self->wish : &self->room_wish;
}

/* Urgent and crowded tables have their turn once in URGENT_TURN picks, but not while writers wait
 * for level 0. */
static bool urgent_goes_first(lsm *self, const version *now) REQUIRES(self->compaction_lock)
{
    uint32_t count = now->levels[0].count;
    return self->turns.waited + 1 >= URGENT_TURN && !PYKV_PLANTED(263) &&
           count < LSM_LEVEL0_CROWD && count < lsm_level0_stop(self);
}

/* What is due, or urgent. */
static pykv_status pick_by_itself(lsm *self, version *now, const compaction_options *options,
                                  compaction_plan *out) REQUIRES(self->compaction_lock)
{
    pykv_status status = compaction_pick(now, options, out);
    if (status == PYKV_OK) {
        self->turns.waited = options->urgent_first ? 0 : self->turns.waited + 1;
        self->turns.ranges_first ^= options->urgent_first;
    }
    return status;
}

/* Level 0 fills while a manual compaction goes on: what is due comes first before writers wait. */
static pykv_status pick(lsm *self, version *now, const told *facts, compaction_job *job)
    REQUIRES(self->compaction_lock)
{
    const compaction_wish *wish = wish_of(self);
    const compaction_options *options = &facts->options;
    pykv_status status = PYKV_NOT_FOUND;
    job->is_wished = false;
    if (wish == NULL || now->levels[0].count >= LSM_LEVEL0_SLOW) {
        status = pick_by_itself(self, now, options, &job->plan);
    }
    if (wish != NULL && status == PYKV_NOT_FOUND) {
        job->is_wished = true;
        status = compaction_pick_range(now, options, wish, &job->plan);
    }
    if (status == PYKV_NOT_FOUND) {
        status =
            value_pick_plan(now, options, &facts->values, facts->small_value_bytes, &job->plan);
    }
    return status;
}

static pykv_status fail_for_room(lsm *self) REQUIRES(self->compaction_lock)
{
    self->compaction_room = (compaction_room){.moves = VALUE_MOVES_LEAST};
    return error_set_at(PYKV_NO_SPACE, env_directory_path(self->home),
                        "no compaction has room for its output");
}

/* In place of a plan that is too large for the room there was last: one that is not, or one that
 * empties a value segment. */
static pykv_status pick_small(lsm *self, version *now, const told *facts, compaction_plan *plan)
    REQUIRES(self->compaction_lock)
{
    uint64_t bytes_max = self->compaction_room.bytes_max;
    if (bytes_max == 0 || plan->is_trivial_move || plan->input_bytes <= bytes_max) {
        return PYKV_OK;
    }
    compaction_plan_reset(plan);
    pykv_status status = compaction_pick_small(now, &facts->options, bytes_max, plan);
    if (status == PYKV_NOT_FOUND || status == PYKV_WOULD_BLOCK) {
        self->compaction_room.bytes_max = 0;
        status = value_pick_plan(now, &facts->options, &facts->values, 0, plan);
    }
    return status == PYKV_NOT_FOUND ? fail_for_room(self) : status;
}

static bool is_alone(lsm *self, const compaction_job *job) REQUIRES(self->compaction_lock)
{
    bool others = false;
    for (uint32_t i = 0; i < LSM_COMPACTIONS_MAX; i++) {
        const compaction_job *other = &self->compactions[i];
        others |= other != job && other->state != COMPACTION_NONE;
    }
    return !others;
}

/* True if values moved with a job that found no room: fewer do from now on. */
static bool move_fewer(lsm *self, const compaction_job *job) REQUIRES(self->compaction_lock)
{
    value_moves *moves = &self->compaction_room.moves;
    if (*moves == VALUE_MOVES_MANY || job->moved_bytes > 0) {
        *moves = *moves < VALUE_MOVES_LEAST ? VALUE_MOVES_LEAST : VALUE_MOVES_NONE;
    }
    return job->moved_bytes > 0;
}

/* After a job that was done: what is still too much costs an attempt. */
static void move_more(lsm *self, const compaction_job *job) REQUIRES(self->compaction_lock)
{
    value_moves *moves = &self->compaction_room.moves;
    if (!job->values_are_due) {
        *moves = VALUE_MOVES_MANY;
    } else if (*moves == VALUE_MOVES_NONE ||
               (*moves > VALUE_MOVES_MANY && job->moved_bytes > 0 && !PYKV_PLANTED(393))) {
        *moves = (value_moves)(*moves - 1);
    }
}

bool compaction_jobs_note_room(lsm *self, const compaction_job *job, pykv_status status)
{
    if (status == PYKV_OK) {
        move_more(self, job);
        self->compaction_room.bytes_max *=
            self->compaction_room.bytes_max < BYTES_KNOWN_MAX ? 2 : 0;
    }
    if (status != PYKV_NO_SPACE) {
        return false;
    }
    if (move_fewer(self, job)) {
        return true;
    }
    self->compaction_room.bytes_max = job->plan.input_bytes / (is_alone(self, job) ? 2 : 1);
    return self->compaction_room.bytes_max > 0 && !job->plan.is_trivial_move;
}

/* Which values move, for what is picked next. */
static void pick_values(lsm *self, const version *now, told *facts, compaction_job *job)
    REQUIRES(self->compaction_lock)
{
    value_moves known = self->compaction_room.moves;
    value_moves moves = PYKV_PLANTED(401) ? VALUE_MOVES_MANY : known;
    facts->small_value_bytes = moves == VALUE_MOVES_MANY ? small_value_bytes(self) : 0;
    value_pick_moved(now, self->options.space_amplification_max,
                     moves == VALUE_MOVES_NONE ? VALUE_MOVES_LEAST : moves, &facts->values);
    job->values_are_due = facts->values.moved_count > 0;
    if (known == VALUE_MOVES_NONE) {
        facts->values.moved_count = 0;
    }
}

/* Makes a plan in a free place. PYKV_NOT_FOUND, PYKV_WOULD_BLOCK: there is none. */
static pykv_status plan_job(lsm *self, compaction_job *job, told *told_out)
    REQUIRES(self->compaction_lock)
{
    const compaction_plan *running[LSM_COMPACTIONS_MAX];
    uint64_t visible_sequence;
    version *now = current_version(self, &job->clear_count, &visible_sequence);
    told facts = {.options = options_for(self, visible_sequence)};
    facts.options.urgent_first = urgent_goes_first(self, now);
    facts.options.ranges_first = facts.options.urgent_first && self->turns.ranges_first;
    facts.options.running = running;
    for (uint32_t i = 0; i < LSM_COMPACTIONS_MAX; i++) {
        if (self->compactions[i].plan.of != NULL) {
            running[facts.options.running_count++] = &self->compactions[i].plan;
        }
    }
    note_debt(self, compaction_debt(now, &facts.options));
    pick_values(self, now, &facts, job);
    pykv_status status = pick(self, now, &facts, job);
    if (status == PYKV_OK) {
        status = pick_small(self, now, &facts, &job->plan);
    } else if (status == PYKV_NOT_FOUND && job->values_are_due &&
               self->compaction_room.moves == VALUE_MOVES_NONE) {
        status = fail_for_room(self);
    }
    version_release(now);
    if (status == PYKV_OK) {
        value_pick_small(&job->plan, facts.small_value_bytes, &facts.values);
        job->moved_bytes = value_pick_bytes(&job->plan, &facts.values);
        facts.options.running = NULL;
        facts.options.running_count = 0;
        *told_out = facts;
    }
    return status;
}

/* The plan keeps the version that values are moved from. */
static table_job surroundings_of(lsm *self, const compaction_job *job, const told *facts)
{
    table_job made = lsm_job(self, job->plan.output_level, facts->options.visible_sequence);
    made.values.moved_from = job->plan.of;
    made.values.moved_count = facts->values.moved_count;
    memcpy(made.values.moved, facts->values.moved, sizeof made.values.moved);
    return made;
}

static pykv_status begin(lsm *self, compaction_job *job) REQUIRES(self->compaction_lock)
{
    told facts;
    pykv_status status = plan_job(self, job, &facts);
    if (status != PYKV_OK) {
        return status;
    }
    compaction_plan_begin(&job->plan);
    status = lsm_settle_manifest(self);
    if (status == PYKV_OK && !job->plan.is_trivial_move && !job->plan.is_removal) {
        table_job surroundings = surroundings_of(self, job, &facts);
        status = compaction_new(&surroundings, &facts.options, &job->plan, &job->run);
    }
    if (status != PYKV_OK) {
        compaction_job_end(self, job);
    }
    return status;
}

/* What is due may wait for what is running; what was asked for is not done before all of it is. */
static bool waits_for_others(const lsm *self) REQUIRES(self->compaction_lock)
{
    bool waits = false;
    for (uint32_t i = 0; i < LSM_COMPACTIONS_MAX; i++) {
        const compaction_job *other = &self->compactions[i];
        waits |= other->state != COMPACTION_NONE && (self->wish == NULL || other->is_wished);
    }
    return waits;
}

bool compaction_jobs_running(lsm *self)
{
    return find_job(self, COMPACTION_STEPS) != NULL;
}

bool compaction_jobs_are_short(const lsm *self)
{
    return self->compaction_room.bytes_max > 0 || self->compaction_room.moves != VALUE_MOVES_MANY;
}

/* On a disk that was too full for one, no two fill it together. */
static bool has_room(lsm *self) REQUIRES(self->compaction_lock)
{
    return !compaction_jobs_are_short(self) || !compaction_jobs_running(self);
}

pykv_status compaction_jobs_take(lsm *self, compaction_job **job_out)
{
    pykv_status status = PYKV_OK;
    compaction_job *job = find_job(self, COMPACTION_WAITS);
    if (job == NULL) {
        job = find_job(self, COMPACTION_NONE);
        status = job != NULL && has_room(self) ? begin(self, job) : PYKV_WOULD_BLOCK;
    }
    if (status == PYKV_NOT_FOUND && waits_for_others(self)) {
        status = PYKV_WOULD_BLOCK;
    }
    if (status == PYKV_NOT_FOUND) {
        self->room_wish_until_us = 0;
    }
    if (status == PYKV_OK && job != NULL) {
        job->state = COMPACTION_STEPS;
        *job_out = job;
    }
    return status;
}

/* ---- going on ---- */

static pykv_status install(lsm *self, const compaction_job *job, table_file *const *inputs,
                           size_t input_count)
{
    lsm_edit edit = {.output_level = job->plan.output_level,
                     .inputs = inputs,
                     .input_count = input_count,
                     .is_move = job->plan.is_trivial_move,
                     .clear_count = job->clear_count};
    bool taken;
    if (job->run != NULL) {
        edit.outputs = compaction_outputs(job->run, &edit.output_count);
        edit.values = compaction_values(job->run, &edit.values_count);
    }
    pykv_status status = lsm_install(self, &edit, &taken);
    if (taken && job->run != NULL) {
        compaction_take(job->run);
    }
    return status == PYKV_NOT_FOUND ? PYKV_OK : status;
}

static void count_job(lsm *self, const compaction_job *job)
{
    atomic_fetch_add_explicit(&self->counters.compaction_count, 1, memory_order_relaxed);
    if (job->run != NULL) {
        table_output_counts counts = compaction_counts(job->run);
        amplification_count(&self->counters, &job->plan, &counts);
    }
}

/* Installs the outputs in place of all inputs. */
static pykv_status finish(lsm *self, const compaction_job *job)
{
    size_t count = job->plan.input_counts[0] + job->plan.input_counts[1];
    table_file **inputs = mem_alloc((count + 1) * sizeof *inputs);
    if (inputs == NULL) {
        return error_set_no_memory((count + 1) * sizeof *inputs);
    }
    size_t at = 0;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < job->plan.input_counts[side]; i++) {
            inputs[at++] = job->plan.inputs[side][i];
        }
    }
    pykv_status status = install(self, job, inputs, count);
    mem_free(inputs);
    if (status == PYKV_OK) {
        count_job(self, job);
    }
    return status;
}

static void note_progress(lsm *self, compaction_job *job)
{
    if (job->plan.input_level == 0) {
        double tables = (double)job->plan.input_counts[0] * compaction_share_read(job->run);
        lsm_brake_note(self, tables, &job->level0_read);
    }
}

/* True if a clear took the tables of a job away: nothing of it is installed. */
static bool is_void(lsm *self, const compaction_job *job)
{
    mutex_lock(&self->writer);
    bool cleared = self->clear_count != job->clear_count;
    mutex_unlock(&self->writer);
    return cleared && !PYKV_PLANTED(338);
}

static pykv_status go_on(lsm *self, compaction_job *job, bool *more_out)
{
    pykv_status status = PYKV_OK;
    if (job->run != NULL) {
        status = compaction_step(job->run, LSM_STEP_BYTES, more_out);
        note_progress(self, job);
    }
    return status == PYKV_OK && !*more_out ? finish(self, job) : status;
}

pykv_status compaction_job_advance(lsm *self, compaction_job *job, bool *more_out)
{
    bool more = false;
    pykv_status status = is_void(self, job) ? PYKV_OK : go_on(self, job, &more);
    if (!more) {
        lsm_brake_forget(self, &job->level0_read); /* or tables that are gone count as read */
    }
    if (status == PYKV_OK) {
        *more_out = more;
    }
    return status;
}

void compaction_job_end(lsm *self, compaction_job *job)
{
    lsm_brake_forget(self, &job->level0_read);
    compaction_free(job->run);
    if (job->plan.of != NULL) {
        compaction_plan_end(&job->plan);
        compaction_plan_reset(&job->plan);
    }
    *job = (compaction_job){.state = COMPACTION_NONE};
}
