/*
 * manifest: the list of a Bitcask's segments and the state of the store, one file replaced whole.
 *
 *   offset size  field
 *        0    8  magic           "PYKVMAN\n"
 *        8    4  format_version  1
 *       12    1  engine          PYKV_ENGINE_BITCASK
 *       13    1  clean           1: closed cleanly, and the last segment may be continued
 *       14    2  zero
 *       16    8  store_id        random
 *       24    8  edit            number of this manifest, rises by one
 *       32    8  merge_edit      edit of the last removal of segments
 *       40    8  epoch           rises with each unclean recovery
 *       48   16  hash_seed       low u64, high u64: the secret of the key hash
 *       64    8  next_number     of the next segment
 *       72    8  last_sequence   all sequences up to it are in the listed segments (0: none)
 *       80    8  durable_through log position known durable
 *       88    8  wall_high_us    highest wall clock seen
 *       96    8  segment_count
 *      104    8  sealed_sequence last sequence of the sealed append segments, merged ones included
 *      112    8  clear_sequence  everything below it is gone; its record is durable
 *      120    8  history_count
 *      128    8  epoch_count
 *      136    8  pin_count       at most HISTORY_PINS_MAX
 *      144    8  deadlines_count
 *      152  100  zero
 *      252    4  header_crc      crc32c of bytes 0..252
 *      256       segment_count entries of 64 bytes:
 *                  number u32, kind u8, sealed u8, tombstone_share u16, file_id u64,
 *                  birth_sequence u64, last_sequence u64, length u64, first_sequence u64,
 *                  deadline_max u64, expiring_granules u32,
 *                  entry_crc u32 (bytes 0..60 of the entry, seeded with header_crc)
 *                history_count entries of the same form: append segments that merges replaced
 *                epoch_count entries (bitcask/past_epochs.h)
 *                pin_count entries (log/manifest_pins.h)
 *                deadlines_count entries (bitcask/manifest_deadlines.h)
 *
 * An un-sealed entry has length 0 unless clean; then the entry with the highest number may be
 * appended to at length. Replaced by writing MANIFEST.tmp, syncing it, renaming and syncing the
 * directory (docs/decisions/0005). A manifest that gives room back is written into the blocks of
 * MANIFEST.spare.tmp instead, which are kept for it: a full disk has none. Documented in
 * docs/format/manifest.md.
 */
#ifndef PYKV_BITCASK_MANIFEST_H
#define PYKV_BITCASK_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/deadline_buckets.h"
#include "bitcask/past_epochs.h"
#include "env/env.h"
#include "log/manifest_file.h"
#include "log/manifest_pins.h"

enum {
    MANIFEST_FORMAT_VERSION = MANIFEST_HEAD_VERSION,
    MANIFEST_HEADER_BYTES = MANIFEST_HEAD_BYTES,
    MANIFEST_ENTRY_BYTES = 64,
    MANIFEST_SEGMENTS_MAX = 8 * 1024 * 1024, /* history included, and likewise epochs */
};

typedef struct manifest_segment {
    uint32_t number;
    uint8_t kind; /* LOG_SEGMENT_* */
    bool sealed;
    uint64_t file_id;
    uint64_t birth_sequence;
    uint64_t first_sequence;    /* smallest in it; 0 if not sealed or empty */
    uint64_t last_sequence;     /* largest in it; 0 likewise */
    uint64_t length;            /* sealed: bytes of file; clean: bytes of the last segment */
    uint64_t deadline_max_us;   /* of its puts that have a deadline, current or not; 0: none has */
    uint64_t expiring_bytes;    /* of them, a multiple of 8 */
    deadline_buckets deadlines; /* of these bytes; of history none */
    uint16_t tombstone_share;   /* segment_tombstone_share; of history 0 */
} manifest_segment;

typedef struct manifest {
    bool clean;
    uint64_t store_id;
    uint64_t edit;
    uint64_t merge_edit;
    uint64_t epoch;
    uint64_t hash_seed_low;
    uint64_t hash_seed_high;
    uint64_t next_number;
    uint64_t last_sequence;
    uint64_t durable_through;
    uint64_t wall_high_us;
    uint64_t sealed_sequence;
    uint64_t clear_sequence;
    uint64_t segment_count;
    manifest_segment *segments; /* owned, as what follows: manifest_reset frees it */
    uint64_t history_count;
    manifest_segment *history; /* replaced by merges, and kept for who reads changes */
    past_epochs epochs;
    history_pins pins;
} manifest;

/* Reads MANIFEST. PYKV_NOT_FOUND if there is none, PYKV_CORRUPTION, PYKV_FORMAT (a newer version or
 * another engine), PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status manifest_read(env_directory *directory, manifest *out);

/* Replaces MANIFEST durably by self. On failure the old one is still in force. */
PYKV_NODISCARD pykv_status manifest_replace(env_directory *directory, const manifest *self);

/* The same behind all names of the directory, which are durable first. */
PYKV_NODISCARD pykv_status manifest_place(env_directory *directory, const manifest *self);

/* Keeps blocks for a manifest of up to segment_count segments, history included, and other_bytes of
 * what stands behind them, until it is written or let go. What was kept before counts, and stays on
 * failure. PYKV_NO_SPACE, PYKV_IO_FAILED. */
PYKV_NODISCARD pykv_status manifest_reserve(env_directory *directory, uint64_t segment_count,
                                            uint64_t other_bytes);

/* As manifest_replace, in the blocks that are kept. None are kept then, whatever comes of it. */
PYKV_NODISCARD pykv_status manifest_replace_reserved(env_directory *directory,
                                                     const manifest *self);

/* Gives back the blocks that are kept. */
void manifest_release(env_directory *directory);

void manifest_reset(manifest *self);

#endif
