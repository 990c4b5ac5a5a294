/*
 * find: looking up records, and the choice between mapped reads and pread.
 *
 * Hot mode: mapped bytes are in memory, an access costs nanoseconds and may be made holding any
 * lock. Eight accesses slower than BITCASK_COLD_US that waited for a disk, in a window of 1,024,
 * make the store cold for a second, and files that memory has no room for make it so while they
 * have none: reads then go by pread, with nothing held.
 */
#ifndef PYKV_BITCASK_FIND_H
#define PYKV_BITCASK_FIND_H

#include "bitcask/store.h"

/* How a read may go: mapped and at once, by pread, or not at all; with the writer lock held no
 * change runs beside. */
typedef enum read_mode {
    READ_HOT = 1,
    READ_COLD = 2,
    READ_NEVER_LOCKED = 4,
    READ_HOT_LOCKED = 5,
    READ_COLD_LOCKED = 6
} read_mode;

enum { READ_LOCKED_BIT = 4 };

/* READ_HOT while mapped reads are fast; may clear the cold state when its second is over. */
read_mode bitcask_read_mode(bitcask *self);

/* Makes the store cold for as long as memory has no room for its files. Reads small files of the
 * system; the writer lock must not be held. */
void bitcask_choose_read_mode(bitcask *self);

/* Tells how long a mapped access took, in cycles, which stands for weight of them. */
void bitcask_note_access(bitcask *self, uint64_t cycles, uint32_t weight);

/* Reading the cycle counter twice costs a tenth of a get: one in so many is timed. */
enum { ACCESS_SAMPLE = 4 };

/* True if the next access is one to be timed, and noted with that weight; others are counted here.
 */
static inline bool bitcask_times_access(bitcask *self)
{
    uint32_t left = atomic_load_explicit(&self->window_left, memory_order_relaxed);
    if (PYKV_LIKELY(left % ACCESS_SAMPLE != 0)) {
        atomic_store_explicit(&self->window_left, left - 1, memory_order_relaxed);
        return false;
    }
    return true;
}

/* Counts a get that came to status; after PYKV_WOULD_BLOCK who asked asks again. */
static inline void bitcask_count_get(bitcask *self, pykv_status status)
{
    if (status == PYKV_WOULD_BLOCK) {
        return;
    }
    atomic_fetch_add_explicit(&self->counters.get_count, 1, memory_order_relaxed);
    if (status == PYKV_OK) {
        atomic_fetch_add_explicit(&self->counters.get_hit_count, 1, memory_order_relaxed);
    }
}

/* Brings the record at address near. Returns its segment if that is mapped, else NULL. The caller
 * is in the epoch. */
const segment *bitcask_call_for_record(const bitcask *self, uint64_t address);

/* Reads the record at address by its mapping. False if that will not do, or it is of another key.
 * The caller is in the epoch and read address from a slot since. */
bool bitcask_peek_record(const bitcask *self, uint64_t address, slice key, bool check_body,
                         record *out);

/* Finds the current record of key. READ_HOT reads mapped bytes only and gives PYKV_WOULD_BLOCK when
 * that will not do; READ_COLD reads into scratch; READ_NEVER_LOCKED finds out which keys are not
 * there, and gives PYKV_WOULD_BLOCK for a slot whose tag agrees. out borrows from the mapping or
 * scratch. The caller is in the epoch or holds writer. cursor_out stands on the slot. */
PYKV_NODISCARD pykv_status bitcask_find(bitcask *self, directory *keys, uint64_t hash, slice key,
                                        read_mode mode, bool check_body, buffer *scratch,
                                        keydir_cursor *cursor_out, record *out);

#endif
