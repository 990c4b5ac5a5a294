/*
 * recover: the end of the log, found at an open that follows no clean close.
 *
 * Single-threaded: the store is not shared yet.
 */
#ifndef PYKV_BITCASK_RECOVER_H
#define PYKV_BITCASK_RECOVER_H

#include "bitcask/manifest.h"
#include "bitcask/store.h"

/* Finds the end of the log in the un-sealed segments. Read-write: copies what is valid into sealed
 * segments and puts them into a new manifest; read-only: adds the un-sealed segments up to the end.
 */
PYKV_NODISCARD pykv_status bitcask_recover_tail(bitcask *self, const manifest *listed);

#endif
