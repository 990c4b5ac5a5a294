/*
 * reclaim: two lists, what the epoch's ticket covers and what came after it.
 *
 * Sources: epoch-based reclamation (Fraser, Practical lock-freedom, 2004).
 */
#include "base/reclaim.h"

#include <stddef.h>

#include "base/invariant.h"

void reclaimer_init(reclaimer *self, epoch *readers) SINGLE_THREADED
{
    self->readers = readers;
    mutex_init(&self->lock);
    self->fresh = NULL;
    self->aging = NULL;
    self->ticket_taken = false;
}

void reclaimer_destroy(reclaimer *self) SINGLE_THREADED
{
    PYKV_ASSERT(self->fresh == NULL && self->aging == NULL);
    mutex_destroy(&self->lock);
}

void reclaimer_retire(reclaimer *self, reclaim_item *item, void (*free)(reclaim_item *item))
{
    item->free = free;
    mutex_lock(&self->lock);
    item->next = self->fresh;
    self->fresh = item;
    mutex_unlock(&self->lock);
}

/* Takes the items that the ticket covers, if it has passed; else NULL. */
static reclaim_item *take_passed(reclaimer *self) REQUIRES(self->lock)
{
    if (!self->ticket_taken) {
        self->aging = self->fresh;
        self->fresh = NULL;
        if (self->aging == NULL) {
            return NULL;
        }
        epoch_begin(self->readers, &self->ticket);
        self->ticket_taken = true;
    }
    if (!epoch_passed(self->readers, &self->ticket)) {
        return NULL;
    }
    reclaim_item *passed = self->aging;
    self->aging = NULL;
    self->ticket_taken = false;
    return passed;
}

static void free_all(reclaim_item *item)
{
    while (item != NULL) {
        reclaim_item *next = item->next;
        item->free(item);
        item = next;
    }
}

bool reclaimer_sweep(reclaimer *self)
{
    for (;;) {
        mutex_lock(&self->lock);
        reclaim_item *passed = take_passed(self);
        bool waits = self->ticket_taken;
        mutex_unlock(&self->lock);
        if (passed == NULL) {
            return waits;
        }
        free_all(passed);
    }
}
