/*
 * scan: all rows of the store at the moment the scan began, in address order.
 *
 * A scan pins the segments there were, up to the length they had, and the directory. A record is
 * shown iff it was current then: its slot leads to it still, or the undo table knows that it was
 * displaced since (docs/decisions/0003). Used by one thread at a time; close of the store ends it.
 */
#ifndef PYKV_BITCASK_SCAN_H
#define PYKV_BITCASK_SCAN_H

#include "bitcask/bitcask.h"
#include "bitcask/store.h"

/* Ends every open scan; their handles stay until scan_free. No call may be running. */
void scan_close_all(bitcask *store);

#endif
