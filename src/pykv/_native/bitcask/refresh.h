/*
 * refresh: what a store that is open read-only shows of a database that another process may be
 * writing.
 */
#ifndef PYKV_BITCASK_REFRESH_H
#define PYKV_BITCASK_REFRESH_H

#include "bitcask/store.h"

/* As pykv_refresh; moved_out: it shows another state now. */
PYKV_NODISCARD pykv_status bitcask_refresh(bitcask *self, uint64_t *sequence_out, bool *moved_out);

#endif
