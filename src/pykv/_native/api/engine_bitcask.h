/*
 * engine_bitcask: what the tables of functions of a Bitcask and of its namespaces share: the calls
 * at a many, scan or snapshot, which knows by itself what it is of, and those that ask for an
 * order. As engine.h says of each.
 */
#ifndef PYKV_API_ENGINE_BITCASK_H
#define PYKV_API_ENGINE_BITCASK_H

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"

/* PYKV_NOT_SUPPORTED for a range that asks for an order. */
PYKV_NODISCARD pykv_status engine_bitcask_check_range(const pykv_range *range);
/* A count of all keys by the limit of a range; NULL: it has none. */
uint64_t engine_bitcask_limit(const pykv_range *range, uint64_t count);

PYKV_NODISCARD pykv_status engine_bitcask_get_many(void *self, const void *snapshot, size_t count,
                                                   const void *const *keys,
                                                   const size_t *key_lengths, int32_t flags);
const uint8_t *const *engine_bitcask_values_of_many(const void *self);
const size_t *engine_bitcask_lengths_of_many(const void *self);
void engine_bitcask_release_many(void *self);
void engine_bitcask_free_many(void *self);

PYKV_NODISCARD pykv_status engine_bitcask_next_of_scan(void *self, size_t chunk_bytes,
                                                       pykv_rows *rows_out);
PYKV_NODISCARD pykv_status engine_bitcask_next_arrays_of_scan(void *self, uint64_t rows_max,
                                                              pykv_items_room *keys,
                                                              pykv_items_room *values,
                                                              uint64_t *rows_done,
                                                              pykv_rows *rows_left_out);
void engine_bitcask_free_scan(void *engine, void *self);

PYKV_NODISCARD pykv_status engine_bitcask_get_at(void *engine, const void *snapshot, slice key,
                                                 int32_t flags, pykv_pinned *pinned_out);
void engine_bitcask_close_snapshot(void *engine, void *snapshot);
void engine_bitcask_free_snapshot(void *engine, void *snapshot);

PYKV_NODISCARD pykv_status engine_bitcask_open_cursor(void *engine, const void *snapshot,
                                                      const pykv_range *range, void **cursor_out);
PYKV_NODISCARD pykv_status engine_bitcask_move_cursor(void *cursor, int32_t move, slice key,
                                                      int32_t flags, pykv_row *row_out);
PYKV_NODISCARD pykv_status engine_bitcask_near(void *engine, const void *snapshot, int32_t move,
                                               slice key, pykv_row *row_out);
void engine_bitcask_free_cursor(void *engine, void *cursor);

#endif
