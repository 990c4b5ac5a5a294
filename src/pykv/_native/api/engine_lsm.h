/*
 * engine_lsm: what the tables of functions of an LSM store and of its namespaces share: the calls
 * at a many, scan or cursor, which knows by itself what it is of. As engine.h says of each.
 */
#ifndef PYKV_API_ENGINE_LSM_H
#define PYKV_API_ENGINE_LSM_H

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"

PYKV_NODISCARD pykv_status engine_lsm_get_many(void *self, const void *snapshot, size_t count,
                                               const void *const *keys, const size_t *key_lengths,
                                               int32_t flags);
const uint8_t *const *engine_lsm_values_of_many(const void *self);
const size_t *engine_lsm_lengths_of_many(const void *self);
void engine_lsm_release_many(void *self);
void engine_lsm_free_many(void *self);
PYKV_NODISCARD pykv_status engine_lsm_next_of_scan(void *self, size_t chunk_bytes,
                                                   pykv_rows *rows_out);
PYKV_NODISCARD pykv_status engine_lsm_next_arrays_of_scan(void *self, uint64_t rows_max,
                                                          pykv_items_room *keys,
                                                          pykv_items_room *values,
                                                          uint64_t *rows_done,
                                                          pykv_rows *row_left_out);
PYKV_NODISCARD pykv_status engine_lsm_move_cursor(void *self, int32_t move, slice key,
                                                  int32_t flags, pykv_row *row_out);

#endif
