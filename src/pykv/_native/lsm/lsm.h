/*
 * lsm: the interface of the engine to api/. The state behind it, its locks and invariants: store.h.
 *
 * Thread-safety: any thread at any time, as pykv.h says of the calls these serve. Calls that may
 * wait for readers to leave (all but gets) must not be inside the epoch gate.readers.
 */
#ifndef PYKV_LSM_LSM_H
#define PYKV_LSM_LSM_H

#include "pykv.h"

#include "base/slice.h"
#include "env/env.h"
#include "log/home.h"
#include "log/log_format.h"

typedef struct lsm lsm;
typedef struct gate gate;
typedef struct lsm_many lsm_many;
typedef struct lsm_scan lsm_scan;
typedef struct lsm_snapshot lsm_snapshot;
typedef struct lsm_cursor lsm_cursor;
typedef struct change_feed change_feed;

extern const home_engine lsm_home;

PYKV_NODISCARD pykv_status lsm_open(env *environment, const char *path, const pykv_options *options,
                                    lsm **store_out);
/* One thread at a time. */
PYKV_NODISCARD pykv_status lsm_close(lsm *self, int64_t timeout_us);
/* Frees a closed store; in a forked child an open one too, without touching its files. */
void lsm_free(lsm *self);
gate *lsm_gate(lsm *self);
/* The clock that deadlines are compared with, and when what lives for life_us expires. */
uint64_t lsm_now(lsm *self);
uint64_t lsm_deadline(lsm *self, uint64_t life_us);

/* Gets: inside the epoch; data is valid as long as that, or until mem_free(owned). With
 * PYKV_NO_WAIT PYKV_WOULD_BLOCK where a block would have to be read. */
PYKV_NODISCARD pykv_status lsm_get(lsm *self, slice key, int32_t flags, pykv_pinned *pinned_out);
PYKV_NODISCARD pykv_status lsm_contains(lsm *self, slice key, int32_t flags);
/* At the moment of a snapshot; NULL: now. A deadline of 0: it does not expire. */
PYKV_NODISCARD pykv_status lsm_expires_at(lsm *self, const lsm_snapshot *snapshot, slice key,
                                          int32_t flags, uint64_t *deadline_us_out);
PYKV_NODISCARD pykv_status lsm_get_at(lsm *self, const lsm_snapshot *snapshot, slice key,
                                      int32_t flags, pykv_pinned *pinned_out);

/* Many gets at one moment, that of snapshot or now: inside the epoch, and results are valid as long
 * as that, at most until lsm_many_release. */
PYKV_NODISCARD pykv_status lsm_many_new(lsm *store, lsm_many **many_out);
PYKV_NODISCARD pykv_status lsm_many_get(lsm_many *self, const lsm_snapshot *snapshot, size_t count,
                                        const void *const *keys, const size_t *key_lengths,
                                        int32_t flags);
const uint8_t *const *lsm_many_values(const lsm_many *self);
const size_t *lsm_many_lengths(const lsm_many *self);
void lsm_many_release(lsm_many *self);
void lsm_many_free(lsm_many *self);

/* Writes. deadline_us 0: it does not expire. existed_out: whether the key was there, which costs a
 * lookup; with NULL there is none, and the delete of a missing key is written like any other. */
PYKV_NODISCARD pykv_status lsm_put(lsm *self, slice key, slice value, int32_t flags);
PYKV_NODISCARD pykv_status lsm_put_until(lsm *self, slice key, slice value, uint64_t deadline_us,
                                         int32_t flags);
PYKV_NODISCARD pykv_status lsm_delete(lsm *self, slice key, int32_t flags, int32_t *existed_out);
/* Removes the keys from start on and before stop (empty: to the last). Nothing if there is none. */
PYKV_NODISCARD pykv_status lsm_delete_range(lsm *self, slice start, slice stop, int32_t flags);
/* Applies operations (kind, key, value, deadline_us set) as one batch, and changes the array. */
PYKV_NODISCARD pykv_status lsm_write(lsm *self, record *operations, size_t count, int32_t flags);
/* expected NULL: absent; value NULL: delete. */
PYKV_NODISCARD pykv_status lsm_compare_and_set(lsm *self, slice key, const slice *expected,
                                               const slice *value, uint64_t deadline_us,
                                               int32_t flags, int32_t *swapped_out);
PYKV_NODISCARD pykv_status lsm_clear(lsm *self, int32_t flags);

/* A moment that is kept. Closing gives up what it holds, beside reads at it too, which give
 * PYKV_CLOSED from then on; so does the store's close. free closes, and is the last call. */
PYKV_NODISCARD pykv_status lsm_snapshot_new(lsm *store, lsm_snapshot **snapshot_out);
void lsm_snapshot_close(lsm *store, lsm_snapshot *self);
void lsm_snapshot_free(lsm *store, lsm_snapshot *self);

/* Rows at the moment of snapshot, or now where it is NULL, in the order of their keys. A failure is
 * final. range NULL: all. A scan does not need its snapshot any more. */
PYKV_NODISCARD pykv_status lsm_scan_open(lsm *store, const lsm_snapshot *snapshot,
                                         const pykv_range *range, lsm_scan **scan_out);
PYKV_NODISCARD pykv_status lsm_scan_next(lsm_scan *self, size_t chunk_bytes, pykv_rows *rows_out);
/* Adds up to rows_max rows, above 0, to the caller's two arrays, behind *rows_done; fewer, and some
 * if there is any, where that takes long. A row that has no room is the last and is given in
 * *row_left_out, valid until the next call; else that is empty. */
PYKV_NODISCARD pykv_status lsm_scan_next_arrays(lsm_scan *self, uint64_t rows_max,
                                                pykv_items_room *keys, pykv_items_room *values,
                                                uint64_t *rows_done, pykv_rows *row_left_out);
/* Ends the scan, unless the store's close has done so, and frees it. */
void lsm_scan_free(lsm *store, lsm_scan *self);

/* A cursor over a range (NULL: all; its direction and limit do not matter), as a scan. Where a move
 * comes to no row it gives PYKV_NOT_FOUND and the cursor stands before the first or behind the
 * last. A failure is given again until it goes to a place. PYKV_NO_WAIT: only within the rows it
 * has. */
PYKV_NODISCARD pykv_status lsm_cursor_open(lsm *store, const lsm_snapshot *snapshot,
                                           const pykv_range *range, lsm_cursor **cursor_out);
PYKV_NODISCARD pykv_status lsm_cursor_move(lsm_cursor *self, int32_t move, slice key, int32_t flags,
                                           pykv_row *row_out);
void lsm_cursor_free(lsm *store, lsm_cursor *self);

/* A row that a cursor would find from nowhere, copied; PYKV_NOT_FOUND. */
PYKV_NODISCARD pykv_status lsm_near(lsm *self, const lsm_snapshot *snapshot, int32_t move,
                                    slice key, pykv_row *row_out);

/* The operations in the logs, as pykv_changes_open says; log/change_feeds.h reads on. */
PYKV_NODISCARD pykv_status lsm_changes_open(lsm *store, const pykv_position *since, int32_t flags,
                                            change_feed **changes_out);
void lsm_changes_free(lsm *store, change_feed *self);
PYKV_NODISCARD pykv_status lsm_pin_history(lsm *self, const pykv_pin *pin);
PYKV_NODISCARD pykv_status lsm_unpin_history(lsm *self, const char *name);
void lsm_list_pins(lsm *self, pykv_pin *pins_out, size_t capacity, size_t *count_out);

/* Counts the keys of a range (NULL: all) by walking over them. */
PYKV_NODISCARD pykv_status lsm_count(lsm *self, const lsm_snapshot *snapshot,
                                     const pykv_range *range, uint64_t *count_out);

/* A guess at the bytes that a range takes (NULL: all), without reading it. */
PYKV_NODISCARD pykv_status lsm_approximate_size(lsm *self, const pykv_range *range,
                                                uint64_t *bytes_out);

/* Makes everything durable; writes the memtables to tables. */
PYKV_NODISCARD pykv_status lsm_sync(lsm *self);
PYKV_NODISCARD pykv_status lsm_flush(lsm *self);
/* Brings the tables with keys in range, or everything, down to the last level, without what nobody
 * can see. */
PYKV_NODISCARD pykv_status lsm_compact_range(lsm *self, const pykv_range *range,
                                             pykv_progress *progress);
PYKV_NODISCARD pykv_status lsm_compact(lsm *self, pykv_progress *progress);
/* Tables that ingest_writer made become part of the store, all or none; moves: they lose the names
 * they came with (lsm/ingest.h). */
PYKV_NODISCARD pykv_status lsm_ingest(lsm *self, const char *const *paths, size_t count,
                                      bool moves);
PYKV_NODISCARD pykv_status lsm_resume(lsm *self);
void lsm_stats(lsm *self, pykv_stats *out);
int32_t lsm_state(lsm *self);
PYKV_NODISCARD pykv_status lsm_verify(lsm *self, pykv_progress *progress, pykv_report *report_out);
PYKV_NODISCARD pykv_status lsm_checkpoint(lsm *self, const char *path);
/* Lends the thread until the store closes. */
PYKV_NODISCARD pykv_status lsm_maintain(lsm *self, int32_t role);
PYKV_NODISCARD pykv_status lsm_maintain_step(lsm *self, int32_t role, int32_t *more_out);

PYKV_NODISCARD pykv_status lsm_repair(env *environment, const char *path, pykv_report *report_out);
PYKV_NODISCARD pykv_status lsm_destroy(env *environment, const char *path);

#endif
