/*
 * manifest_entries: the entries of logs, tables and value segments in an LSM store's manifest, each
 * by itself (lsm/version_edit.h has their layout, and what they have to do with each other).
 *
 * Pure: thread-safe.
 */
#ifndef PYKV_LSM_MANIFEST_ENTRIES_H
#define PYKV_LSM_MANIFEST_ENTRIES_H

#include "lsm/version_edit.h"

/* Writes an entry to out, which has its bytes, all of them zero. */
void manifest_log_encode(const manifest_log *entry, uint32_t header_crc, uint8_t *out);
void manifest_table_encode(const manifest_table *entry, uint32_t header_crc, uint8_t *out);
void manifest_values_encode(const manifest_values *entry, uint32_t header_crc, uint8_t *out);

/* Read the entry at offset of the manifest that stands at data. PYKV_CORRUPTION naming path: it is
 * damaged, or no file can be like that; last_sequence is that of the store. */
PYKV_NODISCARD pykv_status manifest_log_decode(const uint8_t *data, uint64_t offset,
                                               const char *path, manifest_log *out);
PYKV_NODISCARD pykv_status manifest_table_decode(const uint8_t *data, uint64_t offset,
                                                 uint64_t last_sequence, const char *path,
                                                 manifest_table *out);
PYKV_NODISCARD pykv_status manifest_values_decode(const uint8_t *data, uint64_t offset,
                                                  const char *path, manifest_values *out);

#endif
