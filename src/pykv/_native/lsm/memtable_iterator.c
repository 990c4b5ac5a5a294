/*
 * memtable_iterator: a walk over a memtable, a leaf at a time.
 *
 * The iterator copies the record pointers of one leaf, in order, inside the epoch, and leaves it;
 * the way to the next leaf starts at the root again, from the last record seen. So nothing is
 * pinned between calls, and records, which never move, are read at leisure. A seek makes few
 * entries ready, since its user may want one; each step out of the window doubles that.
 *
 * One that checks compares the body check of each entry with its bytes before it shows it: a bit
 * that flipped in memory would get a fresh check where the entry is written next.
 *
 * Invariant: the window is records window_first .. window_first + base.count of run.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_format.h"
#include "lsm/memtable_find.h"
#include "lsm/memtable_internal.h"

enum { WINDOW_ENTRIES_MIN = 8, WINDOW_ENTRIES_MAX = MEMTABLE_LEAF_SLOTS };

typedef struct memtable_iterator {
    iterator base;
    memtable *owner; /* a reference */
    uint32_t window_first;
    uint32_t window_entries; /* to make ready at the next step out of the window */
    bool checks;
    memtable_run run;
    iterator_entry entries[WINDOW_ENTRIES_MAX];
} memtable_iterator;

static memtable_iterator *of(iterator *base)
{
    return (memtable_iterator *)(void *)base;
}

static void show_nothing(memtable_iterator *self)
{
    self->base.index = 0;
    self->base.count = 0;
}

/* The body check of the record that an entry came in. */
static uint32_t body_crc_of(const iterator_entry *entry)
{
    record came;
    came.kind = entry->kind;
    came.flags = entry->deadline_us != 0 ? RECORD_FLAG_DEADLINE : 0;
    came.deadline_us = entry->deadline_us;
    came.namespace_id = 0;
    came.key = entry->key;
    came.value = entry->value;
    return record_body_crc(&came);
}

static pykv_status check_entries(const iterator_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t found = body_crc_of(&entries[i]);
        if (PYKV_UNLIKELY(found != entries[i].body_crc) && !PYKV_PLANTED(262)) {
            return error_set(PYKV_CORRUPTION,
                             "the row of sequence %llu has changed in memory since it was written "
                             "(its check is %08x, not %08x): its log has it as it was, so close "
                             "the store and open it again",
                             (unsigned long long)entries[i].sequence, (unsigned)found,
                             (unsigned)entries[i].body_crc);
        }
    }
    return PYKV_OK;
}

/* Makes records first .. end of run the window, the one at current (counted in run) current. */
static void show(memtable_iterator *self, uint32_t first, uint32_t end, uint32_t current)
{
    for (uint32_t i = first; i < end; i++) {
        __builtin_prefetch(self->run.records[i]);
    }
    for (uint32_t i = first; i < end; i++) {
        memtable_record_load(self->run.records[i], &self->entries[i - first]);
    }
    self->window_first = first;
    self->base.index = current - first;
    self->base.count = end - first;
    if (self->checks) {
        self->base.status = check_entries(self->entries, self->base.count);
        if (self->base.status != PYKV_OK) {
            show_nothing(self);
        }
    }
    uint32_t doubled = self->window_entries * 2;
    self->window_entries = doubled < WINDOW_ENTRIES_MAX ? doubled : WINDOW_ENTRIES_MAX;
}

/* A window that begins at a record of run. */
static void show_from(memtable_iterator *self, uint32_t first)
{
    uint32_t left = self->run.count - first;
    uint32_t count = left < self->window_entries ? left : self->window_entries;
    show(self, first, first + count, first);
}

/* A window that ends before a record of run. */
static void show_until(memtable_iterator *self, uint32_t end)
{
    uint32_t count = end < self->window_entries ? end : self->window_entries;
    show(self, end - count, end, end - 1);
}

/* Loads the leaf that holds the first record behind the place; its index, or run.count: none. */
static uint32_t load_behind(memtable_iterator *self, internal_key place)
{
    memtable_descent way;
    reclaimer *readers = self->owner->readers;
    epoch_token token = epoch_enter(readers->readers);
    memtable_descend(memtable_tree_root(&self->owner->tree), place, &way);
    memtable_leaf_sort(way.nodes[0], &self->run);
    uint32_t index = memtable_descent_search(&way, &self->run, place);
    if (index == self->run.count && memtable_descent_advance(&way)) {
        memtable_leaf_sort(way.nodes[0], &self->run);
        index = 0;
    }
    epoch_leave(readers->readers, token);
    return index;
}

/* Loads the leaf that holds the last record before the place, or the last of all; the index behind
 * it, or 0: none, since only the first leaf has no record before a place that leads to it. */
static uint32_t load_before(memtable_iterator *self, const internal_key *place)
{
    memtable_descent way;
    reclaimer *readers = self->owner->readers;
    epoch_token token = epoch_enter(readers->readers);
    memtable_node *root = memtable_tree_root(&self->owner->tree);
    uint32_t end;
    if (place != NULL) {
        memtable_descend(root, *place, &way);
        memtable_leaf_sort(way.nodes[0], &self->run);
        end = memtable_descent_search(&way, &self->run, *place);
    } else {
        memtable_descend_last(root, &way);
        memtable_leaf_sort(way.nodes[0], &self->run);
        end = self->run.count;
    }
    epoch_leave(readers->readers, token);
    return end;
}

static void go_behind(memtable_iterator *self, slice key, uint64_t sequence)
{
    uint32_t index = load_behind(self, internal_key_place(key, sequence));
    if (index < self->run.count) {
        show_from(self, index);
    } else {
        show_nothing(self);
    }
}

static void go_before(memtable_iterator *self, const internal_key *place)
{
    uint32_t end = load_before(self, place);
    if (end > 0) {
        show_until(self, end);
    } else {
        show_nothing(self);
    }
}

static void seek(iterator *base, slice key, uint64_t sequence)
{
    of(base)->window_entries = WINDOW_ENTRIES_MIN;
    go_behind(of(base), key, sequence);
}

static void seek_back(iterator *base, slice key, uint64_t sequence)
{
    internal_key place = internal_key_place(key, sequence);
    of(base)->window_entries = WINDOW_ENTRIES_MIN;
    go_before(of(base), &place);
}

static void seek_last(iterator *base)
{
    of(base)->window_entries = WINDOW_ENTRIES_MIN;
    go_before(of(base), NULL);
}

static void advance(iterator *base)
{
    memtable_iterator *self = of(base);
    uint32_t end = self->window_first + base->count;
    if (end < self->run.count) {
        show_from(self, end);
        return;
    }
    const iterator_entry *last = &self->entries[base->count - 1];
    go_behind(self, last->key, last->sequence - 1);
}

static void retreat(iterator *base)
{
    memtable_iterator *self = of(base);
    if (self->window_first > 0) {
        show_until(self, self->window_first);
        return;
    }
    internal_key place = internal_key_place(self->entries[0].key, self->entries[0].sequence);
    go_before(self, &place);
}

static void free_iterator(iterator *base)
{
    memtable_release(of(base)->owner);
    mem_free(base);
}

static const iterator_ops memtable_iterator_ops = {seek,    seek_back, seek_last,
                                                   advance, retreat,   free_iterator};

static pykv_status make(memtable *self, bool checks, iterator **iterator_out)
{
    memtable_iterator *made = mem_alloc(sizeof *made);
    if (made == NULL) {
        return error_set_no_memory(sizeof *made);
    }
    made->base = iterator_make(&memtable_iterator_ops);
    made->base.entries = made->entries;
    made->owner = memtable_acquire(self);
    made->window_first = 0;
    made->window_entries = WINDOW_ENTRIES_MIN;
    made->checks = checks;
    made->run.count = 0;
    *iterator_out = &made->base;
    return PYKV_OK;
}

pykv_status memtable_iterator_new(memtable *self, iterator **iterator_out)
{
    return make(self, false, iterator_out);
}

pykv_status memtable_iterator_new_checking(memtable *self, iterator **iterator_out)
{
    return make(self, true, iterator_out);
}
