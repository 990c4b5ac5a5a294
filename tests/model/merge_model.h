/*
 * merge_model: a Bitcask on a simulated disk beside a plain array that says what it must hold.
 *
 * The store has few keys and many tiny segments, so that a merge of any of them meets old values,
 * tombstones and clears of the same keys elsewhere. Every value holds the number of its write, so a
 * value tells by itself which write it is. The model keeps the state after every commit; scans
 * keep the state at which they were opened. In half of the histories rows expire, by a clock that
 * goes on between calls, and in a third merges pack values, at times.
 */
#ifndef PYKV_TESTS_MERGE_MODEL_H
#define PYKV_TESTS_MERGE_MODEL_H

#include "bitcask/bitcask.h"
#include "bitcask/moment.h"
#include "env/env_memory.h"

enum {
    MODEL_KEY_COUNT = 9,
    MODEL_COMMITS_MAX = 400,
    MODEL_BATCH_MAX = 5,
    MODEL_SCAN_COUNT = 3,
    MODEL_VALUE_BYTES = 1700,
    MODEL_VERIFY_ONE_IN = 16 /* comparisons that also verify every byte */
};

/* Number of the write that each key has its value from, 0: absent; and when that expires, 0: never.
 */
typedef struct model_state {
    uint32_t values[MODEL_KEY_COUNT];
    uint64_t deadlines[MODEL_KEY_COUNT];
} model_state;

/* An open scan, the state it must show, and what it has shown. */
typedef struct model_scan {
    store_moment *kept; /* a snapshot that the scan is of, and gets are made at; NULL: none */
    scan *rows;
    bool keys_only;
    model_state expected;
    model_state seen;
} model_scan;

typedef struct merge_model {
    uint64_t number; /* of the history, named by a failure */
    env *disk;
    bitcask *store; /* NULL: not open */
    pykv_options options;
    uint64_t chance;
    bool expires;                              /* some rows do */
    bool packs;                                /* some merges do */
    model_state states[MODEL_COMMITS_MAX + 1]; /* [n]: after commit n; [0] is empty */
    size_t tried;                              /* commits begun */
    size_t finished;                           /* commits acknowledged */
    size_t durable;                            /* commits acknowledged as durable */
    uint32_t last_number;
    model_scan scans[MODEL_SCAN_COUNT];
    uint64_t merged_count;  /* merges that came to their end */
    uint64_t several_count; /* of them with more than one output */
} merge_model;

/* Fails the case, naming the history. */
_Noreturn void model_fail(const merge_model *self, const char *what);
/* The next random number below bound. */
uint64_t model_roll(merge_model *self, uint64_t bound);

/* A fresh disk and an open store, with options by chance. */
void model_init(merge_model *self, uint64_t number, uint64_t seed);
void model_reset(merge_model *self);

/* One operation: a write, a sync, a step of a merge, a step of a scan, reopening after a clean
 * close, after a kill or after a power cut. After a reopening, and at times between, the whole
 * store is compared with the model. Fails the case if they differ. */
void model_step(merge_model *self);

/* Compares the store with the states from `from` to `to`; the model goes on from the one that it
 * holds. Fails the case if it holds none of them. */
void model_compare(merge_model *self, size_t from, size_t to);

/* Merging a random subset of what may be merged: begins a merge, if none is running, or makes a
 * step. */
pykv_status model_merge(merge_model *self);

/* Writes by chance: a put, delete, batch or clear. */
pykv_status model_write(merge_model *self);

/* Scans: opens, reads on, or ends one by chance. */
pykv_status model_scan_some(merge_model *self);
/* Reads a scan to its end, compares and frees it. */
pykv_status model_scan_finish(merge_model *self, model_scan *which);
/* Frees every scan, whatever it has shown. */
void model_scan_drop_all(merge_model *self);

/* What is left of a state now. */
model_state model_alive(const merge_model *self, const model_state *state);

/* Bytes of a key and of the value with that number; return the length. */
size_t model_key(uint32_t index, char out[16]);
size_t model_value(uint32_t number, uint8_t out[MODEL_VALUE_BYTES]);

#endif
