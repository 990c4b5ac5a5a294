/*
 * engine_lsm: the LSM store behind the table of functions: its default namespace, where most keys
 * are stored as they are.
 */
#include "api/engine_lsm.h"

#include "api/engine.h"
#include "log/change_feeds.h"
#include "lsm/names.h"
#include "lsm/refresh.h"
#include "lsm/snapshot.h"
#include "lsm/space.h"

/* ---- opening and closing ---- */

static pykv_status open_store(env *environment, const char *path, const pykv_options *options,
                              void **engine_out)
{
    lsm *store;
    pykv_status status = lsm_open(environment, path, options, &store);
    if (status == PYKV_OK) {
        *engine_out = store;
    }
    return status;
}

static pykv_status close_store(void *engine, int64_t timeout_us)
{
    return lsm_close(engine, timeout_us);
}

static void free_store(void *engine)
{
    lsm_free(engine);
}

static gate *gate_of(void *engine)
{
    return lsm_gate(engine);
}

/* ---- reading ---- */

static pykv_status get(void *engine, slice key, int32_t flags, pykv_pinned *pinned_out)
{
    if (PYKV_UNLIKELY(key_space_is_marked(key))) {
        return lsm_get_in(engine, KEY_SPACE_DEFAULT, NULL, key, flags, pinned_out);
    }
    return lsm_get(engine, key, flags, pinned_out);
}

static pykv_status contains(void *engine, const void *snapshot, slice key, int32_t flags)
{
    if (PYKV_UNLIKELY(snapshot != NULL || key_space_is_marked(key))) {
        return lsm_contains_in(engine, KEY_SPACE_DEFAULT, snapshot, key, flags);
    }
    return lsm_contains(engine, key, flags);
}

static pykv_status expires_at(void *engine, const void *at, slice key, int32_t flags,
                              uint64_t *deadline_us_out)
{
    return lsm_expires_at_in(engine, KEY_SPACE_DEFAULT, at, key, flags, deadline_us_out);
}

static pykv_status snapshot_sequence(void *engine, const void *snapshot, uint64_t *sequence_out)
{
    return lsm_snapshot_sequence(engine, snapshot, sequence_out);
}

static uint64_t now(void *engine)
{
    return lsm_now(engine);
}

static uint64_t deadline(void *engine, uint64_t life_us)
{
    return lsm_deadline(engine, life_us);
}

static pykv_status get_at(void *engine, const void *snapshot, slice key, int32_t flags,
                          pykv_pinned *pinned_out)
{
    if (PYKV_UNLIKELY(key_space_is_marked(key))) {
        return lsm_get_in(engine, KEY_SPACE_DEFAULT, snapshot, key, flags, pinned_out);
    }
    return lsm_get_at(engine, snapshot, key, flags, pinned_out);
}

static pykv_status hold(void *engine, const void *snapshot, slice key, int32_t flags,
                        held_value *out)
{
    return lsm_hold_in(engine, KEY_SPACE_DEFAULT, snapshot, key, flags, out);
}

static pykv_status count_keys(void *engine, const void *snapshot, const pykv_range *range,
                              uint64_t *count_out)
{
    return lsm_count_in(engine, KEY_SPACE_DEFAULT, snapshot, range, count_out);
}

static pykv_status new_many(void *engine, void **many_out)
{
    lsm_many *made;
    pykv_status status = lsm_many_new_in(engine, KEY_SPACE_DEFAULT, &made);
    if (status == PYKV_OK) {
        *many_out = made;
    }
    return status;
}

pykv_status engine_lsm_get_many(void *self, const void *snapshot, size_t count,
                                const void *const *keys, const size_t *key_lengths, int32_t flags)
{
    return lsm_many_get(self, snapshot, count, keys, key_lengths, flags);
}

const uint8_t *const *engine_lsm_values_of_many(const void *self)
{
    return lsm_many_values(self);
}

const size_t *engine_lsm_lengths_of_many(const void *self)
{
    return lsm_many_lengths(self);
}

void engine_lsm_release_many(void *self)
{
    lsm_many_release(self);
}

void engine_lsm_free_many(void *self)
{
    lsm_many_free(self);
}

static pykv_status open_scan(void *engine, const void *snapshot, const pykv_range *range,
                             void **scan_out)
{
    lsm_scan *made;
    pykv_status status = lsm_scan_open_in(engine, KEY_SPACE_DEFAULT, snapshot, range, &made);
    if (status == PYKV_OK) {
        *scan_out = made;
    }
    return status;
}

pykv_status engine_lsm_next_of_scan(void *self, size_t chunk_bytes, pykv_rows *rows_out)
{
    return lsm_scan_next(self, chunk_bytes, rows_out);
}

pykv_status engine_lsm_next_arrays_of_scan(void *self, uint64_t rows_max, pykv_items_room *keys,
                                           pykv_items_room *values, uint64_t *rows_done,
                                           pykv_rows *row_left_out)
{
    return lsm_scan_next_arrays(self, rows_max, keys, values, rows_done, row_left_out);
}

static void free_scan(void *engine, void *self)
{
    lsm_scan_free(engine, self);
}

static pykv_status open_cursor(void *engine, const void *snapshot, const pykv_range *range,
                               void **cursor_out)
{
    lsm_cursor *made;
    pykv_status status = lsm_cursor_open_in(engine, KEY_SPACE_DEFAULT, snapshot, range, &made);
    if (status == PYKV_OK) {
        *cursor_out = made;
    }
    return status;
}

pykv_status engine_lsm_move_cursor(void *self, int32_t move, slice key, int32_t flags,
                                   pykv_row *row_out)
{
    return lsm_cursor_move(self, move, key, flags, row_out);
}

static void free_cursor(void *engine, void *self)
{
    lsm_cursor_free(engine, self);
}

static pykv_status near(void *engine, const void *snapshot, int32_t move, slice key,
                        pykv_row *row_out)
{
    return lsm_near_in(engine, KEY_SPACE_DEFAULT, snapshot, move, key, row_out);
}

static pykv_status approximate_size(void *engine, const pykv_range *range, uint64_t *bytes_out)
{
    return lsm_approximate_size_in(engine, KEY_SPACE_DEFAULT, range, bytes_out);
}

static pykv_status open_changes(void *engine, const pykv_position *since, int32_t flags,
                                change_feed **feed_out)
{
    return lsm_changes_open(engine, since, flags, feed_out);
}

static pykv_status pin_history(void *engine, const pykv_pin *pin)
{
    return lsm_pin_history(engine, pin);
}

static pykv_status unpin_history(void *engine, const char *name)
{
    return lsm_unpin_history(engine, name);
}

static pykv_status list_pins(void *engine, pykv_pin *pins_out, size_t capacity, size_t *count_out)
{
    lsm_list_pins(engine, pins_out, capacity, count_out);
    return PYKV_OK;
}

static void free_changes(void *engine, change_feed *feed)
{
    lsm_changes_free(engine, feed);
}

static pykv_status new_snapshot(void *engine, void **snapshot_out)
{
    lsm_snapshot *made;
    pykv_status status = lsm_snapshot_new(engine, &made);
    if (status == PYKV_OK) {
        *snapshot_out = made;
    }
    return status;
}

static void close_snapshot(void *engine, void *self)
{
    lsm_snapshot_close(engine, self);
}

static void free_snapshot(void *engine, void *self)
{
    lsm_snapshot_free(engine, self);
}

/* ---- writing ---- */

/* Apart, so that the usual put is a comparison and a jump. */
static __attribute__((noinline)) pykv_status put_marked(void *engine, slice key, slice value,
                                                        uint64_t deadline_us, int32_t flags)
{
    return lsm_put_in(engine, KEY_SPACE_DEFAULT, key, value, deadline_us, flags);
}

static pykv_status put(void *engine, slice key, slice value, uint64_t deadline_us, int32_t flags)
{
    if (PYKV_UNLIKELY(key_space_is_marked(key))) {
        return put_marked(engine, key, value, deadline_us, flags);
    }
    return lsm_put_until(engine, key, value, deadline_us, flags);
}

static pykv_status remove_key(void *engine, slice key, int32_t flags, int32_t *existed_out)
{
    if (PYKV_UNLIKELY(key_space_is_marked(key))) {
        return lsm_delete_in(engine, KEY_SPACE_DEFAULT, key, flags, existed_out);
    }
    return lsm_delete(engine, key, flags, existed_out);
}

static pykv_status write_all(void *engine, void *operations, size_t count, int32_t flags)
{
    return lsm_write_in(engine, operations, count, flags);
}

static pykv_status compare_and_set(void *engine, slice key, const slice *expected,
                                   const slice *value, uint64_t deadline_us, int32_t flags,
                                   int32_t *swapped_out)
{
    return lsm_compare_and_set_in(engine, KEY_SPACE_DEFAULT, key, expected, value, deadline_us,
                                  flags, swapped_out);
}

static pykv_status clear(void *engine, int32_t flags)
{
    return lsm_clear_in(engine, KEY_SPACE_DEFAULT, flags);
}

static pykv_status delete_range(void *engine, slice start, slice stop, int32_t flags)
{
    return lsm_delete_range_in(engine, KEY_SPACE_DEFAULT, start, stop, flags);
}

/* ---- upkeep ---- */

static pykv_status sync_store(void *engine)
{
    return lsm_sync(engine);
}

static pykv_status flush(void *engine)
{
    return lsm_flush(engine);
}

static pykv_status refresh(void *engine, uint64_t *sequence_out, bool *moved_out)
{
    return lsm_refresh(engine, sequence_out, moved_out);
}

static pykv_status resume(void *engine)
{
    return lsm_resume(engine);
}

static void stats(void *engine, pykv_stats *out)
{
    lsm_stats_in(engine, KEY_SPACE_DEFAULT, out);
}

static int32_t state(void *engine)
{
    return lsm_state(engine);
}

static pykv_status compact(void *engine, const pykv_range *range, pykv_progress *progress)
{
    return lsm_compact_in(engine, KEY_SPACE_DEFAULT, range, progress);
}

static pykv_status verify(void *engine, pykv_progress *progress, pykv_report *report_out)
{
    return lsm_verify(engine, progress, report_out);
}

static pykv_status checkpoint_store(void *engine, const char *path)
{
    return lsm_checkpoint(engine, path);
}

static pykv_status ingest(void *engine, const char *const *paths, size_t count, bool moves)
{
    return lsm_ingest(engine, paths, count, moves);
}

static pykv_status maintain(void *engine, int32_t role)
{
    return lsm_maintain(engine, role);
}

static pykv_status maintain_step(void *engine, int32_t role, int32_t *more_out)
{
    return lsm_maintain_step(engine, role, more_out);
}

/* ---- namespaces ---- */

static name_book *book_of(void *engine)
{
    return lsm_name_book(engine);
}

static pykv_status scan_names(void *engine, void **scan_out)
{
    lsm_scan *made;
    pykv_status status = lsm_names_scan(engine, &made);
    if (status == PYKV_OK) {
        *scan_out = made;
    }
    return status;
}

const engine_ops engine_lsm = {
    .home = &lsm_home,
    .operation_bytes = sizeof(record),
    .calls_are_readers = false,
    .open = open_store,
    .close = close_store,
    .free = free_store,
    .gate = gate_of,
    .get = get,
    .contains = contains,
    .get_at = get_at,
    .hold = hold,
    .expires_at = expires_at,
    .snapshot_sequence = snapshot_sequence,
    .many_get = engine_lsm_get_many,
    .now = now,
    .deadline = deadline,
    .put = put,
    .remove = remove_key,
    .write = write_all,
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
    .changes_open = open_changes,
    .pin_history = pin_history,
    .unpin_history = unpin_history,
    .list_pins = list_pins,
    .sync = sync_store,
    .flush = flush,
    .refresh = refresh,
    .resume = resume,
    .stats = stats,
    .state = state,
    .compact = compact,
    .verify = verify,
    .checkpoint = checkpoint_store,
    .ingest = ingest,
    .maintain_step = maintain_step,
    .maintain = maintain,
    .many_new = new_many,
    .many_values = engine_lsm_values_of_many,
    .many_lengths = engine_lsm_lengths_of_many,
    .many_release = engine_lsm_release_many,
    .many_free = engine_lsm_free_many,
    .scan_free = free_scan,
    .cursor_free = free_cursor,
    .changes_free = free_changes,
    .snapshot_close = close_snapshot,
    .snapshot_free = free_snapshot,
    .repair = lsm_repair,
    .destroy = lsm_destroy,
    .name_book = book_of,
    .names_scan = scan_names,
    .named_new = engine_lsm_named_new,
    .named = &engine_lsm_named,
};
