/*
 * memtable_ranges: preparing and replacing the set. See memtable_ranges.h.
 */
#include "lsm/memtable_ranges.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/memtable_internal.h"

enum { USED_BYTES_BEFORE_RANGE = 1024 * 1024 };

static bool is_range_delete(const record *operation)
{
    return operation->kind == RECORD_RANGE_DELETE &&
           range_is_before(operation->key, operation->value);
}

/* Makes room for the bounds of all range deletes. */
static pykv_status make_keys(const record *operations, size_t count, memtable_range_change *out)
{
    for (size_t i = 0; i < count; i++) {
        if (is_range_delete(&operations[i])) {
            out->key_bytes += operations[i].key.size + operations[i].value.size;
            out->delete_count++;
        }
    }
    if (out->delete_count == 0) {
        return PYKV_OK;
    }
    out->keys = mem_alloc(sizeof *out->keys + out->key_bytes);
    if (out->keys == NULL) {
        return error_set_no_memory(sizeof *out->keys + out->key_bytes);
    }
    out->keys->next = NULL;
    return PYKV_OK;
}

static slice keep_key(slice key, uint8_t **at)
{
    uint8_t *copy = *at;
    if (key.size != 0) {
        memcpy(copy, key.data, key.size);
    }
    *at += key.size;
    return slice_make(copy, key.size);
}

/* Replaces *set by its join with one range delete. */
static pykv_status add(const range_set **set, slice start, slice stop, uint64_t sequence)
{
    static const range_rule newest = {UINT64_MAX, true, false};
    const range_set *one;
    const range_set *joined;
    pykv_status status = range_set_one(start, stop, sequence, &one);
    if (status != PYKV_OK) {
        return status;
    }
    status = range_set_join(*set, one, &newest, &joined);
    range_set_release(one);
    if (status == PYKV_OK) {
        range_set_release(*set);
        *set = joined;
    }
    return status;
}

/* Makes the set of the range deletes of this write alone. */
static pykv_status gather(const record *operations, size_t count, uint64_t first_sequence,
                          memtable_range_change *change, const range_set **out)
{
    uint8_t *at = change->keys->bytes;
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        if (is_range_delete(&operations[i])) {
            slice start = keep_key(operations[i].key, &at);
            slice stop = keep_key(operations[i].value, &at);
            change->sequence_max = first_sequence + i;
            if (change->sequence_min == 0) {
                change->sequence_min = change->sequence_max;
            }
            status = add(out, start, stop, first_sequence + i);
        }
    }
    return status;
}

pykv_status memtable_ranges_prepare(const memtable *self, const record *operations, size_t count,
                                    uint64_t first_sequence, memtable_range_change *out)
{
    static const range_rule everything = {UINT64_MAX, PYKV_PLANTED(136), false};
    const range_set *written = NULL;
    *out = (memtable_range_change){.fresh = NULL};
    pykv_status status = make_keys(operations, count, out);
    if (status != PYKV_OK || out->keys == NULL) {
        return status;
    }
    status = gather(operations, count, first_sequence, out, &written);
    if (status == PYKV_OK) {
        status = range_set_join(memtable_ranges(self), written, &everything, &out->fresh);
    }
    range_set_release(written);
    if (status != PYKV_OK) {
        memtable_ranges_drop(out);
    }
    return status;
}

/* Of a batch, what stands behind its first range delete was added before the set came. */
static void note_change(memtable *self, const memtable_range_change *change)
{
    if (memtable_own(&self->sequence_max) > change->sequence_min) {
        memtable_lower(&self->inside_sequence_min, change->sequence_min + 1);
    }
    memtable_lower(&self->range_sequence_min, change->sequence_min);
    memtable_note_sequence(self, change->sequence_max);
}

void memtable_ranges_note(memtable *self, slice key, uint64_t sequence)
{
    uint64_t noted = memtable_own(&self->inside_sequence_min);
    if ((noted == 0 || sequence < noted) &&
        range_set_cover(memtable_ranges(self), key, UINT64_MAX) != 0) {
        memtable_set(&self->inside_sequence_min, sequence);
    }
}

uint64_t memtable_ranges_hide_from(const memtable *self, uint64_t snapshot_sequence)
{
    uint64_t first = memtable_own(&self->range_sequence_min);
    uint64_t inside = memtable_own(&self->inside_sequence_min);
    if (first != 0 && (inside == 0 || inside > snapshot_sequence)) {
        return first;
    }
    return memtable_own(&self->sequence_max) + 1;
}

void memtable_ranges_apply(memtable *self, memtable_range_change *change)
{
    if (change->fresh == NULL) {
        return;
    }
    const range_set *old = memtable_ranges(self);
    uint64_t old_bytes = old != NULL ? range_set_bytes(old) - old->key_bytes : 0;
    uint64_t bytes = memtable_own(&self->range_bytes) - old_bytes + change->key_bytes +
                     range_set_bytes(change->fresh) - change->fresh->key_bytes;
    change->keys->next = self->range_keys;
    self->range_keys = change->keys;
    kept_memory_count(self->arena.memory, memtable_own(&self->range_bytes), bytes);
    memtable_set(&self->range_bytes, bytes);
    memtable_set(&self->range_delete_count,
                 memtable_own(&self->range_delete_count) + change->delete_count);
    note_change(self, change);
    if (change->fresh->sequence_count >= MEMTABLE_RANGES_MAX || bytes >= MEMTABLE_RANGE_BYTES_MAX) {
        memtable_close_early(self);
    }
    atomic_store_explicit(&self->head.ranges, change->fresh, memory_order_release);
    range_set_retire(old, self->readers);
    *change = (memtable_range_change){.fresh = NULL};
}

void memtable_ranges_drop(memtable_range_change *change)
{
    range_set_release(change->fresh);
    mem_free(change->keys);
    *change = (memtable_range_change){.fresh = NULL};
}

void memtable_ranges_close_crowded(memtable *self)
{
    memtable_stats stats;
    memtable_stats_read(self, &stats);
    if (stats.count >= MEMTABLE_ENTRIES_BEFORE_RANGE ||
        memtable_own(&self->record_bytes) >= USED_BYTES_BEFORE_RANGE) {
        memtable_close_early(self);
    }
}

void memtable_ranges_reset(memtable *self)
{
    range_set_release(memtable_ranges(self));
    kept_memory_count(self->arena.memory, memtable_own(&self->range_bytes), 0);
    while (self->range_keys != NULL) {
        memtable_range_keys *keys = self->range_keys;
        self->range_keys = keys->next;
        mem_free(keys);
    }
}
