/*
 * verify: every byte of every table and value segment is checked against its checks, the tables
 * against the manifest, and every record in the logs.
 *
 * Damage is collected, not raised. Tables and logs are those of the moment it began; reads and
 * writes go on meanwhile. A reader has no logs of its own: it read them when it opened.
 */
#include "base/error.h"
#include "base/report.h"
#include "log/manifest_file.h"
#include "lsm/store.h"
#include "lsm/version_values.h"
#include "lsm/wal_verify.h"
#include "table/table_verify.h"

static void check_table(const table_file *file, pykv_report *report)
{
    uint32_t crc = 0;
    char name[TABLE_FILE_NAME_BYTES];
    table_file_name(file->facts.number, name);
    pykv_status status = table_verify(file->table, &crc);
    report->file_count++;
    report->record_count += file->facts.entry_count;
    report->byte_count += file->facts.file_bytes;
    if (status != PYKV_OK) {
        report_add_last_error(report, name);
    } else if (crc != file->facts.file_crc) {
        report_add(report, name, 0, file->facts.file_crc, crc,
                   "the file is not the one that the manifest lists");
    }
}

static void check_manifest(lsm *self, pykv_report *report)
{
    lsm_manifest read;
    pykv_status status = lsm_manifest_read(self->home, &read);
    if (status == PYKV_OK) {
        report->file_count++;
        lsm_manifest_reset(&read);
    } else {
        report_add_last_error(report, MANIFEST_NAME);
    }
}

/* Notes how far it came; false: the user has cancelled. */
static bool note_progress(pykv_progress *progress, const pykv_report *report)
{
    if (progress == NULL) {
        return true;
    }
    __atomic_store_n(&progress->done, report->byte_count, __ATOMIC_RELAXED);
    return __atomic_load_n(&progress->cancel, __ATOMIC_RELAXED) == 0;
}

static bool check_level(const level *tables, pykv_progress *progress, pykv_report *report)
{
    bool goes_on = true;
    for (uint32_t i = 0; i < tables->count && goes_on; i++) {
        check_table(tables->files[i], report);
        goes_on = note_progress(progress, report);
    }
    return goes_on;
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
    check_manifest(self, report_out);
    bool goes_on = true;
    for (int i = 0; i < LSM_LEVEL_COUNT && goes_on; i++) {
        goes_on = check_level(&tables->levels[i], progress, report_out);
    }
    for (uint32_t i = 0; i < tables->value_segment_count && goes_on; i++) {
        value_segment_verify(tables->values[i].segment, report_out);
        goes_on = note_progress(progress, report_out);
    }
    version_release(tables);
    if (!goes_on) {
        return error_set(PYKV_TIMED_OUT, "the verification was cancelled");
    }
    return self->log != NULL ? wal_verify(self->log, report_out) : PYKV_OK;
}
