/*
 * repair_expect: something tells that a record was there: in the segments of writes the sequences
 * on both sides of a gap, or the manifest, which knows the first and the last; in the output of a
 * merge its hint. What stood at the end of a log that was not sealed is not known.
 */
#include "bitcask/repair_expect.h"

#include "base/report.h"
#include "bitcask/bitcask.h"
#include "bitcask/hint.h"
#include "bitcask/open.h"

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
