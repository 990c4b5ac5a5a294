/*
 * engine_bitcask: the Bitcask behind the table of functions.
 */
#include "api/engine_bitcask.h"

#include "api/engine.h"
#include "base/error.h"
#include "bitcask/bitcask.h"
#include "bitcask/many.h"
#include "bitcask/names.h"
#include "bitcask/operation.h"
#include "bitcask/refresh.h"
#include "bitcask/scan.h"
#include "bitcask/snapshot.h"
#include "bitcask/store.h"
#include "log/change_feeds.h"

_Static_assert(offsetof(operation, record) == 0, "an operation begins with its record");

/* ---- opening and closing ---- */

static pykv_status open_store(env *environment, const char *path, const pykv_options *options,
                              void **engine_out)
{
    bitcask *store;
    pykv_status status = bitcask_open(environment, path, options, &store);
    if (status == PYKV_OK) {
        *engine_out = store;
    }
    return status;
}

static pykv_status close_store(void *engine, int64_t timeout_us)
{
    return bitcask_close(engine, timeout_us);
}

static void free_store(void *engine)
{
    bitcask_free(engine);
}

static gate *gate_of(void *engine)
{
    bitcask *store = engine;
    return &store->gate;
}

/* ---- reading ---- */

static pykv_status get(void *engine, slice key, int32_t flags, pykv_pinned *pinned_out)
{
    return bitcask_get(engine, key, flags, pinned_out);
}

static pykv_status contains(void *engine, const void *snapshot, slice key, int32_t flags)
{
    return snapshot == NULL ? bitcask_contains(engine, key, flags)
                            : bitcask_contains_at(snapshot, key, flags);
}

static pykv_status expires_at(void *engine, const void *at, slice key, int32_t flags,
                              uint64_t *deadline_us_out)
{
    return at == NULL ? bitcask_expires_at(engine, key, flags, deadline_us_out)
                      : bitcask_deadline_at(at, key, flags, deadline_us_out);
}

static pykv_status snapshot_sequence(void *engine, const void *snapshot, uint64_t *sequence_out)
{
    (void)engine;
    return bitcask_snapshot_sequence(snapshot, sequence_out);
}

static uint64_t now(void *engine)
{
    return bitcask_now(engine);
}

static uint64_t deadline(void *engine, uint64_t life_us)
{
    return bitcask_deadline(engine, life_us);
}

/* PYKV_NOT_SUPPORTED for a range that asks for an order. */
pykv_status engine_bitcask_check_range(const pykv_range *range)
{
    if (range->has_start == 0 && range->has_stop == 0 && range->reverse == 0) {
        return PYKV_OK;
    }
    return error_set(PYKV_NOT_SUPPORTED,
                     "a Bitcask has no order, so a scan of it has neither %s: scan all of it, "
                     "or keep the rows in an LSM store",
                     range->reverse != 0 ? "direction nor bounds" : "bounds nor direction");
}

uint64_t engine_bitcask_limit(const pykv_range *range, uint64_t count)
{
    bool limited = range != NULL && range->limit != 0 && range->limit < count;
    return limited ? range->limit : count;
}

static pykv_status count_keys(void *engine, const void *snapshot, const pykv_range *range,
                              uint64_t *count_out)
{
    uint64_t count = 0;
    pykv_status status = range != NULL ? engine_bitcask_check_range(range) : PYKV_OK;
    if (status == PYKV_OK && snapshot != NULL) {
        status = bitcask_count_at(snapshot, &count);
    } else if (status == PYKV_OK) {
        count = bitcask_count(engine);
    }
    if (status == PYKV_OK) {
        *count_out = engine_bitcask_limit(range, count);
    }
    return status;
}

static pykv_status new_many(void *engine, void **many_out)
{
    many *made;
    pykv_status status = many_new(engine, &made);
    if (status == PYKV_OK) {
        *many_out = made;
    }
    return status;
}

pykv_status engine_bitcask_get_many(void *self, const void *snapshot, size_t count,
                                    const void *const *keys, const size_t *key_lengths,
                                    int32_t flags)
{
    return snapshot == NULL ? many_get(self, count, keys, key_lengths, flags)
                            : many_get_at(self, snapshot, count, keys, key_lengths, flags);
}

const uint8_t *const *engine_bitcask_values_of_many(const void *self)
{
    return many_values(self);
}

const size_t *engine_bitcask_lengths_of_many(const void *self)
{
    return many_lengths(self);
}

void engine_bitcask_release_many(void *self)
{
    many_release(self);
}

void engine_bitcask_free_many(void *self)
{
    many_free(self);
}

static pykv_status open_scan(void *engine, const void *snapshot, const pykv_range *range,
                             void **scan_out)
{
    scan *made;
    bool keys_only = range->keys_only != 0;
    pykv_status status = engine_bitcask_check_range(range);
    if (status != PYKV_OK) {
        return status;
    }
    status = snapshot != NULL ? scan_open_at(snapshot, keys_only, &made)
                              : scan_open(engine, keys_only, &made);
    if (status == PYKV_OK) {
        scan_set_limit(made, range->limit);
        *scan_out = made;
    }
    return status;
}

pykv_status engine_bitcask_next_of_scan(void *self, size_t chunk_bytes, pykv_rows *rows_out)
{
    return scan_next(self, chunk_bytes, rows_out);
}

pykv_status engine_bitcask_next_arrays_of_scan(void *self, uint64_t rows_max, pykv_items_room *keys,
                                               pykv_items_room *values, uint64_t *rows_done,
                                               pykv_rows *rows_left_out)
{
    return scan_next_arrays(self, rows_max, keys, values, rows_done, rows_left_out);
}

void engine_bitcask_free_scan(void *engine, void *self)
{
    (void)engine;
    scan_free(self);
}

static pykv_status new_snapshot(void *engine, void **snapshot_out)
{
    store_moment *made;
    pykv_status status = bitcask_snapshot_new(engine, &made);
    if (status == PYKV_OK) {
        *snapshot_out = made;
    }
    return status;
}

void engine_bitcask_close_snapshot(void *engine, void *snapshot)
{
    (void)engine;
    moment_give_up(snapshot);
}

void engine_bitcask_free_snapshot(void *engine, void *snapshot)
{
    (void)engine;
    bitcask_snapshot_free(snapshot);
}

pykv_status engine_bitcask_get_at(void *engine, const void *snapshot, slice key, int32_t flags,
                                  pykv_pinned *pinned_out)
{
    (void)engine;
    return bitcask_get_at(snapshot, key, flags, pinned_out);
}

static pykv_status hold(void *engine, const void *snapshot, slice key, int32_t flags,
                        held_value *out)
{
    return bitcask_hold(engine, snapshot, key, flags, out);
}

static pykv_status refuse_order(void)
{
    return error_set(PYKV_NOT_SUPPORTED, "a Bitcask has no order, so none of its rows comes first "
                                         "or next: keep the rows in an LSM store");
}

pykv_status engine_bitcask_open_cursor(void *engine, const void *snapshot, const pykv_range *range,
                                       void **cursor_out)
{
    (void)engine;
    (void)snapshot;
    (void)range;
    (void)cursor_out;
    return refuse_order();
}

pykv_status engine_bitcask_move_cursor(void *cursor, int32_t move, slice key, int32_t flags,
                                       pykv_row *row_out)
{
    (void)cursor;
    (void)move;
    (void)key;
    (void)flags;
    (void)row_out;
    return refuse_order();
}

pykv_status engine_bitcask_near(void *engine, const void *snapshot, int32_t move, slice key,
                                pykv_row *row_out)
{
    (void)engine;
    (void)snapshot;
    (void)move;
    (void)key;
    (void)row_out;
    return refuse_order();
}

static pykv_status approximate_size(void *engine, const pykv_range *range, uint64_t *bytes_out)
{
    pykv_stats now;
    pykv_status status = range != NULL ? engine_bitcask_check_range(range) : PYKV_OK;
    if (status == PYKV_OK) {
        bitcask_stats(engine, &now);
        *bytes_out = now.live_bytes;
    }
    return status;
}

/* There is none. */
void engine_bitcask_free_cursor(void *engine, void *cursor)
{
    (void)engine;
    (void)cursor;
}

/* ---- writing ---- */

static pykv_status put(void *engine, slice key, slice value, uint64_t deadline_us, int32_t flags)
{
    return bitcask_put_until(engine, key, value, deadline_us, flags);
}

static pykv_status remove_key(void *engine, slice key, int32_t flags, int32_t *existed_out)
{
    return bitcask_delete(engine, key, flags, existed_out);
}

static pykv_status write_all(void *engine, void *operations, size_t count, int32_t flags)
{
    return bitcask_write(engine, operations, count, flags);
}

static pykv_status compare_and_set(void *engine, slice key, const slice *expected,
                                   const slice *value, uint64_t deadline_us, int32_t flags,
                                   int32_t *swapped_out)
{
    return bitcask_compare_and_set(engine, key, expected, value, deadline_us, flags, swapped_out);
}

static pykv_status clear(void *engine, int32_t flags)
{
    return bitcask_clear(engine, flags);
}

/* ---- changes ---- */

static pykv_status open_changes(void *engine, const pykv_position *since, int32_t flags,
                                change_feed **feed_out)
{
    return bitcask_changes_open(engine, since, flags, feed_out);
}

static void free_changes(void *engine, change_feed *feed)
{
    bitcask_changes_free(engine, feed);
}

static pykv_status pin_history(void *engine, const pykv_pin *pin)
{
    return bitcask_pin_history(engine, pin);
}

static pykv_status unpin_history(void *engine, const char *name)
{
    return bitcask_unpin_history(engine, name);
}

static pykv_status list_pins(void *engine, pykv_pin *pins_out, size_t capacity, size_t *count_out)
{
    bitcask_list_pins(engine, pins_out, capacity, count_out);
    return PYKV_OK;
}

/* ---- namespaces ---- */

static name_book *book_of(void *engine)
{
    return bitcask_name_book(engine);
}

static pykv_status scan_names(void *engine, void **scan_out)
{
    scan *made;
    pykv_status status = bitcask_names_scan(engine, &made);
    if (status == PYKV_OK) {
        *scan_out = made;
    }
    return status;
}

/* ---- upkeep ---- */

static pykv_status sync_store(void *engine)
{
    return bitcask_sync(engine);
}

static pykv_status flush(void *engine)
{
    return bitcask_flush(engine);
}

static pykv_status refresh(void *engine, uint64_t *sequence_out, bool *moved_out)
{
    return bitcask_refresh(engine, sequence_out, moved_out);
}

static pykv_status resume(void *engine)
{
    return bitcask_resume(engine);
}

static void stats(void *engine, pykv_stats *out)
{
    bitcask_stats(engine, out);
}

static int32_t state(void *engine)
{
    return bitcask_state(engine);
}

static pykv_status compact(void *engine, const pykv_range *range, pykv_progress *progress)
{
    if (range != NULL && (range->has_start != 0 || range->has_stop != 0)) {
        return error_set(PYKV_NOT_SUPPORTED, "a Bitcask has no order, so it compacts no range");
    }
    return bitcask_compact(engine, progress);
}

static pykv_status verify(void *engine, pykv_progress *progress, pykv_report *report_out)
{
    return bitcask_verify(engine, progress, report_out);
}

static pykv_status checkpoint_store(void *engine, const char *path)
{
    return bitcask_checkpoint(engine, path);
}

static pykv_status maintain(void *engine, int32_t role)
{
    return bitcask_maintain(engine, role);
}

static pykv_status maintain_step(void *engine, int32_t role, int32_t *more_out)
{
    return bitcask_maintain_step(engine, role, more_out);
}

const engine_ops engine_bitcask = {
    .home = &bitcask_home,
    .operation_bytes = sizeof(operation),
    .calls_are_readers = true,
    .open = open_store,
    .close = close_store,
    .free = free_store,
    .gate = gate_of,
    .get = get,
    .contains = contains,
    .get_at = engine_bitcask_get_at,
    .hold = hold,
    .expires_at = expires_at,
    .snapshot_sequence = snapshot_sequence,
    .many_get = engine_bitcask_get_many,
    .now = now,
    .deadline = deadline,
    .put = put,
    .remove = remove_key,
    .write = write_all,
    .compare_and_set = compare_and_set,
    .clear = clear,
    .count = count_keys,
    .scan_open = open_scan,
    .cursor_open = engine_bitcask_open_cursor,
    .cursor_move = engine_bitcask_move_cursor,
    .near = engine_bitcask_near,
    .approximate_size = approximate_size,
    .snapshot_new = new_snapshot,
    .scan_next = engine_bitcask_next_of_scan,
    .scan_next_arrays = engine_bitcask_next_arrays_of_scan,
    .changes_open = open_changes,
    .sync = sync_store,
    .flush = flush,
    .refresh = refresh,
    .resume = resume,
    .stats = stats,
    .state = state,
    .compact = compact,
    .verify = verify,
    .checkpoint = checkpoint_store,
    .maintain_step = maintain_step,
    .pin_history = pin_history,
    .unpin_history = unpin_history,
    .list_pins = list_pins,
    .maintain = maintain,
    .many_new = new_many,
    .many_values = engine_bitcask_values_of_many,
    .many_lengths = engine_bitcask_lengths_of_many,
    .many_release = engine_bitcask_release_many,
    .many_free = engine_bitcask_free_many,
    .scan_free = engine_bitcask_free_scan,
    .cursor_free = engine_bitcask_free_cursor,
    .changes_free = free_changes,
    .snapshot_close = engine_bitcask_close_snapshot,
    .snapshot_free = engine_bitcask_free_snapshot,
    .name_book = book_of,
    .names_scan = scan_names,
    .named_new = engine_bitcask_named_new,
    .named = &engine_bitcask_named,
    .repair = bitcask_repair,
    .destroy = bitcask_destroy,
};
