/*
 * health: whether a store takes writes, and what a failure makes of it.
 */
#ifndef PYKV_BITCASK_HEALTH_H
#define PYKV_BITCASK_HEALTH_H

#include "bitcask/store.h"

/* PYKV_OK if writes may be appended now. */
PYKV_NODISCARD pykv_status bitcask_check_writable(bitcask *self) REQUIRES(self->writer);

/* Keeps the store's books after a failed append: no space is remembered until an append succeeds.
 * Returns status. */
pykv_status bitcask_append_failed(bitcask *self, pykv_status status) REQUIRES(self->writer);

/* Enters PYKV_STATE_FAILED with the thread's last error as the reason. */
void bitcask_fail(bitcask *self) REQUIRES(self->writer);

#endif
