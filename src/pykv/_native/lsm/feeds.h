/*
 * feeds: what a store keeps of those who read its changes (lsm/changes.h, lsm/history.h). Guarded
 * by the store's writer lock.
 */
#ifndef PYKV_LSM_FEEDS_H
#define PYKV_LSM_FEEDS_H

#include "base/mutex.h"
#include "lsm/manifest_pins.h"

typedef struct lsm_changes lsm_changes;

typedef struct feed_state {
    lsm_changes *first; /* a list */
    uint32_t waiting_count;
    condition moved; /* more may be read, or the gate was shut */
    history_pins pins;
} feed_state;

#endif
