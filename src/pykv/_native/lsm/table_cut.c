/*
 * table_cut: sizes at which an output ends.
 *
 * At the end of a grandparent an output may end early. It is content with half its size if there
 * has been no such end before, and wants more the more ends it has passed, since then another one
 * will come soon. Beyond its size it waits for an end for half as much again.
 */
#include "lsm/table_cut.h"

enum {
    CUT_PERCENT_MIN = 50,
    CUT_PERCENT_STEP = 5, /* for each end passed */
    CUT_PERCENT_MAX = 90,
    CUT_PERCENT_WAITING = 150
};

void table_cut_init(table_cut *self, const table_cut_options *options)
{
    *self = (table_cut){.options = *options};
}

/* Goes past the grandparents that end before key. */
static void pass(table_cut *self, slice key)
{
    while (self->next < self->options.grandparent_count &&
           slice_compare(self->options.grandparents[self->next]->largest, key) < 0) {
        self->overlap_bytes += self->options.grandparents[self->next]->facts.file_bytes;
        self->passed_count++;
        self->next++;
    }
}

/* A share of the size of an output; does not overflow. */
static uint64_t share(const table_cut *self, uint32_t percent)
{
    return self->options.table_bytes / 100 * percent;
}

static bool is_large_enough(const table_cut *self, bool at_end, uint64_t output_bytes)
{
    bool has_ends_ahead = self->next < self->options.grandparent_count;
    if (at_end) {
        uint32_t percent = CUT_PERCENT_MIN + CUT_PERCENT_STEP * (self->passed_count - 1);
        percent = percent < CUT_PERCENT_MAX ? percent : CUT_PERCENT_MAX;
        return self->overlap_bytes > self->options.overlap_bytes_max ||
               output_bytes >= share(self, percent);
    }
    return output_bytes >=
           (has_ends_ahead ? share(self, CUT_PERCENT_WAITING) : self->options.table_bytes);
}

bool table_cut_before(table_cut *self, slice key, uint64_t output_bytes)
{
    uint32_t passed_before = self->passed_count;
    pass(self, key);
    bool ends =
        output_bytes > 0 && is_large_enough(self, self->passed_count > passed_before, output_bytes);
    if (ends || output_bytes == 0) {
        self->passed_count = 0;
        self->overlap_bytes = 0;
    }
    return ends;
}
