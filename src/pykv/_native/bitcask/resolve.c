/*
 * resolve: the directory slots and old records of writes, one or a batch with its cache misses
 * overlapped.
 */
#include "bitcask/resolve.h"

#include "base/cycles.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/address.h"
#include "bitcask/image.h"
#include "bitcask/key_hash.h"
#include "bitcask/keydir_grow.h"
#include "bitcask/moment.h"

/* How many operations of a batch ahead the parts of the directory and the old record are called
 * for.
 */
enum { AHEAD_BUCKET = 16, AHEAD_LINE = 12, AHEAD_RECORD = 5 };

enum { TWIN_BITS_EACH = 64, TWIN_BITS_MAX = 1 << 20, TWIN_HASH_SHIFT = 32 };

typedef struct rehash_scope {
    bitcask *self;
    read_mode mode;
} rehash_scope;

/* Hash of the key of the record at address, for directory slots whose tag has run out. */
static pykv_status rehash(void *context, uint64_t address, uint64_t *hash_out)
{
    bitcask *self = ((rehash_scope *)context)->self;
    if (((rehash_scope *)context)->mode == READ_NEVER_LOCKED) {
        return PYKV_WOULD_BLOCK;
    }
    const segment *holder = extent_segment(&self->extents, address);
    if (holder == NULL) {
        return error_set(PYKV_CORRUPTION, "%s: the key directory leads to no segment",
                         env_directory_path(self->home));
    }
    buffer scratch = BUFFER_EMPTY;
    record found;
    pykv_status status =
        segment_read(holder, bitcask_offset(holder, address), true, &scratch, &found);
    if (status == PYKV_OK) {
        *hash_out = bitcask_hash(self, found.key.data, found.key.size);
    }
    buffer_reset(&scratch);
    return status;
}

/* Makes sure that publishing cannot fail: room for a new key. */
static pykv_status reserve(bitcask *self, directory *keys, const operation *write, read_mode mode)
    REQUIRES(self->writer)
{
    bool is_new = write->old_address == BITCASK_NO_ADDRESS;
    if (!is_new || write->record.kind != RECORD_PUT ||
        keydir_is_prepared(keys->keys, &write->spot)) {
        return PYKV_OK;
    }
    rehash_scope scope = {self, mode};
    return keydir_prepare(keys->keys, write->hash, rehash, &scope);
}

/* bitcask_peek_record, timed as the access of a read is: a store that is only written must notice
 * too that its pages come from the disk. */
static bool peek_timed(bitcask *self, uint64_t address, slice key, record *old)
{
    bool timed = bitcask_times_access(self);
    uint64_t began = timed ? cycles_now() : 0;
    bool found = bitcask_peek_record(self, address, key, false, old);
    if (timed) {
        bitcask_note_access(self, cycles_now() - began, ACCESS_SAMPLE);
    }
    return found;
}

/* Finds the record of the write's key, and its spot. */
static pykv_status find_old(bitcask *self, directory *keys, operation *write, read_mode mode,
                            record *old) REQUIRES(self->writer)
{
    if (!keydir_spot_holds(keys->keys, &write->spot)) {
        keydir_spot_find(keys->keys, write->hash, &write->spot);
    }
    uint64_t address = write->spot.address;
    if (address == KEYDIR_NO_CANDIDATE) {
        return PYKV_NOT_FOUND;
    }
    if (PYKV_LIKELY((mode & READ_HOT) != 0) && peek_timed(self, address, write->record.key, old)) {
        return PYKV_OK;
    }
    keydir_cursor cursor;
    pykv_status status = bitcask_find(self, keys, write->hash, write->record.key, mode, false,
                                      &self->scratch, &cursor, old);
    keydir_spot_reset(&write->spot);
    if (status == PYKV_OK) {
        keydir_spot_of(&cursor, &write->spot);
    }
    return status;
}

/* Without room for what the write leaves behind. */
static pykv_status resolve_one(bitcask *self, operation *write, read_mode mode)
    REQUIRES(self->writer)
{
    record old;
    write->old_address = BITCASK_NO_ADDRESS;
    write->old_bytes = 0;
    pykv_status status = bitcask_check_image_for(self, write, 1);
    if (status != PYKV_OK) {
        return status;
    }
    directory *keys = directory_now_locked(&write->within->directory);
    status = find_old(self, keys, write, mode, &old);
    if (status == PYKV_OK) {
        write->old_address = write->spot.address;
        write->old_bytes = record_bytes_of(&old);
        write->old_expired = store_clock_has_passed(&self->clock, old.deadline_us);
    }
    return status == PYKV_OK || status == PYKV_NOT_FOUND ? reserve(self, keys, write, mode)
                                                         : status;
}

/* Whether the write displaces what an open moment may show: 0 or 1. */
static uint64_t leaves_behind(const bitcask *self, const operation *write) REQUIRES(self->writer)
{
    const directory *keys = directory_now_locked(&write->within->directory);
    return PYKV_UNLIKELY(keys->pin_count > 0) && write->old_address != BITCASK_NO_ADDRESS &&
           moment_may_show(self, keys, write->old_address);
}

pykv_status bitcask_resolve(bitcask *self, operation *write, read_mode mode)
{
    pykv_status status = resolve_one(self, write, mode);
    if (status == PYKV_OK && PYKV_UNLIKELY(leaves_behind(self, write) > 0)) {
        status = moment_make_room(self, directory_now_locked(&write->within->directory), 1);
    }
    return status;
}

/* The same of the clear that drops a namespace: it takes the spare directory. */
static pykv_status resolve_clear(bitcask *self, operation *write) REQUIRES(self->writer)
{
    write->old_address = BITCASK_NO_ADDRESS;
    return self->spare == NULL ? directory_new(&self->spare) : PYKV_OK;
}

/* True for the first operation of a run in one namespace: a batch across namespaces has several
 * runs in one of them too. */
static bool begins_run(const operation *operations, size_t index)
{
    return index == 0 || operations[index].within != operations[index - 1].within;
}

/* Operations that are looked at for their runs: one, where the store has one namespace. */
static size_t run_count(const bitcask *self, size_t count) REQUIRES(self->writer)
{
    return self->spaces.list.count == 0 ? 1 : count;
}

/* Room in the undo tables for what was counted in each namespace of a batch of resolved operations;
 * again, as long as moments end for it. */
static pykv_status make_room(bitcask *self, const operation *operations, size_t count)
    REQUIRES(self->writer)
{
    pykv_status status = PYKV_OK;
    uint64_t ended;
    do {
        ended = self->moments.outgrown_count;
        for (size_t i = 0; i < run_count(self, count) && status == PYKV_OK; i++) {
            space *within = operations[i].within;
            if (begins_run(operations, i) && within->batch_displaced > 0) {
                status = moment_make_room(self, directory_now_locked(&within->directory),
                                          within->batch_displaced);
            }
        }
    } while (status == PYKV_OK && self->moments.outgrown_count != ended && !PYKV_PLANTED(385));
    return status;
}

/* The same, and no more counts in any case. */
static pykv_status reserve_displaced(bitcask *self, const operation *operations, size_t count,
                                     pykv_status status) REQUIRES(self->writer)
{
    status = status == PYKV_OK ? make_room(self, operations, count) : status;
    for (size_t i = 0; i < run_count(self, count); i++) {
        operations[i].within->batch_displaced = 0;
    }
    return status;
}

/* Room for the new keys that were counted in each namespace of a batch of resolved operations;
 * nothing more than the counts' end if status is a failure. */
static pykv_status reserve_inserts(bitcask *self, const operation *operations, size_t count,
                                   read_mode mode, pykv_status status) REQUIRES(self->writer)
{
    rehash_scope scope = {self, mode};
    for (size_t i = 0; i < run_count(self, count); i++) {
        space *within = operations[i].within;
        if (begins_run(operations, i) && status == PYKV_OK && !PYKV_PLANTED(103)) {
            status = keydir_reserve(directory_now_locked(&within->directory)->keys,
                                    within->batch_inserts, rehash, &scope);
        }
        within->batch_inserts = 0;
    }
    return status;
}

/* Marks each operation that may be of the key of an earlier one: those whose bit of a table of
 * hashes is set already. A few others are marked too. */
static void mark_twins(operation *operations, size_t count)
{
    uint64_t bits = 64;
    while (bits < count * TWIN_BITS_EACH && bits < TWIN_BITS_MAX) {
        bits *= 2;
    }
    uint64_t *table = mem_alloc_zeroed(bits / 64, sizeof *table);
    for (size_t i = 0; i < count; i++) {
        uint64_t bit = operations[i].hash >> TWIN_HASH_SHIFT & (bits - 1);
        uint64_t mask = UINT64_C(1) << bit % 64;
        operations[i].has_twin =
            (table == NULL || (table[bit / 64] & mask) != 0) && !PYKV_PLANTED(90);
        if (table != NULL) {
            table[bit / 64] |= mask;
        }
    }
    mem_free(table);
}

void bitcask_look_ahead(const bitcask *self, const keydir *keys, operation *write)
{
    keydir_spot_find(keys, write->hash, &write->spot);
    if (write->spot.address != KEYDIR_NO_CANDIDATE) {
        (void)bitcask_call_for_record(self, write->spot.address);
    }
}

static const keydir *keys_of(const operation *write)
{
    return directory_now_locked(&write->within->directory)->keys;
}

pykv_status bitcask_resolve_several(bitcask *self, operation *operations, size_t count,
                                    read_mode mode)
{
    pykv_status status =
        PYKV_PLANTED(342) ? PYKV_OK : bitcask_check_image_for(self, operations, count);
    mark_twins(operations, count);
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        if (i + AHEAD_BUCKET < count) {
            const operation *ahead = &operations[i + AHEAD_BUCKET];
            keydir_prefetch_bucket(keys_of(ahead), ahead->hash);
        }
        if (i + AHEAD_LINE < count) {
            const operation *ahead = &operations[i + AHEAD_LINE];
            keydir_prefetch_lines(keys_of(ahead), ahead->hash);
        }
        if (i + AHEAD_RECORD < count) {
            operation *ahead = &operations[i + AHEAD_RECORD];
            bitcask_look_ahead(self, keys_of(ahead), ahead);
        }
        status = PYKV_UNLIKELY(operations[i].record.kind == RECORD_CLEAR)
                     ? resolve_clear(self, &operations[i])
                     : resolve_one(self, &operations[i], mode);
        operations[i].within->batch_inserts += operations[i].old_address == BITCASK_NO_ADDRESS;
        operations[i].within->batch_displaced += leaves_behind(self, &operations[i]);
    }
    status = reserve_displaced(self, operations, count, status);
    return reserve_inserts(self, operations, count, mode, status);
}
