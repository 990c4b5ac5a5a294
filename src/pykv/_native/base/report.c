/*
 * report: a list that ends, with a count that does not.
 */
#include "base/report.h"

#include <stdio.h>

#include "base/error.h"
#include "base/invariant.h"

void report_add(pykv_report *report, const char *path, uint64_t offset, uint64_t expected,
                uint64_t got, const char *text)
{
    if (report->damage_count < PYKV_DAMAGE_COUNT_MAX) {
        pykv_damage *damage = &report->damages[report->damage_count];
        *damage = (pykv_damage){.offset = offset, .expected = expected, .got = got};
        snprintf(damage->path, sizeof damage->path, "%.255s", path);
        snprintf(damage->text, sizeof damage->text, "%.255s", text);
    }
    report->damage_count++;
}

void report_add_last_error(pykv_report *report, const char *path)
{
    const pykv_error *error = error_last();
    report_add(report, error->path[0] != '\0' ? error->path : path, error->offset, error->expected,
               error->got, error->text);
}

pykv_status report_outcome(pykv_report *report, const char *path, pykv_status status)
{
    if (status == PYKV_OK || (status == PYKV_NO_MEMORY && !PYKV_PLANTED(285))) {
        return status;
    }
    report_add_last_error(report, path);
    return PYKV_OK;
}

pykv_status report_progress(const pykv_report *report, pykv_progress *progress)
{
    if (progress == NULL) {
        return PYKV_OK;
    }
    __atomic_store_n(&progress->done, report->byte_count, __ATOMIC_RELAXED);
    return __atomic_load_n(&progress->cancel, __ATOMIC_RELAXED) == 0
               ? PYKV_OK
               : error_set(PYKV_TIMED_OUT, "the verification was cancelled");
}
