/*
 * version_ranges: walks over tables and fragments. See version_ranges.h.
 */
#include "lsm/version_ranges.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

bool range_applies(const range_set *of, uint32_t index, const table_file *to)
{
    uint64_t cover = range_fragment_cover(of, index, UINT64_MAX);
    const range_fragment *fragment = &of->fragments[index];
    return to->facts.sequence_min < cover && to->facts.deletes_through < cover &&
           slice_compare(fragment->start, to->largest) <= 0 &&
           range_is_before(to->smallest, fragment->stop);
}

uint32_t version_ranges_in(const version *self, const table_file *file)
{
    const range_set *all = self->ranges;
    uint32_t count = 0;
    if (all == NULL) {
        return 0;
    }
    for (uint32_t i = range_set_find(all, file->smallest);
         i < all->count && slice_compare(all->fragments[i].start, file->largest) <= 0; i++) {
        count += range_applies(all, i, file);
    }
    return count;
}

bool version_hides(const version *self, const table_file *file)
{
    return self->ranges != NULL &&
           range_set_covers(self->ranges, file->smallest, file->largest, file->facts.sequence_max);
}

bool version_hides_some(const version *self)
{
    bool hides = false;
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT && self->ranges != NULL; i++) {
        for (uint32_t k = 0; k < self->levels[i].count && !hides; k++) {
            hides = version_hides(self, self->levels[i].files[k]);
        }
    }
    return hides;
}

/* Sets the flags of the fragments that hide something in a table. */
static void note_needed(const range_set *all, const table_file *file, bool *needed)
{
    for (uint32_t i = range_set_find(all, file->smallest);
         i < all->count && slice_compare(all->fragments[i].start, file->largest) <= 0; i++) {
        needed[i] = needed[i] || range_applies(all, i, file);
    }
}

/* Replaces *all by those of it that are needed. */
static pykv_status keep_needed(const version *self, const range_set **all)
{
    uint32_t needed_count = 0;
    bool *needed = mem_alloc_zeroed((*all)->count, sizeof *needed);
    if (needed == NULL) {
        return error_set_no_memory((*all)->count);
    }
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t k = 0; k < self->levels[i].count && (i == 0 || !PYKV_PLANTED(135)); k++) {
            note_needed(*all, self->levels[i].files[k], needed);
        }
    }
    for (uint32_t i = 0; i < (*all)->count; i++) {
        needed_count += needed[i];
    }
    const range_set *kept = *all;
    pykv_status status = PYKV_OK;
    if (needed_count < (*all)->count) {
        status = range_set_keep(*all, needed, &kept);
    }
    if (status == PYKV_OK && kept != *all) {
        range_set_release(*all);
        *all = kept;
    }
    mem_free(needed);
    return status;
}

pykv_status version_take_ranges(version *self, const range_set *base, const range_set *flushed)
{
    static const range_rule newest = {UINT64_MAX, true, true};
    const range_set *all = range_set_acquire(base);
    pykv_status status = PYKV_OK;
    if (flushed != NULL) {
        range_set_release(all);
        all = NULL;
        status = range_set_join(base, flushed, &newest, &all);
    }
    if (status == PYKV_OK && all != NULL) {
        status = keep_needed(self, &all);
    }
    if (status != PYKV_OK) {
        range_set_release(all);
        return status;
    }
    range_set_release(self->ranges);
    self->ranges = all;
    return PYKV_OK;
}
