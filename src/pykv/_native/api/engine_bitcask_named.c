/*
 * engine_bitcask_named: a namespace of a Bitcask behind the table of functions.
 */
#include "api/engine.h"
#include "api/engine_bitcask.h"
#include "base/error.h"
#include "base/memory.h"
#include "bitcask/named.h"
#include "bitcask/operation.h"
#include "bitcask/space_list.h"

typedef struct named {
    bitcask *store; /* borrowed */
    space *within;  /* held */
} named;

pykv_status engine_bitcask_named_new(void *engine, uint32_t id, void **named_out)
{
    named *self = mem_alloc(sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->store = engine;
    pykv_status status = bitcask_hold_space(engine, id, &self->within);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *named_out = self;
    return PYKV_OK;
}

static void free_named(void *engine)
{
    named *self = engine;
    bitcask_let_space_go(self->store, self->within);
    mem_free(self);
}

/* ---- reading ---- */

static pykv_status get(void *engine, slice key, int32_t flags, pykv_pinned *pinned_out)
{
    named *self = engine;
    return bitcask_get_in(self->store, self->within, key, flags, pinned_out);
}

static pykv_status expires_at(void *engine, const void *at, slice key, int32_t flags,
                              uint64_t *deadline_us_out)
{
    named *self = engine;
    return at == NULL
               ? bitcask_expires_at_in(self->store, self->within, key, flags, deadline_us_out)
               : bitcask_deadline_at(at, key, flags, deadline_us_out);
}

static pykv_status snapshot_sequence(void *engine, const void *snapshot, uint64_t *sequence_out)
{
    (void)engine;
    return bitcask_snapshot_sequence(snapshot, sequence_out);
}

static pykv_status contains(void *engine, const void *snapshot, slice key, int32_t flags)
{
    uint64_t deadline_us;
    return expires_at(engine, snapshot, key, flags, &deadline_us);
}

static pykv_status hold(void *engine, const void *snapshot, slice key, int32_t flags,
                        held_value *out)
{
    named *self = engine;
    return bitcask_hold_in(self->store, self->within, snapshot, key, flags, out);
}

static pykv_status count_keys(void *engine, const void *snapshot, const pykv_range *range,
                              uint64_t *count_out)
{
    named *self = engine;
    uint64_t count = 0;
    pykv_status status = range != NULL ? engine_bitcask_check_range(range) : PYKV_OK;
    if (status == PYKV_OK && snapshot != NULL) {
        status = bitcask_count_at(snapshot, &count);
    } else if (status == PYKV_OK) {
        count = bitcask_count_in(self->within);
    }
    if (status == PYKV_OK) {
        *count_out = engine_bitcask_limit(range, count);
    }
    return status;
}

static pykv_status new_many(void *engine, void **many_out)
{
    named *self = engine;
    many *made;
    pykv_status status = many_new_in(self->store, self->within, &made);
    if (status == PYKV_OK) {
        *many_out = made;
    }
    return status;
}

static pykv_status open_scan(void *engine, const void *snapshot, const pykv_range *range,
                             void **scan_out)
{
    named *self = engine;
    scan *made;
    bool keys_only = range->keys_only != 0;
    pykv_status status = engine_bitcask_check_range(range);
    if (status != PYKV_OK) {
        return status;
    }
    status = snapshot != NULL ? scan_open_at(snapshot, keys_only, &made)
                              : scan_open_in(self->store, self->within, keys_only, &made);
    if (status == PYKV_OK) {
        scan_set_limit(made, range->limit);
        *scan_out = made;
    }
    return status;
}

static pykv_status new_snapshot(void *engine, void **snapshot_out)
{
    named *self = engine;
    store_moment *made;
    pykv_status status = bitcask_snapshot_new_in(self->store, self->within, &made);
    if (status == PYKV_OK) {
        *snapshot_out = made;
    }
    return status;
}

/* ---- writing ---- */

static pykv_status put(void *engine, slice key, slice value, uint64_t deadline_us, int32_t flags)
{
    named *self = engine;
    return bitcask_put_in(self->store, self->within, key, value, deadline_us, flags);
}

static pykv_status remove_key(void *engine, slice key, int32_t flags, int32_t *existed_out)
{
    named *self = engine;
    return bitcask_delete_in(self->store, self->within, key, flags, existed_out);
}

static pykv_status compare_and_set(void *engine, slice key, const slice *expected,
                                   const slice *value, uint64_t deadline_us, int32_t flags,
                                   int32_t *swapped_out)
{
    named *self = engine;
    return bitcask_compare_and_set_in(self->store, self->within, key, expected, value, deadline_us,
                                      flags, swapped_out);
}

static pykv_status clear(void *engine, int32_t flags)
{
    named *self = engine;
    return bitcask_clear_in(self->store, self->within, flags);
}

/* ---- upkeep ---- */

static void stats(void *engine, pykv_stats *out)
{
    named *self = engine;
    bitcask_stats_in(self->store, self->within, out);
}

static pykv_status approximate_size(void *engine, const pykv_range *range, uint64_t *bytes_out)
{
    pykv_stats now;
    pykv_status status = range != NULL ? engine_bitcask_check_range(range) : PYKV_OK;
    if (status == PYKV_OK) {
        stats(engine, &now);
        *bytes_out = now.live_bytes;
    }
    return status;
}

/* ---- upkeep ---- */

/* Merges are of segments, which have rows of all namespaces. */
static pykv_status compact(void *engine, const pykv_range *range, pykv_progress *progress)
{
    named *self = engine;
    return engine_bitcask.compact(self->store, range, progress);
}

const engine_ops engine_bitcask_named = {
    .home = &bitcask_home,
    .operation_bytes = sizeof(operation),
    .calls_are_readers = true,
    .free = free_named,
    .get = get,
    .contains = contains,
    .get_at = engine_bitcask_get_at,
    .hold = hold,
    .expires_at = expires_at,
    .snapshot_sequence = snapshot_sequence,
    .many_get = engine_bitcask_get_many,
    .put = put,
    .remove = remove_key,
    .compare_and_set = compare_and_set,
    .clear = clear,
    .count = count_keys,
    .scan_open = open_scan,
    .scan_next = engine_bitcask_next_of_scan,
    .scan_next_arrays = engine_bitcask_next_arrays_of_scan,
    .cursor_open = engine_bitcask_open_cursor,
    .cursor_move = engine_bitcask_move_cursor,
    .near = engine_bitcask_near,
    .approximate_size = approximate_size,
    .snapshot_new = new_snapshot,
    .stats = stats,
    .compact = compact,
    .many_new = new_many,
    .many_values = engine_bitcask_values_of_many,
    .many_lengths = engine_bitcask_lengths_of_many,
    .many_release = engine_bitcask_release_many,
    .many_free = engine_bitcask_free_many,
    .scan_free = engine_bitcask_free_scan,
    .cursor_free = engine_bitcask_free_cursor,
    .snapshot_close = engine_bitcask_close_snapshot,
    .snapshot_free = engine_bitcask_free_snapshot,
};
