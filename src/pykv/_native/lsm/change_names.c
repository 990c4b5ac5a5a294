/*
 * change_names: takes prefixes off, and tells rows of names as what they mean.
 */
#include "lsm/change_names.h"

#include "base/invariant.h"
#include "log/change_name.h"
#include "lsm/key_space.h"

static slice key_of(const pykv_change *change)
{
    return slice_make(change->key, change->key_length);
}

/* The end of a range in a namespace: a key of it, or behind all that it has. */
static void take_stop(pykv_change *change, uint32_t id)
{
    uint32_t stop_id;
    slice stop;
    bool is_key = key_space_split(slice_make(change->value, change->value_length), &stop_id, &stop);
    if (!is_key || stop_id != id) {
        change->has_value = 0;
        stop = slice_make(change->value, 0);
    }
    change->value = stop.data;
    change->value_length = stop.size;
}

/* The last key of a table that was ingested into a namespace. */
static void take_last_key(pykv_change *change, uint32_t id)
{
    slice key = key_space_strip(slice_make(change->value, change->value_length),
                                key_space_prefix_bytes(PYKV_PLANTED(246) ? KEY_SPACE_DEFAULT : id));
    change->value = key.data;
    change->value_length = key.size;
}

bool change_names_needs_next(const pykv_change *change)
{
    uint32_t id;
    slice key;
    return change->kind == PYKV_CHANGE_DELETE && change->last == 0 &&
           !key_space_split(key_of(change), &id, &key);
}

/* A row of names; next is the operation behind it, NULL: there is none. */
static void take_name(pykv_change *change, const pykv_change *next)
{
    uint32_t id = 0;
    slice name = key_space_strip(key_of(change), key_space_prefix_bytes(KEY_SPACE_NAMES));
    slice other;
    bool is_known = next != NULL && key_space_split(key_of(next), &id, &other);
    change_name_tell(change, name, is_known ? id : 0);
}

/* False: it is nobody's. */
static bool take(pykv_change *change, const pykv_change *next)
{
    uint32_t id;
    slice key;
    if (!key_space_split(key_of(change), &id, &key)) {
        take_name(change, next);
        return change->key_length != 0;
    }
    if (change->kind == PYKV_CHANGE_DELETE_RANGE && change->has_value != 0) {
        take_stop(change, id);
    }
    if (change->kind == PYKV_CHANGE_INGEST) {
        take_last_key(change, id);
    }
    change->namespace_id = id;
    change->key = key.data;
    change->key_length = key.size;
    return true;
}

size_t change_names(pykv_change *changes, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_plain = !key_space_is_marked(key_of(&changes[i])) &&
                        changes[i].kind != PYKV_CHANGE_DELETE_RANGE &&
                        changes[i].kind != PYKV_CHANGE_INGEST;
        if (is_plain || take(&changes[i], i + 1 < count ? &changes[i + 1] : NULL)) {
            changes[kept++] = changes[i];
        }
    }
    return kept;
}
