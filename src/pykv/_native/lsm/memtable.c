/*
 * memtable: what holds arena, tree and filter together. See memtable.h.
 */
#include "lsm/memtable.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_format.h"
#include "lsm/memtable_find.h"
#include "lsm/memtable_internal.h"

enum { MEMTABLE_ALIGNMENT = 64 };

static pykv_status create(reclaimer *readers, kept_memory *memory, uint64_t limit_bytes,
                          uint64_t used_bytes, memtable **memtable_out)
{
    memtable *self = mem_alloc_aligned(MEMTABLE_ALIGNMENT, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    memset(self, 0, sizeof *self);
    self->readers = readers;
    atomic_init(&self->limit_bytes, limit_bytes);
    atomic_init(&self->references, 1);
    memtable_arena_init(&self->arena, memory, limit_bytes);
    pykv_status status = memtable_filter_init(&self->filter, memory, used_bytes);
    if (status == PYKV_OK) {
        status = memtable_tree_init(&self->tree, readers, memory);
    }
    if (status != PYKV_OK) {
        memtable_filter_reset(&self->filter);
        mem_free(self);
        return status;
    }
    *memtable_out = self;
    return PYKV_OK;
}

pykv_status memtable_create(reclaimer *readers, uint64_t limit_bytes, memtable **memtable_out)
{
    return create(readers, NULL, limit_bytes, limit_bytes, memtable_out);
}

pykv_status memtable_create_in(reclaimer *readers, kept_memory *memory, uint64_t limit_bytes,
                               memtable **memtable_out)
{
    return create(readers, memory, limit_bytes, limit_bytes, memtable_out);
}

pykv_status memtable_create_for(reclaimer *readers, kept_memory *memory, uint64_t limit_bytes,
                                uint64_t used_bytes, memtable **memtable_out)
{
    return create(readers, memory, limit_bytes, used_bytes, memtable_out);
}

memtable *memtable_acquire(memtable *self)
{
    atomic_fetch_add_explicit(&self->references, 1, memory_order_relaxed);
    return self;
}

uint32_t *memtable_views(memtable *self)
{
    return &self->view_count;
}

void memtable_release(memtable *self)
{
    uint32_t before = atomic_fetch_sub_explicit(&self->references, 1, memory_order_acq_rel);
    PYKV_ASSERT(before > 0);
    if (before == 1) {
        memtable_tree_reset(&self->tree);
        memtable_filter_reset(&self->filter);
        memtable_arena_reset(&self->arena);
        memtable_ranges_reset(self);
        mem_free(self);
    }
}

/* ---- the writer ---- */

uint64_t memtable_entry_bytes(size_t key_size, size_t value_size, bool has_deadline)
{
    return memtable_record_bytes(key_size, value_size, has_deadline);
}

pykv_status memtable_reserve(memtable *self, size_t count, uint64_t bytes)
{
    pykv_status status = memtable_tree_reserve(&self->tree, count);
    return status == PYKV_OK ? memtable_arena_reserve(&self->arena, bytes) : status;
}

static void count_entry(memtable *self, const iterator_entry *entry, uint64_t bytes)
{
    memtable_set(&self->count, memtable_own(&self->count) + 1);
    memtable_set(&self->record_bytes, memtable_own(&self->record_bytes) + bytes);
    memtable_note_sequence(self, entry->sequence);
    if (entry->kind == RECORD_DELETE) {
        memtable_set(&self->delete_count, memtable_own(&self->delete_count) + 1);
    }
    if (entry->deadline_us != 0) {
        memtable_lower(&self->deadline_min_us, entry->deadline_us);
    }
}

void memtable_count_many(memtable *self, const record *operations, size_t count, uint64_t bytes)
{
    uint64_t deletes = 0;
    for (size_t i = 0; i < count; i++) {
        deletes += operations[i].kind == RECORD_DELETE;
        if (PYKV_UNLIKELY(operations[i].deadline_us != 0)) {
            memtable_lower(&self->deadline_min_us, operations[i].deadline_us);
        }
    }
    memtable_set(&self->count, memtable_own(&self->count) + count);
    memtable_set(&self->delete_count, memtable_own(&self->delete_count) + deletes);
    memtable_set(&self->record_bytes, memtable_own(&self->record_bytes) + bytes);
    memtable_lower(&self->sequence_min, operations[0].sequence);
    if (operations[count - 1].sequence > memtable_own(&self->sequence_max)) {
        memtable_set(&self->sequence_max, operations[count - 1].sequence);
    }
}

void memtable_add(memtable *self, const iterator_entry *entry, uint64_t hash)
{
    PYKV_ASSERT(!memtable_is_sealed(self));
    PYKV_ASSERT(entry->key.size <= STORED_KEY_BYTES_MAX &&
                entry->sequence <= INTERNAL_SEQUENCE_MAX);
    uint64_t bytes =
        memtable_record_bytes(entry->key.size, entry->value.size, entry->deadline_us != 0);
    memtable_filter_prefetch(&self->filter, hash);
    memtable_record *stored = memtable_arena_take(&self->arena, bytes);
    memtable_record_store(stored, entry);
    memtable_filter_add(&self->filter, hash);
    memtable_insert(&self->tree, stored);
    count_entry(self, entry, bytes);
    if (PYKV_UNLIKELY(memtable_ranges(self) != NULL)) {
        memtable_ranges_note(self, entry->key, entry->sequence);
    }
}

static uint64_t used_bytes(const memtable *self)
{
    return sizeof *self + memtable_own(&self->record_bytes) + memtable_own(&self->range_bytes) +
           memtable_pool_used(self->tree.pool) + memtable_filter_bytes(&self->filter);
}

bool memtable_is_full(const memtable *self)
{
    return used_bytes(self) >= memtable_own(&self->limit_bytes);
}

void memtable_close_early(memtable *self)
{
    memtable_set(&self->limit_bytes, 0);
}

void memtable_seal(memtable *self)
{
    atomic_store_explicit(&self->sealed, true, memory_order_release);
}

bool memtable_is_sealed(const memtable *self)
{
    return atomic_load_explicit(&self->sealed, memory_order_acquire);
}

/* ---- readers ---- */

void memtable_prefetch(const memtable *self, uint64_t hash)
{
    memtable_filter_prefetch(&self->filter, hash);
}

bool memtable_get(const memtable *self, slice key, uint64_t hash, uint64_t snapshot_sequence,
                  iterator_entry *entry_out)
{
    if (!memtable_filter_may_hold(&self->filter, hash)) {
        return false;
    }
    internal_key place = internal_key_place(key, snapshot_sequence);
    const memtable_record *stored = memtable_find(memtable_tree_root(&self->tree), &place);
    if (stored == NULL) {
        return false;
    }
    memtable_record_load(stored, entry_out);
    return true;
}

/* One end of the tree: its first record, or its last. */
static bool end_of(const memtable *self, bool is_first, iterator_entry *entry_out)
{
    epoch_token token = epoch_enter(self->readers->readers);
    const memtable_node *root = memtable_tree_root(&self->tree);
    const memtable_record *stored = NULL;
    if (root->level > 0 || memtable_node_count(root) > 0) {
        stored = is_first ? memtable_first_record(root) : memtable_last_record(root);
    }
    epoch_leave(self->readers->readers, token);
    if (stored == NULL) {
        return false;
    }
    memtable_record_load(stored, entry_out);
    return true;
}

bool memtable_smallest(const memtable *self, iterator_entry *entry_out)
{
    return end_of(self, true, entry_out);
}

bool memtable_largest(const memtable *self, iterator_entry *entry_out)
{
    return end_of(self, false, entry_out);
}

void memtable_stats_read(const memtable *self, memtable_stats *stats_out)
{
    stats_out->count = memtable_own(&self->count);
    stats_out->range_delete_count = memtable_own(&self->range_delete_count);
    stats_out->delete_count = memtable_own(&self->delete_count);
    stats_out->used_bytes = used_bytes(self);
    stats_out->allocated_bytes =
        sizeof *self + memtable_arena_allocated(&self->arena) + memtable_own(&self->range_bytes) +
        memtable_pool_allocated(self->tree.pool) + memtable_filter_bytes(&self->filter);
    stats_out->sequence_min = memtable_own(&self->sequence_min);
    stats_out->sequence_max = memtable_own(&self->sequence_max);
    stats_out->deadline_min_us = memtable_own(&self->deadline_min_us);
}
