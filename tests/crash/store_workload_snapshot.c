/*
 * store_workload_snapshot: snapshots of the default namespace, kept while the workload goes on.
 *
 * Each shows what was there when it was made, by gets and by a scan, whatever is overwritten,
 * merged, compacted, cleared or ingested since. They go at the latest when the store is freed.
 */
#include "harness/check.h"
#include "store_workload.h"
#include "store_workload_parts.h"

#include "base/epoch.h"
#include "base/memory.h"

static void release(store_driver *self, store_kept *kept)
{
    if (kept->snapshot != NULL) {
        self->plan->engine->snapshot_free(self->store, kept->snapshot);
        kept->snapshot = NULL;
    }
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
    const engine_ops *ops = self->plan->engine;
    char key[WORKLOAD_KEY_BYTES];
    slice name = slice_make(key, workload_key(row, key));
    uint32_t number = kept->expected.values[row];
    pykv_pinned found = {0};
    epoch_token token = epoch_enter(&ops->gate(self->store)->readers);
    pykv_status status = ops->get_at(self->store, kept->snapshot, name, 0, &found);
    bool fits = status == PYKV_OK          ? has_value(&found, number)
                : status == PYKV_NOT_FOUND ? number == 0
                                           : true;
    epoch_leave(&ops->gate(self->store)->readers, token);
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
    const engine_ops *ops = self->plan->engine;
    pykv_range all = {0};
    void *scan;
    pykv_rows rows = {.count = 1};
    pykv_status status = ops->scan_open(self->store, kept->snapshot, &all, &scan);
    *count_out = 0;
    if (status != PYKV_OK) {
        return status;
    }
    while (status == PYKV_OK && rows.count > 0) {
        status = ops->scan_next(scan, 512, &rows);
        *count_out += status == PYKV_OK ? (uint32_t)rows.count : 0;
    }
    ops->scan_free(self->store, scan);
    return status;
}

static pykv_status read_all(store_driver *self, const store_kept *kept)
{
    uint32_t wanted = 0;
    uint32_t count = 0;
    pykv_status status = PYKV_OK;
    for (uint32_t row = 0; row < WORKLOAD_KEY_COUNT && status == PYKV_OK; row++) {
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
    return self->plan->engine->snapshot_new(self->store, &kept->snapshot);
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
    pykv_status status = read_all(self, kept);
    if (check_random(&self->view_chance, 4) == 0) {
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
