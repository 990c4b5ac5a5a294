/*
 * reclaim: three lists, what came after the epoch's ticket, what that covers, and what has passed.
 *
 * Sources: epoch-based reclamation (Fraser, Practical lock-freedom, 2004).
 */
#include "base/reclaim.h"

#include <stdint.h>

#include "base/invariant.h"

void reclaimer_init(reclaimer *self, epoch *readers) SINGLE_THREADED
{
    self->readers = readers;
    mutex_init(&self->lock);
    self->fresh = NULL;
    self->aging = NULL;
    self->passed = NULL;
    self->ticket_taken = false;
}

void reclaimer_destroy(reclaimer *self) SINGLE_THREADED
{
    PYKV_ASSERT(self->fresh == NULL && self->aging == NULL && self->passed == NULL);
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

/* Where nothing has passed, that does next which the ticket covers, if its readers have left. */
static void pass(reclaimer *self) REQUIRES(self->lock)
{
    if (self->passed != NULL) {
        return;
    }
    if (!self->ticket_taken) {
        self->aging = self->fresh;
        self->fresh = NULL;
        if (self->aging == NULL) {
            return;
        }
        epoch_begin(self->readers, &self->ticket);
        self->ticket_taken = true;
    }
    if (epoch_passed(self->readers, &self->ticket)) {
        self->passed = self->aging;
        self->aging = NULL;
        self->ticket_taken = false;
    }
}

/* Takes at most count_max of the items that have passed. */
static reclaim_item *take_some(reclaimer *self, size_t count_max) REQUIRES(self->lock)
{
    reclaim_item *first = self->passed;
    reclaim_item **end = &self->passed;
    for (size_t count = 0; count < count_max && *end != NULL; count++) {
        end = &(*end)->next;
    }
    reclaim_item *rest = *end;
    *end = NULL;
    self->passed = rest;
    return rest == first ? NULL : first;
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
        pass(self);
        reclaim_item *all = self->passed;
        self->passed = NULL;
        bool waits = self->ticket_taken;
        mutex_unlock(&self->lock);
        if (all == NULL) {
            return waits;
        }
        free_all(all);
    }
}

void reclaimer_sweep_some(reclaimer *self, size_t count_max)
{
    mutex_lock(&self->lock);
    pass(self);
    reclaim_item *some = take_some(self, PYKV_PLANTED(346) ? SIZE_MAX : count_max);
    mutex_unlock(&self->lock);
    free_all(some);
}
