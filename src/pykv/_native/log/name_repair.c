/*
 * name_repair: which namespaces have rows, and which have names.
 */
#include "log/name_repair.h"

#include <stdio.h>
#include <string.h>

#include "base/coding.h"
#include "base/invariant.h"
#include "base/report.h"

enum { NAME_BYTES = 48 };

void name_repair_reset(name_repair *self)
{
    id_table_reset(&self->spaces);
    self->given_id = 0;
}

/* ---- noting ---- */

/* The namespace of an id, which is made. */
static pykv_status meet(name_repair *self, uint32_t id, name_repair_space **out)
{
    void *met = NULL;
    pykv_status status = id_table_meet(&self->spaces, id, sizeof(name_repair_space), &met);
    *out = met;
    return status;
}

pykv_status name_repair_note_row(name_repair *self, uint32_t id)
{
    name_repair_space *met;
    if (id == NAMESPACE_DEFAULT || id > NAMESPACE_ID_MAX) {
        return PYKV_OK;
    }
    pykv_status status = meet(self, id, &met);
    if (status == PYKV_OK) {
        met->has_rows = true;
    }
    return status;
}

pykv_status name_repair_note_name(name_repair *self, slice name, slice value, bool *is_legal_out)
{
    uint32_t id = value.size == NAME_ID_BYTES ? load_u32(value.data) : 0;
    name_repair_space *met;
    *is_legal_out = id != 0 && id <= NAMESPACE_ID_MAX;
    if (!*is_legal_out) {
        return PYKV_OK;
    }
    if (name.size == 0) {
        self->given_id = id;
        return PYKV_OK;
    }
    pykv_status status = meet(self, id, &met);
    if (status == PYKV_OK) {
        met->has_name = true;
    }
    return status;
}

/* ---- names that are missing ---- */

/* The first of recovered-ID, recovered-ID-2 and so on that nobody has. */
static pykv_status choose_name(const name_repair_target *target, uint32_t id, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, "recovered-%u", id);
    for (uint32_t i = 2;; i++) {
        pykv_status status = target->contains(target->owner, slice_make(out, strlen(out)));
        if (status != PYKV_OK) {
            return status == PYKV_NOT_FOUND ? PYKV_OK : status;
        }
        snprintf(out, NAME_BYTES, "recovered-%u-%u", id, i);
    }
}

static pykv_status recover(const name_repair_target *target, uint32_t id, pykv_report *report)
{
    char name[NAME_BYTES];
    char text[3 * NAME_BYTES];
    pykv_status status = choose_name(target, id, name);
    if (status == PYKV_OK) {
        status = target->put(target->owner, slice_make(name, strlen(name)), id);
    }
    if (status == PYKV_OK) {
        snprintf(text, sizeof text, "the name of namespace %u is lost: it is %s now", id, name);
        report_add(report, target->path, 0, id, 0, text);
    }
    return status;
}

static const name_repair_space *met_at(const name_repair *self, size_t place)
{
    return id_table_at(&self->spaces, place);
}

pykv_status name_repair_finish(name_repair *self, const name_repair_target *target,
                               pykv_report *report)
{
    pykv_status status = PYKV_OK;
    size_t count = self->spaces.count;
    for (size_t i = 0; i < count && status == PYKV_OK && !PYKV_PLANTED(196); i++) {
        const name_repair_space *met = met_at(self, i);
        if (met->has_rows && !met->has_name) {
            status = recover(target, met->id, report);
        }
    }
    uint32_t last_id = count > 0 ? met_at(self, count - 1)->id : 0;
    if (status == PYKV_OK && last_id > self->given_id && !PYKV_PLANTED(197)) {
        status = target->put(target->owner, slice_make("", 0), last_id);
    }
    return status;
}
