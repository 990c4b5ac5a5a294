/*
 * env_memory_disk: the state of the simulated disk. Private to env_memory*.c and their tests.
 *
 * A disk is a tree of nodes (files and directories) held twice: as it is now (the page cache) and
 * as it is durable (the device), with a journal of the changes that lie between the two.
 *
 * Invariants.
 *  1. A node lives while a table, a name change of the journal or a handle refers to it
 *     (references); its size counts against the capacity while a live table or a handle does
 *     (holders).
 *  2. Bytes of a file at or behind extent are zero, unless they were stored through a mapping;
 *     bytes of the device behind device_extent are zero.
 *  3. A byte that differs between cache and device lies in [dirty_low, dirty_high), in a lost page,
 *     or in a file with stored set.
 *  4. The device of a file, with its journalled changes applied in order, equals its cache, but for
 *     lost pages and for stores that env_mapping_written was not told of.
 * Functions on it: env_memory_power.h, _reference.h, _journal.h, _table.h, _node.h,
 * _directory.h, _copy.h.
 */
#ifndef PYKV_ENV_ENV_MEMORY_DISK_H
#define PYKV_ENV_ENV_MEMORY_DISK_H

#include "base/mutex.h"
#include "env/env_memory.h"
#include "env/env_memory_pool.h"
#include "env/env_ops.h"

enum { MEMORY_SECTOR_BYTES = 512, MEMORY_PAGE_BYTES = 4096 };

typedef struct memory_node memory_node;
typedef struct memory_disk memory_disk;

/* Names of a directory, in no order. live: its entries hold their nodes (invariant 1). */
typedef struct memory_table {
    struct memory_entry {
        char *name;
        memory_node *node;
    } *entries;
    size_t count;
    size_t capacity;
    bool live;
} memory_table;

struct memory_node {
    memory_node *next; /* in the disk's list of all nodes */
    memory_node *previous;
    memory_node *copy; /* in the disk that a crash or clone is building */
    uint64_t inode;
    uint64_t references;
    uint64_t holders;
    bool is_directory;
    /* directories */
    memory_table now;
    memory_table durable;
    bool removed;
    bool locked;
    /* files */
    uint8_t *bytes; /* the cache: a reservation of the pool */
    uint64_t size;
    uint64_t extent;
    uint64_t dirty_low;
    uint64_t dirty_high;
    uint64_t writable_mappings;
    bool stored;     /* a writable mapping existed since the last sync */
    bool direct;     /* a test may be changing bytes: cache and device are to be made equal */
    uint8_t *device; /* behind bytes, as long */
    uint64_t device_extent;
    uint64_t device_size;
    uint8_t *lost; /* behind device, a byte a page: 1 if clean in the cache though never written */
    bool has_lost;
    bool was_mapped; /* writable: what lies behind extent is not known to be zeros */
    bool was_direct; /* so it is not after a test had the bytes */
};

typedef enum memory_change_kind {
    MEMORY_WRITE = 1, /* bytes of node at offset */
    MEMORY_SIZE,      /* node cut or extended to offset */
    MEMORY_LINK,      /* name leads to node */
    MEMORY_UNLINK,    /* name leads to node no longer */
    MEMORY_RENAME     /* name no longer leads to node, to does */
} memory_change_kind;

typedef struct memory_change {
    memory_change_kind kind;
    memory_node *node;
    memory_node *directory; /* of the last three */
    uint64_t offset;
    uint8_t *bytes;
    size_t size;
    char *name;
    char *to;
} memory_change;

typedef struct memory_journal {
    memory_change *changes;
    size_t count;
    size_t capacity;
} memory_journal;

struct memory_disk {
    env head;                                                /* constant */
    uint64_t file_bytes_max;                                 /* constant */
    memory_pool *pool;                                       /* constant; has a lock of its own */
    void (*free_node)(memory_disk *disk, memory_node *node); /* constant; nothing refers to it */
    mutex lock;
    /* GUARDED_BY(lock): all below, and all nodes */
    uint64_t chance;
    uint64_t call_count;
    uint64_t power_off_at;
    bool off;
    uint64_t capacity_bytes;
    uint64_t held_bytes;
    uint64_t monotonic_us;
    uint64_t wall_us;
    bool accesses_wait;
    uint64_t disk_waits;
    uint64_t memory_room;
    uint64_t asked_count; /* by env_file_will_need */
    uint64_t asked_bytes;
    uint64_t let_go_count; /* of mappings, by env_mapping_let_go */
    uint64_t inode_last;
    memory_node *nodes;
    memory_node *root;
    memory_journal journal;
};

/* What the count says of a call that changes the disk. */
typedef enum memory_power {
    MEMORY_POWER_ON = 1,
    MEMORY_POWER_FAILING, /* do a part of it by chance, then return memory_power_failed */
    MEMORY_POWER_OFF      /* return memory_power_failed */
} memory_power;

typedef struct memory_directory {
    env_directory head;
    memory_node *node;
} memory_directory;

typedef struct memory_file {
    env_file head;
    memory_node *node;
    int flags; /* of env_file_open */
} memory_file;

static inline memory_disk *memory_disk_of(env *self)
{
    return (memory_disk *)self;
}

#endif
