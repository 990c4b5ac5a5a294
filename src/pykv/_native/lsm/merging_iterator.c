/*
 * merging_iterator: windows over children that a loser tree (merging_tree.h) puts in order.
 *
 * Invariants, while an entry is shown: (1) the last entry of the window, in the direction of the
 * walk, is the current one of the tree's winner; all other children stand behind it, or are at
 * their end; (2) no child has left a window that an entry shown borrows from.
 */
#include "lsm/merging_iterator.h"

#include <stdbool.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/merging_tree.h"

enum {
    WINDOW_ENTRIES_MIN = 4, /* gathered at once after a seek */
    WINDOW_ENTRIES_MAX = 64,
    RUN_ENTRIES_MIN = 8 /* of one child, to be shown where they are */
};

typedef struct merging_iterator {
    iterator base;
    merging_tree tree;
    uint32_t first;      /* the child of the window's first entry, in the direction of the walk */
    uint32_t window_max; /* entries that the next window may gather */
    iterator_entry entries[WINDOW_ENTRIES_MAX];
    merging_slot slots[]; /* whose children are owned */
} merging_iterator;

static merging_iterator *of(iterator *base)
{
    return (merging_iterator *)(void *)base;
}

/* ---- a child's window, in the direction of the walk ---- */

/* Entries that are ready from the current one on. */
static inline uint32_t ready_count(const merging_iterator *self, const iterator *walk)
{
    return self->tree.is_backward ? walk->index + 1 : walk->count - walk->index;
}

/* The entry so many steps ahead of the current one. */
static inline const iterator_entry *ahead(const merging_iterator *self, const iterator *walk,
                                          uint32_t steps)
{
    return &walk->entries[self->tree.is_backward ? walk->index - steps : walk->index + steps];
}

static inline void go_ahead(const merging_iterator *self, iterator *walk, uint32_t steps)
{
    walk->index = self->tree.is_backward ? walk->index - steps : walk->index + steps;
}

/* Goes to the child's next entry. False: it failed. */
static bool step(const merging_iterator *self, uint32_t child)
{
    iterator *walk = self->slots[child].walk;
    if (ready_count(self, walk) > 1) {
        go_ahead(self, walk, 1);
        return true;
    }
    if (self->tree.is_backward) {
        walk->ops->retreat(walk);
    } else {
        walk->ops->advance(walk);
    }
    return merging_tree_look(&self->tree, child);
}

/* True if the entry so many steps ahead comes before bound, or is at it. */
static bool is_until(const merging_iterator *self, const iterator *walk, uint32_t steps,
                     const iterator_entry *bound)
{
    int order = merging_tree_compare(&self->tree, ahead(self, walk, steps), bound);
    return PYKV_PLANTED(64) ? order < 0 : order <= 0;
}

/* How many of the first count entries ahead come before bound, or are at it; known of them are
 * known to. Takes few comparisons where it is few more. */
static uint32_t count_until(const merging_iterator *self, const iterator *walk, uint32_t known,
                            uint32_t count, const iterator_entry *bound)
{
    uint32_t low = known;
    uint32_t high = known;
    for (uint32_t stride = 1; high < count && is_until(self, walk, high, bound); stride *= 2) {
        low = high + 1;
        high += stride;
    }
    high = high < count ? high : count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_until(self, walk, middle, bound)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* ---- windows ---- */

static void show_nothing(merging_iterator *self, pykv_status status)
{
    self->base.index = 0;
    self->base.count = 0;
    self->base.status = status;
}

/* Shows count entries of the winner where they are. */
static void show_run(merging_iterator *self, iterator *walk, uint32_t count)
{
    self->first = self->slots[0].node.child;
    self->base.entries =
        self->tree.is_backward ? ahead(self, walk, count - 1) : iterator_current(walk);
    self->base.index = self->tree.is_backward ? count - 1 : 0;
    self->base.count = count;
    go_ahead(self, walk, count - 1);
}

/* Gathers entries until a child has to leave its window, or one child alone goes on. */
static void gather(merging_iterator *self)
{
    bool is_backward = self->tree.is_backward;
    const merging_slot *previous = NULL;
    uint32_t streak = 0;
    uint32_t count = 0;
    self->first = self->tree.slots[0].node.child;
    for (;;) {
        const merging_slot *slot = merging_tree_winner(&self->tree);
        self->entries[is_backward ? WINDOW_ENTRIES_MAX - 1 - count : count] =
            *iterator_current(slot->walk);
        count++;
        streak = slot == previous ? streak + 1 : 0;
        previous = slot;
        if (count == self->window_max || ready_count(self, slot->walk) == 1 ||
            streak == RUN_ENTRIES_MIN) {
            break;
        }
        go_ahead(self, slot->walk, 1);
        merging_tree_replay(&self->tree);
    }
    self->base.entries = self->entries + (is_backward ? WINDOW_ENTRIES_MAX - count : 0);
    self->base.index = is_backward ? count - 1 : 0;
    self->base.count = count;
    uint32_t grown = self->window_max * 4;
    self->window_max = grown < WINDOW_ENTRIES_MAX ? grown : WINDOW_ENTRIES_MAX;
}

/* How many of the ready entries come before bound (NULL: all do); 0: too few to be worth it. */
static uint32_t run_count(const merging_iterator *self, const iterator *walk,
                          const iterator_entry *bound)
{
    uint32_t ready = ready_count(self, walk);
    if (bound == NULL ||
        merging_tree_compare(&self->tree, ahead(self, walk, ready - 1), bound) < 0) {
        return ready;
    }
    if (ready <= RUN_ENTRIES_MIN ||
        merging_tree_compare(&self->tree, ahead(self, walk, RUN_ENTRIES_MIN - 1), bound) > 0) {
        return 0;
    }
    return count_until(self, walk, RUN_ENTRIES_MIN, ready - 1, bound);
}

/* Shows what comes from the winner's current entry on. */
static void show(merging_iterator *self)
{
    iterator *walk = merging_tree_winner(&self->tree)->walk;
    if (!iterator_valid(walk)) {
        show_nothing(self, PYKV_OK);
        return;
    }
    merging_tree_tune(&self->tree);
    uint32_t run = run_count(self, walk, merging_tree_runner_up(&self->tree));
    if (run > 0) {
        show_run(self, walk, run);
    } else {
        gather(self);
    }
}

/* Shows what comes from where the children stand. */
static void start(merging_iterator *self, bool is_backward)
{
    self->window_max = WINDOW_ENTRIES_MIN;
    self->base.status = PYKV_OK;
    if (self->tree.child_count == 0) {
        show_nothing(self, PYKV_OK);
        return;
    }
    merging_tree_build(&self->tree, is_backward);
    show(self);
}

/* ---- changes of direction ---- */

static bool seek_behind(const merging_iterator *self, uint32_t child, const iterator_entry *from)
{
    iterator *walk = self->slots[child].walk;
    if (self->tree.is_backward) {
        iterator_seek_back(walk, from->key, from->sequence);
    } else {
        iterator_seek(walk, from->key, from->sequence);
    }
    return merging_tree_look(&self->tree, child);
}

/* Takes a child to its first entry behind from, in the new direction. False: it failed. from may
 * go with the window of the child that it is of; that one shows nothing new on the way. */
static bool pass(const merging_iterator *self, uint32_t child, const iterator_entry *from)
{
    iterator *walk = self->slots[child].walk;
    if (!iterator_valid(walk)) {
        return PYKV_PLANTED(60) || seek_behind(self, child, from);
    }
    uint32_t ready = ready_count(self, walk);
    uint32_t passed = count_until(self, walk, 0, ready, from);
    if (passed < ready) {
        go_ahead(self, walk, passed);
        return true;
    }
    go_ahead(self, walk, ready - 1);
    if (!step(self, child)) {
        return false;
    }
    if (child != self->first && iterator_valid(walk) &&
        merging_tree_compare(&self->tree, iterator_current(walk), from) < 0) {
        return seek_behind(self, child, from);
    }
    return true;
}

/* Turns round at from, the first entry of the window in the direction until now. */
static void turn(merging_iterator *self, const iterator_entry *from)
{
    self->tree.is_backward = !self->tree.is_backward;
    for (uint32_t i = 1; i <= self->tree.child_count; i++) {
        uint32_t child = (self->first + i) % self->tree.child_count; /* the owner of from last */
        if (!pass(self, child, from)) {
            show_nothing(self, self->slots[child].walk->status);
            return;
        }
    }
    start(self, self->tree.is_backward);
}

/* ---- the operations ---- */

/* On from the window's last entry, in the direction of the walk. */
static void go_on(merging_iterator *self)
{
    uint32_t child = self->slots[0].node.child;
    if (!step(self, child)) {
        show_nothing(self, self->slots[child].walk->status);
        return;
    }
    merging_tree_replay(&self->tree);
    show(self);
}

static void advance(iterator *base)
{
    merging_iterator *self = of(base);
    if (self->tree.is_backward) {
        turn(self, &base->entries[base->count - 1]);
    } else {
        go_on(self);
    }
}

static void retreat(iterator *base)
{
    merging_iterator *self = of(base);
    if (self->tree.is_backward) {
        go_on(self);
    } else {
        turn(self, &base->entries[0]);
    }
}

/* Looks at where a child was sought to. False: it failed, and so does the walk. */
static bool arrive(merging_iterator *self, uint32_t child)
{
    if (!merging_tree_look(&self->tree, child)) {
        show_nothing(self, self->slots[child].walk->status);
        return false;
    }
    return true;
}

static void seek(iterator *base, slice key, uint64_t sequence)
{
    merging_iterator *self = of(base);
    for (uint32_t c = 0; c < self->tree.child_count; c++) {
        iterator_seek(self->slots[c].walk, key, sequence);
        if (!arrive(self, c)) {
            return;
        }
    }
    start(self, false);
}

static void seek_back(iterator *base, slice key, uint64_t sequence)
{
    merging_iterator *self = of(base);
    for (uint32_t c = 0; c < self->tree.child_count; c++) {
        iterator_seek_back(self->slots[c].walk, key, sequence);
        if (!arrive(self, c)) {
            return;
        }
    }
    start(self, true);
}

static void seek_last(iterator *base)
{
    merging_iterator *self = of(base);
    for (uint32_t c = 0; c < self->tree.child_count; c++) {
        iterator_seek_last(self->slots[c].walk);
        if (!arrive(self, c)) {
            return;
        }
    }
    start(self, true);
}

static void free_iterator(iterator *base)
{
    merging_iterator *self = of(base);
    for (uint32_t c = 0; c < self->tree.child_count; c++) {
        iterator_free(self->slots[c].walk);
    }
    mem_free(self);
}

static const iterator_ops merging_iterator_ops = {seek,    seek_back, seek_last,
                                                  advance, retreat,   free_iterator};

pykv_status merging_iterator_new(iterator **children, size_t count, iterator **out)
{
    PYKV_ASSERT(count <= MERGING_ITERATOR_CHILDREN_MAX);
    if (count == 1) {
        *out = children[0];
        return PYKV_OK;
    }
    size_t bytes = sizeof(merging_iterator) + count * sizeof(merging_slot);
    merging_iterator *self = mem_alloc(bytes);
    if (self == NULL) {
        return error_set_no_memory(bytes);
    }
    self->base = iterator_make(&merging_iterator_ops);
    merging_tree_init(&self->tree, self->slots, (uint32_t)count);
    for (size_t c = 0; c < count; c++) {
        self->slots[c].walk = children[c];
    }
    *out = &self->base;
    return PYKV_OK;
}
