/*
 * publish: swinging directory slots to appended records, with the count of live bytes kept exact.
 *
 * Resolving comes before the append: it reads what a write displaces and reserves every bit of
 * memory, so that publishing cannot fail.
 */
#include "bitcask/publish.h"

#include "base/error.h"
#include "base/invariant.h"
#include "bitcask/address.h"
#include "bitcask/health.h"
#include "bitcask/keydir_grow.h"
#include "bitcask/keydir_moment.h"
#include "bitcask/moment.h"
#include "bitcask/space_list.h"

void bitcask_displace(bitcask *self, directory *keys, uint64_t hash, uint64_t address)
{
    if (PYKV_UNLIKELY(keys->pin_count > 0) && moment_may_show(self, keys, address)) {
        undo_add(&keys->undo, hash, address, self->moments.generation);
    }
}

static void forget_live(bitcask *self, directory *keys, uint64_t address, uint64_t bytes)
{
    segment *holder = extent_segment(&self->extents, address);
    PYKV_ASSERT(holder != NULL && holder->live_bytes >= bytes && holder->live_count > 0);
    if (holder != NULL) {
        space_count_out(keys, holder, bytes);
    }
}

static void add_live(bitcask *self, directory *keys, const operation *write)
{
    segment *holder = extent_segment(&self->extents, write->address);
    uint64_t bytes = record_bytes_of(&write->record);
    PYKV_ASSERT(holder != NULL);
    if (holder == NULL) {
        return;
    }
    if (write->record.kind == RECORD_PUT) {
        space_count_in(keys, holder, bytes);
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
            write->old_bytes = record_bytes_of(&earlier->record);
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
        forget_live(self, keys, write->spot.address, write->old_bytes);
        if (put) {
            keydir_replace_at(keys->keys, &write->spot, write->hash, write->address);
        } else {
            keydir_remove_at(keys->keys, &write->spot);
        }
    } else if (put) {
        insert_new(self, keys, write);
    }
    add_live(self, keys, write);
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

/* An empty directory takes the place of the current one; open scans keep theirs. */
pykv_status bitcask_publish_clear(bitcask *self, const operation *write)
{
    directory *fresh = self->spare;
    self->spare = NULL;
    if (fresh == NULL) {
        pykv_status status = directory_new(&fresh);
        if (status != PYKV_OK) {
            return status;
        }
    }
    fresh->clear_sequence = write->record.sequence;
    bitcask_forget_live(self, write->within->id);
    bitcask_replace_directory(self, write->within, fresh);
    self->published_sequence = write->record.sequence;
    return PYKV_OK;
}

/* The same, with the store failed if there is no memory for it. */
static void clear_or_fail(bitcask *self, const operation *write) REQUIRES(self->writer)
{
    if (bitcask_publish_clear(self, write) != PYKV_OK) {
        bitcask_fail(self);
    }
}

void bitcask_publish_one(bitcask *self, const operation *write)
{
    if (PYKV_UNLIKELY(write->record.kind == RECORD_CLEAR)) {
        clear_or_fail(self, write);
        return;
    }
    swing(self, directory_now_locked(&write->within->directory), write,
          write->old_address != BITCASK_NO_ADDRESS);
}

/* Publishes all of a batch in one namespace, or across several; it is the caller's change. */
static void publish_members(bitcask *self, operation *operations, size_t count)
    REQUIRES(self->writer)
{
    for (size_t i = 0; i < count; i++) {
        if (PYKV_UNLIKELY(operations[i].record.kind == RECORD_CLEAR)) {
            clear_or_fail(self, &operations[i]);
        } else {
            directory *keys = directory_now_locked(&operations[i].within->directory);
            publish_member(self, keys, operations, i);
        }
    }
}

/* Begins or ends the change of each namespace of a batch, once for each operation: changes nest. A
 * clear needs none: it is one store of a pointer. */
static void mark_changes(const operation *operations, size_t count, bool begins)
{
    for (size_t i = 0; i < count; i++) {
        keydir *keys = directory_now_locked(&operations[i].within->directory)->keys;
        if (operations[i].record.kind == RECORD_CLEAR) {
            continue;
        }
        if (begins) {
            keydir_change_begin(keys);
        } else {
            keydir_change_end(keys);
        }
    }
}

/* No reader sees a part of it: a namespace ends its change when all of them are changed. */
void bitcask_publish_several(bitcask *self, operation *operations, size_t count)
{
    size_t marked = self->spaces.list.count == 0 ? 1 : count;
    if (!PYKV_PLANTED(23)) {
        mark_changes(operations, marked, true);
    }
    publish_members(self, operations, count);
    if (!PYKV_PLANTED(23)) {
        mark_changes(operations, marked, false);
    }
}
