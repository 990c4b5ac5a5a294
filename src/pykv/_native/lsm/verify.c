/*
 * verify: every byte of every table and value segment is checked against its checks, the tables
 * against the manifest, and every record in the logs.
 *
 * Damage is collected, not raised; a block of a codec that is not there is none, and want of memory
 * is none: they end the verification. Tables and logs are those of the moment it began; reads and
 * writes go on meanwhile. The logs of a reader are those that it shows, as far as its writer keeps
 * them.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/report.h"
#include "log/manifest_file.h"
#include "lsm/changes.h"
#include "lsm/store.h"
#include "lsm/version_values.h"
#include "lsm/wal_verify.h"
#include "table/table_verify.h"

static pykv_status check_table(const table_file *file, pykv_report *report)
{
    uint32_t crc = 0;
    char name[TABLE_FILE_NAME_BYTES];
    table_file_name(file->facts.number, name);
    pykv_status status = table_verify(file->table, &crc);
    if (status == PYKV_NOT_SUPPORTED) {
        return status;
    }
    report->file_count++;
    report->record_count += file->facts.entry_count;
    report->byte_count += file->facts.file_bytes;
    if (status == PYKV_OK && crc != file->facts.file_crc) {
        report_add(report, name, 0, file->facts.file_crc, crc,
                   "the file is not the one that the manifest lists");
    }
    return report_outcome(report, name, status);
}

static pykv_status check_manifest(lsm *self, pykv_report *report)
{
    lsm_manifest read;
    pykv_status status = lsm_manifest_read(self->home, &read);
    if (status == PYKV_OK) {
        report->file_count++;
        lsm_manifest_reset(&read);
    }
    return report_outcome(report, MANIFEST_NAME, status);
}

static pykv_status check_level(const level *tables, pykv_progress *progress, pykv_report *report)
{
    pykv_status status = PYKV_OK;
    for (uint32_t i = 0; i < tables->count && status == PYKV_OK; i++) {
        status = check_table(tables->files[i], report);
        if (status == PYKV_OK) {
            status = report_progress(report, progress);
        }
    }
    return status;
}

/* What feeds of a reader read; it is put in the place of another one while files are read. */
static pykv_status check_shown_logs(lsm *self, pykv_report *report)
{
    const wal_keeper keeper = {self, lsm_feed_source.is_listed};
    size_t count = 0;
    wal_extent *extents = NULL;
    mutex_lock(&self->writer);
    pykv_status status = self->shown_log != NULL && !PYKV_PLANTED(406)
                             ? wal_extents(self->shown_log, &extents, &count)
                             : PYKV_OK;
    mutex_unlock(&self->writer);
    if (status == PYKV_OK) {
        status = wal_verify_shown(self->home, extents, count, &keeper, report);
    }
    mem_free(extents);
    return status;
}

pykv_status lsm_verify(lsm *self, pykv_progress *progress, pykv_report *report_out)
{
    memset(report_out, 0, sizeof *report_out);
    mutex_lock(&self->writer);
    version *tables = version_acquire(lsm_view(self)->version);
    mutex_unlock(&self->writer);
    if (progress != NULL) {
        __atomic_store_n(&progress->total, version_bytes(tables) + version_value_bytes(tables),
                         __ATOMIC_RELAXED);
    }
    pykv_status status = check_manifest(self, report_out);
    for (int i = 0; i < LSM_LEVEL_COUNT && status == PYKV_OK; i++) {
        status = check_level(&tables->levels[i], progress, report_out);
    }
    for (uint32_t i = 0; i < tables->value_segment_count && status == PYKV_OK; i++) {
        status = value_segment_verify(tables->values[i].segment, report_out);
        if (status == PYKV_OK) {
            status = report_progress(report_out, progress);
        }
    }
    version_release(tables);
    if (status != PYKV_OK) {
        return status;
    }
    return self->log != NULL ? wal_verify(self->log, report_out)
                             : check_shown_logs(self, report_out);
}
