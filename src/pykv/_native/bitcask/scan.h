/*
 * scan: all rows of the store at the moment the scan began, in address order.
 *
 * A scan walks the segments that its moment pins. Used by one thread at a time; close of the store
 * ends it.
 */
#ifndef PYKV_BITCASK_SCAN_H
#define PYKV_BITCASK_SCAN_H

#include "bitcask/bitcask.h"
#include "bitcask/moment.h"

/* A scan of the rows of a moment that somebody keeps; it goes on when that is given up. */
PYKV_NODISCARD pykv_status scan_open_at(const store_moment *at, bool keys_only, scan **scan_out);

/* A scan that gives these keys, of which it makes a copy, without values, and nothing else.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status scan_open_listed(const slice *keys, size_t count, scan **scan_out);

#endif
