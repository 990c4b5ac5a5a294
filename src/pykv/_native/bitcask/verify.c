/*
 * verify: every byte of every file is checked against its checks, and the key directory against the
 * log.
 *
 * Damage is collected, not raised: the report lists the first PYKV_DAMAGE_COUNT_MAX. Want of memory
 * is none, and ends the verification. Segments are pinned one at a time; reads and writes go on
 * meanwhile.
 */
#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/report.h"
#include "bitcask/bitcask.h"
#include "bitcask/directory.h"
#include "bitcask/hint.h"
#include "bitcask/history.h"
#include "bitcask/image.h"
#include "bitcask/keydir_check.h"
#include "bitcask/limbo.h"
#include "bitcask/segment_list.h"
#include "bitcask/space_list.h"
#include "bitcask/unpack.h"
#include "log/log_reader.h"

/* The segment with the lowest number above after, pinned; NULL when there is none. */
static segment *pin_next(bitcask *self, uint32_t after)
{
    segment *next = NULL;
    mutex_lock(&self->writer);
    for (size_t i = 0; i < self->segment_count && next == NULL; i++) {
        if (self->segments[i]->number > after && !self->segments[i]->merging) {
            next = self->segments[i];
            next->pin_count++;
        }
    }
    mutex_unlock(&self->writer);
    return next;
}

static void unpin(bitcask *self, segment *target)
{
    mutex_lock(&self->writer);
    bitcask_unpin_segment(self, target);
    mutex_unlock(&self->writer);
}

static bool is_sealed(bitcask *self, const segment *target)
{
    mutex_lock(&self->writer);
    bool sealed = target->sealed;
    mutex_unlock(&self->writer);
    return sealed;
}

/* Reads the file itself, not the mapping, so that what is on the device is checked. */
static pykv_status load_file(const segment *source, uint64_t length, buffer *out)
{
    size_t got = 0;
    buffer_clear(out);
    pykv_status status = buffer_reserve(out, length);
    if (status == PYKV_OK) {
        status = env_file_read(source->file, 0, out->data, length, &got);
        out->size = got;
    }
    return status;
}

/* Walks on behind a damaged record, at the next valid one. */
static uint64_t next_valid(const segment *source, const uint8_t *data, uint64_t length,
                           uint64_t from)
{
    record found;
    for (uint64_t at = from + RECORD_GRANULE_BYTES; at + RECORD_HEADER_BYTES <= length;
         at += RECORD_GRANULE_BYTES) {
        if (record_decode(data + at, length - at, source->seed, at, true, &found) == RECORD_VALID) {
            return at;
        }
    }
    return length;
}

/* End of the zeros that pad a sync to its sector, if a record or the end follows; at if there are
 * none. */
static uint64_t skip_padding(const segment *source, const uint8_t *data, uint64_t length,
                             uint64_t at)
{
    uint64_t end = round_up(at, LOG_SECTOR_BYTES);
    record found;
    if (source->kind != LOG_SEGMENT_APPEND || end >= length) {
        return at;
    }
    for (uint64_t i = at; i < end; i++) {
        if (data[i] != 0) {
            return at;
        }
    }
    bool follows =
        record_decode(data + end, length - end, source->seed, end, false, &found) == RECORD_VALID;
    return follows ? end : at;
}

/* Whether the value of a record can be given. A codec that is not there is no damage. */
static pykv_status check_packed(const bitcask *self, segment *source, uint64_t at, record *found,
                                pykv_report *report)
{
    buffer room = BUFFER_EMPTY;
    const char *path = env_file_path(source->file);
    uint64_t end = at + record_bytes_of(found);
    pykv_status status = unpack_record_of(&self->codecs, source, at, found, &room);
    if (status == PYKV_CORRUPTION) {
        report_add(report, path, at, end, 0, "a value does not decompress");
    }
    buffer_reset(&room);
    return status == PYKV_NO_MEMORY ? status : PYKV_OK;
}

static pykv_status check_records(const bitcask *self, segment *source, const uint8_t *data,
                                 uint64_t length, pykv_report *report)
{
    const char *path = env_file_path(source->file);
    uint64_t at = LOG_SEGMENT_HEADER_BYTES;
    pykv_status status = PYKV_OK;
    while (at < length && status == PYKV_OK) {
        record found;
        record_check check = record_decode(data + at, length - at, source->seed, at, true, &found);
        if (check == RECORD_VALID) {
            uint64_t bytes = record_bytes_of(&found);
            if (record_is_packed(&found)) {
                status = check_packed(self, source, at, &found, report);
            }
            report->record_count++;
            at += bytes;
            continue;
        }
        uint64_t padded = skip_padding(source, data, length, at);
        if (padded != at) {
            at = padded;
            continue;
        }
        uint64_t resumes = next_valid(source, data, length, at);
        if (check == RECORD_BODY_INVALID) {
            report_add(report, path, at, found.body_crc, record_body_crc(&found),
                       "the body check of a record fails");
        } else {
            report_add(report, path, at, 0, 0, "there is no valid record here");
        }
        at = resumes;
    }
    return status;
}

/* Records that are sound one by one may stand in an order that is not: a batch without all of its
 * members, or a sequence that does not follow. */
static void check_order(const segment *source, const uint8_t *data, uint64_t length,
                        pykv_report *report)
{
    log_reader reader;
    record found;
    uint64_t offset;
    log_reader_init(&reader, data, length, source->file_id, LOG_SEGMENT_HEADER_BYTES,
                    source->kind == LOG_SEGMENT_APPEND, 0);
    while (log_reader_next(&reader, &found, &offset)) {
    }
    if (reader.valid_end != length) {
        report_add(report, env_file_path(source->file), reader.valid_end, length, reader.valid_end,
                   "a batch is not whole, or a sequence does not follow");
    }
}

static pykv_status check_hint(bitcask *self, const segment *source, pykv_report *report)
{
    hint_list list = {0};
    char name[SEGMENT_NAME_BYTES];
    pykv_status status = hint_read(self, source, &list);
    segment_name(source->number, true, name);
    if (status == PYKV_OK) {
        report->file_count++;
        hint_list_reset(&list);
    }
    return status == PYKV_NOT_FOUND ? PYKV_OK : report_outcome(report, name, status);
}

static pykv_status check_log(const bitcask *self, segment *source, buffer *scratch,
                             pykv_report *report)
{
    uint64_t length = atomic_load_explicit(&source->length, memory_order_acquire);
    log_segment_header header;
    pykv_status status = load_file(source, length, scratch);
    const char *path = env_file_path(source->file);
    report->file_count++;
    report->byte_count += length;
    if (status == PYKV_OK && scratch->size < length) {
        report_add(report, path, scratch->size, length, scratch->size,
                   "the file is shorter than its segment");
    }
    if (status == PYKV_OK) {
        status = log_segment_decode(scratch->data, scratch->size, path, &header);
    }
    if (status != PYKV_OK || scratch->data == NULL) {
        return report_outcome(report, path, status);
    }
    uint64_t damage_count = report->damage_count;
    status = check_records(self, source, scratch->data, scratch->size, report);
    if (status == PYKV_OK && report->damage_count == damage_count) {
        check_order(source, scratch->data, scratch->size, report);
    }
    return status;
}

static pykv_status check_segment(bitcask *self, segment *source, buffer *scratch,
                                 pykv_report *report)
{
    bool sealed = is_sealed(self, source); /* if so, the length that is looked up is the last one */
    pykv_status status = check_log(self, source, scratch, report);
    return status == PYKV_OK && sealed ? check_hint(self, source, report) : status;
}

/* The file of the history with the lowest number above after; false: there is none. */
static bool next_history(bitcask *self, uint32_t after, manifest_segment *out)
{
    bool found = false;
    mutex_lock(&self->writer);
    for (size_t i = 0; i < self->history_count && !found; i++) {
        found = self->history[i].number > after;
        *out = found ? self->history[i] : *out;
    }
    mutex_unlock(&self->writer);
    return found;
}

static bool is_listed_now(const bitcask *self, uint32_t number)
{
    manifest now;
    bool found = false;
    if (manifest_read(self->home, &now) != PYKV_OK) {
        return true;
    }
    for (uint64_t i = 0; i < now.history_count && !found; i++) {
        found = now.history[i].number == number;
    }
    manifest_reset(&now);
    return found;
}

/* A reader knows only what it last read of a writer that lets history go. */
static bool is_kept(bitcask *self, uint32_t number)
{
    if (self->options.read_only != 0) {
        pykv_error failure = *error_last();
        bool listed = is_listed_now(self, number);
        error_restore(&failure);
        return listed;
    }
    mutex_lock(&self->writer);
    bool kept = bitcask_history_has(self, number);
    mutex_unlock(&self->writer);
    return kept;
}

static pykv_status check_history(bitcask *self, buffer *scratch, pykv_report *report)
{
    manifest_segment listed = {.number = 0};
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && next_history(self, listed.number, &listed)) {
        segment *opened;
        status = segment_open(self->home, &listed, self->store_id, 0, false, &opened);
        if (status == PYKV_OK) {
            status = check_log(self, opened, scratch, report);
            segment_close(opened);
        } else {
            bool kept = is_kept(self, listed.number);
            status =
                kept ? report_outcome(report, env_directory_path(self->home), status) : PYKV_OK;
        }
    }
    return status;
}

static pykv_status check_manifest(bitcask *self, pykv_report *report)
{
    manifest read;
    pykv_status status = manifest_read(self->home, &read);
    if (status == PYKV_OK) {
        report->file_count++;
        manifest_reset(&read);
    }
    return report_outcome(report, MANIFEST_NAME, status);
}

static pykv_status check_space(space *each, void *context)
{
    char text[256];
    directory *keys = directory_now_locked(&each->directory);
    pykv_status status = keydir_check(keys->keys, NULL, NULL, text, sizeof text);
    if (status == PYKV_CORRUPTION) {
        report_add(context, "key directory", 0, 0, 0, text);
    }
    return status == PYKV_CORRUPTION ? PYKV_OK : status;
}

static pykv_status check_keydir(bitcask *self, pykv_report *report)
{
    bool more = true;
    pykv_status status = PYKV_OK;
    while (more && status == PYKV_OK) {
        status = bitcask_check_image_some(self, &more);
    }
    if (status != PYKV_OK) {
        return report_outcome(report, BITCASK_IMAGE_NAME, status);
    }
    mutex_lock(&self->writer);
    status = bitcask_each_space(self, check_space, report);
    mutex_unlock(&self->writer);
    return status;
}

static pykv_status check_segments(bitcask *self, buffer *scratch, pykv_progress *progress,
                                  pykv_report *report)
{
    pykv_status status = PYKV_OK;
    segment *source = pin_next(self, 0);
    while (source != NULL) {
        uint32_t number = source->number;
        status = check_segment(self, source, scratch, report);
        unpin(self, source);
        if (status == PYKV_OK) {
            status = report_progress(report, progress);
        }
        source = status == PYKV_OK ? pin_next(self, number) : NULL;
    }
    return status;
}

pykv_status bitcask_verify(bitcask *self, pykv_progress *progress, pykv_report *report_out)
{
    buffer scratch = BUFFER_EMPTY;
    uint64_t disk;
    uint64_t live;
    memset(report_out, 0, sizeof *report_out);
    mutex_lock(&self->writer);
    bitcask_space(self, &disk, &live);
    mutex_unlock(&self->writer);
    if (progress != NULL) {
        __atomic_store_n(&progress->total, disk, __ATOMIC_RELAXED);
    }
    pykv_status status = check_manifest(self, report_out);
    if (status == PYKV_OK) {
        status = check_keydir(self, report_out);
    }
    if (status == PYKV_OK) {
        status = check_segments(self, &scratch, progress, report_out);
    }
    if (status == PYKV_OK) {
        status = check_history(self, &scratch, report_out);
    }
    buffer_reset(&scratch);
    return status;
}
