/*
 * store_workload_parts: what the files of the workload share: keys and values by number, the steps
 * that have files of their own, and looks at what they lead to.
 */
#ifndef PYKV_TESTS_STORE_WORKLOAD_PARTS_H
#define PYKV_TESTS_STORE_WORKLOAD_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "store_workload.h"

enum { WORKLOAD_KEY_BYTES = 40, WORKLOAD_VALUE_BYTES = 20100 };

/* Numbers with this bit have values of 8,000 to 20,000 bytes. */
#define WORKLOAD_LARGE (UINT32_C(1) << 30)

/* The calls for some rows: those of the default namespace, or of one of the others. */
typedef struct store_door {
    const engine_ops *ops;
    void *engine;
    uint32_t first; /* row */
    uint32_t count;
} store_door;

/* The namespace of a row, WORKLOAD_SPACE_COUNT: the default one. */
size_t workload_space(uint32_t row);
/* The first row of a namespace. */
uint32_t workload_first_row(size_t space);
/* A row of a namespace that is there, or of the default one. */
uint32_t workload_choose_row(store_driver *self);
/* The name of a namespace. */
slice workload_name(size_t space);

/* Opens the namespaces that are there, and closes those that are not; closes them all. */
PYKV_NODISCARD pykv_status workload_open_names(store_driver *self);
void workload_close_names(store_driver *self);
/* The door to a row; its namespace is open. */
store_door workload_door(const store_driver *self, uint32_t row);

/* Reads which namespaces there are. NULL, or what is wrong (static). */
const char *workload_read_names(const store_driver *self, key_values *out);

/* Flags of a write; whether a write with them is durable when it returns. */
int32_t workload_choose_flags(store_driver *self);
bool workload_is_durable(const store_driver *self, int32_t flags);

/* Bytes of the key of row index and of value number; return the length. */
size_t workload_key(uint32_t index, char out[WORKLOAD_KEY_BYTES]);
size_t workload_value(uint32_t number, uint8_t out[WORKLOAD_VALUE_BYTES]);
size_t workload_value_length(uint32_t number);

/* Options of the store of a plan. */
pykv_options workload_options(const store_plan *plan);

/* The state to be, of a commit that begins; what came of it; a number no value had before; a
 * deadline, 0: none. */
key_values *workload_begin_commit(store_history *history);
void workload_end_commit(store_driver *self, pykv_status status, bool durable);
uint32_t workload_next_number(store_driver *self);
uint64_t workload_choose_deadline(store_driver *self);

/* Makes a view of some value in place of another one, whose bytes must be those it was made with;
 * releases all of them, which comes before the store is freed, and checks that too. */
PYKV_NODISCARD pykv_status driver_view(store_driver *self);
void driver_release_views(store_driver *self);

/* At times makes a snapshot, or reads one to its end, and at times gives it up; gives up all of
 * them, before the store is freed. */
PYKV_NODISCARD pykv_status driver_snapshot(store_driver *self);
void driver_release_snapshots(store_driver *self);

/* Reads the change feed from a sequence on, at which there was the state after commit begin. NULL
 * if it leads to the state after commit, else what is wrong (static). */
const char *driver_check_feed(const store_driver *self, uint64_t since, size_t begin,
                              size_t commit);

/* Pins history at the last write; NULL if the pin is one that may be there, and what it wants leads
 * to the state after commit, else what is wrong (static). */
PYKV_NODISCARD pykv_status driver_pin(store_driver *self);
const char *driver_check_pin(const store_driver *self, size_t commit);

/* Makes a checkpoint, and looks at it: it may be read, or written, beside its source. */
PYKV_NODISCARD pykv_status driver_copy(store_driver *self);

/* Makes or drops a namespace, or writes behind a drop. Of an engine that has them. */
PYKV_NODISCARD pykv_status driver_change_names(store_driver *self);

/* Writes tables with values of some keys, and ingests them. Of an engine that has that. */
PYKV_NODISCARD pykv_status driver_ingest(store_driver *self);

/* Opens the reader, or refreshes it, and reads all it shows. */
PYKV_NODISCARD pykv_status driver_refresh(store_driver *self);
void driver_drop_reader(store_driver *self);

/* What driver_check returns when a read failed, as during a power cut. */
extern const char workload_unreadable[];

#endif
