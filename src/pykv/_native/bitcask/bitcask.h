/*
 * bitcask: the engine's interface to api/. The state behind it, its locks and invariants: store.h.
 *
 * Thread-safety: any thread at any time, as pykv.h says of the calls these serve.
 */
#ifndef PYKV_BITCASK_BITCASK_H
#define PYKV_BITCASK_BITCASK_H

#include "pykv.h"

#include "base/slice.h"
#include "env/env.h"
#include "log/home.h"

typedef struct bitcask bitcask;
typedef struct operation operation;
typedef struct scan scan;
typedef struct change_feed change_feed;

PYKV_NODISCARD pykv_status bitcask_open(env *env, const char *path, const pykv_options *options,
                                        bitcask **store_out);
/* One thread at a time. */
PYKV_NODISCARD pykv_status bitcask_close(bitcask *self, int64_t timeout_us);
/* Frees a closed store; in a forked child an open one too, without touching its files. */
void bitcask_free(bitcask *self);

/* Sets data and length, which stay valid as long as the caller stays in the epoch, or, read by
 * pread, until mem_free(owned). REQUIRES: the caller is in the epoch, here and in every call but
 * those marked long. */
PYKV_NODISCARD pykv_status bitcask_get(bitcask *self, slice key, int32_t flags,
                                       pykv_pinned *pinned_out);
PYKV_NODISCARD pykv_status bitcask_contains(bitcask *self, slice key, int32_t flags);
/* 0: it does not expire. */
PYKV_NODISCARD pykv_status bitcask_expires_at(bitcask *self, slice key, int32_t flags,
                                              uint64_t *deadline_us_out);
/* The clock that deadlines are compared with. */
uint64_t bitcask_now(bitcask *self);
/* What lives for life_us from now on expires then. */
uint64_t bitcask_deadline(bitcask *self, uint64_t life_us);

PYKV_NODISCARD pykv_status bitcask_put(bitcask *self, slice key, slice value, int32_t flags);
/* deadline_us 0: it does not expire. */
PYKV_NODISCARD pykv_status bitcask_put_until(bitcask *self, slice key, slice value,
                                             uint64_t deadline_us, int32_t flags);
PYKV_NODISCARD pykv_status bitcask_delete(bitcask *self, slice key, int32_t flags,
                                          int32_t *existed_out);
/* Applies operations (record.kind, key, value, deadline_us set) as one batch. */
PYKV_NODISCARD pykv_status bitcask_write(bitcask *self, operation *operations, size_t count,
                                         int32_t flags);
/* Makes everything appended so far durable; seals the active segment. */
PYKV_NODISCARD pykv_status bitcask_sync(bitcask *self);
PYKV_NODISCARD pykv_status bitcask_flush(bitcask *self);
uint64_t bitcask_count(bitcask *self);
PYKV_NODISCARD pykv_status bitcask_clear(bitcask *self, int32_t flags);

/* expected NULL: absent; value NULL: delete. */
PYKV_NODISCARD pykv_status bitcask_compare_and_set(bitcask *self, slice key, const slice *expected,
                                                   const slice *value, uint64_t deadline_us,
                                                   int32_t flags, int32_t *swapped_out);

PYKV_NODISCARD pykv_status scan_open(bitcask *store, bool keys_only, scan **scan_out);
/* Before the first scan_next. 0: no limit, as without this call. */
void scan_set_limit(scan *self, uint64_t row_count);
/* A failure is final: every later call gives it again. */
PYKV_NODISCARD pykv_status scan_next(scan *self, size_t chunk_bytes, pykv_rows *rows_out);
/* Adds up to rows_max rows, above 0, to the caller's two arrays, behind *rows_done; fewer, and some
 * if there is any, where that takes long. Rows that were found beyond, the first without room and
 * some behind rows_max, are given in *rows_left_out, valid until the next call. */
PYKV_NODISCARD pykv_status scan_next_arrays(scan *self, uint64_t rows_max, pykv_items_room *keys,
                                            pykv_items_room *values, uint64_t *rows_done,
                                            pykv_rows *rows_left_out);
/* Ends the scan, unless the store's close has done so, and frees it. Not while scan_next runs. */
void scan_free(scan *self);

/* Lends the thread until the store closes; it is not counted as a call. */
PYKV_NODISCARD pykv_status bitcask_maintain(bitcask *self, int32_t role);

/* Long calls: counted by the caller in the gate's others, outside the epoch. */
PYKV_NODISCARD pykv_status bitcask_maintain_step(bitcask *self, int32_t role, int32_t *more_out);
PYKV_NODISCARD pykv_status bitcask_compact(bitcask *self, pykv_progress *progress);
/* The operations in the log, as pykv_changes_open says; log/change_feeds.h reads on. */
PYKV_NODISCARD pykv_status bitcask_changes_open(bitcask *self, const pykv_position *since,
                                                int32_t flags, change_feed **changes_out);
void bitcask_changes_free(bitcask *self, change_feed *changes);
PYKV_NODISCARD pykv_status bitcask_pin_history(bitcask *self, const pykv_pin *pin);
PYKV_NODISCARD pykv_status bitcask_unpin_history(bitcask *self, const char *name);
void bitcask_list_pins(bitcask *self, pykv_pin *pins_out, size_t capacity, size_t *count_out);
void bitcask_stats(bitcask *self, pykv_stats *out);
int32_t bitcask_state(bitcask *self);
/* Looks for space again, and begins a store that was degraded anew. */
PYKV_NODISCARD pykv_status bitcask_resume(bitcask *self);
PYKV_NODISCARD pykv_status bitcask_verify(bitcask *self, pykv_progress *progress,
                                          pykv_report *report_out);
PYKV_NODISCARD pykv_status bitcask_checkpoint(bitcask *self, const char *path);
PYKV_NODISCARD pykv_status bitcask_repair(env *env, const char *path, pykv_report *report_out);
PYKV_NODISCARD pykv_status bitcask_destroy(env *env, const char *path);
/* Names of a Bitcask's files, and home_detect for this engine alone. */
extern const home_engine bitcask_home;
PYKV_NODISCARD pykv_status bitcask_detect(env_directory *home, int32_t *engine_out);

#endif
