/*
 * value_pick: the choice among segments and tables.
 */
#include "lsm/value_pick.h"

#include "base/error.h"
#include "base/memory.h"
#include "lsm/value_refs.h"

/* ---- segments ---- */

/* Bytes of the file that nothing points to, about. */
static double dead_bytes(const version_values *values)
{
    const manifest_values *facts = &values->segment->facts;
    double whole = (double)facts->value_bytes;
    double live = (double)values->live_bytes;
    return whole <= live ? 0 : (double)facts->file_bytes * (whole - live) / whole;
}

static double dead_share(const version_values *values)
{
    return dead_bytes(values) / (double)values->segment->facts.file_bytes;
}

static bool is_moved(const value_job *job, uint32_t number)
{
    for (uint32_t i = 0; i < job->moved_count; i++) {
        if (job->moved[i] == number) {
            return true;
        }
    }
    return false;
}

/* The deadest segment that is not taken yet; NULL: there is none with anything dead. */
static const version_values *deadest(const version *of, const value_job *job)
{
    const version_values *most = NULL;
    for (uint32_t i = 0; i < of->value_segment_count; i++) {
        const version_values *asked = &of->values[i];
        if (is_moved(job, asked->segment->facts.number) || dead_bytes(asked) <= 0) {
            continue;
        }
        if (most == NULL || dead_share(asked) > dead_share(most)) {
            most = asked;
        }
    }
    return most;
}

void value_pick_moved(const version *of, double amplification_max, value_job *job)
{
    double bytes = 0;
    double dead = 0;
    job->moved_from = of;
    job->moved_count = 0;
    for (uint32_t i = 0; i < of->value_segment_count; i++) {
        bytes += (double)of->values[i].segment->facts.file_bytes;
        dead += dead_bytes(&of->values[i]);
    }
    while (bytes > amplification_max * (bytes - dead) && job->moved_count < VALUE_MOVES_MAX) {
        const version_values *victim = deadest(of, job);
        if (victim == NULL) {
            return;
        }
        bytes -= dead_bytes(victim);
        dead -= dead_bytes(victim);
        job->moved[job->moved_count++] = victim->segment->facts.number;
    }
}

/* ---- tables ---- */

static uint64_t moved_bytes(const value_job *job, const table_file *file)
{
    slice attached = file->table->properties.attached;
    uint64_t bytes = 0;
    for (size_t i = 0; i < value_refs_count(attached); i++) {
        value_ref entry = value_refs_at(attached, i);
        bytes += is_moved(job, entry.number) ? entry.bytes : 0;
    }
    return bytes;
}

typedef struct chosen_table {
    uint64_t bytes; /* 0: none */
    uint8_t level_index;
    uint32_t index;
} chosen_table;

static chosen_table choose(const version *of, const value_job *job)
{
    chosen_table best = {.bytes = 0};
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t j = 0; j < of->levels[i].count; j++) {
            const table_file *asked = of->levels[i].files[j];
            uint64_t bytes = asked->busy ? 0 : moved_bytes(job, asked);
            if (bytes > best.bytes) {
                best = (chosen_table){bytes, (uint8_t)i, j};
            }
        }
    }
    return best;
}

static pykv_status plan_level0(version *of, const compaction_options *options, uint32_t index,
                               compaction_plan *out)
{
    compaction_levels levels;
    uint32_t count = of->levels[0].count;
    bool *wanted = mem_alloc_zeroed(count, sizeof(bool));
    if (wanted == NULL) {
        return error_set_no_memory(count);
    }
    wanted[index] = true;
    compaction_levels_measure(of, options, &levels);
    pykv_status status = compaction_plan_level0(of, options, levels.base, wanted, "values", out);
    mem_free(wanted);
    return status;
}

pykv_status value_pick_plan(version *of, const compaction_options *options, const value_job *job,
                            compaction_plan *out)
{
    chosen_table best = job->moved_count == 0 ? (chosen_table){.bytes = 0} : choose(of, job);
    if (best.bytes == 0) {
        return PYKV_NOT_FOUND;
    }
    level_run run = {best.index, 1};
    pykv_status status =
        best.level_index == 0
            ? plan_level0(of, options, best.index, out)
            : compaction_plan_rewrite(of, options, best.level_index, run, "values", out);
    return status == PYKV_WOULD_BLOCK ? PYKV_NOT_FOUND : status;
}
