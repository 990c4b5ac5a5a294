/*
 * moment: what a scan or a snapshot keeps of the store as it was when it was opened.
 *
 * A moment pins the segments there were, up to the length they had, and the directory. A record is
 * shown iff it was current then: its slot leads to it still, or the undo table knows that it was
 * displaced since (docs/decisions/0003). Segments end at the length up to which they were shown
 * last, so that displacing what came after the newest moment leaves nothing behind. What displaced
 * records take is bounded by the option undo_bytes_max: beyond it the oldest moment is given up
 * (docs/decisions/0059).
 *
 * Thread-safety: opening, sharing and giving up lock the writer; lookups may run beside each other
 * and beside moment_give_up, inside the epoch gate.readers. Invariants: a moment is in the store's
 * list iff it is not given up; what it pinned is freed when the readers of that time have left.
 */
#ifndef PYKV_BITCASK_MOMENT_H
#define PYKV_BITCASK_MOMENT_H

#include "bitcask/find.h"
#include "bitcask/store.h"

/* A segment as it was then. Slots that a merge points to its output later are shown from where they
 * stood, so of an output only what was swung then is looked at. */
typedef struct pinned_segment {
    segment *source;
    uint64_t length;
    bool all_current; /* every record in it was: nobody needs to ask the directory */
} pinned_segment;

typedef enum moment_kind { MOMENT_SCAN, MOMENT_SNAPSHOT } moment_kind;

typedef struct store_moment {
    /* Constant from opening to moment_free. */
    moment_kind kind;
    bitcask *store;
    directory *keys;
    uint64_t generation;
    uint64_t visible_sequence;
    uint64_t clear_sequence;
    uint64_t now_us;        /* what has a deadline up to it is not shown */
    uint64_t row_count;     /* with those that expired */
    pinned_segment *pinned; /* by rising address */
    size_t pinned_count;

    _Atomic pykv_status ended; /* why, once it is given up; set under the writer lock */
    struct store_moment *next; /* in the store's list; under the writer lock */
} store_moment;

/* The moment of now, into self, which stays where it is until moment_free. What the store reports,
 * PYKV_NO_MEMORY, PYKV_CORRUPTION of a directory image. On failure self holds nothing. */
PYKV_NODISCARD pykv_status moment_open(bitcask *store, moment_kind kind, store_moment *self);

/* The same of another namespace. */
PYKV_NODISCARD pykv_status moment_open_in(bitcask *store, space *within, moment_kind kind,
                                          store_moment *self);

/* The moment of now for a scan. Where there are few rows among much else, addresses gets those of
 * their records, rising: that is what the moment shows, but for deadlines. PYKV_NO_MEMORY too. */
PYKV_NODISCARD pykv_status moment_open_for_scan(bitcask *store, space *within, store_moment *self,
                                                buffer *addresses, bool *listed_out);

/* The same moment again for a scan, into self. What moment_check gives, PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status moment_share(const store_moment *from, store_moment *self);

/* Lets go of what it pins; again: nothing. Readers inside the epoch may be at it. */
void moment_give_up(store_moment *self);

/* Gives it up and frees its memory. Nobody may be at it. */
void moment_free(store_moment *self);

/* Gives every moment of the store up. No call may be running. */
void moment_give_up_all(bitcask *store);

/* Whether an open moment may show what a slot of the directory leads to, so that it has to be known
 * when the slot leaves it. */
bool moment_may_show(const bitcask *store, const directory *keys, uint64_t address)
    REQUIRES(store->writer);

/* Makes room for count slots of a directory that leave what a moment may show, so that
 * bitcask_displace cannot fail: within undo_bytes_max, for which moments end. Room that was made in
 * other directories may go with them: moments.outgrown_count tells. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status moment_make_room(bitcask *store, directory *keys, uint64_t count)
    REQUIRES(store->writer);

/* PYKV_CLOSED if the moment is given up, PYKV_SNAPSHOT_GONE if for memory. */
PYKV_NODISCARD pykv_status moment_check(const store_moment *self);

/* The pinned segment of address, NULL if its record came after the moment. */
const pinned_segment *moment_pinned_at(const store_moment *self, uint64_t address);

/* Whether a record, not counting its sequence and deadline, was current: the caller found it at
 * address, in the part of a segment that is pinned. So if the moment has not ended behind it. */
PYKV_NODISCARD pykv_status moment_shows(const store_moment *self, uint64_t hash, uint64_t address,
                                        bool *shows_out);

/* Whether the moment sees a record of such a sequence and deadline, if it was current. */
static inline bool moment_sees(const store_moment *self, const record *found)
{
    bool is_of_it = found->namespace_id == self->keys->space_id &&
                    found->sequence <= self->visible_sequence &&
                    found->sequence > self->clear_sequence;
    if (PYKV_LIKELY(found->deadline_us == 0) || found->deadline_us > self->now_us || !is_of_it) {
        return is_of_it;
    }
    store_clock_tell(&self->store->clock, found->deadline_us);
    return false;
}

/* The record of key at the moment, checked whole, and where it stands. READ_HOT: out borrows from
 * a mapping, valid inside the epoch, and PYKV_WOULD_BLOCK when that will not do; READ_COLD: from
 * scratch. PYKV_NOT_FOUND, PYKV_CORRUPTION, PYKV_IO, what moment_check gives. The caller is in the
 * epoch. */
PYKV_NODISCARD pykv_status moment_find(const store_moment *self, uint64_t hash, slice key,
                                       read_mode mode, buffer *scratch, uint64_t *address_out,
                                       record *out);

/* Whether there is a record of key at the moment, whose body is not checked, and its deadline:
 * PYKV_OK or what moment_find gives. */
PYKV_NODISCARD pykv_status moment_find_key(const store_moment *self, uint64_t hash, slice key,
                                           read_mode mode, buffer *scratch,
                                           uint64_t *deadline_us_out);

/* The same as moment_find by READ_HOT, with the segment that holds the record. */
PYKV_NODISCARD pykv_status moment_find_mapped(const store_moment *self, uint64_t hash, slice key,
                                              record *out, segment **holder_out);

#endif
