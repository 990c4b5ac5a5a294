/*
 * store_workload_snapshot: snapshots of the default namespace and of others, kept while the
 * workload goes on.
 *
 * Each shows what was there when it was made, by gets and by a scan, whatever is overwritten,
 * merged, compacted, cleared or ingested since. One of a namespace that was dropped is not read any
 * more. They go at the latest when the store is freed.
 */
#include "harness/check.h"
#include "store_workload.h"
#include "store_workload_parts.h"

#include "base/epoch.h"
#include "base/memory.h"

/* The door to what a snapshot shows. */
static store_door door_of(const store_driver *self, const store_kept *kept)
{
    const engine_ops *engine = self->plan->engine;
    if (kept->named == NULL) {
        return (store_door){engine, self->store, 0, WORKLOAD_KEY_COUNT};
    }
    return (store_door){engine->named, kept->named, workload_first_row(kept->space),
                        WORKLOAD_SPACE_KEYS};
}

static void release(store_driver *self, store_kept *kept)
{
    store_door door = door_of(self, kept);
    if (kept->snapshot != NULL) {
        door.ops->snapshot_free(door.engine, kept->snapshot);
    }
    if (kept->named != NULL) {
        door.ops->free(kept->named);
    }
    kept->snapshot = NULL;
    kept->named = NULL;
}

/* Whether the value at a key is that of number, 0: none. */
static bool has_value(const pykv_pinned *found, uint32_t number)
{
    static uint8_t expected[WORKLOAD_VALUE_BYTES];
    size_t length = number != 0 ? workload_value(number, expected) : SIZE_MAX;
    return found->length == length && memcmp(found->data, expected, length) == 0;
}

static pykv_status read_key(store_driver *self, const store_kept *kept, uint32_t row)
{
    store_door door = door_of(self, kept);
    epoch *readers = &self->plan->engine->gate(self->store)->readers;
    char key[WORKLOAD_KEY_BYTES];
    slice name = slice_make(key, workload_key(row, key));
    uint32_t number = kept->expected.values[row];
    pykv_pinned found = {0};
    epoch_token token = epoch_enter(readers);
    pykv_status status = door.ops->get_at(door.engine, kept->snapshot, name, 0, &found);
    bool fits = status == PYKV_OK          ? has_value(&found, number)
                : status == PYKV_NOT_FOUND ? number == 0
                                           : true;
    epoch_leave(readers, token);
    mem_free(found.owned);
    if (!fits) {
        check_failed(__FILE__, __LINE__, "a snapshot sees another value of key %u than %u", row,
                     number);
    }
    return status == PYKV_NOT_FOUND ? PYKV_OK : status;
}

/* Counts the rows of a scan, whose keys rise or come in any order; values are looked at by gets. */
static pykv_status count_rows(store_driver *self, const store_kept *kept, uint32_t *count_out)
{
    store_door door = door_of(self, kept);
    pykv_range all = {0};
    void *scan;
    pykv_rows rows = {.count = 1};
    pykv_status status = door.ops->scan_open(door.engine, kept->snapshot, &all, &scan);
    *count_out = 0;
    if (status != PYKV_OK) {
        return status;
    }
    while (status == PYKV_OK && rows.count > 0) {
        status = self->plan->engine->scan_next(scan, 512, &rows);
        *count_out += status == PYKV_OK ? (uint32_t)rows.count : 0;
    }
    door.ops->scan_free(door.engine, scan);
    return status;
}

static pykv_status read_all(store_driver *self, const store_kept *kept)
{
    uint32_t wanted = 0;
    uint32_t count = 0;
    pykv_status status = PYKV_OK;
    store_door door = door_of(self, kept);
    for (uint32_t row = door.first; row < door.first + door.count && status == PYKV_OK; row++) {
        status = read_key(self, kept, row);
        wanted += kept->expected.values[row] != 0;
    }
    if (status == PYKV_OK) {
        status = count_rows(self, kept, &count);
    }
    if (status == PYKV_OK && count != wanted) {
        check_failed(__FILE__, __LINE__, "a scan of a snapshot shows %u rows of %u", count, wanted);
    }
    return status;
}

/* What a write whose outcome is not known has done, nobody knows. */
static pykv_status make(store_driver *self, store_kept *kept)
{
    if (self->history->tried != self->history->finished) {
        return PYKV_OK;
    }
    kept->expected = driver_alive(self, &self->history->states[self->history->tried]);
    kept->space = check_random(&self->view_chance, WORKLOAD_SPACE_COUNT + 1);
    uint32_t id = kept->space < WORKLOAD_SPACE_COUNT ? kept->expected.ids[kept->space] : 0;
    pykv_status status =
        id != 0 ? self->plan->engine->named_new(self->store, id, &kept->named) : PYKV_OK;
    if (status == PYKV_OK) {
        store_door door = door_of(self, kept);
        status = door.ops->snapshot_new(door.engine, &kept->snapshot);
    }
    if (status != PYKV_OK) {
        release(self, kept);
    }
    return status;
}

/* Whether its namespace was dropped since. */
static bool is_dropped(const store_driver *self, const store_kept *kept)
{
    const key_values *now = &self->history->states[self->history->tried];
    return kept->named != NULL && now->ids[kept->space] != kept->expected.ids[kept->space];
}

pykv_status driver_snapshot(store_driver *self)
{
    if (check_random(&self->view_chance, 6) != 0) {
        return PYKV_OK;
    }
    store_kept *kept = &self->kept[check_random(&self->view_chance, WORKLOAD_SNAPSHOTS_MAX)];
    if (kept->snapshot == NULL) {
        return make(self, kept);
    }
    bool is_gone = is_dropped(self, kept);
    pykv_status status = is_gone ? PYKV_OK : read_all(self, kept);
    if (is_gone || check_random(&self->view_chance, 4) == 0) {
        release(self, kept);
    }
    return status;
}

void driver_release_snapshots(store_driver *self)
{
    for (size_t i = 0; i < WORKLOAD_SNAPSHOTS_MAX; i++) {
        release(self, &self->kept[i]);
    }
}
