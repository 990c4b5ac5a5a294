/*
 * reclaim: what was unlinked is freed once no reader can still hold it.
 *
 * One reclaimer serves everything that a store's readers reach without a lock: readers enter the
 * epoch that it borrows, whoever unlinks an object retires it, and anyone may sweep. An object that
 * is counted by references too drops the reference of its owner when it is freed here.
 *
 * Thread-safe. The lock is a leaf: nothing is called while it is held.
 *
 * Invariant: an item is freed once, and not before every reader that was inside when it was
 * retired has left.
 */
#ifndef PYKV_BASE_RECLAIM_H
#define PYKV_BASE_RECLAIM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/annotate.h"
#include "base/epoch.h"
#include "base/mutex.h"

/* A part of what is retired. It belongs to the reclaimer from then on. */
typedef struct reclaim_item {
    struct reclaim_item *next;
    void (*free)(struct reclaim_item *item);
} reclaim_item;

typedef struct reclaimer {
    epoch *readers; /* entered and left by readers directly */
    mutex lock;
    reclaim_item *fresh GUARDED_BY(lock);  /* retired since the ticket was taken */
    reclaim_item *aging GUARDED_BY(lock);  /* what the ticket covers */
    reclaim_item *passed GUARDED_BY(lock); /* what no reader can hold any more */
    epoch_ticket ticket GUARDED_BY(lock);
    bool ticket_taken GUARDED_BY(lock);
} reclaimer;

/* The epoch is borrowed until reclaimer_destroy; no one else may take tickets of it meanwhile. */
void reclaimer_init(reclaimer *self, epoch *readers);

/* Requires that nothing waits: sweep after the last reader has left. */
void reclaimer_destroy(reclaimer *self);

/* Hands over an item that no new reader can find. free is called once, on a thread that sweeps, and
 * without a lock of the reclaimer. */
void reclaimer_retire(reclaimer *self, reclaim_item *item, void (*free)(reclaim_item *item));

/* Frees what no reader can hold any more. True if something still waits. Never blocks for readers;
 * with none inside everything is freed. A reader may call it: what it may hold stays. */
bool reclaimer_sweep(reclaimer *self);

/* Frees at most count_max items that no reader can hold any more: for who has no time for all. */
void reclaimer_sweep_some(reclaimer *self, size_t count_max);

#endif
