/*
 * bitcask: the engine's interface to api/. The state behind it, its locks and invariants: store.h.
 *
 * Thread-safety: any thread at any time, as pykv.h says of the calls these serve.
 */
#ifndef PYKV_BITCASK_BITCASK_H
#define PYKV_BITCASK_BITCASK_H

#include "base/slice.h"
#include "env/env.h"
#include "pykv.h"

typedef struct bitcask bitcask;
typedef struct operation operation;
typedef struct scan scan;

PYKV_NODISCARD pykv_status bitcask_open(env *env, const char *path, const pykv_options *options,
                                        bitcask **store_out);
PYKV_NODISCARD pykv_status bitcask_close(bitcask *self, int64_t timeout_us);
/* Frees a closed store; in a forked child an open one too, without touching its files. */
void bitcask_free(bitcask *self);

PYKV_NODISCARD pykv_status bitcask_get(bitcask *self, slice key, int32_t flags,
                                       pykv_pinned *pinned_out);
void bitcask_unpin(bitcask *self, pykv_pinned *pinned);
PYKV_NODISCARD pykv_status bitcask_contains(bitcask *self, slice key, int32_t flags);

PYKV_NODISCARD pykv_status bitcask_put(bitcask *self, slice key, slice value, int32_t flags);
PYKV_NODISCARD pykv_status bitcask_delete(bitcask *self, slice key, int32_t flags,
                                          int32_t *existed_out);
/* Applies operations (record.kind, key, value set) as one batch. */
PYKV_NODISCARD pykv_status bitcask_write(bitcask *self, operation *operations, size_t count,
                                         int32_t flags);
PYKV_NODISCARD pykv_status bitcask_clear(bitcask *self, int32_t flags);

/* expected NULL: absent; value NULL: delete. */
PYKV_NODISCARD pykv_status bitcask_compare_and_set(bitcask *self, slice key, const slice *expected,
                                                   const slice *value, int32_t flags,
                                                   int32_t *swapped_out);

PYKV_NODISCARD pykv_status scan_open(bitcask *store, bool keys_only, scan **scan_out);
PYKV_NODISCARD pykv_status scan_next(scan *self, size_t chunk_bytes, pykv_rows *rows_out);
/* Ends the scan; its handle stays until scan_free. Called by close for scans that outlive the store. */
void scan_close(scan *self);
void scan_free(scan *self);

PYKV_NODISCARD pykv_status bitcask_maintain(bitcask *self, int32_t role);
PYKV_NODISCARD pykv_status bitcask_maintain_step(bitcask *self, int32_t role, int32_t *more_out);
PYKV_NODISCARD pykv_status bitcask_compact(bitcask *self, pykv_progress *progress);
void bitcask_stats(bitcask *self, pykv_stats *out);
int32_t bitcask_state(bitcask *self);
PYKV_NODISCARD pykv_status bitcask_verify(bitcask *self, pykv_progress *progress,
                                          pykv_report *report_out);
PYKV_NODISCARD pykv_status bitcask_repair(env *env, const char *path, pykv_report *report_out);
PYKV_NODISCARD pykv_status bitcask_destroy(env *env, const char *path);

#endif
