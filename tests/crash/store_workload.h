/*
 * store_workload: a seeded stream of operations on a store, and what its user knows of it.
 *
 * The history keeps the whole state after every commit, so a recovered store is right iff its
 * content equals the state after some commit between the last one that was acknowledged as durable
 * and the last one that was tried. Values follow from a number, so they are checked without a copy.
 */
#ifndef PYKV_TESTS_STORE_WORKLOAD_H
#define PYKV_TESTS_STORE_WORKLOAD_H

#include "api/engine.h"
#include "base/pins.h"
#include "env/env_memory.h"

enum {
    WORKLOAD_KEY_COUNT = 24, /* of the default namespace */
    WORKLOAD_SPACE_COUNT = 2,
    WORKLOAD_SPACE_KEYS = 5, /* of each other one */
    WORKLOAD_ROW_COUNT = WORKLOAD_KEY_COUNT + WORKLOAD_SPACE_COUNT * WORKLOAD_SPACE_KEYS,
    WORKLOAD_COMMITS_MAX = 512,
    WORKLOAD_BATCH_MAX = 6,
    WORKLOAD_COPIES_MAX = 3,
    WORKLOAD_VIEWS_MAX = 4,
    WORKLOAD_SNAPSHOTS_MAX = 2,
    WORKLOAD_FILE_MAX = 1 << 20
};

#define WORKLOAD_PATH "/store"

typedef struct store_plan {
    const engine_ops *engine;
    uint64_t seed;
    size_t step_count;
    int32_t log_sink;   /* PYKV_LOG_PWRITE or PYKV_LOG_MAPPED */
    int32_t durability; /* PYKV_DURABILITY_OS or PYKV_DURABILITY_SYNC */
    bool clears;        /* clear() is among the steps */
    bool padding;       /* each sync pads the log to a sector */
    bool makes_names;   /* namespaces are made; without them a clear is a record of its own */
    bool keeps_history; /* all of it, for the change feed */
    bool pins;          /* history behind a pin is kept */
    bool has_reader;    /* another store reads the files beside, and is refreshed now and then */
    env *clock;         /* the simulated disk behind a wrapper; NULL: the disk itself */
} store_plan;

/* Number of the value of each row, 0: absent, and its deadline, 0: none. The rows of namespaces
 * stand behind those of the default one. */
typedef struct key_values {
    uint32_t values[WORKLOAD_ROW_COUNT];
    uint64_t deadlines[WORKLOAD_ROW_COUNT];
    uint32_t ids[WORKLOAD_SPACE_COUNT]; /* of the namespaces; 0: there is no such one */
    uint32_t last_id;                   /* the highest that was ever given */
} key_values;

/* A checkpoint of the state after a commit. */
typedef struct store_copy {
    size_t commit;
    bool made; /* the call returned */
    bool used; /* it was written to: nobody knows what it holds */
} store_copy;

/* A pin. */
typedef struct store_pin {
    uint64_t sequence; /* 0: none */
    size_t commit;     /* whose state there was; SIZE_MAX: it is not known, or no more */
} store_pin;

/* What the user knows; it outlives the crash. */
typedef struct store_history {
    key_values states[WORKLOAD_COMMITS_MAX + 2]; /* [n]: after commit n; [0] is empty */
    size_t tried;                                /* commits begun; the last may have failed */
    size_t finished;                             /* commits acknowledged */
    size_t durable; /* commits acknowledged as durable, or known so by a later sync or close */
    uint32_t last_value;
    store_pin pin_tried; /* the last one that was asked for */
    store_pin pin_held;  /* and the last one that was set */
    store_copy copies[WORKLOAD_COPIES_MAX];
    size_t copy_count;
} store_history;

/* A view of a value that had this number, 0: none. */
typedef struct store_view {
    held_value held;
    uint32_t number;
} store_view;

/* A snapshot and what it must show; NULL: none. */
typedef struct store_kept {
    void *snapshot;
    void *named;  /* a handle of its namespace; NULL: the default one */
    size_t space; /* that namespace */
    key_values expected;
} store_kept;

typedef struct store_driver {
    const store_plan *plan;
    env *disk;
    void *store;                       /* NULL: closed or failed to open */
    void *reader;                      /* of the same files; NULL: none yet */
    size_t reader_commit;              /* whose state it showed last */
    void *named[WORKLOAD_SPACE_COUNT]; /* handles of namespaces, NULL: none yet */
    uint32_t named_ids[WORKLOAD_SPACE_COUNT];
    store_history *history;
    uint64_t chance;
    uint64_t view_chance;
    store_view views[WORKLOAD_VIEWS_MAX];
    store_kept kept[WORKLOAD_SNAPSHOTS_MAX];
    size_t clear_commit; /* the last commit that is a clear: it may be seen before its sync */
} store_driver;

/* Whether a plan, but for keeps_history made, keeps its history: half of them do. */
bool workload_keeps_history(const store_plan *plan, uint64_t *chance);

/* What of a state is there at this moment of the disk's clock. */
key_values driver_alive(const store_driver *self, const key_values *state);

/* Opens the store; its history goes on. */
PYKV_NODISCARD pykv_status driver_open(store_driver *self, env *disk, const store_plan *plan,
                                       store_history *history);
/* One operation of the stream: a write, sync, flush, maintenance, compaction, scan, or reopening.
 */
PYKV_NODISCARD pykv_status driver_step(store_driver *self);
/* Closes cleanly; everything acknowledged is durable then. */
PYKV_NODISCARD pykv_status driver_close(store_driver *self);
/* Frees the store as the death of the process would: nothing more is written. */
void driver_drop(store_driver *self);

/* Reads the whole store by get, get_many, contains, scan and count. NULL if its content is that of
 * a state from `from` to `to` of the history (which goes to *commit_out), else what is wrong
 * (static). */
const char *driver_check(const store_driver *self, size_t from, size_t to, size_t *commit_out);

/* Reads every checkpoint of the history, and removes it. NULL if those that were made are what they
 * were made of, and the others that too or no store, else what is wrong (static). */
const char *workload_check_copies(env *disk, const store_plan *plan, store_history *history);

/* Forgets the commits behind commit: the store went on from there. */
void history_cut(store_history *self, size_t commit);

#endif
