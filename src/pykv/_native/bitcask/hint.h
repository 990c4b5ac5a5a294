/*
 * hint: what the directory needs to know of a sealed segment, without its values.
 *
 *   offset size
 *        0    8  magic           "PYKVHNT\n"
 *        8    4  format_version  1, or 2: entries have a namespace
 *       12    4  segment number
 *       16    8  file_id         of the segment
 *       24    8  segment_length  bytes of the segment that it covers
 *       32    8  store_id
 *       40    8  entry_count
 *       48    4  entries_crc     crc32c of all entries
 *       52    8  zero
 *       60    4  header_crc      crc32c of bytes 0..60
 *       64       entries in segment order: hash u64, sequence u64, offset u32 (granules), kind and
 *                size u32 (RECORD_* in the high 4 bits, record granules in the low 28); in version
 * 2 also namespace u32. A hint is of version 2 only if it has an entry with one.
 *
 * Every put, delete and clear of the segment has an entry; batch members only of whole batches. A
 * hint is redundant: one that is missing, damaged or of another file is made again from the
 * segment. Documented in docs/format/hint.md. Thread-safety: none needed, files are written once.
 */
#ifndef PYKV_BITCASK_HINT_H
#define PYKV_BITCASK_HINT_H

#include "bitcask/segment.h"
#include "bitcask/store.h"

enum { HINT_HEADER_BYTES = 64, HINT_ENTRY_BYTES = 24, HINT_NAMED_ENTRY_BYTES = 28 };

enum { HINT_VERSION_PLAIN = 1, HINT_VERSION_NAMED = 2 };

typedef struct hint_entry {
    uint64_t hash;
    uint64_t sequence;
    uint64_t offset; /* bytes, from the start of the segment */
    uint64_t bytes;  /* of the record */
    uint32_t space_id;
    uint8_t kind;
} hint_entry;

/* Owned entries of one segment; free with hint_list_reset. */
typedef struct hint_list {
    hint_entry *entries;
    uint64_t count;
    uint64_t capacity;
    bool is_named; /* an entry has a namespace */
} hint_list;

void hint_list_reset(hint_list *self);
PYKV_NODISCARD pykv_status hint_list_add(hint_list *self, const hint_entry *entry);

/* Makes the entries of a segment by reading its records up to length, all of which must be valid.
 * PYKV_CORRUPTION names the place. */
PYKV_NODISCARD pykv_status hint_scan(const bitcask *store, const segment *source,
                                     hint_list *list_out);

/* False: the segment is so long that no hint is written for it, nor used. */
bool hint_reaches(const segment *source);

/* Reads the hint file of a segment: PYKV_NOT_FOUND if there is none, PYKV_CORRUPTION if it is of no
 * use. */
PYKV_NODISCARD pykv_status hint_read(const bitcask *store, const segment *source,
                                     hint_list *list_out);

/* Writes the hint file of a sealed and synced segment, whole under its name or not at all; the name
 * is durable after the next directory sync. PYKV_NOT_SUPPORTED: not of this one. */
PYKV_NODISCARD pykv_status hint_write(const bitcask *store, const segment *source,
                                      const hint_list *list);

#endif
