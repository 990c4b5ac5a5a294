/*
 * keydir_moment: the sequence lock of the key directory: what readers that take no lock see
 * together.
 */
#ifndef PYKV_BITCASK_KEYDIR_MOMENT_H
#define PYKV_BITCASK_KEYDIR_MOMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/annotate.h"
#include "base/invariant.h"
#include "bitcask/keydir_layout.h"

/* A number that changes with every change of several slots; odd while one is running. */
static inline uint32_t keydir_moment(const keydir *self)
{
    return atomic_load_explicit(&self->version, memory_order_acquire);
}

/* True if no such change began since keydir_moment gave this number: what was looked up since, if
 * it was even, holds, all of it together.
 *
 * The loads of the walk come before the load of the version: an acquire fence between them, which
 * pairs with the writer's release fence. If the walk saw a store of a later change, this load sees
 * that change's odd version, or a later one. */
PYKV_NODISCARD static inline bool keydir_is_moment(const keydir *self, uint32_t moment)
{
#ifdef KEYDIR_THREAD_SANITIZER
    keydir *owner = (keydir *)(uintptr_t)self;
    return atomic_fetch_add_explicit(&owner->version, 0, memory_order_acq_rel) == moment;
#else
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&self->version, memory_order_relaxed) == moment;
#endif
}

/* For the holder of the store's writer lock: begins a change of several slots that is one for
 * readers. Changes nest.
 *
 * The version becomes odd before any change of the writer can be seen: a release fence stands
 * between the two. The thread sanitizer knows no fences; there a read-modify-write with both orders
 * takes its place. */
static inline void keydir_change_begin(keydir *self)
{
    if (self->change_depth++ != 0) {
        return;
    }
#ifdef KEYDIR_THREAD_SANITIZER
    atomic_fetch_add_explicit(&self->version, 1, memory_order_acq_rel);
#else
    uint32_t version = atomic_load_explicit(&self->version, memory_order_relaxed);
    atomic_store_explicit(&self->version, version + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
#endif
}

/* Ends the innermost one. */
static inline void keydir_change_end(keydir *self)
{
    PYKV_ASSERT(self->change_depth > 0);
    if (--self->change_depth == 0) {
        uint32_t version = atomic_load_explicit(&self->version, memory_order_relaxed);
        atomic_store_explicit(&self->version, version + 1, memory_order_release);
    }
}

#endif
