/*
 * store_workload_view: views of values, held while the workload goes on.
 *
 * A few are held at a time. Each shows what was there when it was made, whatever is overwritten,
 * merged, compacted, dropped or closed since: its bytes are looked at when it is made and when it
 * is released, which is before the store is freed at the latest.
 */
#include "harness/check.h"
#include "store_workload.h"
#include "store_workload_parts.h"

#include "base/epoch.h"

static void check_bytes(const store_view *view, const char *when)
{
    static uint8_t expected[WORKLOAD_VALUE_BYTES];
    size_t length = workload_value(view->number, expected);
    if (view->held.length != length || memcmp(view->held.data, expected, length) != 0) {
        check_failed(__FILE__, __LINE__, "a view of value %u shows other bytes %s", view->number,
                     when);
    }
}

static void release(store_view *view)
{
    if (view->number != 0) {
        check_bytes(view, "when it is released");
        held_value_release(&view->held);
        view->number = 0;
    }
}

/* By a chance of its own, so that the other steps are those of a workload without views. */
static uint32_t choose_row(store_driver *self, const key_values *now)
{
    uint32_t row = (uint32_t)check_random(&self->view_chance, WORKLOAD_ROW_COUNT);
    size_t space = workload_space(row);
    bool is_there = space == WORKLOAD_SPACE_COUNT || now->ids[space] != 0;
    return is_there ? row : row % WORKLOAD_KEY_COUNT;
}

pykv_status driver_view(store_driver *self)
{
    char key[WORKLOAD_KEY_BYTES];
    store_view *view = &self->views[check_random(&self->view_chance, WORKLOAD_VIEWS_MAX)];
    key_values now = driver_alive(self, &self->history->states[self->history->tried]);
    uint32_t row = choose_row(self, &now);
    store_door door = workload_door(self, row);
    uint32_t number = now.values[row];
    epoch *readers = &self->plan->engine->gate(self->store)->readers;
    release(view);
    epoch_token token = epoch_enter(readers);
    pykv_status status =
        door.ops->hold(door.engine, NULL, slice_make(key, workload_key(row, key)), 0, &view->held);
    epoch_leave(readers, token);
    if ((status == PYKV_OK && number == 0) || (status == PYKV_NOT_FOUND && number != 0)) {
        check_failed(__FILE__, __LINE__, "a view of key %u sees another value than %u", row,
                     number);
    }
    if (status == PYKV_OK) {
        view->number = number;
        check_bytes(view, "when it is made");
    }
    return status == PYKV_NOT_FOUND ? PYKV_OK : status;
}

void driver_release_views(store_driver *self)
{
    for (size_t i = 0; i < WORKLOAD_VIEWS_MAX; i++) {
        release(&self->views[i]);
    }
}
