/*
 * keydir: the in-memory directory of a Bitcask: from a key's hash to the address of its record, in
 * about ten bytes a key. Keys are not in memory: a match here is a candidate, and the caller
 * compares the full key in the record.
 *
 *   slot (one atomic 64-bit word)   address:40 | tag:24
 *     address  record position in 8-byte granules of the store's address space (extent.h)
 *     tag      the low n bits are hash bits d .. d+n of the key, where d is the depth of its
 *              bucket; bit n is a marker, n from 10 to 23. Tag 0: empty (word 0) or deleted
 *              (word 1 << 24)
 *   unit     1 KiB: 16 lines of 8 slots, one cache line each, filled from their first slot
 *   bucket   1 to 14 units, chosen by linear hashing on the low bits of the hash; its lines form
 *            one ring in which a slot stands at or behind the line that the low bits of its tag
 *            give, its home line
 *
 * Growing takes no whole-table doubling: a bucket gains a unit when it is 7/8 full, and the next
 * bucket in turn splits when keys exceed KEYDIR_BUCKET_KEYS a bucket. A split uses up one tag bit
 * (n falls by one); the next overwrite of that key stores a full tag again. Half of all keys are
 * younger than the last doubling, so the average tag stays long (docs/decisions/0001).
 *
 * Sources: linear hashing (Litwin 1980), slots of tag and address as in FASTER (Chandramouli 2018).
 *
 * Thread-safety: readers run without a lock beside one writer. Slots are single atomic words;
 * moving slots (grow, split) and multi-key publishing happen inside keydir_change_begin/end, a
 * sequence lock: a reader that overlapped one repeats. Writers exclude each other (the store's
 * writer lock).
 * Invariants: (1) a key has at most one slot; (2) a slot is found from its home line without
 * passing a line whose last slot is empty; (3) live <= used <= capacity in every bucket.
 */
#ifndef PYKV_BITCASK_KEYDIR_H
#define PYKV_BITCASK_KEYDIR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "bitcask/keydir_word.h"

/* A walk over the candidates of one hash. Filled by keydir_find; borrowed by the calls below. */
typedef struct keydir_cursor {
    uint64_t address;       /* of the candidate that keydir_next gave */
    _Atomic uint64_t *slot; /* where it stands; for writers */
    /* private */
    const keydir *owner;
    struct keydir_bucket *bucket;
    _Atomic uint64_t *line_slots;
    uint32_t want;       /* hash bits that tags are compared with */
    uint32_t version;    /* of the directory when the walk began */
    uint32_t line;       /* current */
    uint32_t line_count; /* of the bucket */
    uint32_t lines_left; /* behind the current one */
    uint32_t matches;    /* slots of the current line still to give, a bit each */
} keydir_cursor;

/* ---- readers, no lock ---- */

/* Prefetches what a lookup of hash will touch: first the bucket, then (second call) its line. */
void keydir_prefetch_bucket(const keydir *self, uint64_t hash);
void keydir_prefetch_line(const keydir *self, uint64_t hash);
/* As keydir_prefetch_line, with the line behind: a walk for a key that has no slot goes on there
 * from a full line. */
void keydir_prefetch_lines(const keydir *self, uint64_t hash);

/* Starts a walk. False while a change is running, or before keydir_image_ready: try again, or take
 * the writer lock. */
PYKV_NODISCARD bool keydir_find(const keydir *self, uint64_t hash, keydir_cursor *cursor_out);

/* Steps to the next slot whose tag matches, sets address; false when there is none. */
bool keydir_next(keydir_cursor *cursor);

/* Steps to the slot that leads to address; false when there is none behind the cursor. */
bool keydir_next_to(keydir_cursor *cursor, uint64_t address);

/* True if no change began since keydir_find: what was found, or not found, holds. Call it after the
 * record was read. */
PYKV_NODISCARD bool keydir_still(const keydir_cursor *cursor);

/* Live keys. */
uint64_t keydir_count(const keydir *self);

/* Bytes of memory held. */
uint64_t keydir_bytes(const keydir *self);

/* ---- writer, under the store's writer lock ---- */

/* As keydir_find for the holder of the writer lock, who needs no keydir_still: a walk of what is
 * there now, also inside a change of his own. Requires keydir_image_ready of this hash. The cursor
 * is good until the next keydir_prepare. */
void keydir_find_locked(const keydir *self, uint64_t hash, keydir_cursor *cursor_out);

/* Adds a slot for a key that has none. Requires a keydir_prepare for this hash since the last
 * insert into its bucket; false if there is no room all the same. */
bool keydir_insert(keydir *self, uint64_t hash, uint64_t address);

/* Points the slot under cursor to address, with a full tag of hash. The cursor must come from a
 * walk made under the same hold of the lock. */
void keydir_replace(keydir *self, const keydir_cursor *cursor, uint64_t hash, uint64_t address);

/* Removes the slot under cursor. */
void keydir_remove(keydir *self, const keydir_cursor *cursor);

#endif
