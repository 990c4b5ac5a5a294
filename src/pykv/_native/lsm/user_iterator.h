/*
 * user_iterator: what a user walks over: of every key the newest operation that a snapshot holds.
 *
 * A row is a key whose newest operation up to snapshot_sequence is a put, or a pointer to the value
 * of one (lsm/value_pointer.h), which is read then, that has not expired; a
 * delete and an expired put hide the older operations on their key. Rows outside [start, stop) are
 * not there.
 *
 * The iterator stands on a row or between rows. It is made standing before the first row. The calls
 * that find a row go on from there, in their direction, and stand on what they find; where there is
 * no more row they stand behind the last or before the first one. A fill stands behind what it
 * gave, in its direction.
 *
 * A failure is kept: until the next seek or place every call gives it again, with its detail. It
 * comes from the source (PYKV_CORRUPTION, PYKV_IO_FAILED, ...), from an operation of a kind that is
 * not known (PYKV_CORRUPTION), or is PYKV_NO_MEMORY.
 *
 * Not thread-safe: one user at a time, who may be another thread at each call.
 */
#ifndef PYKV_LSM_USER_ITERATOR_H
#define PYKV_LSM_USER_ITERATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"
#include "base/iterator.h"
#include "base/slice.h"

/* Entries that one fill passes at most, about, without giving a row for them. */
enum { USER_ITERATOR_SKIPPED_MAX = 32 * 1024 };

typedef struct user_iterator user_iterator;
typedef struct version version;
typedef struct store_clock store_clock;

typedef struct user_iterator_options {
    uint64_t snapshot_sequence; /* operations above it are not seen */
    uint64_t now_us;            /* what has a deadline up to it has expired */
    store_clock *clock;         /* which is told what has expired; NULL: none is */
    const slice *start;         /* the lowest key; NULL: none. Copied */
    const slice *stop;          /* above the highest key; NULL: none. Copied */
    const version *values_of;   /* whose value segments entries point to; NULL: none do. Borrowed */
} user_iterator_options;

/* An iterator over source, which shows every version of every key, wherever it stands. On success
 * source belongs to *out; on failure, PYKV_NO_MEMORY, it stays the caller's. */
PYKV_NODISCARD pykv_status user_iterator_new(iterator *source, const user_iterator_options *options,
                                             user_iterator **out);

/* Frees the source too. NULL is ignored. */
void user_iterator_free(user_iterator *self);

/* ---- places: no row is looked for ---- */

/* To between the rows below key and those from it on. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status user_iterator_place(user_iterator *self, slice key);
void user_iterator_place_first(user_iterator *self); /* before the first row */
void user_iterator_place_last(user_iterator *self);  /* behind the last row */

/* ---- one row at a time; however much has to be skipped, it is looked for until found ---- */

/* To the first row from key on; to the last row below key. */
PYKV_NODISCARD pykv_status user_iterator_seek(user_iterator *self, slice key);
PYKV_NODISCARD pykv_status user_iterator_seek_back(user_iterator *self, slice key);

PYKV_NODISCARD pykv_status user_iterator_seek_first(user_iterator *self);
PYKV_NODISCARD pykv_status user_iterator_seek_last(user_iterator *self);

/* To the row behind or before where it stands. */
PYKV_NODISCARD pykv_status user_iterator_next(user_iterator *self);
PYKV_NODISCARD pykv_status user_iterator_previous(user_iterator *self);

/* The row it stands on, as the operation that put it; NULL: between rows. Valid until the next call
 * on the iterator. */
const iterator_entry *user_iterator_row(const user_iterator *self);

/* ---- many rows at once ---- */

typedef struct user_iterator_request {
    size_t chunk_bytes; /* no further row is begun at or above so many bytes */
    size_t row_limit;
    bool keys_only;      /* values are left empty */
    bool is_reverse;     /* rows come in falling order */
    size_t prefix_bytes; /* that marked keys are given without (lsm/key_space.h) */
    /* Not NULL: rows go to these two, behind their used bytes and the offsets of rows_done rows,
     * and are counted there. A row that has no room goes to rows instead and ends the fill. */
    pykv_items_room *keys;
    pykv_items_room *values;
    uint64_t rows_done;
} user_iterator_request;

/* What a fill gives, and its memory; begin with zeros. data and offsets are as in pykv_rows, with
 * 2 * count + 1 numbers of uint64_t in offsets. */
typedef struct user_iterator_rows {
    buffer data;
    buffer offsets;
    size_t count;
    size_t arrays_count; /* rows that went to the arrays of the request */
    bool more;           /* false: there is no row any more in that direction */
} user_iterator_rows;

/*
 * Gives the row it stands on, if it does, and those that follow in the direction asked for, in
 * place of what rows held. Requires limits above 0. It stops at a limit, and after
 * USER_ITERATOR_SKIPPED_MAX entries that gave no row, with fewer rows than asked for or none: while
 * more is set, another fill goes on.
 *
 * A failure is given by the call that has no row to give: rows found before it are not lost. Then
 * rows is of no use but to be filled again or reset.
 */
PYKV_NODISCARD pykv_status user_iterator_fill(user_iterator *self,
                                              const user_iterator_request *request,
                                              user_iterator_rows *rows);

/* Frees the memory; empty rows may be filled again. */
void user_iterator_rows_reset(user_iterator_rows *rows);

#endif
