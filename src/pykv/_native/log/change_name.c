/*
 * change_name: rows of names.
 */
#include "log/change_name.h"

#include "base/coding.h"

void change_name_tell(pykv_change *change, slice name, uint32_t id)
{
    if (change->kind == PYKV_CHANGE_PUT) {
        change->kind = PYKV_CHANGE_NAMESPACE;
        id = change->value_length == NAME_ID_BYTES ? load_u32(change->value) : 0;
    } else {
        change->kind = PYKV_CHANGE_DROP;
    }
    change->namespace_id = id;
    change->key = name.data;
    change->key_length = name.size;
    change->value_length = 0;
    change->has_value = 0;
}
