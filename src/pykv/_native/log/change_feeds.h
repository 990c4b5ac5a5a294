/*
 * change_feeds: the change feeds of a store and the pins of its history: the operations in its
 * log, in order, as long as the files are there.
 *
 * A feed looks up, with the writer lock, how far it may read and in which file, and reads files of
 * its own. One that waits sleeps on `moved`, with the writer lock, and is woken when a sync has
 * ended, or a write became visible, and by close. Where the log stands its owner says
 * (feed_source).
 *
 * Thread-safety: a feed is used by one thread at a time; closing it beside the store's close is
 * safe. Invariant: a feed is in the list iff its feeds are set.
 */
#ifndef PYKV_LOG_CHANGE_FEEDS_H
#define PYKV_LOG_CHANGE_FEEDS_H

#include "base/gate.h"
#include "base/mutex.h"
#include "env/env.h"
#include "log/log_feed.h"
#include "log/manifest_pins.h"

typedef struct change_feed change_feed;

/* The owner's log; the first six are called with its writer lock. */
typedef struct feed_source {
    /* The last sequence that may be given: of what is synced, or, unsynced, of what is visible. */
    uint64_t (*limit)(void *owner, bool unsynced);
    /* The first sequence that is kept or to come, and the last that was given to a write. */
    uint64_t (*floor)(void *owner);
    uint64_t (*last)(void *owner);
    /* The epoch of the record of sequence, which is not below the floor by more than one, or of
     * what is written next; false: it is not known any more. */
    bool (*epoch_at)(void *owner, uint64_t sequence, uint64_t *epoch_out);
    /* The file with the record of sequence; false: none has it. */
    bool (*find)(void *owner, uint64_t sequence, log_feed_place *place_out);
    /* The time that deadlines of pins are compared with. */
    uint64_t (*now)(void *owner);
    /* PYKV_OK if pins may be set. */
    pykv_status (*check)(void *owner);
    /* Makes the pins durable, as they are, and lets go of what nothing wants any more. */
    pykv_status (*save)(void *owner);
    /* Whether a file that is missing, or another one, is damage: the manifest in force lists it. */
    bool (*is_listed)(void *owner, const log_segment_header *header);
    /* Turns changes as the log has them into those that users know, in place, and returns how many
     * are left. NULL: they are the same. */
    size_t (*rewrite)(pykv_change *changes, size_t count);
    /* True for the first change of a batch that rewrite takes together with the next. */
    bool (*needs_next)(const pykv_change *change);
} feed_source;

typedef struct change_feeds {
    /* Constant after opening. */
    const feed_source *source;
    void *owner;
    mutex *writer; /* the owner's */
    gate *gate;
    env *environment;
    env_directory *home; /* set before the first feed */

    /* Guarded by writer. */
    change_feed *first; /* a list */
    uint32_t waiting_count;
    condition moved; /* more may be read, or the gate was shut */
    history_pins pins;
} change_feeds;

/* What wants files kept that nobody else needs: those with sequences above this one, as long as
 * they and the later ones of that kind have at most bytes_max bytes. */
typedef struct history_keeper {
    uint64_t sequence;
    uint64_t bytes_max;
} history_keeper;

enum { HISTORY_KEEPERS_MAX = HISTORY_PINS_MAX + 1 };

void change_feeds_init(change_feeds *self, const feed_source *source, void *owner, mutex *writer,
                       gate *calls, env *environment);
void change_feeds_destroy(change_feeds *self);

/* Wakes feeds that wait, after more may be read, or the gate was shut. Requires the writer lock, as
 * all up to change_feeds_keepers. */
static inline void change_feeds_wake(change_feeds *self)
{
    if (PYKV_UNLIKELY(self->waiting_count > 0)) {
        condition_broadcast(&self->moved);
    }
}

/* True if a feed is open, or a pin set. */
static inline bool change_feeds_want_history(const change_feeds *self)
{
    return self->first != NULL || self->pins.count > 0;
}

/* Fills what feeds, which keep feed_bytes (0: none), and pins want at the time now_us; returns how
 * many they are. */
size_t change_feeds_keepers(const change_feeds *self, uint64_t feed_bytes, uint64_t now_us,
                            history_keeper out[HISTORY_KEEPERS_MAX]);

/* Whether one of the keepers wants a file whose last sequence is this one and that has, with the
 * later ones of its kind, so many bytes. Pure. */
bool history_is_wanted(const history_keeper *keepers, size_t count, uint64_t last_sequence,
                       uint64_t bytes);

/* Ends every feed; before home is closed. What they gave last stays until they are freed. */
void change_feeds_end_all(change_feeds *self);

/* As pykv_changes_open_at, pykv_changes_next and pykv_changes_close. */
PYKV_NODISCARD pykv_status change_feed_open(change_feeds *feeds, const pykv_position *since,
                                            int32_t flags, change_feed **feed_out);
PYKV_NODISCARD pykv_status change_feed_next(change_feed *self, size_t chunk_bytes,
                                            int64_t timeout_us, const pykv_change **changes_out,
                                            size_t *count_out);
void change_feed_free(change_feeds *feeds, change_feed *self);

/* As pykv_pin_history, pykv_unpin_history and pykv_list_pins. A pin holds from when the call
 * returns: it is in a durable manifest then. */
PYKV_NODISCARD pykv_status change_feeds_pin(change_feeds *self, const pykv_pin *pin);
PYKV_NODISCARD pykv_status change_feeds_unpin(change_feeds *self, const char *name);
/* PYKV_READ_ONLY, for owners that write nothing. */
PYKV_NODISCARD pykv_status change_feeds_refuse_pin(const change_feeds *self);
void change_feeds_list_pins(change_feeds *self, pykv_pin *pins_out, size_t capacity,
                            size_t *count_out);

#endif
