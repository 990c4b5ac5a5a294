/*
 * resolve: the directory slots and old records of writes, one or a batch with its cache misses
 * overlapped.
 */
#include "bitcask/resolve.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/address.h"
#include "bitcask/image.h"
#include "bitcask/key_hash.h"
#include "bitcask/keydir_grow.h"

/* How many operations of a batch ahead the parts of the directory and the old record are called
 * for.
 */
enum { AHEAD_BUCKET = 16, AHEAD_LINE = 12, AHEAD_RECORD = 5 };

enum { TWIN_BITS_EACH = 64, TWIN_BITS_MAX = 1 << 20, TWIN_HASH_SHIFT = 32 };

/* Hash of the key of the record at address, for directory slots whose tag has run out. */
static pykv_status rehash(void *context, uint64_t address, uint64_t *hash_out)
{
    bitcask *self = context;
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

/* Makes sure that publishing cannot fail: room for a new key, or for what the undo table keeps. */
static pykv_status reserve(bitcask *self, directory *keys, const operation *write)
    REQUIRES(self->writer)
{
    bool is_new = write->old_address == BITCASK_NO_ADDRESS;
    pykv_status status = PYKV_OK;
    if (is_new && write->record.kind == RECORD_PUT &&
        !keydir_is_prepared(keys->keys, &write->spot)) {
        status = keydir_prepare(keys->keys, write->hash, rehash, self);
    }
    if (status == PYKV_OK && self->open_moment_count > 0) {
        status = undo_reserve(&keys->undo, 1);
    }
    return status;
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
    if (PYKV_LIKELY((mode & READ_HOT) != 0) &&
        bitcask_peek_record(self, address, write->record.key, false, old)) {
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

pykv_status bitcask_resolve(bitcask *self, operation *write, read_mode mode)
{
    record old;
    write->old_address = BITCASK_NO_ADDRESS;
    write->old_bytes = 0;
    pykv_status status = bitcask_check_image_locked(self, write->hash);
    if (status != PYKV_OK) {
        return status;
    }
    directory *keys = directory_now_locked(&self->directory);
    status = find_old(self, keys, write, mode, &old);
    if (status == PYKV_OK) {
        write->old_address = write->spot.address;
        write->old_bytes = record_bytes_of(&old);
        write->old_expired = store_clock_has_passed(&self->clock, old.deadline_us);
    }
    return status == PYKV_OK || status == PYKV_NOT_FOUND ? reserve(self, keys, write) : status;
}

/* The same for a batch of resolved operations together, count of which displace nothing. */
static pykv_status reserve_inserts(bitcask *self, uint64_t count) REQUIRES(self->writer)
{
    return PYKV_PLANTED(103)
               ? PYKV_OK
               : keydir_reserve(directory_now_locked(&self->directory)->keys, count, rehash, self);
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

pykv_status bitcask_resolve_several(bitcask *self, operation *operations, size_t count,
                                    read_mode mode)
{
    directory *keys = directory_now_locked(&self->directory);
    pykv_status status = PYKV_OK;
    uint64_t insert_count = 0;
    if (self->open_moment_count > 0) {
        status = undo_reserve(&keys->undo, count);
    }
    mark_twins(operations, count);
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        if (i + AHEAD_BUCKET < count) {
            keydir_prefetch_bucket(keys->keys, operations[i + AHEAD_BUCKET].hash);
        }
        if (i + AHEAD_LINE < count) {
            keydir_prefetch_line(keys->keys, operations[i + AHEAD_LINE].hash);
        }
        if (i + AHEAD_RECORD < count) {
            bitcask_look_ahead(self, keys->keys, &operations[i + AHEAD_RECORD]);
        }
        status = bitcask_resolve(self, &operations[i], mode);
        insert_count += operations[i].old_address == BITCASK_NO_ADDRESS;
    }
    return status == PYKV_OK ? reserve_inserts(self, insert_count) : status;
}
