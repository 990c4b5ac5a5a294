/*
 * store_object: an open store, or a snapshot of one, as the methods of StoreBase and SnapshotBase
 * see it.
 *
 * The fields are guarded by the interpreter lock. The store lives until owner is let go, which
 * happens when the object goes, after everything that was made from the store.
 *
 * How a method works (the rule of the interpreter lock):
 *  1. Arguments become pointers and lengths. Python code may run.
 *  2. The store is called. With the lock held only with PYKV_NO_WAIT; on PYKV_WOULD_BLOCK, for
 * large values and for many keys without it. No Python is called but what makes a bytes object.
 *  3. Nothing is pinned any more. Results become objects, or a status becomes an exception.
 * The lock is never awaited with anything pinned: what is found without it is copied out first.
 */
#ifndef PYKV_CPYTHON_STORE_OBJECT_H
#define PYKV_CPYTHON_STORE_OBJECT_H

#include <Python.h>
#include <stdbool.h>

#include "cpython/arguments.h"
#include "pykv.h"

typedef struct store_object {
    PyObject ob_base;
    pykv_store *store;       /* NULL before _bind */
    pykv_snapshot *snapshot; /* NULL: reads see now */
    PyObject *owner;         /* keeps both; NULL before _bind; not shown to the collector */
    size_t batch_bytes_max;
    pykv_many *spare_many;   /* for the next get_many, or NULL */
    size_t bytes_a_key_hint; /* of what the last large get_many found */
} store_object;

/* Raises AttributeError: nothing was bound. */
pykv_store *store_object_unbound(void);

/* Py_tp_traverse and Py_tp_dealloc. */
int store_object_traverse(PyObject *op, visitproc visit, void *arg);
void store_object_dealloc(PyObject *op);

/* The bytes of a value, at first. */
enum { BYTES_A_KEY_GUESS = 128 };

/* The store, or NULL with an exception. */
static inline pykv_store *store_object_bound(const store_object *self)
{
    return FAST_LIKELY(self->store != NULL) ? self->store : store_object_unbound();
}

/* As pykv_get. */
static inline pykv_status store_object_get(const store_object *self, const bytes_view *key,
                                           int32_t flags, pykv_pinned *pinned_out)
{
    if (FAST_LIKELY(self->snapshot == NULL)) {
        return pykv_get(self->store, key->data, key->length, flags, pinned_out);
    }
    return pykv_get_at(self->snapshot, key->data, key->length, flags, pinned_out);
}

#endif
