/*
 * space_write: writes to namespaces, and what upkeep does to one.
 */
#include "base/buffer.h"
#include "base/error.h"
#include "lsm/names.h"
#include "lsm/space.h"
#include "lsm/store.h"
#include "lsm/write.h"

static int32_t flags_of(uint32_t space, int32_t flags)
{
    return space == KEY_SPACE_DEFAULT ? flags : flags | LSM_NAMED;
}

pykv_status lsm_put_in(lsm *self, uint32_t space, slice key, slice value, uint64_t deadline_us,
                       int32_t flags)
{
    stored_key stored;
    pykv_status status = stored_key_make(space, key, &stored);
    if (status == PYKV_OK) {
        status = lsm_put_until(self, stored.key, value, deadline_us, flags_of(space, flags));
        stored_key_reset(&stored);
    }
    return status;
}

pykv_status lsm_delete_in(lsm *self, uint32_t space, slice key, int32_t flags, int32_t *existed_out)
{
    stored_key stored;
    pykv_status status = stored_key_make(space, key, &stored);
    if (status == PYKV_OK) {
        status = lsm_delete(self, stored.key, flags_of(space, flags), existed_out);
        stored_key_reset(&stored);
    }
    return status;
}

pykv_status lsm_compare_and_set_in(lsm *self, uint32_t space, slice key, const slice *expected,
                                   const slice *value, uint64_t deadline_us, int32_t flags,
                                   int32_t *swapped_out)
{
    stored_key stored;
    pykv_status status = stored_key_make(space, key, &stored);
    if (status == PYKV_OK) {
        status = lsm_compare_and_set(self, stored.key, expected, value, deadline_us,
                                     flags_of(space, flags), swapped_out);
        stored_key_reset(&stored);
    }
    return status;
}

/* stop empty: to the last key. */
static pykv_status make_range(uint32_t space, slice start, slice stop, stored_range *out)
{
    const pykv_range wanted = {.start = start.data,
                               .start_length = start.size,
                               .has_start = 1,
                               .stop = stop.data,
                               .stop_length = stop.size,
                               .has_stop = stop.size != 0};
    return stored_range_make(space, &wanted, out);
}

pykv_status lsm_delete_range_in(lsm *self, uint32_t space, slice start, slice stop, int32_t flags)
{
    stored_range stored;
    pykv_status status = make_range(space, start, stop, &stored);
    if (status == PYKV_OK) {
        status = lsm_delete_range(self, stored.start.key, stored.stop.key, flags_of(space, flags));
        stored_range_reset(&stored);
    }
    return status;
}

pykv_status lsm_clear_in(lsm *self, uint32_t space, int32_t flags)
{
    if (space == KEY_SPACE_DEFAULT) {
        return lsm_names_clear(self, flags);
    }
    return lsm_delete_range_in(self, space, slice_make("", 0), slice_make("", 0), flags);
}

/* ---- batches ---- */

static bool is_stored_as_is(const record *operation)
{
    return operation->kind != RECORD_RANGE_DELETE &&
           key_space_keeps(operation->namespace_id, operation->key);
}

/* The bytes that the stored keys of an operation take beside it. */
static size_t bytes_beside(const record *operation)
{
    size_t bytes = operation->key.size + STORED_KEY_PREFIX_MAX;
    if (is_stored_as_is(operation)) {
        return 0;
    }
    return operation->kind == RECORD_RANGE_DELETE
               ? bytes + operation->value.size + STORED_KEY_PREFIX_MAX
               : bytes;
}

/* Copies a stored key to at, which has room, and points to it. */
static uint8_t *settle(slice *key, uint8_t *at)
{
    if (key->size != 0) {
        memcpy(at, key->data, key->size);
    }
    *key = slice_make(at, key->size);
    return at + key->size;
}

/* Gives an operation stored keys, which go to *at. */
static pykv_status translate(record *operation, uint8_t **at)
{
    stored_range bounds;
    stored_key stored;
    uint32_t space = operation->namespace_id;
    if (is_stored_as_is(operation)) {
        return PYKV_OK;
    }
    if (operation->kind == RECORD_RANGE_DELETE) {
        pykv_status status = make_range(space, operation->key, operation->value, &bounds);
        if (status == PYKV_OK) {
            operation->key = bounds.start.key;
            operation->value = bounds.stop.key;
            *at = settle(&operation->key, *at);
            *at = settle(&operation->value, *at);
            stored_range_reset(&bounds);
        }
        return status;
    }
    pykv_status status = stored_key_make(space, operation->key, &stored);
    if (status == PYKV_OK) {
        operation->key = stored.key;
        *at = settle(&operation->key, *at);
        stored_key_reset(&stored);
    }
    return status;
}

pykv_status lsm_write_in(lsm *self, record *operations, size_t count, int32_t flags)
{
    size_t bytes = 0;
    buffer keys = BUFFER_EMPTY;
    bool names = false;
    for (size_t i = 0; i < count; i++) {
        uint32_t space = operations[i].namespace_id;
        bytes += bytes_beside(&operations[i]);
        names = names || (space != KEY_SPACE_DEFAULT && space != KEY_SPACE_NAMES);
    }
    if (PYKV_LIKELY(bytes == 0)) {
        return lsm_write(self, operations, count, flags);
    }
    pykv_status status = buffer_reserve(&keys, bytes);
    uint8_t *at = keys.data;
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        status = translate(&operations[i], &at);
    }
    if (status == PYKV_OK) {
        status = lsm_write(self, operations, count, names ? flags | LSM_NAMED : flags);
    }
    buffer_reset(&keys);
    return status;
}

/* ---- upkeep ---- */

pykv_status lsm_compact_in(lsm *self, uint32_t space, const pykv_range *range,
                           pykv_progress *progress)
{
    stored_range stored;
    bool is_all = range == NULL ||
                  ((range->has_start == 0 || range->start_length == 0) && range->has_stop == 0);
    if (space == KEY_SPACE_DEFAULT && is_all) {
        return lsm_compact_range(self, range, progress);
    }
    pykv_status status = stored_range_make(space, range, &stored);
    if (status == PYKV_OK) {
        status = lsm_compact_range(self, &stored.range, progress);
        stored_range_reset(&stored);
    }
    return status;
}
