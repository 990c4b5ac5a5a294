/*
 * repair_lost: what should have been found, and counting what was not.
 *
 * Something tells that a record was there: in the segments of writes the sequences on both sides of
 * a gap, or the manifest, which knows the first and the last; in the output of a merge its hint.
 * What stood at the end of a log that was not sealed is not known. Ranges and what was found are
 * sorted when they are counted, and overlapping ranges made one.
 */
#include "bitcask/repair_lost.h"

#include <stdlib.h>

#include "base/report.h"
#include "bitcask/bitcask.h"
#include "bitcask/hint.h"
#include "bitcask/open.h"
#include "bitcask/repair_internal.h"
#include "bitcask/report.h"

typedef struct range {
    uint64_t first;
    uint64_t last;
} range;

pykv_status repair_lost_expect(repair_lost *self, uint64_t first, uint64_t last)
{
    range added = {first, last};
    return first <= last ? buffer_append(&self->expected, &added, sizeof added) : PYKV_OK;
}

pykv_status repair_lost_found(repair_lost *self, uint64_t sequence)
{
    return buffer_append(&self->found, &sequence, sizeof sequence);
}

static int compare_ranges(const void *left, const void *right)
{
    const range *a = left;
    const range *b = right;
    return (a->first > b->first) - (a->first < b->first);
}

static int compare_sequences(const void *left, const void *right)
{
    const uint64_t *a = left;
    const uint64_t *b = right;
    return (*a > *b) - (*a < *b);
}

static void sort(buffer *items, size_t item_bytes, int (*compare)(const void *, const void *))
{
    if (items->size > 0) {
        qsort(items->data, items->size / item_bytes, item_bytes, compare);
    }
}

/* Makes ranges, sorted by first, disjoint; returns how many are left. */
static size_t unite(range *ranges, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && ranges[i].first <= ranges[kept - 1].last) {
            if (ranges[i].last > ranges[kept - 1].last) {
                ranges[kept - 1].last = ranges[i].last;
            }
        } else {
            ranges[kept++] = ranges[i];
        }
    }
    return kept;
}

uint64_t repair_lost_count(repair_lost *self)
{
    sort(&self->expected, sizeof(range), compare_ranges);
    sort(&self->found, sizeof(uint64_t), compare_sequences);
    range *ranges = (range *)(void *)self->expected.data;
    const uint64_t *found = (const uint64_t *)(const void *)self->found.data;
    size_t range_count = unite(ranges, self->expected.size / sizeof *ranges);
    size_t found_count = self->found.size / sizeof *found;
    size_t at = 0;
    uint64_t lost = 0;
    self->expected.size = range_count * sizeof *ranges;
    for (size_t i = 0; i < range_count; i++) {
        lost += ranges[i].last - ranges[i].first + 1;
        for (; at < found_count && found[at] <= ranges[i].last; at++) {
            bool again = at > 0 && found[at] == found[at - 1];
            lost -= found[at] >= ranges[i].first && !again;
        }
    }
    return lost;
}

void repair_lost_reset(repair_lost *self)
{
    buffer_reset(&self->expected);
    buffer_reset(&self->found);
}

/* ---- what should be there ---- */

const manifest_segment *repair_find_listed(const repair *self, uint32_t number)
{
    for (uint64_t i = 0; i < self->listed.segment_count; i++) {
        if (self->listed.segments[i].number == number) {
            return &self->listed.segments[i];
        }
    }
    return NULL;
}

/* Every sequence from the first to the last was in a segment of writes. */
static pykv_status expect_writes(repair *self, const repair_source *source)
{
    const manifest_segment *entry = repair_find_listed(self, source->number);
    uint64_t first = source->first_sequence;
    uint64_t last = source->last_sequence;
    if (entry != NULL && entry->last_sequence != 0) {
        first = first == 0 || entry->first_sequence < first ? entry->first_sequence : first;
        last = entry->last_sequence > last ? entry->last_sequence : last;
    }
    if (last == 0 || source->record_count == last - first + 1) {
        return PYKV_OK;
    }
    return repair_lost_expect(&self->lost, first, last);
}

/* Every entry of its hint was in the damaged output of a merge. A hint that cannot be read tells
 * nothing. */
static pykv_status expect_hint(repair *self, const repair_source *source)
{
    bitcask *reader;
    hint_list list = {0};
    const manifest_segment *entry = repair_find_listed(self, source->number);
    pykv_options options = {0};
    segment described = {.number = source->number, .file_id = source->file_id};
    atomic_init(&described.length, entry != NULL ? entry->length : source->size);
    pykv_status status = bitcask_new(self->env, &options, &reader);
    if (status != PYKV_OK) {
        return status;
    }
    reader->home = self->home;
    reader->store_id = source->store_id;
    if (hint_read(reader, &described, &list) != PYKV_OK) {
        /* Then this segment's losses are not counted. */
    }
    for (uint64_t i = 0; i < list.count && status == PYKV_OK; i++) {
        status =
            repair_lost_expect(&self->lost, list.entries[i].sequence, list.entries[i].sequence);
    }
    hint_list_reset(&list);
    reader->home = NULL;
    bitcask_free(reader);
    return status;
}

/* The source of that number, NULL if there is no such file. */
static const repair_source *find_source(const repair *self, uint32_t number)
{
    for (size_t i = 0; i < self->source_count; i++) {
        if (self->sources[i].number == number) {
            return &self->sources[i];
        }
    }
    return NULL;
}

/* Segments that the manifest lists and that are missing, or could not be read at all. */
static pykv_status expect_missing(repair *self)
{
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < self->listed.segment_count && status == PYKV_OK; i++) {
        const manifest_segment *entry = &self->listed.segments[i];
        repair_source gone = {.number = entry->number,
                              .kind = entry->kind,
                              .file_id = entry->file_id,
                              .store_id = self->listed.store_id};
        const repair_source *source = find_source(self, entry->number);
        if (source != NULL && source->data != NULL) {
            continue;
        }
        if (source == NULL) {
            char name[SEGMENT_NAME_BYTES];
            segment_name(entry->number, false, name);
            report_add(self->report, name, 0, entry->length, 0,
                       "the manifest lists a segment that is not there");
        }
        status = entry->kind == LOG_SEGMENT_APPEND ? expect_writes(self, &gone)
                                                   : expect_hint(self, &gone);
    }
    return status;
}

pykv_status repair_count_lost(repair *self)
{
    pykv_status status = expect_missing(self);
    for (size_t i = 0; i < self->source_count && status == PYKV_OK; i++) {
        const repair_source *source = &self->sources[i];
        if (source->kind == LOG_SEGMENT_APPEND) {
            status = expect_writes(self, source);
        } else if (source->kind == LOG_SEGMENT_MERGED && !source->whole) {
            status = expect_hint(self, source);
        }
    }
    self->report->lost_record_count = repair_lost_count(&self->lost);
    return status;
}
