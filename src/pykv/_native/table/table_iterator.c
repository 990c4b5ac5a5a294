/*
 * table_iterator: windows over the blocks of a table.
 *
 * first is the place in the block of the window's first entry. The arena takes the keys of a window
 * that have to be put together from a head and a suffix: it holds the longest key of the table, and
 * a window ends where the next key would not fit.
 */
#include "table/table_iterator.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "table/block_search.h"
#include "table/table_reader.h"

enum {
    WINDOW_MIN = 4,
    WINDOW_MAX = 64,
    ARENA_BYTES_MIN = 4096,
    COPY_BYTES = 16,
    FETCHED_MAX = 6 * 1024 /* bytes of a block */
};

typedef struct table_iterator {
    iterator base;
    table *from;
    block_source *source;
    block_hold hold;
    uint32_t block_index;
    uint32_t first;
    uint32_t window_max; /* entries that the next window may have */
    size_t arena_bytes;
    uint8_t *arena;
    iterator_entry entries[WINDOW_MAX];
} table_iterator;

/* ---- windows ---- */

/* Copies size bytes by moves of 16, which read and write up to 15 bytes more: blocks and the arena
 * have them. */
static inline void copy_wide(uint8_t *out, const uint8_t *from, size_t size)
{
    for (size_t done = 0; done < size; done += COPY_BYTES) {
        memcpy(out + done, from + done, COPY_BYTES);
    }
}

/* Makes the whole key of an entry. False: it needs more of the arena than is left. */
static inline bool join_key(table_iterator *self, const block_entry *entry, size_t *arena_used,
                            slice *key_out)
{
    size_t size = entry->shared + entry->suffix.size;
    if (entry->shared == 0) {
        *key_out = entry->suffix;
        return true;
    }
    if (PYKV_UNLIKELY(size > self->arena_bytes - *arena_used)) {
        return false;
    }
    uint8_t *key = self->arena + *arena_used;
    copy_wide(key, entry->head, entry->shared);
    copy_wide(key + entry->shared, entry->suffix.data, entry->suffix.size);
    *key_out = slice_make(key, size);
    *arena_used += size;
    return true;
}

/* Shows an entry whose key is made, but for its key. */
static inline void fill_entry(const block *held, uint32_t index, const block_entry *entry,
                              iterator_entry *out)
{
    out->value = entry->value;
    out->sequence = block_sequence(held, index);
    out->deadline_us = entry->deadline_us;
    out->body_crc = block_body_crc(held, index);
    out->kind = entry->kind;
}

/* Puts an entry of the held block at place of the window, unless its key needs more of the arena
 * than is left: then false. */
static bool show(table_iterator *self, uint32_t index, uint32_t place, size_t *arena_used)
{
    const block *held = self->hold.block;
    iterator_entry *out = &self->entries[place];
    block_entry entry;
    block_read(held, index, &entry);
    if (!join_key(self, &entry, arena_used, &out->key)) {
        return false;
    }
    fill_entry(held, index, &entry, out);
    return true;
}

/* Puts entries from index up to end from the begin of the window on, until the arena is full: each
 * begins where the one before ends, and the head of a group comes by. Returns how many. */
static uint32_t show_run(table_iterator *self, uint32_t index, uint32_t end)
{
    const block *held = self->hold.block;
    uint32_t group_mask = (1U << held->group_shift) - 1;
    iterator_entry *out = self->entries;
    size_t arena_used = 0;
    block_entry entry;
    block_read_parts(held->entries + held->starts[index & ~group_mask], &entry);
    const uint8_t *head = entry.suffix.data;
    const uint8_t *in = held->entries + held->starts[index];
    for (uint32_t i = index; i < end; i++, out++) {
        block_read_parts(in, &entry);
        bool is_head = (i & group_mask) == 0 && (i == index || !PYKV_PLANTED(189));
        head = is_head ? entry.suffix.data : head;
        entry.head = head;
        if (!join_key(self, &entry, &arena_used, &out->key)) {
            break;
        }
        fill_entry(held, i, &entry, out);
        in = entry.value.data + entry.value.size;
    }
    return (uint32_t)(out - self->entries);
}

/* Fetches a block that will be used, or most of it. */
static void fetch(const table_iterator *self, uint32_t block_index)
{
    if (block_index < self->from->index.block_count) {
        uint64_t bytes = table_block_bytes(self->from, block_index);
        (void)table_prefetch_block(self->from, block_index,
                                   bytes < FETCHED_MAX ? bytes : FETCHED_MAX);
    }
}

/* Shows entries from index on, at least one; the first is current. */
static void show_from(table_iterator *self, uint32_t index)
{
    uint32_t end = self->hold.block->entry_count;
    end = end - index > self->window_max ? index + self->window_max : end;
    uint32_t count = show_run(self, index, end);
    if (index + count == self->hold.block->entry_count) {
        fetch(self, self->block_index + 1); /* while the last entries of this one are used */
    }
    self->first = index;
    self->base.entries = self->entries;
    self->base.index = 0;
    self->base.count = count;
    self->window_max = self->window_max * 4 < WINDOW_MAX ? self->window_max * 4 : WINDOW_MAX;
}

/* Shows entries up to index, at least one; the last is current. They are put at the end of the
 * array, from behind, as far as the arena reaches. */
static void show_up_to(table_iterator *self, uint32_t index)
{
    uint32_t count = 0;
    size_t arena_used = 0;
    uint32_t count_max = index + 1 < self->window_max ? index + 1 : self->window_max;
    while (count < count_max && show(self, index - count, WINDOW_MAX - 1 - count, &arena_used)) {
        count++;
    }
    self->first = index + 1 - count;
    self->base.entries = self->entries + WINDOW_MAX - count;
    self->base.index = count - 1;
    self->base.count = count;
    self->window_max = self->window_max * 4 < WINDOW_MAX ? self->window_max * 4 : WINDOW_MAX;
}

static void show_nothing(table_iterator *self, pykv_status status)
{
    self->base.index = 0;
    self->base.count = 0;
    self->base.status = status;
    block_source_release(self->source, &self->hold);
}

/* Holds a block instead of the one held now. False: the iterator shows nothing, and says why. */
static bool hold_block(table_iterator *self, uint32_t block_index, block_use use)
{
    if (self->hold.block != NULL && self->block_index == block_index) {
        return true;
    }
    block_source_release(self->source, &self->hold);
    pykv_status status =
        self->source->acquire(self->source, self->from, block_index, use, &self->hold);
    if (status != PYKV_OK) {
        self->hold.block = NULL;
        show_nothing(self, status);
        return false;
    }
    self->block_index = block_index;
    return true;
}

/* ---- the operations ---- */

static table_iterator *of(iterator *base)
{
    return (table_iterator *)base;
}

/* Goes to the first entry of a block, or to none behind the last block. */
static void go_to_first_of(table_iterator *self, uint32_t block_index, block_use use)
{
    if (block_index == self->from->index.block_count) {
        show_nothing(self, PYKV_OK);
    } else if (hold_block(self, block_index, use)) {
        show_from(self, 0);
    }
}

/* Goes to the last entry before a block, or to none before the first. */
static void go_to_last_before(table_iterator *self, uint32_t block_index, block_use use)
{
    if (block_index == 0) {
        show_nothing(self, PYKV_OK);
    } else if (hold_block(self, block_index - 1, use)) {
        show_up_to(self, self->hold.block->entry_count - 1);
    }
}

static void seek(iterator *base, slice key, uint64_t sequence)
{
    table_iterator *self = of(base);
    table_position position = table_position_make(key, sequence);
    uint32_t block_index = table_index_find(&self->from->index, position);
    fetch(self, block_index); /* the search in it jumps */
    self->base.status = PYKV_OK;
    self->window_max = WINDOW_MIN;
    if (block_index == self->from->index.block_count) {
        show_nothing(self, PYKV_OK);
    } else if (hold_block(self, block_index, BLOCK_FOR_SEEK)) {
        uint32_t index = block_seek(self->hold.block, position);
        if (index < self->hold.block->entry_count) {
            show_from(self, index);
        } else {
            go_to_first_of(self, block_index + 1, BLOCK_FOR_SEEK);
        }
    }
}

static void seek_back(iterator *base, slice key, uint64_t sequence)
{
    table_iterator *self = of(base);
    table_position position = table_position_make(key, sequence);
    uint32_t block_index = table_index_find(&self->from->index, position);
    fetch(self, block_index); /* the search in it jumps */
    self->base.status = PYKV_OK;
    self->window_max = WINDOW_MIN;
    if (block_index == self->from->index.block_count) {
        go_to_last_before(self, block_index, BLOCK_FOR_SEEK);
    } else if (hold_block(self, block_index, BLOCK_FOR_SEEK)) {
        uint32_t index = block_seek(self->hold.block, position);
        if (index > 0) {
            show_up_to(self, index - 1);
        } else {
            go_to_last_before(self, block_index, BLOCK_FOR_SEEK);
        }
    }
}

static void seek_last(iterator *base)
{
    table_iterator *self = of(base);
    self->base.status = PYKV_OK;
    self->window_max = WINDOW_MIN;
    go_to_last_before(self, self->from->index.block_count, BLOCK_FOR_SEEK);
}

static void advance(iterator *base)
{
    table_iterator *self = of(base);
    uint32_t behind = self->first + self->base.count;
    if (behind < self->hold.block->entry_count) {
        show_from(self, behind);
    } else {
        go_to_first_of(self, self->block_index + 1, BLOCK_FOR_STEP);
    }
}

static void retreat(iterator *base)
{
    table_iterator *self = of(base);
    if (self->first > 0) {
        show_up_to(self, self->first - 1);
    } else {
        go_to_last_before(self, self->block_index, BLOCK_FOR_STEP_BACK);
    }
}

static void free_iterator(iterator *base)
{
    table_iterator *self = of(base);
    block_source_release(self->source, &self->hold);
    mem_free(self->arena);
    mem_free(self);
}

static const iterator_ops operations = {seek,    seek_back, seek_last,
                                        advance, retreat,   free_iterator};

pykv_status table_iterator_new(table *from, block_source *source, iterator **iterator_out)
{
    size_t longest = from->properties.key_length_max;
    size_t arena_bytes = longest > ARENA_BYTES_MIN ? longest : ARENA_BYTES_MIN;
    table_iterator *self = mem_alloc(sizeof *self);
    uint8_t *arena = mem_alloc(arena_bytes + COPY_BYTES);
    if (self == NULL || arena == NULL) {
        mem_free(self);
        mem_free(arena);
        return error_set_no_memory(sizeof *self + arena_bytes);
    }
    self->base = iterator_make(&operations);
    self->from = from;
    self->source = source;
    self->hold = (block_hold){NULL, NULL};
    self->block_index = 0;
    self->first = 0;
    self->window_max = WINDOW_MIN;
    self->arena = arena;
    self->arena_bytes = arena_bytes;
    *iterator_out = &self->base;
    return PYKV_OK;
}
