/*
 * pins: who wants history kept, by name, over closes and crashes too.
 *
 * A pin holds from when the call returns: it is in a durable manifest then.
 */
#include <string.h>

#include "base/error.h"
#include "lsm/changes.h"
#include "lsm/edit.h"
#include "lsm/history.h"
#include "lsm/wal_history.h"

static pykv_status check_name(const lsm *self, const char *name)
{
    size_t length = strlen(name);
    if (self->log == NULL) {
        return error_set(PYKV_READ_ONLY, "%s is open read-only", env_directory_path(self->home));
    }
    if (length == 0 || length >= sizeof(((pykv_pin *)0)->name)) {
        return error_set(PYKV_INVALID_ARGUMENT, "a pin has a name of 1 to %zu bytes, this one %zu",
                         sizeof(((pykv_pin *)0)->name) - 1, length);
    }
    return PYKV_OK;
}

/* Takes the pin in, if what it wants is there. */
static pykv_status set_pin(lsm *self, const pykv_pin *pin) REQUIRES(self->writer)
{
    pykv_status status = wal_check(self->log);
    if (status == PYKV_OK) {
        status = lsm_changes_check(self, pin->sequence);
    }
    if (status == PYKV_OK && !history_pins_set(&self->feeds.pins, pin)) {
        status = error_set(PYKV_NOT_SUPPORTED, "there are %d pins already, which is the most",
                           LSM_PINS_MAX);
    }
    return status;
}

pykv_status lsm_pin_history(lsm *self, const pykv_pin *pin)
{
    history_pins before;
    pykv_status status = check_name(self, pin->name);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&self->writer);
    before = self->feeds.pins;
    status = set_pin(self, pin);
    mutex_unlock(&self->writer);
    if (status == PYKV_OK) {
        status = lsm_trim_history(self);
        if (status != PYKV_OK) {
            const pykv_pin *old = history_pins_find(&before, pin->name);
            mutex_lock(&self->writer);
            if (old != NULL) {
                (void)history_pins_set(&self->feeds.pins, old);
            } else {
                (void)history_pins_remove(&self->feeds.pins, pin->name);
            }
            mutex_unlock(&self->writer);
        }
    }
    return status;
}

pykv_status lsm_unpin_history(lsm *self, const char *name)
{
    pykv_status status = check_name(self, name);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&self->writer);
    bool found = history_pins_remove(&self->feeds.pins, name);
    mutex_unlock(&self->writer);
    return found ? lsm_trim_history(self) : error_set(PYKV_NOT_FOUND, "there is no pin %s", name);
}

pykv_status lsm_list_pins(lsm *self, pykv_pin *pins_out, size_t capacity, size_t *count_out)
{
    mutex_lock(&self->writer);
    uint64_t floor = self->log != NULL ? wal_history_floor(self->log) : UINT64_MAX;
    size_t count = self->feeds.pins.count;
    for (size_t i = 0; i < count && i < capacity; i++) {
        pins_out[i] = self->feeds.pins.pins[i];
        pins_out[i].gone = pins_out[i].sequence + 1 < floor;
    }
    mutex_unlock(&self->writer);
    *count_out = count;
    return PYKV_OK;
}
