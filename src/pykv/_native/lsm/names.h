/*
 * names: the namespaces of a store: their names, and which ids are those of one.
 *
 * A name is a row (lsm/key_space.h), written like any other: it is as durable as the writes around
 * it, and what undoes it after a crash undoes every write to the namespace. A create is one batch
 * of the highest id ever given and the name. A drop is one batch of a delete of the name and a
 * range delete of the keys, so it takes the same time however many there are, and what it hides is
 * dropped by compactions. Ids are never given again.
 *
 * The ids in use are in memory as soon as somebody asks for a namespace, so that writes can be
 * refused behind a drop.
 *
 * Thread-safe. Callers are counted in, and not inside the epoch.
 */
#ifndef PYKV_LSM_NAMES_H
#define PYKV_LSM_NAMES_H

#include "base/mutex.h"
#include "lsm/key_space.h"
#include "lsm/lsm.h"

/* In flags of a write: an operation may be on a key of a namespace. */
enum { LSM_NAMED = 1 << 17 };

typedef struct lsm_names {
    mutex lock; /* of who makes or drops one, taken before the store's locks */
    bool is_loaded GUARDED_BY(lock);
    uint32_t last_id GUARDED_BY(lock); /* 0: there never was one */
    /* Rising; guarded by the store's writer lock. */
    uint32_t *ids;
    size_t count;
    size_t capacity;
} lsm_names;

void lsm_names_init(lsm_names *self);
void lsm_names_destroy(lsm_names *self);

/* The id of a namespace. PYKV_NOT_FOUND; PYKV_CORRUPTION. */
PYKV_NODISCARD pykv_status lsm_names_find(lsm *store, slice name, uint32_t *id_out);

/* The same, and makes it where there is none. What a write gives; PYKV_NOT_SUPPORTED: all ids were
 * given. */
PYKV_NODISCARD pykv_status lsm_names_make(lsm *store, slice name, int32_t flags, uint32_t *id_out);

/* Removes a namespace and all its keys; its id goes to id_out. PYKV_NOT_FOUND; what a write gives,
 * with nothing changed. */
PYKV_NODISCARD pykv_status lsm_names_drop(lsm *store, slice name, int32_t flags, uint32_t *id_out);

/* A scan whose keys are the names, in their order. */
PYKV_NODISCARD pykv_status lsm_names_scan(lsm *store, lsm_scan **scan_out);

/* True if there ever was a namespace; false too where that cannot be read. */
bool lsm_names_exist(lsm *store);

/* Removes every key of the default namespace, as lsm_clear, but leaves the others. */
PYKV_NODISCARD pykv_status lsm_names_clear(lsm *store, int32_t flags);

/* PYKV_CLOSED if an operation is on a key of a namespace that is not there any more. The caller
 * holds the writer lock. */
PYKV_NODISCARD pykv_status lsm_names_check(lsm *store, const record *operations, size_t count);

#endif
