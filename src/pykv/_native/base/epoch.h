/*
 * epoch: tells a writer when every reader that might still see an unlinked object has left.
 *
 * A reader counts itself into one of 32 cache lines, under the phase (0 or 1) it saw; the token it
 * gets says where to count itself out, so any number of threads is served and nesting is allowed.
 * A writer unlinks an object, takes a ticket, and polls: the ticket is passed once both phases
 * were seen empty, in an order that new readers cannot prolong (the scheme of sleepable RCU).
 * Nothing ever blocks; no thread registers or unregisters.
 *
 * Invariants: (1) a reader that entered before epoch_begin is counted in one of the two phases
 * until it leaves; (2) a reader that enters after sees the object unlinked.
 */
#ifndef PYKV_BASE_EPOCH_H
#define PYKV_BASE_EPOCH_H

#include <stdbool.h>
#include <stdint.h>

enum { EPOCH_LINE_COUNT = 32 };

typedef struct epoch_line {
    _Alignas(64) _Atomic int64_t active[2];
} epoch_line;

typedef struct epoch {
    epoch_line lines[EPOCH_LINE_COUNT];
    _Alignas(64) _Atomic uint32_t phase;
} epoch;

typedef uint32_t epoch_token;

/* One wait for readers, owned by the caller. An epoch has one at a time, polled by one thread. */
typedef struct epoch_ticket {
    uint32_t step;
} epoch_ticket;

void epoch_init(epoch *self);

/* Enters; returns what epoch_leave needs. Wait-free. Thread-safe. */
epoch_token epoch_enter(epoch *self);

/* Leaves. The token is used once. Any thread may pass it. */
void epoch_leave(epoch *self, epoch_token token);

/* Starts a wait for all readers that are inside now. */
void epoch_begin(epoch *self, epoch_ticket *ticket_out);

/*
 * True once all of them have left; call again until it is. Tickets of one epoch are polled by one
 * thread at a time. A ticket may be given up: beginning another one starts over.
 */
bool epoch_passed(epoch *self, epoch_ticket *ticket);

/* Number of readers inside now; exact only when no reader can enter. */
int64_t epoch_reader_count(epoch *self);

#endif
