/*
 * repair_names: stored keys are split, and names written as rows of their own.
 */
#include "lsm/repair_names.h"

#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "lsm/key_space.h"
#include "lsm/space.h"

static bool is_row_of_names(slice key)
{
    uint8_t prefix[STORED_KEY_PREFIX_MAX];
    size_t size = key_space_prefix(KEY_SPACE_NAMES, prefix);
    return key.size >= size && memcmp(key.data, prefix, size) == 0;
}

pykv_status repair_names_note(name_repair *self, slice key, slice value, repair_row *row_out)
{
    uint32_t id;
    slice user_key;
    bool is_legal;
    *row_out = REPAIR_ROW_USER;
    if (!key_space_is_marked(key)) {
        return PYKV_OK;
    }
    if (key_space_split(key, &id, &user_key)) {
        return name_repair_note_row(self, id);
    }
    if (!is_row_of_names(key)) {
        *row_out = REPAIR_ROW_DAMAGED;
        return PYKV_OK;
    }
    slice name = key_space_strip(key, key_space_prefix_bytes(KEY_SPACE_NAMES));
    pykv_status status = name_repair_note_name(self, name, value, &is_legal);
    *row_out = is_legal ? REPAIR_ROW_NAME : REPAIR_ROW_DAMAGED;
    return status;
}

static pykv_status contains_name(void *owner, slice name)
{
    lsm *target = owner;
    epoch_token token = epoch_enter(&target->gate.readers);
    pykv_status status = lsm_contains_in(target, KEY_SPACE_NAMES, NULL, name, 0);
    epoch_leave(&target->gate.readers, token);
    return status;
}

static pykv_status put_name(void *owner, slice name, uint32_t id)
{
    uint8_t value[NAME_ID_BYTES];
    store_u32(value, id);
    return lsm_put_in(owner, KEY_SPACE_NAMES, name, slice_make(value, sizeof value), 0,
                      PYKV_NO_SYNC);
}

pykv_status repair_names_finish(name_repair *self, lsm *target, pykv_report *report)
{
    const name_repair_target made = {.owner = target,
                                     .path = env_directory_path(target->home),
                                     .contains = contains_name,
                                     .put = put_name};
    return name_repair_finish(self, &made, report);
}
