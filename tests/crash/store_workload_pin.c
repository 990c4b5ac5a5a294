/*
 * store_workload_pin: a pin of the workload's store, which moves on now and then.
 */
#include "store_workload.h"
#include "store_workload_parts.h"

#define PIN_NAME "pin"

pykv_status driver_pin(store_driver *self)
{
    pykv_stats stats;
    pykv_pin pin = {.name = PIN_NAME};
    self->plan->engine->stats(self->store, &stats);
    pin.sequence = stats.last_sequence;
    if (pin.sequence == 0) {
        return PYKV_OK;
    }
    bool is_known = self->history->tried == self->history->finished;
    self->history->pin_tried =
        (store_pin){pin.sequence, is_known ? self->history->tried : SIZE_MAX};
    pykv_status status = self->plan->engine->pin_history(self->store, &pin);
    if (status == PYKV_OK) {
        self->history->pin_held = self->history->pin_tried;
    }
    return status;
}

/* What the pin wants is there and leads to the content, unless the power took what it stands on:
 * what is written then has the same sequences, and the pin says nothing of it. */
static const char *read_pinned(const store_driver *self, const pykv_pin *pin, size_t begin,
                               size_t commit)
{
    pykv_stats stats;
    self->plan->engine->stats(self->store, &stats);
    if (pin->sequence > stats.last_sequence) {
        self->history->pin_held.commit = SIZE_MAX;
        self->history->pin_tried.commit = SIZE_MAX;
        return NULL;
    }
    if (pin->gone != 0 || stats.history_floor > pin->sequence + 1) {
        /* Where a call failed, history that could not be synced may be gone. */
        return self->plan->clock != NULL ? NULL : "history behind a pin is gone";
    }
    return begin <= commit ? driver_check_feed(self, pin->sequence, begin, commit) : NULL;
}

const char *driver_check_pin(const store_driver *self, size_t commit)
{
    pykv_pin pin;
    size_t count = 0;
    store_history *history = self->history;
    if (self->plan->engine->list_pins(self->store, &pin, 1, &count) != PYKV_OK) {
        return workload_unreadable;
    }
    uint64_t sequence = count == 0 ? 0 : pin.sequence;
    bool is_held = sequence == history->pin_held.sequence;
    store_pin found = is_held ? history->pin_held : history->pin_tried;
    if (count > 1 || sequence != found.sequence) {
        return "a pin that was set is not there";
    }
    if (self->plan->clock == NULL) { /* where a call failed, the disk may have the other one yet */
        history->pin_held = found;
        history->pin_tried = found;
    }
    return count == 0 ? NULL : read_pinned(self, &pin, found.commit, commit);
}
