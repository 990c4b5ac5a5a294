/*
 * merge: copies the live records of sealed segments into a new one and lets the old files go.
 *
 * Phases, each of bounded steps:
 *   COPY    live records, and tombstones that something may still need, go to the output file
 *   COMMIT  the output is synced and its hint written; from now on manifests may list it
 *   SWING   the slots of its records are pointed to it, unless the key changed since
 *   REMOVE  the manifest with the output, without the inputs, is made durable; these are unlinked
 *
 * An output is no longer than output_bytes_max of the store, whatever its inputs come to: where the
 * next record does not fit, COMMIT and SWING of this output come first, then COPY goes on with
 * another.
 *
 * A merge that fails or is abandoned before its first COMMIT leaves nothing but an orphan file;
 * after COMMIT the records may stand twice, which replay does not mind (equal sequence, equal
 * record).
 *
 * A full disk. The only manifest that a merge needs is that of REMOVE, and the room for it is kept
 * since before the merge began: so a merge that copies nothing needs no room, and one that finds no
 * room to copy gives back what it wrote, but for outputs that were swung. The next pick then is
 * what fits the room that there was.
 *
 * Rules. (1) Inputs are sealed, synced and published. (2) birth_sequence of the output is the
 * store's published sequence when the merge began. (3) A tombstone is dropped only if every segment
 * outside the merge, the active one included, has birth_sequence above its sequence. (4) A clear
 * record is dropped when a durable manifest knows it. (5) Inputs leave the manifest all at once,
 * and only after all writes that displaced a record of theirs are durable: a power cut that takes
 * such a write back would otherwise find neither it nor what was there before.
 *
 * One merge at a time, driven by whoever calls merge_step with the merge lock.
 */
#ifndef PYKV_BITCASK_MERGE_H
#define PYKV_BITCASK_MERGE_H

#include "bitcask/store.h"

/* Begins a merge of inputs (pinned until it ends), once hints of theirs that are being written are
 * there. PYKV_NO_SPACE, PYKV_NO_MEMORY, PYKV_IO_FAILED. */
PYKV_NODISCARD pykv_status merge_begin(bitcask *store, segment *const *inputs, size_t input_count)
    REQUIRES(store->merge_lock) EXCLUDES(store->writer);

/* One bounded step of the running merge; more_out false: it is done and gone. A failure ends the
 * merge, with the store as it was. */
PYKV_NODISCARD pykv_status merge_step(bitcask *store, bool *more_out) REQUIRES(store->merge_lock)
    EXCLUDES(store->writer);

/* Ends a running merge without finishing it. */
void merge_abandon(bitcask *store);

/* Frees a running merge and leaves its files to the next open. For a store that is given up. */
void merge_forget(bitcask *store);

#endif
