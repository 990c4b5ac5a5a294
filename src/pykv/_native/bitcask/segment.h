/*
 * segment: one log file of a Bitcask and what the store knows of it.
 *
 * Files are named %08x.log by number, hints %08x.hint. A segment is mapped read-only for its whole
 * capacity when the file system allows it; bytes up to length may be read, from the mapping or by
 * pread. After a page of the mapping could not be read all reads of the segment go by pread, which
 * gives the error.
 *
 * Thread-safety: fields are grouped by regime. Reading functions may run beside one appender.
 * Lifetime: pins counted under the store's writer lock; a removed segment stays open while a scan
 * pins it, and is closed after the readers' epoch. Views of values keep the mapping beyond that.
 */
#ifndef PYKV_BITCASK_SEGMENT_H
#define PYKV_BITCASK_SEGMENT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/buffer.h"
#include "base/deadline_buckets.h"
#include "bitcask/live_shares.h"
#include "bitcask/manifest.h"
#include "env/env.h"
#include "log/log_format.h"
#include "log/log_segment.h"

#define BITCASK_TEMPORARY_SUFFIX ".tmp" /* of a file that is not whole yet */

/* What is to be reaped of a segment is this part of it at least. */
enum { SEGMENT_NAME_BYTES = 16, SEGMENT_COLD_READ_BYTES = 4096, SEGMENT_REAP_SHARE = 4 };
typedef struct segment {
    /* Constant after opening. */
    uint32_t number;
    uint32_t seed;
    uint8_t kind; /* LOG_SEGMENT_* */
    uint64_t file_id;
    uint64_t birth_sequence;
    uint64_t address_base;  /* in granules; set once by the store before any reader sees it */
    uint64_t address_bytes; /* of its run of extents */
    env_file *file;
    env_mapping mapping;       /* base NULL: read by pread */
    uint64_t dictionary_bytes; /* of the record of a dictionary at its beginning; 0: it has none */

    /* Own synchronisation. */
    _Atomic uint64_t length;        /* bytes that may be read; grows with each append */
    _Atomic uint32_t mapping_users; /* the store, and views */
    _Atomic(struct packed_dictionary *) dictionary; /* NULL: nobody asked for it yet */

    /* Guarded by the store's writer lock. */
    bool sealed; /* gets no more records */
    bool synced; /* sealed and durable to its end */
    bool has_hint;
    bool merging;            /* the unfinished output of a merge: not in the manifest yet */
    bool hinting;            /* its hint is being written by a thread that holds it */
    bool input;              /* of the running merge: its hint is not written any more */
    bool leaving;            /* the input of a merge that the next manifest leaves out */
    bool removed;            /* replaced by a merge: no longer in the manifest */
    uint32_t pin_count;      /* scans that hold it, and merges that read it */
    uint64_t first_sequence; /* smallest and largest sequence in it; 0 while empty */
    uint64_t last_sequence;
    uint64_t live_bytes;
    uint64_t live_count;
    live_shares shares; /* of them */
    uint64_t tombstone_bytes;
    uint64_t tombstone_count;
    uint64_t deadline_max_us;   /* of its puts, current or not, that have one: the latest, */
    uint64_t expiring_bytes;    /* and their bytes */
    deadline_buckets deadlines; /* of these */
    uint64_t swung_length;      /* of a merge's output: how far slots are swung; then UINT64_MAX */
    uint64_t shown_length;      /* up to where the newest moment pinned it; 0: no moment saw it */
    struct segment *limbo_next;
} segment;

/* Writes the name of the log, or of the hint. */
void segment_name(uint32_t number, bool hint, char out[SEGMENT_NAME_BYTES]);

/* Number from a name of one of them; 0 if it is neither. */
uint32_t segment_number(const char *name, bool *hint_out);

/* Makes the file, synced, with a durable name; capacity: bytes to map. A failure leaves none. */
PYKV_NODISCARD pykv_status segment_create(env_directory *directory,
                                          const log_segment_header *header, uint64_t capacity,
                                          bool mapped, segment **segment_out);

/* Bytes of its tombstones in 65535ths of its length, rounded up. */
uint16_t segment_tombstone_share(const segment *self);

/* Opens the file of a manifest entry; capacity: bytes to map, if more than its size.
 * PYKV_CORRUPTION if it is missing, short or another file. */
PYKV_NODISCARD pykv_status segment_open(env_directory *directory, const manifest_segment *entry,
                                        uint64_t store_id, uint64_t capacity, bool mapped,
                                        segment **segment_out);

/* Maps it for capacity, if it is mapped; else it is read by pread. No reader knows it yet. */
void segment_map_anew(segment *self, uint64_t capacity);

/* Remove the files of a segment that no manifest lists, or its hints alone. What is not there, or
 * cannot be removed, is left to the next open. */
void segment_unlink(env_directory *directory, uint32_t number);
void segment_unlink_hint(env_directory *directory, uint32_t number);
/* Closes the file, and unmaps it unless a view keeps the mapping. NULL is ignored. */
void segment_close(segment *self);
/* Keeps the mapping alone until segment_let_mapping_go, on any thread. Called in the epoch in which
 * the segment was found. Requires segment_is_mapped. */
void segment_keep_mapping(segment *self);
void segment_let_mapping_go(segment *self);

static inline bool segment_is_mapped(const segment *self)
{
    return self->mapping.base != NULL;
}

/* PYKV_CORRUPTION: why what was found at offset is no valid record. */
PYKV_NODISCARD pykv_status segment_invalid_record(const segment *self, uint64_t offset,
                                                  record_check check, const record *found);

/* Decodes the record at offset in the mapping; out borrows from it, and is undefined on failure.
 * PYKV_CORRUPTION when the bytes are not a valid record, PYKV_WOULD_BLOCK when the mapping lost a
 * page: use segment_read. Requires segment_is_mapped. */
PYKV_NODISCARD pykv_status segment_peek(const segment *self, uint64_t offset, bool check_body,
                                        record *out);

/* The same by pread into scratch, from which out borrows. Without check_body a long record is read
 * up to its key: value.data is NULL then. */
PYKV_NODISCARD pykv_status segment_read(const segment *self, uint64_t offset, bool check_body,
                                        buffer *scratch, record *out);

/* Reads the whole file into scratch, or borrows the mapping: data_out[0..size_out). */
PYKV_NODISCARD pykv_status segment_view(const segment *self, buffer *scratch,
                                        const uint8_t **data_out, uint64_t *size_out);

/* Counts a put with a deadline that comes into it now: key and value have so many bytes. */
void segment_note_deadline(segment *self, uint64_t now_us, uint64_t deadline_us, uint64_t bytes);

/* Bytes that count as live and have expired, by the buckets: a guess where puts in it are dead. */
uint64_t segment_expired_bytes(const segment *self, uint64_t now_us);

/* Whether so many of its puts have aged by then that it should get no more (deadline_buckets.h). */
bool segment_has_aged(const segment *self, uint64_t by_us);

/* No record in it, or to come into it, has a lower sequence. Guarded by the store's writer lock. */
static inline uint64_t segment_birth(const segment *self)
{
    if (self->kind == LOG_SEGMENT_MERGED) {
        return self->birth_sequence;
    }
    return self->first_sequence == 0 ? UINT64_MAX : self->first_sequence;
}

#endif
