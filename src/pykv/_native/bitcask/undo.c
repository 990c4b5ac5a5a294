/*
 * undo: linear probing at a load of at most one half.
 */
#include "bitcask/undo.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

enum { UNDO_CAPACITY_MIN = 256 };

void undo_init(undo_table *self) SINGLE_THREADED
{
    mutex_init(&self->lock);
    self->entries = NULL;
    self->capacity = 0;
    self->count_left = 0;
    atomic_init(&self->count, 0);
}

static uint64_t count_of(undo_table *self)
{
    return atomic_load_explicit(&self->count, memory_order_relaxed);
}

/* Who sees without the lock that there is nothing any more sees all that came before it, which is
 * the end of the moments that needed it. */
static bool is_empty(undo_table *self)
{
    return atomic_load_explicit(&self->count, memory_order_acquire) == 0;
}

static void set_count(undo_table *self, uint64_t count)
{
    atomic_store_explicit(&self->count, count, memory_order_release);
}

void undo_destroy(undo_table *self) SINGLE_THREADED
{
    mem_free(self->entries);
    mutex_destroy(&self->lock);
}

static void place(undo_entry *entries, uint64_t capacity, undo_entry entry)
{
    uint64_t index = entry.hash & (capacity - 1);
    while (entries[index].address_and_one != 0) {
        index = (index + 1) & (capacity - 1);
    }
    entries[index] = entry;
}

/* Moves entries that are still needed to a table of capacity; needed NULL: all of them. */
static pykv_status rebuild(undo_table *self, uint64_t capacity, undo_needed *needed,
                           const void *context) REQUIRES(self->lock)
{
    undo_entry *entries = mem_alloc_zeroed(capacity, sizeof *entries);
    if (entries == NULL) {
        return error_set_no_memory(capacity * sizeof *entries);
    }
    uint64_t kept = 0;
    for (uint64_t i = 0; i < self->capacity; i++) {
        const undo_entry *entry = &self->entries[i];
        if (entry->address_and_one != 0 &&
            (needed == NULL || needed(context, entry->address_and_one - 1, entry->generation))) {
            place(entries, capacity, *entry);
            kept++;
        }
    }
    mem_free(self->entries);
    self->entries = entries;
    self->capacity = capacity;
    set_count(self, kept);
    return PYKV_OK;
}

/* Of a table that has room for so many entries. */
static uint64_t capacity_for(uint64_t count)
{
    uint64_t capacity = UNDO_CAPACITY_MIN;
    while (count * 2 > capacity) {
        capacity *= 2;
    }
    return capacity;
}

uint64_t undo_growth(undo_table *self, uint64_t count)
{
    mutex_lock(&self->lock);
    uint64_t wanted = count_of(self) + count;
    uint64_t growth = wanted * 2 <= self->capacity ? 0 : capacity_for(wanted) - self->capacity;
    mutex_unlock(&self->lock);
    return growth * sizeof(undo_entry);
}

pykv_status undo_reserve(undo_table *self, uint64_t count)
{
    pykv_status status = PYKV_OK;
    mutex_lock(&self->lock);
    uint64_t capacity = capacity_for(count_of(self) + count);
    if (capacity > self->capacity) {
        status = rebuild(self, capacity, NULL, NULL);
    }
    mutex_unlock(&self->lock);
    return status;
}

void undo_add(undo_table *self, uint64_t hash, uint64_t address, uint64_t generation)
{
    mutex_lock(&self->lock);
    PYKV_ASSERT((count_of(self) + 1) * 2 <= self->capacity);
    undo_entry entry = {hash, address + 1, generation};
    place(self->entries, self->capacity, entry);
    set_count(self, count_of(self) + 1);
    mutex_unlock(&self->lock);
}

bool undo_shows(undo_table *self, uint64_t hash, uint64_t address, uint64_t generation)
{
    bool shows = false;
    if (PYKV_LIKELY(is_empty(self))) {
        return false;
    }
    mutex_lock(&self->lock);
    if (self->capacity > 0) {
        uint64_t index = hash & (self->capacity - 1);
        while (self->entries[index].address_and_one != 0 && !shows) {
            shows = self->entries[index].address_and_one == address + 1 &&
                    self->entries[index].generation >= generation;
            index = (index + 1) & (self->capacity - 1);
        }
    }
    mutex_unlock(&self->lock);
    return shows;
}

/* The lowest address from from on among the entries of hash; UINT64_MAX: none. */
static uint64_t lowest_from(const undo_table *self, uint64_t hash, uint64_t generation,
                            uint64_t from) REQUIRES(self->lock)
{
    uint64_t lowest = UINT64_MAX;
    uint64_t mask = self->capacity - 1;
    for (uint64_t i = hash & mask; self->entries[i].address_and_one != 0; i = (i + 1) & mask) {
        const undo_entry *entry = &self->entries[i];
        uint64_t address = entry->address_and_one - 1;
        if (entry->hash == hash && entry->generation >= generation && address >= from &&
            address < lowest) {
            lowest = address;
        }
    }
    return lowest;
}

bool undo_next(undo_table *self, uint64_t hash, uint64_t generation, uint64_t from,
               uint64_t *address_out)
{
    uint64_t lowest = UINT64_MAX;
    if (PYKV_LIKELY(is_empty(self))) {
        return false;
    }
    mutex_lock(&self->lock);
    if (self->capacity > 0) {
        lowest = lowest_from(self, hash, generation, from);
    }
    mutex_unlock(&self->lock);
    if (lowest != UINT64_MAX) {
        *address_out = lowest;
    }
    return lowest != UINT64_MAX;
}

/* To the size that it had grown to for its entries. */
static void shrink(undo_table *self) REQUIRES(self->lock)
{
    uint64_t capacity = capacity_for(count_of(self));
    if (capacity < self->capacity) {
        (void)!rebuild(self, capacity, NULL, NULL);
    }
}

void undo_prune(undo_table *self, undo_needed *needed, const void *context)
{
    mutex_lock(&self->lock);
    if (needed == NULL) {
        mem_free(self->entries);
        self->entries = NULL;
        self->capacity = 0;
        set_count(self, 0);
    } else if (self->capacity > 0) {
        (void)!rebuild(self, self->capacity, needed, context);
        shrink(self);
    }
    self->count_left = count_of(self);
    mutex_unlock(&self->lock);
}

bool undo_has_grown(undo_table *self)
{
    mutex_lock(&self->lock);
    bool has_grown = count_of(self) >= 2 * self->count_left + UNDO_CAPACITY_MIN / 2;
    mutex_unlock(&self->lock);
    return has_grown;
}

uint64_t undo_bytes(undo_table *self)
{
    mutex_lock(&self->lock);
    uint64_t bytes = self->capacity * sizeof *self->entries;
    mutex_unlock(&self->lock);
    return bytes;
}
