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
    self->history->pin_tried = pin.sequence;
    pykv_status status = self->plan->engine->pin_history(self->store, &pin);
    if (status == PYKV_OK) {
        self->history->pin_held = pin.sequence;
    }
    return status;
}

/* What the pin wants is there, unless the power took what it stands on. */
static const char *read_pinned(const store_driver *self, const pykv_pin *pin)
{
    pykv_stats stats;
    change_feed *feed;
    self->plan->engine->stats(self->store, &stats);
    /* Where a call failed, history that could not be synced may be gone. */
    if (pin->sequence > stats.last_sequence || self->plan->clock != NULL) {
        return NULL;
    }
    if (pin->gone != 0 || stats.history_floor > pin->sequence + 1) {
        return "history behind a pin is gone";
    }
    if (self->plan->engine->changes_open(self->store, pin->sequence, PYKV_CHANGES_UNSYNCED,
                                         &feed) != PYKV_OK) {
        return "history behind a pin cannot be read";
    }
    self->plan->engine->changes_free(self->store, feed);
    return NULL;
}

const char *driver_check_pin(const store_driver *self)
{
    pykv_pin pin;
    size_t count = 0;
    store_history *history = self->history;
    if (self->plan->engine->list_pins(self->store, &pin, 1, &count) != PYKV_OK) {
        return workload_unreadable;
    }
    uint64_t found = count == 0 ? 0 : pin.sequence;
    if (count > 1 || (found != history->pin_held && found != history->pin_tried)) {
        return "a pin that was set is not there";
    }
    if (self->plan->clock == NULL) { /* where a call failed, the disk may have the other one yet */
        history->pin_held = found;
        history->pin_tried = found;
    }
    return count == 0 ? NULL : read_pinned(self, &pin);
}
