/*
 * version_values: the value segments of a version, and reading from them.
 *
 * Thread-safety: as version.h says.
 */
#ifndef PYKV_LSM_VERSION_VALUES_H
#define PYKV_LSM_VERSION_VALUES_H

#include "lsm/version.h"

/* Reads the value that an entry of the version points to into scratch (lsm/value_pointer.h);
 * value_out borrows from scratch. PYKV_CORRUPTION, PYKV_NO_MEMORY, PYKV_IO_FAILED. */
PYKV_NODISCARD pykv_status version_read_value(const version *self, const iterator_entry *entry,
                                              buffer *scratch, slice *value_out);

/* The same for what a get of key found in a table. */
PYKV_NODISCARD pykv_status version_read_found(const version *self, slice key,
                                              const table_found *found, buffer *scratch,
                                              slice *value_out);

/* Asks the system for what version_read_found of the same reads. A hint. */
void version_ask_found(const version *self, slice key, const table_found *found);

/* The value segment with number, or NULL. */
const version_values *version_find_values(const version *self, uint32_t number);

/* The value segments as a manifest lists them. Free with mem_free. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status version_list_values(const version *self, manifest_values **values_out,
                                               uint64_t *count_out);

/* Bytes of all value segments. */
uint64_t version_value_bytes(const version *self);

/* ---- while a version is made: for version.c ---- */

/* Fills self->values, which has room for those of base and the added ones, with those of them that
 * the tables of self point to. PYKV_CORRUPTION, naming a table, if one is missing. */
PYKV_NODISCARD pykv_status version_fill_values(version *self, const version *base,
                                               const version_change *change);

/* References of all that were filled in. */
void version_acquire_values(version *self);
void version_release_values(version *self);

#endif
