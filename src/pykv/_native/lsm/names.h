/*
 * names: the rows of a store's names (log/name_book.h), and which ids are in use.
 *
 * A row stands as lsm/key_space.h says. A drop deletes the keys by a range delete, so it takes the
 * same time however many there are, and what it hides is dropped by compactions.
 *
 * The ids in use are in memory as soon as somebody asks for a namespace, so that writes can be
 * refused behind a drop.
 *
 * Thread-safe. Callers are counted in, and not inside the epoch.
 */
#ifndef PYKV_LSM_NAMES_H
#define PYKV_LSM_NAMES_H

#include "base/id_table.h"
#include "log/name_book.h"
#include "lsm/key_space.h"
#include "lsm/lsm.h"

/* In flags of a write: an operation may be on a key of a namespace; its range delete drops one. */
enum { LSM_NAMED = 1 << 17, LSM_DROPS = 1 << 18 };

typedef struct lsm_names {
    name_book book;
    id_table ids; /* in use, rows of nothing else; guarded by the store's writer lock */
} lsm_names;

void lsm_names_init(lsm *store);
void lsm_names_destroy(lsm_names *self);

/* Finds, makes and drops namespaces. */
name_book *lsm_name_book(lsm *store);

/* A scan whose keys are the names, in their order. */
PYKV_NODISCARD pykv_status lsm_names_scan(lsm *store, lsm_scan **scan_out);

/* The rows of the names have changed by themselves: they are read again when they are asked for. */
void lsm_names_forget(lsm *store);

/* Removes every key of the default namespace, as lsm_clear, but leaves the others. */
PYKV_NODISCARD pykv_status lsm_names_clear(lsm *store, int32_t flags);

/* PYKV_CLOSED if an operation is on a key of a namespace that is not there any more. The caller
 * holds the writer lock. */
PYKV_NODISCARD pykv_status lsm_names_check(lsm *store, const record *operations, size_t count);

/* The write of a drop was appended: what comes behind it is refused. The caller holds the writer
 * lock. */
void lsm_names_leave(lsm *store, const record *operations, size_t count);

#endif
