/*
 * store_golden: a small store with a file of every kind, and what its user knows of it.
 *
 * Values tell their key and a number, so what a damaged store shows is known to be right, of an
 * earlier write, or never written. In an LSM store, and in a Bitcask that is to have them, some
 * keys are those of a namespace, and another namespace was dropped. A range delete of an LSM store
 * hides rows of its tables.
 */
#ifndef PYKV_TESTS_STORE_GOLDEN_H
#define PYKV_TESTS_STORE_GOLDEN_H

#include "api/engine.h"
#include "env/env_memory.h"

enum {
    GOLDEN_KEYS = 14,     /* key 0 is the empty one; the last one is never written */
    GOLDEN_NAMED_KEY = 9, /* where there is a namespace: from this one on they are in it */
    GOLDEN_TEXT_BYTES = 192,
    GOLDEN_COMMITS_MAX = 64,
    GOLDEN_FILES_MAX = 24,
    GOLDEN_FILE_BYTES_MAX = 80 << 20 /* a repair makes segments of 64 MiB */
};

#define GOLDEN_PATH    "/store"
#define GOLDEN_NAME    "side"
#define GOLDEN_DROPPED "gone"

/* Number of the value of each key after a commit; 0: absent. */
typedef struct golden_state {
    uint32_t values[GOLDEN_KEYS];
} golden_state;

typedef struct golden_file {
    char path[64];
    uint64_t size;
} golden_file;

typedef struct golden {
    const engine_ops *engine;
    env *disk;
    void *store;      /* NULL: closed or killed */
    void *named;      /* the namespace of an open one */
    uint32_t name_id; /* 0: there is no namespace */
    golden_state states[GOLDEN_COMMITS_MAX];
    size_t commit;  /* the last one; states[commit] is what the store holds */
    size_t durable; /* the last one that a record behind it says was synced */
    golden_file files[GOLDEN_FILES_MAX];
    size_t file_count;
} golden;

typedef enum golden_kind {
    GOLDEN_CLOSED = 1,
    GOLDEN_NAMED,         /* a Bitcask with namespaces, closed */
    GOLDEN_WITHOUT_IMAGE, /* a Bitcask, closed: the directory is to be made again from hints */
    GOLDEN_PACKED,        /* an LSM store, compressed, with a pin and history behind it, closed */
    GOLDEN_KILLED         /* with an end of the log that was not synced */
} golden_kind;

/* A Bitcask of merged, sealed and active segments with hints; an LSM store of tables in several
 * levels and value segments, and of logs if it is killed. */
void golden_make(golden *self, const engine_ops *engine, golden_kind kind);

/* The options that it was written with. */
pykv_options golden_options(const engine_ops *engine);
void golden_free(golden *self);

/* Whether key index is in the namespace. */
bool golden_is_named(const golden *self, uint32_t index);

/* Whether the range delete of an LSM store hides key index. */
bool golden_is_in_range(uint32_t index);

/* Bytes of key index; returns the length. */
size_t golden_key(uint32_t index, char out[GOLDEN_TEXT_BYTES]);
/* The number of a value of that key; 0: no such value was ever written. */
uint32_t golden_number(const golden *self, uint32_t index, slice value);
/* The key of that name, or GOLDEN_KEYS. */
uint32_t golden_index(slice key);

/* The file's record that holds the byte at offset: its key, GOLDEN_KEYS if there is none or if the
 * record is a clear. clear_out tells. */
uint32_t golden_key_at(const golden *self, const golden_file *file, uint64_t offset,
                       bool *clear_out);

#endif
