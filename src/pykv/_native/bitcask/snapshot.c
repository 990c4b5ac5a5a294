/*
 * snapshot: keeping a moment, and reads of one key at it. By the mapping first, then by pread.
 */
#include "bitcask/snapshot.h"

#include "base/error.h"
#include "base/memory.h"
#include "bitcask/find.h"
#include "bitcask/key_hash.h"
#include "bitcask/named.h"
#include "bitcask/unpack.h"

pykv_status bitcask_snapshot_new(bitcask *store, store_moment **snapshot_out)
{
    return bitcask_snapshot_new_in(store, &store->spaces.main, snapshot_out);
}

pykv_status bitcask_snapshot_new_in(bitcask *store, space *within, store_moment **snapshot_out)
{
    store_moment *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    pykv_status status = moment_open_in(store, within, MOMENT_SNAPSHOT, self);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *snapshot_out = self;
    return PYKV_OK;
}

void bitcask_snapshot_free(store_moment *self)
{
    moment_free(self);
    mem_free(self);
}

static pykv_status get_patiently(const store_moment *self, uint64_t hash, slice key,
                                 pykv_pinned *pinned_out)
{
    buffer scratch = BUFFER_EMPTY;
    uint64_t address;
    record found;
    pykv_status status = moment_find(self, hash, key, READ_COLD, &scratch, &address, &found);
    if (status != PYKV_OK || record_is_packed(&found)) {
        status = status == PYKV_OK
                     ? bitcask_pin_unpacked(self->store, address, 0, &found, pinned_out)
                     : status;
        buffer_reset(&scratch);
        return status;
    }
    pinned_out->data = found.value.data;
    pinned_out->length = found.value.size;
    pinned_out->owned = scratch.data;
    return PYKV_OK;
}

pykv_status bitcask_get_at(const store_moment *self, slice key, int32_t flags,
                           pykv_pinned *pinned_out)
{
    bitcask *store = self->store;
    uint64_t hash = bitcask_hash(store, key.data, key.size);
    pykv_status status = PYKV_WOULD_BLOCK;
    if (bitcask_read_mode(store) == READ_HOT) {
        uint64_t address;
        record found;
        status = moment_find(self, hash, key, READ_HOT, NULL, &address, &found);
        if (status == PYKV_OK && record_is_packed(&found)) {
            status = bitcask_pin_unpacked(store, address, flags, &found, pinned_out);
        } else if (status == PYKV_OK) {
            pinned_out->data = found.value.data;
            pinned_out->length = found.value.size;
            pinned_out->owned = NULL;
        }
    }
    if (status == PYKV_WOULD_BLOCK && (flags & PYKV_NO_WAIT) == 0) {
        status = get_patiently(self, hash, key, pinned_out);
    }
    bitcask_count_get(store, status);
    return status;
}

pykv_status bitcask_snapshot_sequence(const store_moment *self, uint64_t *sequence_out)
{
    pykv_status status = moment_check(self);
    if (status == PYKV_OK) {
        *sequence_out = self->visible_sequence;
    }
    return status;
}

pykv_status bitcask_contains_at(const store_moment *self, slice key, int32_t flags)
{
    uint64_t deadline_us;
    return bitcask_deadline_at(self, key, flags, &deadline_us);
}

pykv_status bitcask_deadline_at(const store_moment *self, slice key, int32_t flags,
                                uint64_t *deadline_us_out)
{
    uint64_t hash = bitcask_hash(self->store, key.data, key.size);
    pykv_status status = PYKV_WOULD_BLOCK;
    if (bitcask_read_mode(self->store) == READ_HOT) {
        status = moment_find_key(self, hash, key, READ_HOT, NULL, deadline_us_out);
    }
    if (status == PYKV_WOULD_BLOCK && (flags & PYKV_NO_WAIT) == 0) {
        buffer scratch = BUFFER_EMPTY;
        status = moment_find_key(self, hash, key, READ_COLD, &scratch, deadline_us_out);
        buffer_reset(&scratch);
    }
    return status;
}

pykv_status bitcask_count_at(const store_moment *self, uint64_t *count_out)
{
    pykv_status status = moment_check(self);
    if (status == PYKV_OK) {
        *count_out = self->row_count;
    }
    return status;
}
