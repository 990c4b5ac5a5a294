/*
 * limbo: what was unlinked and waits until no reader can reach it: directories and segments.
 *
 * Sources: epoch-based reclamation (Fraser 2004). Under the writer lock.
 */
#ifndef PYKV_BITCASK_LIMBO_H
#define PYKV_BITCASK_LIMBO_H

#include "bitcask/store.h"

/* Gives up a directory that readers may still be in. Scans that pin it keep it longer. */
void bitcask_retire_directory(bitcask *self, directory *target) REQUIRES(self->writer);

/* Gives up a segment that is off the list, likewise. */
void bitcask_retire_segment(bitcask *self, segment *target) REQUIRES(self->writer);

/* Lets go of a pin; the last one on something given up sends it here. */
void bitcask_unpin_segment(bitcask *self, segment *target) REQUIRES(self->writer);
void bitcask_unpin_directory(bitcask *self, directory *target) REQUIRES(self->writer);

/* Frees what no reader can reach any more; more_out: something still waits. Never blocks. */
void bitcask_sweep_limbo(bitcask *self, bool *more_out) REQUIRES(self->writer);

/* Frees everything; only when no reader is left. */
void bitcask_empty_limbo(bitcask *self) REQUIRES(self->writer);

#endif
