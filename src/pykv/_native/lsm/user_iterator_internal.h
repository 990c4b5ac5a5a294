/*
 * user_iterator_internal: what the files of the user iterator share. Private to user_iterator.c,
 * user_iterator_cross.c and user_iterator_walk.c.
 *
 * The iterator stands at a gap of the source's window: entries below at lie behind it, those from
 * at on lie ahead. Walks move at within the window and look at entries where they are; crossings
 * move the source. The source's own index means nothing in between.
 *
 * Invariants: (1) with STAND_WINDOW the source is valid and at <= its count; (2) last borrows from
 * the source's window, or is kept; (3) row borrows from the source's window, or is carried; (4) if
 * is_done, all operations on last's key that follow, in either direction, are to be skipped.
 */
#ifndef PYKV_LSM_USER_ITERATOR_INTERNAL_H
#define PYKV_LSM_USER_ITERATOR_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/annotate.h"
#include "base/buffer.h"
#include "base/coding.h"
#include "base/invariant.h"
#include "base/iterator.h"
#include "base/slice.h"
#include "log/log_format.h"
#include "lsm/key_space.h"
#include "lsm/user_iterator.h"
#include "lsm/value_pointer.h"

/* Steps over operations on one key before a seek takes the place of further ones. */
enum { USER_ITERATOR_REPEAT_MAX = 16 };

typedef enum user_stand {
    STAND_FIRST,  /* before all rows, or behind none but a carried one */
    STAND_LAST,   /* behind all rows */
    STAND_KEY,    /* before the key in kept */
    STAND_WINDOW, /* in the source's window */
    STAND_FAILED
} user_stand;

struct user_iterator {
    /* constant */
    iterator *source; /* owned */
    uint64_t snapshot_sequence;
    uint64_t now_us;
    store_clock *clock;
    const version *values_of;
    bool has_start;
    bool has_stop;
    buffer start;
    buffer stop;
    /* where it stands */
    user_stand stand;
    bool is_backward; /* the direction of the walk so far */
    bool is_done;
    uint32_t at;
    uint32_t edge;      /* of the window: where stop, or backward start, ends the walk */
    uint32_t opened_at; /* where at was when the window was opened or turned in */
    slice last;         /* key of the last entry that was passed; NO_KEY: of none that matters */
    uint64_t repeats;   /* entries with the same key before that one */
    uint64_t passed;    /* entries of former windows passed since a fill set it to 0 */
    const iterator_entry *row;
    /* copies */
    bool keys_only;
    buffer kept;  /* a key and a zero byte */
    buffer value; /* of carried */
    iterator_entry carried;
    buffer pointed; /* the record of a value in a segment */
    iterator_entry resolved;
    pykv_error failure; /* with STAND_FAILED */
};

/* Differs from every key. */
#define NO_KEY ((slice){NULL, SIZE_MAX})

/* What a crossing came to. */
typedef enum user_crossing {
    CROSSED, /* the walk goes on in the window, or with row if that was set */
    CROSSED_END,
    CROSSED_FAILED
} user_crossing;

static inline bool user_same_key(slice left, slice right)
{
    if (left.size != right.size || left.size < 8) {
        return slice_equal(left, right);
    }
    size_t tail = left.size - 8;
    return load_u64(left.data + tail) == load_u64(right.data + tail) &&
           (tail == 0 || memcmp(left.data, right.data, tail) == 0);
}

static inline bool user_is_visible(const user_iterator *self, const iterator_entry *entry)
{
    return entry->sequence <= self->snapshot_sequence;
}

/* True; tells the clock. */
bool user_tell_expired(const user_iterator *self, const iterator_entry *entry);

/* True if the newest visible operation on a key leaves no row. Kinds that are not known do leave
 * one, which is then refused. */
static inline bool user_is_absent(const user_iterator *self, const iterator_entry *entry)
{
    if (PYKV_LIKELY(kind_is_value(entry->kind))) {
        return entry->deadline_us != 0 && entry->deadline_us <= self->now_us &&
               user_tell_expired(self, entry);
    }
    return entry->kind == RECORD_DELETE;
}

/* ---- user_iterator_cross.c ---- */

/* Records the detail of status, which just happened on this thread, and stands in failure. */
pykv_status user_fail(user_iterator *self, pykv_status status);

/* Gives the failure it stands in once more. Requires STAND_FAILED. */
pykv_status user_failed(const user_iterator *self);

/* Makes ready for a walk in a direction, which begins by leaving the row. */
void user_turn(user_iterator *self, bool is_backward);

/* Puts a key into kept and makes it the last. PYKV_NO_MEMORY, not recorded. */
PYKV_NODISCARD pykv_status user_keep(user_iterator *self, slice key);

/* Stands at last's key, between it and the rows that follow in the direction of the walk.
 * PYKV_NO_MEMORY, not recorded. */
PYKV_NODISCARD pykv_status user_stand_beside_last(user_iterator *self);

/* Forward: to the window behind, when all entries below edge were passed. Backward: to the window
 * before, when all from edge on were passed, or all but the first, whose row the entry before it
 * decides: row is set if it is one. */
user_crossing user_cross_forward(user_iterator *self);
user_crossing user_cross_backward(user_iterator *self);

/* ---- user_iterator_value.c ---- */

/* The row of an entry that is no put: with the value it points to, which borrows from self until
 * the next call. PYKV_CORRUPTION of a kind that is not known; what reading gives. Failures are
 * recorded. */
PYKV_NODISCARD pykv_status user_resolve(user_iterator *self, const iterator_entry *entry,
                                        const iterator_entry **row_out);

/* ---- user_iterator_walk.c ---- */

/* To the next row in the direction that user_turn set. */
PYKV_NODISCARD pykv_status user_find(user_iterator *self);

#endif
