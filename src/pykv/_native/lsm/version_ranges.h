/*
 * version_ranges: which range deletes a version still needs, and which tables they hide.
 *
 * A fragment is needed as long as a table overlaps it whose entries may be older than it and were
 * written before it was known. Memtables have nothing older: what was flushed with the fragment is
 * the oldest of them, and what a running job writes comes from tables of this version.
 *
 * All range deletes of a version are visible to whoever reads it (lsm/flush.c): so one sequence a
 * fragment is enough.
 */
#ifndef PYKV_LSM_VERSION_RANGES_H
#define PYKV_LSM_VERSION_RANGES_H

#include "lsm/version.h"

/* Range deletes wait at so many fragments of the version, or bytes of their keys. */
enum { VERSION_RANGES_STOP = 32 * 1024, VERSION_RANGE_BYTES_STOP = 16 * 1024 * 1024 };

/* Gives a version that nobody reads yet the range deletes of base and, newer, of flushed (NULL:
 * none), but those fragments that hide nothing in its tables any more. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status version_take_ranges(version *self, const range_set *base,
                                               const range_set *flushed);

/* True if a fragment may still hide something in a table: older entries that were written out
 * before it was known. */
bool range_applies(const range_set *of, uint32_t index, const table_file *to);

/* The number of fragments of the version that do so. */
uint32_t version_ranges_in(const version *self, const table_file *file);

/* True if all of a table is hidden; if that is so of one of them. */
bool version_hides(const version *self, const table_file *file);
bool version_hides_some(const version *self);

#endif
