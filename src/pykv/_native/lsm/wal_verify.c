/*
 * wal_verify: logs of a writer stay pinned, so that nothing takes their files away; each is read
 * through a file of its own.
 */
#include "lsm/wal_verify.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/report.h"
#include "log/log_file.h"
#include "log/log_reader.h"
#include "lsm/wal_internal.h"

/* The bytes of a file up to an end: mapped, or read. */
typedef struct log_bytes {
    env_file *file;
    env_mapping mapping;
    buffer scratch;
    const uint8_t *data;
} log_bytes;

static void bytes_reset(log_bytes *self)
{
    if (self->mapping.base != NULL) {
        env_unmap(&self->mapping);
    }
    buffer_reset(&self->scratch);
    env_file_close(self->file);
}

static pykv_status bytes_read(log_bytes *self, uint64_t end)
{
    size_t got = 0;
    pykv_status status = buffer_append_zeros(&self->scratch, end);
    if (status == PYKV_OK) {
        status = env_file_read(self->file, 0, self->scratch.data, end, &got);
    }
    if (status == PYKV_OK && got < end) {
        status = error_set_corruption(env_file_path(self->file), got,
                                      "the log is shorter than what was written to it", end, got);
    }
    self->data = self->scratch.data;
    return status;
}

static pykv_status bytes_load(log_bytes *self, env_directory *home, const wal_extent *extent)
{
    char name[LOG_FILE_NAME_BYTES];
    uint64_t size = 0;
    uint64_t end = extent->end;
    log_file_name(extent->header.number, name);
    pykv_status status = env_file_open(home, name, ENV_READ, &self->file);
    if (status == PYKV_OK) {
        status = env_file_size(self->file, &size);
    }
    if (status != PYKV_OK) {
        return status;
    }
    env_mapping mapping;
    if (size >= end && env_file_map(self->file, end, false, &mapping) == PYKV_OK) {
        self->mapping = mapping;
        self->data = mapping.base;
        return PYKV_OK;
    }
    return bytes_read(self, end);
}

/* Whether the header is the one that the log began with. */
static pykv_status check_header(const log_bytes *bytes, const wal_extent *extent)
{
    log_segment_header header;
    const char *path = env_file_path(bytes->file);
    pykv_status status = log_segment_decode(bytes->data, extent->end, path, &header);
    if (status == PYKV_OK &&
        (header.number != extent->header.number || header.file_id != extent->header.file_id)) {
        status = error_set_corruption(path, 0, "the log is another file than the one it was",
                                      extent->header.file_id, header.file_id);
    }
    return status;
}

/* Walks over the records; *next_io: the sequence that is due, 0: any. */
static pykv_status check_records(const log_bytes *bytes, const wal_extent *extent,
                                 uint64_t *next_io, pykv_report *report)
{
    log_reader reader;
    record found;
    uint64_t offset;
    uint64_t end = extent->end;
    log_reader_init(&reader, bytes->data, end, extent->header.file_id, LOG_SEGMENT_HEADER_BYTES,
                    true, *next_io);
    while (log_reader_next(&reader, &found, &offset)) {
        report->record_count++;
    }
    pykv_status status =
        log_file_check_view(bytes->data, &bytes->mapping, env_file_path(bytes->file));
    if (status != PYKV_OK) {
        return status;
    }
    if (reader.valid_end != end && !PYKV_PLANTED(118)) {
        return error_set_corruption(env_file_path(bytes->file), reader.valid_end,
                                    "a record of the log is damaged, or out of order",
                                    reader.next_sequence, end);
    }
    *next_io = reader.next_sequence;
    return PYKV_OK;
}

static pykv_status read_log(env_directory *home, const wal_extent *extent, uint64_t *next_io,
                            pykv_report *report)
{
    log_bytes bytes = {.scratch = BUFFER_EMPTY};
    pykv_status status = bytes_load(&bytes, home, extent);
    report->file_count++;
    report->byte_count += extent->end;
    if (status == PYKV_OK) {
        status = check_header(&bytes, extent);
    }
    if (status == PYKV_OK) {
        status = check_records(&bytes, extent, next_io, report);
    }
    bytes_reset(&bytes);
    return status;
}

/* Damage goes to the report; what follows it is checked from the next log on. */
static pykv_status check_log(env_directory *home, const wal_extent *extent, uint64_t *next_io,
                             pykv_report *report)
{
    char name[LOG_FILE_NAME_BYTES];
    log_file_name(extent->header.number, name);
    pykv_status status = read_log(home, extent, next_io, report);
    if (status != PYKV_OK) {
        *next_io = 0;
    }
    return report_outcome(report, name, status);
}

pykv_status wal_extents(wal *self, wal_extent **extents_out, size_t *count_out)
{
    size_t count = 0;
    wal_lock_is_held(self);
    wal_extent *extents = mem_alloc_zeroed(self->log_count + 1, sizeof *extents);
    if (extents == NULL) {
        return error_set_no_memory((self->log_count + 1) * sizeof *extents);
    }
    for (size_t i = 0; i < self->log_count; i++) {
        wal_log *log = self->logs[i];
        if (log->last_sequence != 0) {
            extents[count].log = log;
            extents[count].header = (log_segment_header){
                .number = log->number, .file_id = log->file_id, .store_id = self->store_id};
            extents[count++].end = log_writer_end(&log->writer);
        }
    }
    *extents_out = extents;
    *count_out = count;
    return PYKV_OK;
}

static void unpin(wal *self, wal_log *log)
{
    mutex_lock(self->writer);
    wal_log *dead = wal_unpin(self, log);
    mutex_unlock(self->writer);
    wal_take_away(self, dead);
}

/* Lists the logs, and pins them. */
static pykv_status pin_logs(wal *self, wal_extent **extents_out, size_t *count_out)
{
    mutex_lock(self->writer);
    pykv_status status = wal_extents(self, extents_out, count_out);
    for (size_t i = 0; status == PYKV_OK && i < *count_out; i++) {
        (*extents_out)[i].log->pin_count++;
    }
    mutex_unlock(self->writer);
    return status;
}

pykv_status wal_verify(wal *self, pykv_report *report)
{
    size_t count = 0;
    uint64_t next_sequence = 0;
    wal_extent *extents = NULL;
    pykv_status status = pin_logs(self, &extents, &count);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        if (status == PYKV_OK) {
            status = check_log(self->home, &extents[i], &next_sequence, report);
        }
        unpin(self, extents[i].log);
    }
    mem_free(extents);
    return status;
}

/* A log that its writer let go meanwhile is no damage. */
static pykv_status check_shown(env_directory *home, const wal_extent *extent,
                               const wal_keeper *keeper, uint64_t *next_io, pykv_report *report)
{
    uint64_t damage_count = report->damage_count;
    pykv_status status = check_log(home, extent, next_io, report);
    if (report->damage_count > damage_count && !keeper->is_listed(keeper->owner, &extent->header) &&
        !PYKV_PLANTED(407)) {
        report->damage_count = damage_count;
    }
    return status;
}

pykv_status wal_verify_shown(env_directory *home, const wal_extent *extents, size_t count,
                             const wal_keeper *keeper, pykv_report *report)
{
    uint64_t next_sequence = 0;
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        status = check_shown(home, &extents[i], keeper, &next_sequence, report);
    }
    return status;
}
