/*
 * repair_save: what a repair found goes to the fresh store, in the namespace that it was in.
 */
#ifndef PYKV_BITCASK_REPAIR_SAVE_H
#define PYKV_BITCASK_REPAIR_SAVE_H

#include "bitcask/repair_state.h"
#include "bitcask/store.h"

/* Saves a put, and counts it; a name that has no id is a damage instead. What a write gives. */
PYKV_NODISCARD pykv_status repair_save(repair *self, const record *found, bitcask *target);

/* Behind all of them: the names that are missing. */
PYKV_NODISCARD pykv_status repair_save_names(repair *self, bitcask *target);

#endif
