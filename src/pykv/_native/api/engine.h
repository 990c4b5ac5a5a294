/*
 * engine: what api/ asks of a storage engine: a table of functions, in api/engine_NAME.c each.
 *
 * The functions take the engine's own handles as void pointers. Who calls them holds the gate:
 * open, close, free, repair and destroy as said there; calls are counted into engine_ops.gate as
 * said at the groups below. Keys and values are within their limits. Statuses, results and flags
 * are those that pykv.h tells of the function of the same name.
 *
 * Thread-safety: any thread, but for close (one at a time), free (the last), and manys and scans.
 */
#ifndef PYKV_API_ENGINE_H
#define PYKV_API_ENGINE_H

#include "pykv.h"

#include "base/gate.h"
#include "base/pins.h"
#include "env/env.h"
#include "log/change_feeds.h"
#include "log/home.h"
#include "log/log_format.h"
#include "log/name_book.h"

typedef struct engine_ops {
    const home_engine *home; /* its number, and which files are its own */
    /* What write takes for one write is so large, and begins with a record, of which the caller
     * sets kind, key, value, deadline_us and namespace_id (0: none). */
    size_t operation_bytes;
    /* True: every call is inside the epoch gate.readers. False: only those that read are; the
     * others may then wait for the readers to leave. */
    bool calls_are_readers;

    /* Close shuts the gate, drains it, releases every file; closing again is PYKV_OK. */
    pykv_status (*open)(env *env, const char *path, const pykv_options *options, void **engine_out);
    pykv_status (*close)(void *engine, int64_t timeout_us);
    void (*free)(void *engine);
    /* Counts the calls. The same from open to free. */
    gate *(*gate)(void *engine);

    /* Inside gate.readers: what is found is valid until it is left, or for a get that sets
     * pinned_out->owned until that is freed with mem_free. */
    pykv_status (*get)(void *engine, slice key, int32_t flags, pykv_pinned *pinned_out);
    /* At the moment of a snapshot, but for get_at and snapshot_sequence NULL: now. What hold gives
     * must be released before free, and may be after close. */
    pykv_status (*contains)(void *engine, const void *at, slice key, int32_t flags);
    pykv_status (*expires_at)(void *engine, const void *at, slice key, int32_t flags,
                              uint64_t *deadline_us_out);
    pykv_status (*get_at)(void *engine, const void *snapshot, slice key, int32_t flags,
                          pykv_pinned *pinned_out);
    pykv_status (*snapshot_sequence)(void *engine, const void *snapshot, uint64_t *sequence_out);
    pykv_status (*hold)(void *engine, const void *at, slice key, int32_t flags, held_value *out);
    pykv_status (*many_get)(void *many, const void *snapshot, size_t count, const void *const *keys,
                            const size_t *key_lengths, int32_t flags);

    /* Inside gate.readers, or gate.others where calls_are_readers is false. deadline_us 0: it does
     * not expire. */
    uint64_t (*now)(void *engine);
    uint64_t (*deadline)(void *engine, uint64_t life_us);
    pykv_status (*put)(void *engine, slice key, slice value, uint64_t deadline_us, int32_t flags);
    pykv_status (*remove)(void *engine, slice key, int32_t flags, int32_t *existed_out);
    /* count 0: only what flags ask for. */
    pykv_status (*write)(void *engine, void *operations, size_t count, int32_t flags);
    /* expected NULL: absent; value NULL: delete. */
    pykv_status (*compare_and_set)(void *engine, slice key, const slice *expected,
                                   const slice *value, uint64_t deadline_us, int32_t flags,
                                   int32_t *swapped_out);
    pykv_status (*clear)(void *engine, int32_t flags);
    /* stop empty: to the last key. NULL: no order, and write gets no RECORD_RANGE_DELETE. */
    pykv_status (*delete_range)(void *engine, slice start, slice stop, int32_t flags);
    /* snapshot NULL: now; range NULL: all. */
    pykv_status (*count)(void *engine, const void *snapshot, const pykv_range *range,
                         uint64_t *count_out);
    pykv_status (*scan_open)(void *engine, const void *snapshot, const pykv_range *range,
                             void **scan_out);
    pykv_status (*cursor_open)(void *engine, const void *snapshot, const pykv_range *range,
                               void **cursor_out);
    pykv_status (*cursor_move)(void *cursor, int32_t move, slice key, int32_t flags, pykv_row *out);
    pykv_status (*near)(void *engine, const void *snapshot, int32_t move, slice key, pykv_row *out);
    pykv_status (*approximate_size)(void *engine, const pykv_range *range, uint64_t *bytes_out);
    pykv_status (*snapshot_new)(void *engine, void **snapshot_out);
    pykv_status (*scan_next)(void *scan, size_t chunk_bytes, pykv_rows *rows_out);
    /* As scan_next_arrays of a Bitcask. */
    pykv_status (*scan_next_arrays)(void *scan, uint64_t rows_max, pykv_items_room *keys,
                                    pykv_items_room *values, uint64_t *rows_done, pykv_rows *out);
    /* NULL: there is no feed, and no row that goes with it. change_feed_next is for gate.others. */
    pykv_status (*changes_open)(void *engine, const pykv_position *since, int32_t flags,
                                change_feed **feed_out);
    pykv_status (*sync)(void *engine);
    pykv_status (*flush)(void *engine);
    pykv_status (*resume)(void *engine);
    void (*stats)(void *engine, pykv_stats *out);
    int32_t (*state)(void *engine);

    /* Inside gate.others. */
    pykv_status (*compact)(void *engine, const pykv_range *range, pykv_progress *progress);
    pykv_status (*verify)(void *engine, pykv_progress *progress, pykv_report *report_out);
    pykv_status (*checkpoint)(void *engine, const char *path);
    /* NULL: the engine has no tables. */
    pykv_status (*ingest)(void *engine, const char *const *paths, size_t count, bool moves);
    pykv_status (*maintain_step)(void *engine, int32_t role, int32_t *more_out);
    pykv_status (*refresh)(void *engine, uint64_t *sequence_out, bool *moved_out);
    pykv_status (*pin_history)(void *engine, const pykv_pin *pin);
    pykv_status (*unpin_history)(void *engine, const char *name);
    pykv_status (*list_pins)(void *engine, pykv_pin *pins_out, size_t capacity, size_t *count_out);

    /* Not counted. A many holds no results after many_new and many_release; scan_free and
     * cursor_free may come after close, and so may snapshot_close and snapshot_free, of which the
     * latter is the last call at a snapshot. */
    pykv_status (*maintain)(void *engine, int32_t role);
    pykv_status (*many_new)(void *engine, void **many_out);
    const uint8_t *const *(*many_values)(const void *many);
    const size_t *(*many_lengths)(const void *many);
    void (*many_release)(void *many);
    void (*many_free)(void *many);
    void (*scan_free)(void *engine, void *scan);
    void (*cursor_free)(void *engine, void *cursor);
    void (*changes_free)(void *engine, change_feed *feed);
    void (*snapshot_close)(void *engine, void *snapshot);
    void (*snapshot_free)(void *engine, void *snapshot);

    /* Namespaces. As writes, but for named_new and its free. Ids are not 0. names_scan gives a
     * scan of this table whose keys are the names. named_new gives an engine of the table named,
     * which has what is done to rows, compact and stats, and is inside the gate of its store; all
     * else there is NULL, as it is for the whole store, and free is all that ends it. */
    name_book *(*name_book)(void *engine);
    pykv_status (*names_scan)(void *engine, void **scan_out);
    pykv_status (*named_new)(void *engine, uint32_t id, void **named_out);
    const struct engine_ops *named;

    /* Of a closed database. */
    pykv_status (*repair)(env *env, const char *path, pykv_report *report_out);
    pykv_status (*destroy)(env *env, const char *path);
} engine_ops;

/* Those of namespaces: engine_ops.named. */
extern const engine_ops engine_bitcask, engine_bitcask_named, engine_lsm, engine_lsm_named;
PYKV_NODISCARD pykv_status engine_bitcask_named_new(void *engine, uint32_t id, void **named_out);
PYKV_NODISCARD pykv_status engine_lsm_named_new(void *engine, uint32_t id, void **named_out);

/* The engine of the database at path. Of an empty or absent directory it is wanted, or the default
 * where that is PYKV_ENGINE_ANY; another engine's database is left for wanted to refuse. Where the
 * manifest is damaged the names of files decide. PYKV_NOT_SUPPORTED: this library has no engine
 * wanted; PYKV_FORMAT: the directory is not ours; and what opening a directory may give. */
PYKV_NODISCARD pykv_status engine_choose(env *env, const char *path, int32_t wanted,
                                         const engine_ops **ops_out);

/* As pykv_detect. */
PYKV_NODISCARD pykv_status engine_detect(env *env, const char *path, int32_t *engine_out);

#endif
