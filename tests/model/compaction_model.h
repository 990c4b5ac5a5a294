/*
 * compaction_model: memtables and versions of an LSM store on a simulated disk, with flushes and
 * compactions in any order, beside a list of operations that says what every read must give.
 *
 * Few keys, tiny tables and many levels, so that every compaction meets other versions of its keys
 * elsewhere. Three compactions and a flush may be under way at once; each is picked by the picker
 * or is any legal one, goes on step by step, and is installed or given up. Visibility stands still
 * at times, as it does while writes wait for a sync. Views are pinned with the sequence at which
 * they were taken, as scans do, and are read until they are let go.
 */
#ifndef PYKV_TESTS_COMPACTION_MODEL_H
#define PYKV_TESTS_COMPACTION_MODEL_H

#include "base/epoch.h"
#include "lsm/compaction_pick.h"
#include "lsm/compaction_run.h"
#include "lsm/flush_run.h"
#include "lsm/job_fixture.h"
#include "lsm/memtable.h"

enum {
    HISTORY_KEY_COUNT = 20,
    HISTORY_OPERATIONS_MAX = 800,
    HISTORY_SEALED_MAX = 3,
    HISTORY_PIN_COUNT = 3,
    HISTORY_RUN_COUNT = 3,
    HISTORY_VALUE_BYTES = 64
};

/* One operation, with sequence index + 1. */
typedef struct history_operation {
    uint8_t key;
    bool deletes;
    uint64_t deadline_us; /* 0: none */
} history_operation;

/* What a reader holds: memtables, newest first, and the version below them. */
typedef struct history_view {
    memtable *tables[HISTORY_SEALED_MAX + 1];
    size_t table_count;
    version *of; /* NULL: the pin is free */
    uint64_t sequence;
} history_view;

/* A compaction under way. */
typedef struct history_run {
    compaction *run; /* NULL: free */
    compaction_plan plan;
} history_run;

typedef struct compaction_history {
    uint64_t number; /* named by a failure */
    uint64_t chance;
    job_fixture job;
    epoch entered;
    reclaimer readers;
    table_graveyard graveyard;
    memtable *tables[HISTORY_SEALED_MAX + 1]; /* newest first; [0] is written to */
    size_t table_count;
    version *of;
    history_operation operations[HISTORY_OPERATIONS_MAX];
    uint64_t sequence; /* of the last operation */
    uint64_t visible_sequence;
    bool stalled;    /* visibility stands still */
    bool has_lagged; /* visibility was once behind when a job was planned */
    uint64_t now_us;
    compaction_options options;
    uint64_t step_bytes_max; /* of a step of a job */
    flush_run *flush;
    history_run runs[HISTORY_RUN_COUNT];
    history_view pins[HISTORY_PIN_COUNT];
    uint64_t installed_count;
    uint64_t given_up_count;
    uint64_t moved_count;
} compaction_history;

/* Fails the case, naming the history. */
_Noreturn void history_fail(const compaction_history *self, const char *what);
/* The next random number below bound. */
uint64_t history_roll(compaction_history *self, uint64_t bound);

void history_init(compaction_history *self, uint64_t number, uint64_t seed);
/* Lets go of everything and checks that only the tables of the version are left on the disk. */
void history_reset(compaction_history *self);

/* One operation, or one step of a job. After whatever changes the version, all keys are read. */
void history_step(compaction_history *self);

/* Flushes and compacts until everything is in the last level, and checks what is left there. */
void history_settle(compaction_history *self);

/* ---- jobs ---- */

/* A job that is planned now. */
table_job history_job_of_now(compaction_history *self);
table_file *history_open_table(compaction_history *self, const manifest_table *facts);
/* Puts the version with change applied in the place of the one that is there, and reads all. */
void history_publish(compaction_history *self, const version_change *change);

compaction_options history_options_of_now(compaction_history *self,
                                          const compaction_plan *running[HISTORY_RUN_COUNT]);
/* Begins what the plan of a free run says; a trivial move is done at once. */
void history_begin_run(compaction_history *self, history_run *which,
                       const compaction_options *with);
/* Carries a run to its end, if it was begun. */
void history_end_run(compaction_history *self, history_run *which);
/* Frees a run, done or not. */
void history_drop_run(history_run *which);
/* Begins a compaction, goes on with one, or gives one up. */
void history_compact_some(compaction_history *self);

/* ---- checking ---- */

/* Bytes of a key, and of the value of an operation; return the length. */
size_t history_key(uint8_t index, char out[16]);
size_t history_value(uint64_t sequence, uint8_t out[HISTORY_VALUE_BYTES]);
uint64_t history_hash(slice key);

/* The view that a reader would take now, without references. */
history_view history_view_now(const compaction_history *self);
/* The operation that a reader at sequence must find for a key: its sequence, 0 if none is live. */
uint64_t history_expected(const compaction_history *self, uint8_t key, uint64_t sequence);
/* Reads every key through the newest view and all pins, and compares. */
void history_check_reads(compaction_history *self);
/* Checks the order of the versions of each key over all tables, and all facts. */
void history_check_structure(compaction_history *self);

#endif
