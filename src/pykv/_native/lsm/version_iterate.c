/*
 * version_iterate: the iterators that together show what a version holds.
 */
#include "lsm/version_iterate.h"

#include "lsm/level_iterator.h"
#include "lsm/range_iterator.h"
#include "table/checking_iterator.h"
#include "table/table_iterator.h"

size_t version_iterator_count(const version *self)
{
    size_t count = self->levels[0].count;
    for (uint32_t i = 1; i < LSM_LEVEL_COUNT; i++) {
        count += self->levels[i].count > 0;
    }
    return count;
}

static bool overlaps(const table_file *file, const key_range *range)
{
    return slice_compare(file->largest, range->start) >= 0 &&
           (!range->has_stop || slice_compare(file->smallest, range->stop) < 0);
}

/* The part of a deeper level that may hold keys of range. */
static level part_of(const level *deeper, const key_range *range)
{
    uint32_t begin = level_find(deeper, range->start);
    uint32_t end = range->has_stop ? level_find(deeper, range->stop) : deeper->count;
    if (end < deeper->count && slice_compare(deeper->files[end]->smallest, range->stop) < 0) {
        end++;
    }
    return level_part(deeper, begin, end > begin ? end : begin);
}

/* True if a range delete hides all that tables with keys from smallest to largest, and no sequence
 * above sequence_max, have in range. */
static bool is_hidden(const range_filter *filter, const key_range *range, slice smallest,
                      slice largest, uint64_t sequence_max)
{
    if (filter == NULL || filter->deletes == NULL) {
        return false;
    }
    const range_set *deletes = filter->deletes;
    slice from = slice_compare(smallest, range->start) < 0 ? range->start : smallest;
    uint32_t index = range_set_find(deletes, from);
    if (index == deletes->count || slice_compare(from, deletes->fragments[index].start) < 0) {
        return false;
    }
    slice stop = deletes->fragments[index].stop;
    bool reaches_end = range->has_stop && (stop.size == 0 || slice_compare(range->stop, stop) <= 0);
    return (reaches_end || range_is_before(largest, stop)) &&
           range_fragment_cover(deletes, index, filter->snapshot_sequence) > sequence_max;
}

static bool hides_file(const range_filter *filter, const key_range *range, const table_file *file)
{
    return is_hidden(filter, range, file->smallest, file->largest, file->facts.sequence_max);
}

static bool hides_part(const range_filter *filter, const key_range *range, const level *part)
{
    return is_hidden(filter, range, part->files[0]->smallest, part->files[part->count - 1]->largest,
                     part->sequence_max);
}

static void free_iterators(iterator **iterators, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        iterator_free(iterators[i]);
    }
}

/* Counts the iterator that was made last, and wraps it. */
static pykv_status add(const level *row, const range_filter *filter, iterator **iterators,
                       size_t *count)
{
    range_extent extent = {.row = *row};
    size_t at = (*count)++;
    return range_iterator_wrap(filter, &extent, &iterators[at]);
}

/* Which entries are walked over, and by what. */
typedef struct version_walk {
    block_source *source;
    const key_range *range;
    const range_filter *filter;
    pykv_status (*of_table)(table *from, block_source *source, iterator **out);
    pykv_status (*of_level)(const level *row, block_source *source, iterator **out);
} version_walk;

/* Appends those of the tables of level 0. */
static pykv_status add_fresh(const level *fresh, const version_walk *how, iterator **iterators,
                             size_t *count)
{
    pykv_status status = PYKV_OK;
    for (uint32_t i = 0; i < fresh->count && status == PYKV_OK; i++) {
        const table_file *file = fresh->files[i];
        if (overlaps(file, how->range) && !hides_file(how->filter, how->range, file)) {
            level row = level_part(fresh, i, i + 1);
            status = how->of_table(fresh->tables[i], how->source, &iterators[*count]);
            if (status == PYKV_OK) {
                status = add(&row, how->filter, iterators, count);
            }
        }
    }
    return status;
}

static pykv_status make(const version *self, const version_walk *how, iterator **iterators_out,
                        size_t *count_out)
{
    size_t count = 0;
    pykv_status status = add_fresh(&self->levels[0], how, iterators_out, &count);
    for (uint32_t i = 1; i < LSM_LEVEL_COUNT && status == PYKV_OK; i++) {
        level part = part_of(&self->levels[i], how->range);
        if (part.count > 0 && !hides_part(how->filter, how->range, &part)) {
            status = how->of_level(&part, how->source, &iterators_out[count]);
            if (status == PYKV_OK) {
                status = add(&part, how->filter, iterators_out, &count);
            }
        }
    }
    if (status != PYKV_OK) {
        free_iterators(iterators_out, count);
        return status;
    }
    *count_out = count;
    return PYKV_OK;
}

pykv_status version_filtered(const version *self, block_source *source, const key_range *range,
                             const range_filter *filter, iterator **iterators_out,
                             size_t *count_out)
{
    const version_walk how = {source, range, filter, table_iterator_new, level_iterator_new};
    return make(self, &how, iterators_out, count_out);
}

pykv_status version_inputs(const version *self, const range_filter *filter,
                           iterator **iterators_out, size_t *count_out)
{
    const key_range all = {.start = slice_make("", 0)};
    const version_walk how = {block_source_direct(), &all, filter, checking_iterator_new,
                              level_iterator_new_checking};
    return make(self, &how, iterators_out, count_out);
}

pykv_status version_iterators(const version *self, block_source *source, const key_range *range,
                              iterator **iterators_out, size_t *count_out)
{
    return version_filtered(self, source, range, NULL, iterators_out, count_out);
}
