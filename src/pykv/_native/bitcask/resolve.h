/*
 * resolve: what a write will displace, and everything that publishing it needs.
 *
 * It comes before the append: it reads old records and reserves every bit of memory, so that
 * publishing cannot fail.
 */
#ifndef PYKV_BITCASK_RESOLVE_H
#define PYKV_BITCASK_RESOLVE_H

#include "bitcask/find.h"
#include "bitcask/store.h"

/* Looks up what operation displaces and makes sure that publishing it cannot fail. */
PYKV_NODISCARD pykv_status bitcask_resolve(bitcask *self, operation *write, read_mode mode)
    REQUIRES(self->writer);

/* bitcask_resolve of all operations of a batch. */
PYKV_NODISCARD pykv_status bitcask_resolve_several(bitcask *self, operation *operations,
                                                   size_t count, read_mode mode)
    REQUIRES(self->writer);

/* Calls for what resolving write will look at: its spot, and the record that it leads to. */
void bitcask_look_ahead(const bitcask *self, const keydir *keys, operation *write);

#endif
