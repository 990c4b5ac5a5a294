/*
 * repair_save: rows by namespace, and their names.
 */
#include "bitcask/repair_save.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/report.h"
#include "bitcask/named.h"
#include "bitcask/space_list.h"

/* The namespace of an id in the fresh store. */
static pykv_status space_of(bitcask *target, uint32_t id, space **space_out)
{
    mutex_lock(&target->writer);
    pykv_status status = bitcask_use_space(target, id, space_out);
    mutex_unlock(&target->writer);
    return status;
}

static pykv_status put(bitcask *target, uint32_t id, slice key, slice value, uint64_t deadline_us)
{
    space *within = NULL;
    pykv_status status = space_of(target, id, &within);
    return status == PYKV_OK ? bitcask_put_in(target, within, key, value, deadline_us, PYKV_NO_SYNC)
                             : status;
}

pykv_status repair_save(repair *self, const record *found, bitcask *target)
{
    bool is_legal = true;
    bool is_name = found->namespace_id == NAMESPACE_NAMES;
    pykv_status status =
        is_name ? name_repair_note_name(&self->names, found->key, found->value, &is_legal)
                : name_repair_note_row(&self->names, found->namespace_id);
    if (status != PYKV_OK) {
        return status;
    }
    if (!is_legal) {
        report_add(self->report, env_directory_path(self->home), 0, 0, found->value.size,
                   "the row of a namespace is illegal");
        self->report->lost_record_count++;
        return PYKV_OK;
    }
    self->report->kept_record_count += !is_name;
    return put(target, found->namespace_id, found->key, found->value, found->deadline_us);
}

/* ---- names that are missing ---- */

static pykv_status contains_name(void *owner, slice name)
{
    bitcask *target = owner;
    space *within = NULL;
    pykv_status status = space_of(target, NAMESPACE_NAMES, &within);
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t deadline_us;
    epoch_token token = epoch_enter(&target->gate.readers);
    status = bitcask_expires_at_in(target, within, name, 0, &deadline_us);
    epoch_leave(&target->gate.readers, token);
    return status;
}

static pykv_status put_name(void *owner, slice name, uint32_t id)
{
    uint8_t value[NAME_ID_BYTES];
    store_u32(value, id);
    return put(owner, NAMESPACE_NAMES, name, slice_make(value, sizeof value), 0);
}

pykv_status repair_save_names(repair *self, bitcask *target)
{
    const name_repair_target made = {.owner = target,
                                     .path = env_directory_path(self->home),
                                     .contains = contains_name,
                                     .put = put_name};
    return name_repair_finish(&self->names, &made, self->report);
}
