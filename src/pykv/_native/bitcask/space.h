/*
 * space: a namespace of a store in memory: a directory of its own. The default one is there always,
 * the others are made as rows of theirs are found, or somebody asks for them.
 */
#ifndef PYKV_BITCASK_SPACE_H
#define PYKV_BITCASK_SPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/id_table.h"
#include "bitcask/directory.h"
#include "bitcask/segment.h"
#include "log/name_book.h"

typedef struct space {
    uint32_t id; /* constant */
    _Atomic(directory *) directory;
    /* Guarded by the store's writer lock. */
    bool in_use;            /* writes are taken: it has a name */
    bool is_listed;         /* the store finds it by its id */
    uint32_t holder_count;  /* handles; they and the list keep it in memory */
    directory *fresh;       /* that is built to take the place of directory, or NULL */
    size_t batch_inserts;   /* new keys of the batch that is being resolved, */
    size_t batch_displaced; /* and records of it that open moments may show */
} space;

typedef struct listed_space {
    uint32_t id;
    space *space;
} listed_space;

typedef struct spaces {
    space main;    /* the default namespace */
    id_table list; /* of listed_space, the others; guarded by the store's writer lock */
} spaces;

/* Counts a live record in at a segment, or out. Of a namespace but the default one the segment has
 * a share (live_shares_reserve). */
static inline void space_count_in(directory *keys, segment *holder, uint64_t bytes)
{
    holder->live_bytes += bytes;
    holder->live_count++;
    if (PYKV_UNLIKELY(keys->space_id != NAMESPACE_DEFAULT)) {
        keys->live_bytes += bytes;
        live_shares_add(&holder->shares, keys->space_id, bytes);
    }
}

static inline void space_count_out(directory *keys, segment *holder, uint64_t bytes)
{
    holder->live_bytes -= bytes;
    holder->live_count--;
    if (PYKV_UNLIKELY(keys->space_id != NAMESPACE_DEFAULT)) {
        keys->live_bytes -= bytes;
        live_shares_subtract(&holder->shares, keys->space_id, bytes);
    }
}

#endif
