/*
 * engine_lsm_named: a namespace of an LSM store behind the table of functions.
 */
#include "api/engine.h"
#include "api/engine_lsm.h"
#include "base/error.h"
#include "base/memory.h"
#include "lsm/space.h"

typedef struct named {
    lsm *store; /* borrowed */
    uint32_t space;
} named;

pykv_status engine_lsm_named_new(void *engine, uint32_t id, void **named_out)
{
    named *self = mem_alloc(sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    *self = (named){engine, id};
    *named_out = self;
    return PYKV_OK;
}

static void free_named(void *engine)
{
    mem_free(engine);
}

/* ---- reading ---- */

static pykv_status get_at(void *engine, const void *snapshot, slice key, int32_t flags,
                          pykv_pinned *pinned_out)
{
    named *self = engine;
    return lsm_get_in(self->store, self->space, snapshot, key, flags, pinned_out);
}

static pykv_status get(void *engine, slice key, int32_t flags, pykv_pinned *pinned_out)
{
    return get_at(engine, NULL, key, flags, pinned_out);
}

static pykv_status hold(void *engine, const void *snapshot, slice key, int32_t flags,
                        held_value *out)
{
    named *self = engine;
    return lsm_hold_in(self->store, self->space, snapshot, key, flags, out);
}

static pykv_status contains(void *engine, const void *snapshot, slice key, int32_t flags)
{
    named *self = engine;
    return lsm_contains_in(self->store, self->space, snapshot, key, flags);
}

static pykv_status expires_at(void *engine, const void *at, slice key, int32_t flags,
                              uint64_t *deadline_us_out)
{
    named *self = engine;
    return lsm_expires_at_in(self->store, self->space, at, key, flags, deadline_us_out);
}

static pykv_status snapshot_sequence(void *engine, const void *snapshot, uint64_t *sequence_out)
{
    const named *self = engine;
    return engine_lsm.snapshot_sequence(self->store, snapshot, sequence_out);
}

static pykv_status count_keys(void *engine, const void *snapshot, const pykv_range *range,
                              uint64_t *count_out)
{
    named *self = engine;
    return lsm_count_in(self->store, self->space, snapshot, range, count_out);
}

static pykv_status new_many(void *engine, void **many_out)
{
    named *self = engine;
    lsm_many *made;
    pykv_status status = lsm_many_new_in(self->store, self->space, &made);
    if (status == PYKV_OK) {
        *many_out = made;
    }
    return status;
}

static pykv_status open_scan(void *engine, const void *snapshot, const pykv_range *range,
                             void **scan_out)
{
    named *self = engine;
    lsm_scan *made;
    pykv_status status = lsm_scan_open_in(self->store, self->space, snapshot, range, &made);
    if (status == PYKV_OK) {
        *scan_out = made;
    }
    return status;
}

static void free_scan(void *engine, void *scan)
{
    named *self = engine;
    lsm_scan_free(self->store, scan);
}

static pykv_status open_cursor(void *engine, const void *snapshot, const pykv_range *range,
                               void **cursor_out)
{
    named *self = engine;
    lsm_cursor *made;
    pykv_status status = lsm_cursor_open_in(self->store, self->space, snapshot, range, &made);
    if (status == PYKV_OK) {
        *cursor_out = made;
    }
    return status;
}

static void free_cursor(void *engine, void *cursor)
{
    named *self = engine;
    lsm_cursor_free(self->store, cursor);
}

static pykv_status near(void *engine, const void *snapshot, int32_t move, slice key,
                        pykv_row *row_out)
{
    named *self = engine;
    return lsm_near_in(self->store, self->space, snapshot, move, key, row_out);
}

static pykv_status approximate_size(void *engine, const pykv_range *range, uint64_t *bytes_out)
{
    named *self = engine;
    return lsm_approximate_size_in(self->store, self->space, range, bytes_out);
}

/* ---- writing ---- */

static pykv_status put(void *engine, slice key, slice value, uint64_t deadline_us, int32_t flags)
{
    named *self = engine;
    return lsm_put_in(self->store, self->space, key, value, deadline_us, flags);
}

static pykv_status remove_key(void *engine, slice key, int32_t flags, int32_t *existed_out)
{
    named *self = engine;
    return lsm_delete_in(self->store, self->space, key, flags, existed_out);
}

static pykv_status compare_and_set(void *engine, slice key, const slice *expected,
                                   const slice *value, uint64_t deadline_us, int32_t flags,
                                   int32_t *swapped_out)
{
    named *self = engine;
    return lsm_compare_and_set_in(self->store, self->space, key, expected, value, deadline_us,
                                  flags, swapped_out);
}

static pykv_status clear(void *engine, int32_t flags)
{
    named *self = engine;
    return lsm_clear_in(self->store, self->space, flags);
}

static pykv_status delete_range(void *engine, slice start, slice stop, int32_t flags)
{
    named *self = engine;
    return lsm_delete_range_in(self->store, self->space, start, stop, flags);
}

static pykv_status compact(void *engine, const pykv_range *range, pykv_progress *progress)
{
    named *self = engine;
    return lsm_compact_in(self->store, self->space, range, progress);
}

/* ---- snapshots, statistics, ingestion ---- */

static pykv_status new_snapshot(void *engine, void **snapshot_out)
{
    named *self = engine;
    return engine_lsm.snapshot_new(self->store, snapshot_out);
}

static void close_snapshot(void *engine, void *snapshot)
{
    named *self = engine;
    lsm_snapshot_close(self->store, snapshot);
}

static void free_snapshot(void *engine, void *snapshot)
{
    named *self = engine;
    lsm_snapshot_free(self->store, snapshot);
}

static void stats(void *engine, pykv_stats *out)
{
    named *self = engine;
    lsm_stats_in(self->store, self->space, out);
}

static pykv_status ingest(void *engine, const char *const *paths, size_t count, bool moves)
{
    named *self = engine;
    return lsm_ingest_in(self->store, self->space, paths, count, moves);
}

const engine_ops engine_lsm_named = {
    .home = &lsm_home,
    .operation_bytes = sizeof(record),
    .calls_are_readers = false,
    .free = free_named,
    .get = get,
    .contains = contains,
    .get_at = get_at,
    .hold = hold,
    .expires_at = expires_at,
    .snapshot_sequence = snapshot_sequence,
    .many_get = engine_lsm_get_many,
    .put = put,
    .remove = remove_key,
    .compare_and_set = compare_and_set,
    .clear = clear,
    .delete_range = delete_range,
    .count = count_keys,
    .scan_open = open_scan,
    .scan_next = engine_lsm_next_of_scan,
    .scan_next_arrays = engine_lsm_next_arrays_of_scan,
    .cursor_open = open_cursor,
    .cursor_move = engine_lsm_move_cursor,
    .near = near,
    .approximate_size = approximate_size,
    .snapshot_new = new_snapshot,
    .stats = stats,
    .compact = compact,
    .ingest = ingest,
    .many_new = new_many,
    .many_values = engine_lsm_values_of_many,
    .many_lengths = engine_lsm_lengths_of_many,
    .many_release = engine_lsm_release_many,
    .many_free = engine_lsm_free_many,
    .scan_free = free_scan,
    .cursor_free = free_cursor,
    .snapshot_close = close_snapshot,
    .snapshot_free = free_snapshot,
};
