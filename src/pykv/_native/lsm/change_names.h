/*
 * change_names: changes by user keys and namespaces, in place of stored keys.
 */
#ifndef PYKV_LSM_CHANGE_NAMES_H
#define PYKV_LSM_CHANGE_NAMES_H

#include <stddef.h>

#include "pykv.h"

/* Turns changes as the log has them, whole batches, into changes as users know them, in place.
 * Returns how many are left: the row of the highest id is nobody's. */
size_t change_names(pykv_change *changes, size_t count);

#endif
