/*
 * handle: what pykv_store is, and how every call enters and leaves it.
 *
 * A call first compares the fork stamp, then counts itself in, then looks whether the store is
 * closing: close waits for all that came in before (base/gate.h). What reads counts in the
 * readers' epoch, so what it finds stays; other short calls count where the engine wants them; long
 * ones apart from readers.
 */
#ifndef PYKV_API_HANDLE_H
#define PYKV_API_HANDLE_H

#include <stdatomic.h>

#include "api/engine.h"
#include "api/life.h"
#include "base/error.h"
#include "base/gate.h"
#include "base/invariant.h"
#include "base/mutex.h"
#include "base/process.h"

/* Stamps that no process has, of handles to a namespace: that one was closed, that the namespace is
 * being dropped, or was. */
#define STAMP_CLOSED   UINT64_C(0)
#define STAMP_DROPPING UINT64_MAX
#define STAMP_DROPPED  (UINT64_MAX - 1)

struct pykv_store {
    _Atomic uint64_t stamp; /* of the process that opened it; else, of a namespace, one of those
                               above */
    uint64_t broken_count;  /* invariants broken in this process before it was opened */
    gate *gate;             /* of engine */
    epoch *calls;           /* of gate: which of its counts short calls enter that do not read */
    const engine_ops *ops;
    void *engine;
    engine_life *life;        /* of engine; NULL: a namespace, whose root has it */
    pykv_store *root;         /* the store of a namespace; NULL: it is no namespace */
    bool is_reader;           /* it was opened read-only */
    uint64_t batch_bytes_max; /* the option of a root; 0: the default */
    uint32_t space_id;        /* of the namespace */
    pykv_store *next;         /* namespace of root; guarded by its names_lock */

    mutex names_lock; /* of who makes and drops namespaces */
    pykv_store *namespaces GUARDED_BY(names_lock);

    /* Threads that close take turns. */
    mutex closer_lock;
    condition closer_left;
    bool closer_inside GUARDED_BY(closer_lock);

    size_t name_length; /* of the namespace, constant */
    char name[];
};

/* The reason why a call may not go on, recorded as the last error. */
pykv_status handle_refuse(const pykv_store *store);

static inline bool handle_is_usable(const pykv_store *store)
{
    uint64_t stamp = atomic_load_explicit(&store->stamp, memory_order_relaxed);
    return PYKV_LIKELY((stamp == process_stamp() || PYKV_PLANTED(181)) &&
                       store->broken_count == invariant_broken_count());
}

/* The store that a handle is of. */
static inline pykv_store *handle_root(pykv_store *store)
{
    return store->root != NULL ? store->root : store;
}

/* Enters a call that reads. On PYKV_OK handle_leave_reader(token) must follow. */
static inline pykv_status handle_enter_reader(pykv_store *store, epoch_token *token_out)
{
    *token_out = 0;
    if (PYKV_UNLIKELY(!handle_is_usable(store) ||
                      !gate_enter(store->gate, &store->gate->readers, token_out))) {
        return handle_refuse(store);
    }
    return PYKV_OK;
}

static inline void handle_leave_reader(pykv_store *store, epoch_token token)
{
    epoch_leave(&store->gate->readers, token);
}

/* Enters another short call. On PYKV_OK handle_leave(token) must follow. */
static inline pykv_status handle_enter(pykv_store *store, epoch_token *token_out)
{
    *token_out = 0;
    if (PYKV_UNLIKELY(!handle_is_usable(store) ||
                      !gate_enter(store->gate, store->calls, token_out))) {
        return handle_refuse(store);
    }
    return PYKV_OK;
}

static inline void handle_leave(pykv_store *store, epoch_token token)
{
    epoch_leave(store->calls, token);
}

/* Enters a long call. On PYKV_OK handle_leave_long must follow. */
pykv_status handle_enter_long(pykv_store *store, epoch_token *token_out);
void handle_leave_long(pykv_store *store, epoch_token token);

/* Closes and frees a namespace. */
void names_close(pykv_store *self);
void names_free(pykv_store *self);

/* Moves root on as pykv_refresh says, inside a long call; *moved_out, false before: whether it
 * shows another state now. */
pykv_status handle_refresh(pykv_store *root, uint64_t *sequence_out, bool *moved_out);

/* Closes the namespaces of a store that are not there any more, after what it shows has changed.
 * Where that cannot be read they stay, without rows. */
void names_close_dropped(pykv_store *root);

/* PYKV_KEY_TOO_LARGE or PYKV_VALUE_TOO_LARGE with what to do. */
pykv_status handle_refuse_sizes(size_t key_length, size_t value_length);

static inline pykv_status handle_check_sizes(size_t key_length, size_t value_length)
{
    if (PYKV_UNLIKELY(key_length > PYKV_KEY_BYTES_MAX || value_length > PYKV_VALUE_BYTES_MAX)) {
        return handle_refuse_sizes(key_length, value_length);
    }
    return PYKV_OK;
}

#endif
