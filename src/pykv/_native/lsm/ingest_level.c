/*
 * ingest_level: from the top down, as far as nothing is in the way.
 */
#include "lsm/ingest_level.h"

#include "base/invariant.h"

static bool overlap(slice smallest, slice largest, slice other_smallest, slice other_largest)
{
    return slice_compare(smallest, other_largest) <= 0 &&
           slice_compare(other_smallest, largest) <= 0;
}

static bool level0_overlaps(const level *first, slice smallest, slice largest)
{
    for (uint32_t i = 0; i < first->count; i++) {
        const table_file *file = first->files[i];
        if (overlap(smallest, largest, file->smallest, file->largest)) {
            return true;
        }
    }
    return false;
}

/* The outputs of a job may span everything between the keys of its inputs. */
static bool may_come(const compaction_job *jobs, size_t count, uint32_t index, slice smallest,
                     slice largest)
{
    for (size_t i = 0; i < count; i++) {
        const compaction_plan *plan = &jobs[i].plan;
        if (jobs[i].state != COMPACTION_NONE && !plan->is_removal && plan->output_level == index &&
            overlap(smallest, largest, plan->smallest, plan->largest)) {
            return true;
        }
    }
    return false;
}

uint8_t ingest_level(const version *of, const compaction_job *jobs, size_t count, slice smallest,
                     slice largest)
{
    uint32_t deepest = 0;
    if (level0_overlaps(&of->levels[0], smallest, largest) && !PYKV_PLANTED(158)) {
        return 0;
    }
    for (uint32_t index = 1; index < LSM_LEVEL_COUNT; index++) {
        if (level_overlap(&of->levels[index], smallest, largest).count > 0) {
            break;
        }
        if (!may_come(jobs, count, index, smallest, largest)) {
            deepest = index;
        }
    }
    return (uint8_t)deepest;
}
