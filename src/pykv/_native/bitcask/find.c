/*
 * find: candidates of a hash are read and compared by full key; hot and cold mode.
 */
#include "bitcask/find.h"

#include "base/error.h"
#include "base/invariant.h"
#include "bitcask/address.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/segment_list.h"

enum { FIND_WINDOW = 1024, FIND_SLOW_MAX = 8, FIND_COLD_US = 1000000, CACHE_LINE_BYTES = 64 };

/* Values of cold_until_us. */
#define NEVER_HOT     UINT64_MAX       /* the store is not mapped */
#define WHILE_CROWDED (UINT64_MAX - 1) /* memory has no room for its bytes */

read_mode bitcask_read_mode(bitcask *self)
{
    uint64_t cold_until = atomic_load_explicit(&self->cold_until_us, memory_order_relaxed);
    if (PYKV_LIKELY(cold_until == 0)) {
        return READ_HOT;
    }
    if (cold_until >= WHILE_CROWDED || env_monotonic_us(self->env) < cold_until) {
        return READ_COLD;
    }
    atomic_store_explicit(&self->cold_until_us, 0, memory_order_relaxed);
    return READ_HOT;
}

/* Counts a slow access if a disk was waited for: the thread may only have lost the processor. */
static void note_slow(bitcask *self, uint32_t weight)
{
    uint64_t waits = env_disk_waits(self->env);
    if (waits == atomic_exchange_explicit(&self->disk_waits, waits, memory_order_relaxed)) {
        return;
    }
    uint32_t slow =
        weight + atomic_fetch_add_explicit(&self->slow_accesses, weight, memory_order_relaxed);
    if (slow >= FIND_SLOW_MAX) {
        atomic_store_explicit(&self->slow_accesses, 0, memory_order_relaxed);
        atomic_store_explicit(&self->cold_until_us, env_monotonic_us(self->env) + FIND_COLD_US,
                              memory_order_relaxed);
    }
}

void bitcask_note_access(bitcask *self, uint64_t cycles, uint32_t weight)
{
    uint32_t left = atomic_load_explicit(&self->window_left, memory_order_relaxed);
    if (PYKV_UNLIKELY(left == 0)) {
        atomic_store_explicit(&self->slow_accesses, 0, memory_order_relaxed);
        left = FIND_WINDOW;
    }
    atomic_store_explicit(&self->window_left, left - 1, memory_order_relaxed);
    if (PYKV_UNLIKELY(cycles > self->cold_cycles)) {
        note_slow(self, weight);
    }
}

void bitcask_choose_read_mode(bitcask *self)
{
    uint64_t now = atomic_load_explicit(&self->cold_until_us, memory_order_relaxed);
    uint64_t wanted = WHILE_CROWDED;
    if (!self->mapped_reads) {
        wanted = NEVER_HOT;
    } else if (bitcask_disk_bytes(self) <= env_memory_room(self->env)) {
        wanted = now == WHILE_CROWDED ? 0 : now;
    }
    /* Lost to a reader that has just found the disk slow: the next choice mends it. */
    (void)atomic_compare_exchange_strong_explicit(&self->cold_until_us, &now, wanted,
                                                  memory_order_relaxed, memory_order_relaxed);
}

/* Reads the record at address, by mapping or pread, as mode says. */
static pykv_status read_candidate(bitcask *self, uint64_t address, read_mode mode, bool check_body,
                                  buffer *scratch, record *out)
{
    const segment *holder = extent_segment(&self->extents, address);
    if (PYKV_UNLIKELY(holder == NULL || address < holder->address_base)) {
        return error_set(PYKV_CORRUPTION, "%s: the key directory leads to no segment",
                         env_directory_path(self->home));
    }
    uint64_t offset = bitcask_offset(holder, address);
    if (PYKV_LIKELY((mode & READ_HOT) != 0 && segment_is_mapped(holder))) {
        pykv_status status = segment_peek(holder, offset, check_body, out);
        if (status != PYKV_WOULD_BLOCK || scratch == NULL) {
            return status;
        }
    }
    if (scratch == NULL || (mode == READ_NEVER_LOCKED && !PYKV_PLANTED(290))) {
        return PYKV_WOULD_BLOCK;
    }
    atomic_fetch_add_explicit(&self->counters.cold_read_count, 1, memory_order_relaxed);
    return segment_read(holder, offset, check_body, scratch, out);
}

/* The segment of address if it is mapped, else NULL. */
static const segment *mapped_segment(const bitcask *self, uint64_t address)
{
    const segment *holder = extent_segment(&self->extents, address);
    bool mapped = holder != NULL && segment_is_mapped(holder) && address >= holder->address_base;
    return mapped ? holder : NULL;
}

const segment *bitcask_call_for_record(const bitcask *self, uint64_t address)
{
    const segment *holder = mapped_segment(self, address);
    if (holder != NULL) {
        const uint8_t *at = holder->mapping.base + bitcask_offset(holder, address);
        __builtin_prefetch(at);
        __builtin_prefetch(at + CACHE_LINE_BYTES);
        __builtin_prefetch(at + (size_t)2 * CACHE_LINE_BYTES);
    }
    return holder;
}

bool bitcask_peek_record(const bitcask *self, uint64_t address, slice key, bool check_body,
                         record *out)
{
    const segment *holder = mapped_segment(self, address);
    return holder != NULL &&
           segment_peek(holder, bitcask_offset(holder, address), check_body, out) == PYKV_OK &&
           slice_equal(out->key, key);
}

static bool begin_walk(const directory *keys, uint64_t hash, read_mode mode, keydir_cursor *cursor)
{
    if (PYKV_UNLIKELY((mode & READ_LOCKED_BIT) != 0)) {
        keydir_find_locked(keys->keys, hash, cursor);
        return true;
    }
    return PYKV_LIKELY(keydir_image_ready(keys->keys, hash)) &&
           keydir_find(keys->keys, hash, cursor);
}

/* True if what the walk saw holds. */
static bool walk_holds(const keydir_cursor *cursor, read_mode mode)
{
    return (mode & READ_LOCKED_BIT) != 0 || keydir_still(cursor);
}

/* Reads the candidate under cursor and tells in *match whether it is a record of key. */
static pykv_status compare_candidate(bitcask *self, uint64_t address, slice key, read_mode mode,
                                     bool check_body, buffer *scratch, record *found, bool *match)
{
    pykv_status status = read_candidate(self, address, mode, check_body, scratch, found);
    if (PYKV_LIKELY(status == PYKV_OK && (slice_equal(found->key, key) || PYKV_PLANTED(34)))) {
        *match = true;
        return PYKV_OK;
    }
    *match = false;
    if (status == PYKV_OK) {
        atomic_fetch_add_explicit(&self->counters.tag_mismatch_count, 1, memory_order_relaxed);
    }
    if (status == PYKV_OK && !check_body) {
        /* Another key, or this one damaged: only the body check can tell. */
        status = read_candidate(self, address, mode, true, scratch, found);
    }
    return status;
}

pykv_status bitcask_find(bitcask *self, directory *keys, uint64_t hash, slice key, read_mode mode,
                         bool check_body, buffer *scratch, keydir_cursor *cursor_out, record *out)
{
    keydir_cursor cursor;
    if (PYKV_UNLIKELY(!begin_walk(keys, hash, mode, &cursor))) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status = PYKV_NOT_FOUND;
    while (keydir_next(&cursor)) {
        record found;
        bool match;
        found.key = slice_make(NULL, 0);
        status =
            compare_candidate(self, cursor.address, key, mode, check_body, scratch, &found, &match);
        if (PYKV_LIKELY(match)) {
            *cursor_out = cursor;
            *out = found;
            break;
        }
        if (status != PYKV_OK) {
            break;
        }
        status = PYKV_NOT_FOUND;
    }
    return PYKV_LIKELY(walk_holds(&cursor, mode)) ? status : PYKV_WOULD_BLOCK;
}
