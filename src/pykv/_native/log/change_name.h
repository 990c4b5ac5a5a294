/*
 * change_name: a row of a namespace's name in the change feed, told as what it means.
 */
#ifndef PYKV_LOG_CHANGE_NAME_H
#define PYKV_LOG_CHANGE_NAME_H

#include "base/slice.h"
#include "log/name_book.h"

/* Turns the put or delete of a row into PYKV_CHANGE_NAMESPACE or _DROP. id: of the namespace that
 * is dropped, where it is known. */
void change_name_tell(pykv_change *change, slice name, uint32_t id);

#endif
