/*
 * directory: the keys of a namespace, and what open moments still need of their past. A clear, or
 * the rebuilding of a damaged one, replaces it as a whole; limbo.h takes the old one.
 */
#ifndef PYKV_BITCASK_DIRECTORY_H
#define PYKV_BITCASK_DIRECTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/annotate.h"
#include "bitcask/keydir.h"
#include "bitcask/undo.h"

typedef struct directory {
    uint32_t space_id; /* of the namespace; constant once readers can see it */
    keydir *keys;
    undo_table undo;
    /* Guarded by writer. */
    uint64_t live_bytes; /* of the records that it leads to; not kept of the default namespace */
    uint64_t clear_sequence; /* of the clear that made it, 0: none did */
    uint32_t pin_count;      /* moments */
    bool detached;           /* no longer the store's */
    struct directory *limbo_next;
} directory;

/* The directory in force. For readers, who are in the epoch. */
static inline directory *directory_now(const _Atomic(directory *) *current)
{
    return atomic_load_explicit(current, memory_order_acquire);
}

/* The same for the holder of the store's writer lock, who alone replaces it. */
static inline directory *directory_now_locked(const _Atomic(directory *) *current)
{
    return atomic_load_explicit(current, memory_order_relaxed);
}

/* An empty directory. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status directory_new(directory **directory_out);
/* NULL is ignored. */
void directory_free(directory *self);

#endif
