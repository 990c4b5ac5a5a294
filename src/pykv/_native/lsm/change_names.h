/*
 * change_names: changes by user keys and namespaces, in place of stored keys.
 */
#ifndef PYKV_LSM_CHANGE_NAMES_H
#define PYKV_LSM_CHANGE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "pykv.h"

/* True for a change that means what the one behind it says: they are to be turned together. It is
 * the first of its batch. */
bool change_names_needs_next(const pykv_change *change);

/* Turns changes as the log has them into changes as users know them, in place. Returns how many are
 * left: the row of the highest id is nobody's. One at the end that needs the next has no id. */
size_t change_names(pykv_change *changes, size_t count);

#endif
