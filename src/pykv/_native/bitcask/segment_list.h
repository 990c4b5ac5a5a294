/*
 * segment_list: the segments of a store, by rising number, and the address space that they take.
 */
#ifndef PYKV_BITCASK_SEGMENT_LIST_H
#define PYKV_BITCASK_SEGMENT_LIST_H

#include "bitcask/store.h"

/* Adds a segment to the list and the address space (base BITCASK_NO_ADDRESS: any). */
PYKV_NODISCARD pykv_status bitcask_add_segment(bitcask *self, segment *target, uint64_t capacity,
                                               uint64_t base) REQUIRES(self->writer);

/* Gives a segment on the list that no slot leads to yet room for capacity, elsewhere if need be. */
PYKV_NODISCARD pykv_status bitcask_widen_segment(bitcask *self, segment *target, uint64_t capacity)
    REQUIRES(self->writer);

/* Takes a segment off the list; its memory and address stay until bitcask_dispose. */
void bitcask_remove_segment(bitcask *self, segment *target) REQUIRES(self->writer);

/* Frees address, mapping and file of a removed segment that no reader can reach. */
void bitcask_dispose(bitcask *self, segment *target) REQUIRES(self->writer);

/* Bytes of files, up to their logical length, and of live records, whether they have expired or
 * not. */
void bitcask_space(bitcask *self, uint64_t *disk_bytes_out, uint64_t *live_bytes_out)
    REQUIRES(self->writer);

/* The first of them. */
uint64_t bitcask_disk_bytes(bitcask *self);

#endif
