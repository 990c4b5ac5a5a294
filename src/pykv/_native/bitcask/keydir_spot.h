/*
 * keydir_spot: where a key stands in the directory, or will stand: one walk that serves a write
 * from its preparation to its publishing.
 *
 * A spot is made by a walk to the first candidate of a hash; if there is none it notes the first
 * slot without an entry on the way. It holds as long as the directory says that nothing came
 * between; after that its slot still serves until its bucket is laid out anew: the bucket counts
 * that, and what happened to the slot itself shows in the slot.
 *
 * Thread-safety: spots are made without a lock, as lookups are; everything else is the writer's.
 */
#ifndef PYKV_BITCASK_KEYDIR_SPOT_H
#define PYKV_BITCASK_KEYDIR_SPOT_H

#include "bitcask/keydir.h"

/* In place of the address of a candidate. */
#define KEYDIR_NO_CANDIDATE UINT64_MAX

typedef struct keydir_spot {
    uint64_t address;       /* of the candidate, or KEYDIR_NO_CANDIDATE */
    _Atomic uint64_t *slot; /* of the candidate; else one without an entry, NULL: none was seen */
    /* private */
    const keydir *owner; /* NULL: the walk could not be made */
    struct keydir_bucket *bucket;
    uint64_t insert_count;
    uint32_t version; /* of the directory */
    uint16_t layout_count;
} keydir_spot;

/* A spot that nothing is known of. */
static inline void keydir_spot_reset(keydir_spot *self)
{
    self->owner = NULL;
    self->address = KEYDIR_NO_CANDIDATE;
}

/* Walks to the first candidate of hash. Without the writer's lock, or before keydir_image_ready of
 * this hash, the walk may not be possible: the spot then never holds. */
void keydir_spot_find(const keydir *self, uint64_t hash, keydir_spot *out);

/* The spot of what a cursor stands on. */
void keydir_spot_of(const keydir_cursor *cursor, keydir_spot *out);

/* ---- writer ---- */

/* True if a walk made now would find the same: the candidate in its slot, or none. Never inside a
 * change. */
PYKV_NODISCARD bool keydir_spot_holds(const keydir *self, const keydir_spot *spot);

/* True if the slot of a spot that held under this lock still leads to the candidate; there must
 * have been one. */
PYKV_NODISCARD bool keydir_spot_leads(const keydir *self, const keydir_spot *spot);

/* As keydir_replace and keydir_remove. Require keydir_spot_leads. */
void keydir_replace_at(keydir *self, const keydir_spot *spot, uint64_t hash, uint64_t address);
void keydir_remove_at(keydir *self, const keydir_spot *spot);

/* As keydir_insert, for a key that had no candidate when the spot was made and has no slot now.
 * False, nothing changed, if the spot does not serve any more: use keydir_insert. */
bool keydir_insert_at(keydir *self, const keydir_spot *spot, uint64_t hash, uint64_t address);

/* True if keydir_prepare for the bucket of the spot would change nothing. */
PYKV_NODISCARD bool keydir_is_prepared(const keydir *self, const keydir_spot *spot);

#endif
