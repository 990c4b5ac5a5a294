/*
 * publish: swinging directory slots to appended records, with the count of live bytes kept exact.
 *
 * Resolving comes before the append: it reads what a write displaces and reserves every bit of
 * memory, so that publishing cannot fail.
 */
#include "bitcask/publish.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/image.h"
#include "bitcask/keydir_reserve.h"
#include "bitcask/sync.h"

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

static directory *directory_now(const bitcask *self)
{
    return atomic_load_explicit(&self->directory, memory_order_relaxed);
}

static uint64_t bytes_of(const record *found)
{
    return record_bytes(found->flags, found->key.size, found->value.size);
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
    if (status == PYKV_OK && self->open_scan_count > 0) {
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
    directory *keys = directory_now(self);
    status = find_old(self, keys, write, mode, &old);
    if (status == PYKV_OK) {
        write->old_address = write->spot.address;
        write->old_bytes = bytes_of(&old);
        write->old_expired = store_clock_has_passed(&self->clock, old.deadline_us);
    }
    return status == PYKV_OK || status == PYKV_NOT_FOUND ? reserve(self, keys, write) : status;
}

pykv_status bitcask_reserve_inserts(bitcask *self, uint64_t count)
{
    return PYKV_PLANTED(103) ? PYKV_OK
                             : keydir_reserve(directory_now(self)->keys, count, rehash, self);
}

void bitcask_displace(bitcask *self, directory *keys, uint64_t hash, uint64_t address)
{
    if (self->open_scan_count > 0 && !PYKV_PLANTED(51)) {
        undo_add(&keys->undo, hash, address, self->scan_generation);
    }
}

static void forget_live(bitcask *self, uint64_t address, uint64_t bytes)
{
    segment *holder = extent_segment(&self->extents, address);
    PYKV_ASSERT(holder != NULL && holder->live_bytes >= bytes && holder->live_count > 0);
    if (holder != NULL) {
        holder->live_bytes -= bytes;
        holder->live_count--;
    }
}

static void add_live(bitcask *self, const operation *write)
{
    segment *holder = extent_segment(&self->extents, write->address);
    uint64_t bytes = bytes_of(&write->record);
    PYKV_ASSERT(holder != NULL);
    if (holder == NULL) {
        return;
    }
    if (write->record.kind == RECORD_PUT) {
        holder->live_bytes += bytes;
        holder->live_count++;
    }
}

/* The one of count operations, which lie at rising addresses, that was appended at address. */
static const operation *find_appended(const operation *operations, size_t count, uint64_t address)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (operations[middle].address < address) {
            low = middle + 1;
        } else {
            count = middle;
        }
    }
    return operations[low].address == address ? &operations[low] : NULL;
}

/* Finds the slot that operations[index] displaces anew: the one resolved, or that of an earlier
 * operation of its batch on the same key. Nothing is read, so nothing can fail. */
static bool find_displaced(directory *keys, operation *operations, size_t index)
{
    operation *write = &operations[index];
    keydir_cursor cursor;
    keydir_find_locked(keys->keys, write->hash, &cursor);
    bool found = false;
    while (!found && keydir_next(&cursor)) {
        const operation *earlier = find_appended(operations, index, cursor.address);
        if (earlier != NULL && slice_equal(earlier->record.key, write->record.key)) {
            write->old_bytes = bytes_of(&earlier->record);
            found = true;
        } else {
            found = cursor.address == write->old_address;
        }
    }
    keydir_spot_reset(&write->spot);
    if (found) {
        keydir_spot_of(&cursor, &write->spot);
    }
    return found;
}

static void insert_new(bitcask *self, directory *keys, const operation *write)
    REQUIRES(self->writer)
{
    if (keydir_insert_at(keys->keys, &write->spot, write->hash, write->address) ||
        keydir_insert(keys->keys, write->hash, write->address)) {
        return;
    }
    if (!keydir_insert_reserved(keys->keys, write->hash, write->address)) {
        error_set(PYKV_STORE_FAILED, "no room in the key directory: reopen the store");
        bitcask_fail(self);
    }
}

/* Swings the slot at the write's spot (displaces false: the key has none) to what was written. */
static void swing(bitcask *self, directory *keys, const operation *write, bool displaces)
    REQUIRES(self->writer)
{
    bool put = write->record.kind == RECORD_PUT;
    if (displaces) {
        bitcask_displace(self, keys, write->hash, write->spot.address);
        forget_live(self, write->spot.address, write->old_bytes);
        if (put) {
            keydir_replace_at(keys->keys, &write->spot, write->hash, write->address);
        } else {
            keydir_remove_at(keys->keys, &write->spot);
        }
    } else if (put) {
        insert_new(self, keys, write);
    }
    add_live(self, write);
    self->published_sequence = write->record.sequence;
}

/* Publishes one of a batch, behind those before it. */
static void publish_member(bitcask *self, directory *keys, operation *operations, size_t index)
    REQUIRES(self->writer)
{
    operation *write = &operations[index];
    bool displaces = write->old_address != BITCASK_NO_ADDRESS;
    if (PYKV_UNLIKELY(write->has_twin ||
                      (displaces && !keydir_spot_leads(keys->keys, &write->spot)))) {
        displaces = find_displaced(keys, operations, index);
    }
    swing(self, keys, write, displaces);
}

void bitcask_publish_one(bitcask *self, const operation *write)
{
    if (PYKV_UNLIKELY(write->record.kind == RECORD_CLEAR)) {
        if (bitcask_publish_clear(self, write) != PYKV_OK) {
            bitcask_fail(self);
        }
        return;
    }
    swing(self, directory_now(self), write, write->old_address != BITCASK_NO_ADDRESS);
}

void bitcask_publish_several(bitcask *self, operation *operations, size_t count)
{
    directory *keys = directory_now(self);
    if (!PYKV_PLANTED(23)) {
        keydir_change_begin(keys->keys);
    }
    for (size_t i = 0; i < count; i++) {
        publish_member(self, keys, operations, i);
    }
    if (!PYKV_PLANTED(23)) {
        keydir_change_end(keys->keys);
    }
}
