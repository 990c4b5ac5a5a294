/*
 * repair_names: keys of namespaces come before those of names, so all ids are known by then.
 */
#include "lsm/repair_names.h"

#include <stdio.h>
#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/report.h"
#include "lsm/key_space.h"
#include "lsm/space.h"

enum { ID_BYTES = 4, IDS_FIRST = 16, NAME_BYTES = 48 };

void repair_names_reset(repair_names *self)
{
    mem_free(self->ids);
    *self = (repair_names){.ids = NULL};
}

/* ---- noting ---- */

static pykv_status note_id(repair_names *self, uint32_t id)
{
    if (id == 0 || id > KEY_SPACE_ID_MAX || (self->count > 0 && self->ids[self->count - 1] == id)) {
        return PYKV_OK;
    }
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? IDS_FIRST : 2 * self->capacity;
        uint32_t *grown = mem_alloc(capacity * sizeof *grown);
        if (grown == NULL) {
            return error_set_no_memory(capacity * sizeof *grown);
        }
        if (self->count != 0) {
            memcpy(grown, self->ids, self->count * sizeof *grown);
        }
        mem_free(self->ids);
        self->ids = grown;
        self->capacity = capacity;
    }
    self->ids[self->count++] = id;
    self->last_id = id > self->last_id ? id : self->last_id;
    return PYKV_OK;
}

/* There are few of them beside the rows. */
static void name_id(repair_names *self, uint32_t id)
{
    for (size_t i = 0; i < self->count; i++) {
        self->ids[i] = self->ids[i] == id ? 0 : self->ids[i];
    }
    self->last_id = id > self->last_id ? id : self->last_id;
}

pykv_status repair_names_note(repair_names *self, slice key, slice value, repair_row *row_out)
{
    uint32_t id;
    slice user_key;
    *row_out = REPAIR_ROW_USER;
    if (!key_space_is_marked(key)) {
        return PYKV_OK;
    }
    if (key_space_split(key, &id, &user_key)) {
        return id != KEY_SPACE_DEFAULT ? note_id(self, id) : PYKV_OK;
    }
    id = value.size == ID_BYTES ? load_u32(value.data) : 0;
    if (id == 0 || id > KEY_SPACE_ID_MAX) {
        *row_out = REPAIR_ROW_DAMAGED;
        return PYKV_OK;
    }
    *row_out = REPAIR_ROW_NAME;
    if (key.size == key_space_prefix_bytes(KEY_SPACE_NAMES)) {
        self->given_id = id;
    } else {
        name_id(self, id);
    }
    return PYKV_OK;
}

/* ---- names that are missing ---- */

static pykv_status put_name(lsm *target, slice name, uint32_t id)
{
    uint8_t value[ID_BYTES];
    store_u32(value, id);
    return lsm_put_in(target, KEY_SPACE_NAMES, name, slice_make(value, sizeof value), 0,
                      PYKV_NO_SYNC);
}

/* The first of recovered-ID, recovered-ID-2 and so on that nobody has. */
static pykv_status choose_name(lsm *target, uint32_t id, char out[NAME_BYTES])
{
    snprintf(out, NAME_BYTES, "recovered-%u", id);
    for (uint32_t i = 2;; i++) {
        epoch_token token = epoch_enter(&target->gate.readers);
        pykv_status status =
            lsm_contains_in(target, KEY_SPACE_NAMES, slice_make(out, strlen(out)), 0);
        epoch_leave(&target->gate.readers, token);
        if (status != PYKV_OK) {
            return status == PYKV_NOT_FOUND ? PYKV_OK : status;
        }
        snprintf(out, NAME_BYTES, "recovered-%u-%u", id, i);
    }
}

static pykv_status recover(lsm *target, uint32_t id, pykv_report *report)
{
    char name[NAME_BYTES];
    char text[3 * NAME_BYTES];
    pykv_status status = choose_name(target, id, name);
    if (status == PYKV_OK) {
        status = put_name(target, slice_make(name, strlen(name)), id);
    }
    if (status == PYKV_OK) {
        snprintf(text, sizeof text, "the name of namespace %u is lost: it is %s now", id, name);
        report_add(report, env_directory_path(target->home), 0, id, 0, text);
    }
    return status;
}

pykv_status repair_names_finish(repair_names *self, lsm *target, pykv_report *report)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->count && status == PYKV_OK && !PYKV_PLANTED(196); i++) {
        if (self->ids[i] != 0) {
            status = recover(target, self->ids[i], report);
        }
    }
    if (status == PYKV_OK && self->last_id > self->given_id && !PYKV_PLANTED(197)) {
        status = put_name(target, slice_make("", 0), self->last_id);
    }
    return status;
}
