/*
 * slab_arena: gaps are found in the bits a word at a time. A slab whose gaps are all too short is
 * looked through once, and again only after something in it was given back.
 */
#include "base/slab_arena.h"

#include <string.h>

#include "base/invariant.h"

enum {
    WORD_BITS = 64,
    GRANULE_COUNT = SLAB_BYTES / SLAB_GRANULE_BYTES,
    WORD_COUNT = GRANULE_COUNT / WORD_BITS,
    SMALL_PAGE_BYTES = 4096,
    VAIN_MAX = 64 /* then all slabs are tried again: an owner may hold on no more */
};

/* At the begin of its large page; its own granules count as taken. */
typedef struct slab {
    uint32_t index; /* in the list */
    uint32_t free_count;
    uint32_t block_count;
    uint8_t tried; /* an effort, or 0: it was vacated and stayed; nothing was given back since */
    _Atomic bool is_vacated;
    uint64_t taken[WORD_COUNT]; /* a bit a granule */
} slab;

enum {
    HEAD_COUNT = (sizeof(slab) + SLAB_GRANULE_BYTES - 1) / SLAB_GRANULE_BYTES,
    FREE_COUNT_MAX = GRANULE_COUNT - HEAD_COUNT
};

void slab_arena_init(slab_arena *self, memory_budget *budget)
{
    *self = (slab_arena){.budget = budget};
    mutex_init(&self->lock);
}

/* NULL: no memory, or no room in the budget that leaves spare bytes of it. All zeros. */
static slab *map(slab_arena *self, uint64_t spare)
{
    bool is_counted = self->budget != NULL && !PYKV_PLANTED(283);
    if (is_counted && (memory_budget_left(self->budget) < SLAB_BYTES + spare ||
                       !memory_budget_reserve(self->budget, SLAB_BYTES))) {
        return NULL;
    }
    slab *made = mem_map(SLAB_BYTES, true);
    if (made == NULL && is_counted) {
        memory_budget_release(self->budget, SLAB_BYTES);
    }
    return made;
}

static void unmap(slab_arena *self, slab *gone)
{
    mem_unmap(gone, SLAB_BYTES);
    if (self->budget != NULL && !PYKV_PLANTED(283)) {
        memory_budget_release(self->budget, SLAB_BYTES);
    }
}

/* Counts granules as leaving, or no more. */
static void count_leaving(slab_arena *self, int64_t granules)
{
    atomic_fetch_add_explicit(&self->leaving_bytes, (uint64_t)(granules * SLAB_GRANULE_BYTES),
                              memory_order_relaxed);
}

/* Gives a slab back that was taken out of the list; NULL is ignored. */
static void let_go(slab_arena *self, slab *gone)
{
    if (gone != NULL) {
        unmap(self, gone);
        count_leaving(self, -(int64_t)FREE_COUNT_MAX);
    }
}

void slab_arena_destroy(slab_arena *self) SINGLE_THREADED
{
    PYKV_ASSERT(self->slab_count == self->empty_count);
    for (uint32_t i = 0; i < self->slab_count; i++) {
        unmap(self, self->entries[i].slab);
    }
    mem_free(self->entries);
    mutex_destroy(&self->lock);
}

static uint32_t granules_of(size_t size)
{
    return (uint32_t)((size + SLAB_GRANULE_BYTES - 1) / SLAB_GRANULE_BYTES);
}

/* ---- the bits of a slab ---- */

/* The first granule from `from` on that is taken, or that is free; GRANULE_COUNT if there is none.
 */
static uint32_t next_granule(const slab *self, uint32_t from, bool taken)
{
    uint64_t flip = taken ? 0 : UINT64_MAX;
    uint32_t index = from / WORD_BITS;
    if (index == WORD_COUNT) {
        return GRANULE_COUNT;
    }
    uint64_t word = (self->taken[index] ^ flip) & UINT64_MAX << from % WORD_BITS;
    while (word == 0 && ++index < WORD_COUNT) {
        word = self->taken[index] ^ flip;
    }
    return word == 0 ? GRANULE_COUNT : index * WORD_BITS + (uint32_t)__builtin_ctzll(word);
}

/* Where the first gap of count granules begins. GRANULE_COUNT: there is none, and *longest_out says
 * how long the longest is. */
static uint32_t find_gap(const slab *self, uint32_t count, uint32_t *longest_out)
{
    uint32_t longest = 0;
    uint32_t at = next_granule(self, HEAD_COUNT, false);
    while (at < GRANULE_COUNT) {
        uint32_t end = next_granule(self, at, true);
        if (end - at + (PYKV_PLANTED(188) ? 1 : 0) >= count) {
            return at;
        }
        longest = end - at > longest ? end - at : longest;
        at = next_granule(self, end, false);
    }
    *longest_out = longest;
    return GRANULE_COUNT;
}

/* Turns the bits of count granules from at on, which are all alike. */
static void turn(slab *self, uint32_t at, uint32_t count)
{
    while (count > 0) {
        uint32_t shift = at % WORD_BITS;
        uint32_t some = WORD_BITS - shift < count ? WORD_BITS - shift : count;
        self->taken[at / WORD_BITS] ^= UINT64_MAX >> (WORD_BITS - some) << shift;
        at += some;
        count -= some;
    }
}

/* ---- slabs ---- */

static bool is_vacated(const slab *self)
{
    return atomic_load_explicit(&self->is_vacated, memory_order_relaxed);
}

/* Counts granules of a slab that is not vacated as free, or as taken. */
static void count_gaps(slab_arena *self, int64_t granules)
{
    atomic_fetch_add_explicit(&self->gap_bytes, (uint64_t)(granules * SLAB_GRANULE_BYTES),
                              memory_order_relaxed);
}

/* Makes room in the list for one slab more. */
static bool extend_list(slab_arena *self) REQUIRES(self->lock)
{
    if (self->slab_count == self->capacity) {
        uint32_t capacity = 2 * self->capacity + 4;
        slab_entry *grown = mem_resize(self->entries, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        self->entries = grown;
        self->capacity = capacity;
    }
    return true;
}

/* Puts an empty slab at the end of the list. False: it is NULL, or there is no memory for that. */
static bool list_slab(slab_arena *self, slab *made) REQUIRES(self->lock)
{
    if (made == NULL || !extend_list(self)) {
        return false;
    }
    made->index = self->slab_count;
    made->free_count = FREE_COUNT_MAX;
    turn(made, 0, HEAD_COUNT);
    self->entries[self->slab_count++] = (slab_entry){made, FREE_COUNT_MAX};
    self->empty_count++;
    atomic_fetch_add_explicit(&self->bytes, SLAB_BYTES, memory_order_relaxed);
    count_gaps(self, FREE_COUNT_MAX);
    return true;
}

static bool add_slab(slab_arena *self, uint64_t spare) REQUIRES(self->lock)
{
    slab *made = slab_arena_is_preparing(self) ? NULL : map(self, spare);
    bool listed = list_slab(self, made);
    if (made != NULL && !listed) {
        unmap(self, made);
    }
    return listed;
}

/* Takes a slab out of the list; the last one comes in its place. */
static void remove_slab(slab_arena *self, const slab *gone) REQUIRES(self->lock)
{
    slab_entry last = self->entries[--self->slab_count];
    self->entries[gone->index] = last;
    last.slab->index = gone->index;
    self->given_last = 0;
    atomic_fetch_sub_explicit(&self->bytes, SLAB_BYTES, memory_order_relaxed);
}

/* Counts a slab without blocks that is not vacated as leaving. */
static void leave(slab_arena *self)
{
    count_leaving(self, FREE_COUNT_MAX);
    count_gaps(self, -(int64_t)FREE_COUNT_MAX);
}

/* Takes an empty slab out of the list, if it is to go. */
static slab *take_out(slab_arena *self, slab *empty) REQUIRES(self->lock)
{
    if (!is_vacated(empty)) {
        if (self->empty_count == 0) {
            self->empty_count = 1;
            return NULL;
        }
        leave(self);
    }
    remove_slab(self, empty);
    return empty;
}

/* ---- blocks ---- */

/* NULL: the slab has no gap that long. */
static void *take_from(slab_arena *self, slab_entry *entry, uint32_t count) REQUIRES(self->lock)
{
    slab *from = entry->slab;
    uint32_t at =
        entry->longest_max < count ? GRANULE_COUNT : find_gap(from, count, &entry->longest_max);
    if (at == GRANULE_COUNT) {
        return NULL;
    }
    self->empty_count -= from->free_count == FREE_COUNT_MAX ? 1 : 0;
    from->free_count -= count;
    from->block_count++;
    count_gaps(self, -(int64_t)count);
    turn(from, at, count);
    return (uint8_t *)from + (size_t)at * SLAB_GRANULE_BYTES;
}

/* spare NULL: no new slab. */
static void *take(slab_arena *self, size_t size, const uint64_t *spare)
{
    PYKV_ASSERT(size > 0 && size <= SLAB_BLOCK_BYTES_MAX);
    uint32_t count = granules_of(size);
    void *block = NULL;
    mutex_lock(&self->lock);
    uint32_t empty_before = self->empty_count;
    if (self->slab_count > 0) {
        block = take_from(self, &self->entries[self->given_last], count);
    }
    for (uint32_t i = 0; block == NULL && i < self->slab_count; i++) {
        block = take_from(self, &self->entries[i], count);
    }
    if (block == NULL && spare != NULL && add_slab(self, *spare)) {
        self->given_last = self->slab_count - 1;
        block = take_from(self, &self->entries[self->given_last], count);
        empty_before = 1;
    }
    bool calls = self->empty_count == 0 && empty_before > 0 && spare != NULL && self->call != NULL;
    mutex_unlock(&self->lock);
    if (calls && !PYKV_PLANTED(300)) {
        self->call(self->context);
    }
    return block;
}

void *slab_arena_take(slab_arena *self, size_t size, uint64_t spare)
{
    return take(self, size, &spare);
}

void *slab_arena_take_gap(slab_arena *self, size_t size)
{
    return take(self, size, NULL);
}

void slab_arena_give(slab_arena *self, void *block, size_t size)
{
    slab *home = (slab *)((uintptr_t)block / SLAB_BYTES * SLAB_BYTES);
    uint32_t at = (uint32_t)((uintptr_t)block % SLAB_BYTES / SLAB_GRANULE_BYTES);
    uint32_t count = granules_of(size);
    slab *gone = NULL;
    mutex_lock(&self->lock);
    turn(home, at, count);
    home->free_count += count;
    home->block_count--;
    home->tried = 0;
    if (is_vacated(home)) {
        count_leaving(self, count);
    } else {
        self->entries[home->index].longest_max = home->free_count;
        self->given_last = home->index;
        count_gaps(self, count);
    }
    if (home->free_count == FREE_COUNT_MAX) {
        gone = take_out(self, home);
    }
    mutex_unlock(&self->lock);
    let_go(self, gone);
}

/* ---- slabs made ahead ---- */

void slab_arena_let_prepare(slab_arena *self, slab_call *call, void *context)
{
    self->call = call;
    self->context = context;
}

bool slab_arena_is_preparing(const slab_arena *self)
{
    return atomic_load_explicit(&self->is_preparing, memory_order_relaxed);
}

static void set_preparing(slab_arena *self, bool preparing) REQUIRES(self->lock)
{
    atomic_store_explicit(&self->is_preparing, preparing, memory_order_relaxed);
}

/* Has the system back all of a slab. */
static void touch(slab *made)
{
    volatile uint8_t *bytes = (volatile uint8_t *)made;
    for (size_t at = 0; at < SLAB_BYTES; at += SMALL_PAGE_BYTES) {
        bytes[at] = 0;
    }
}

void slab_arena_prepare(slab_arena *self, uint64_t spare)
{
    mutex_lock(&self->lock);
    bool wanted = self->slab_count > 0 && self->empty_count == 0 && !slab_arena_is_preparing(self);
    if (wanted) {
        set_preparing(self, true);
    }
    mutex_unlock(&self->lock);
    if (!wanted) {
        return;
    }
    slab *made = map(self, spare);
    if (made != NULL) {
        touch(made);
    }
    mutex_lock(&self->lock);
    bool listed = list_slab(self, made);
    set_preparing(self, false);
    mutex_unlock(&self->lock);
    if (made != NULL && !listed) {
        unmap(self, made);
    }
}

/* ---- slabs to be emptied ---- */

static void vacate(slab_arena *self, slab_entry *entry) REQUIRES(self->lock)
{
    slab *home = entry->slab;
    atomic_store_explicit(&home->is_vacated, true, memory_order_relaxed);
    entry->longest_max = 0;
    count_leaving(self, home->free_count);
    count_gaps(self, -(int64_t)home->free_count);
}

/* The slab is one as any other again. */
static void keep(slab_arena *self, slab_entry *entry) REQUIRES(self->lock)
{
    slab *home = entry->slab;
    atomic_store_explicit(&home->is_vacated, false, memory_order_relaxed);
    home->tried = PYKV_PLANTED(299) ? 0 : self->effort;
    entry->longest_max = home->free_count;
    count_gaps(self, home->free_count);
    count_leaving(self, -(int64_t)home->free_count);
}

/* True if it stayed though its owner tried as hard as now, or harder. */
static bool was_tried(const slab_arena *self, const slab *home) REQUIRES(self->lock)
{
    return home->tried >= (PYKV_PLANTED(351) ? SLAB_GENTLE : self->effort);
}

/* The slab with the most free granules that has blocks, is not vacated and not to be passed over;
 * NULL: none. */
static slab_entry *emptiest(slab_arena *self) REQUIRES(self->lock)
{
    slab_entry *best = NULL;
    for (uint32_t i = 0; i < self->slab_count; i++) {
        slab_entry *entry = &self->entries[i];
        const slab *home = entry->slab;
        if (!is_vacated(home) && !was_tried(self, home) && home->free_count < FREE_COUNT_MAX &&
            (best == NULL || home->free_count > best->slab->free_count)) {
            best = entry;
        }
    }
    return best;
}

/* Takes the slab without blocks out of the list. NULL: there is none. */
static slab *take_out_kept(slab_arena *self) REQUIRES(self->lock)
{
    for (uint32_t i = 0; i < self->slab_count && self->empty_count > 0; i++) {
        slab *home = self->entries[i].slab;
        if (home->free_count == FREE_COUNT_MAX) {
            self->empty_count--;
            leave(self);
            remove_slab(self, home);
            return home;
        }
    }
    return NULL;
}

static void keep_all(slab_arena *self) REQUIRES(self->lock)
{
    for (uint32_t i = 0; i < self->slab_count; i++) {
        if (is_vacated(self->entries[i].slab)) {
            keep(self, &self->entries[i]);
        }
    }
}

/* Only slabs to pass over are left: every now and then they are tried again. */
static void count_vain(slab_arena *self) REQUIRES(self->lock)
{
    if (++self->vain_count < VAIN_MAX) {
        return;
    }
    self->vain_count = 0;
    for (uint32_t i = 0; i < self->slab_count; i++) {
        self->entries[i].slab->tried = 0;
    }
}

uint64_t slab_arena_vacate(slab_arena *self, uint64_t bytes, slab_effort effort)
{
    uint64_t block_count = 0;
    mutex_lock(&self->lock);
    keep_all(self);
    self->effort = (uint8_t)effort;
    slab *gone = bytes > 0 ? take_out_kept(self) : NULL;
    uint64_t vacated = gone != NULL ? SLAB_BYTES : 0;
    for (slab_entry *entry; vacated < bytes && (entry = emptiest(self)) != NULL;) {
        vacate(self, entry);
        vacated += SLAB_BYTES;
        block_count += entry->slab->block_count;
    }
    if (bytes > 0 && vacated == 0) {
        count_vain(self);
    }
    mutex_unlock(&self->lock);
    let_go(self, gone);
    return block_count;
}

bool slab_arena_is_vacated(const void *block)
{
    return is_vacated((const slab *)((uintptr_t)block / SLAB_BYTES * SLAB_BYTES));
}

uint64_t slab_arena_bytes(const slab_arena *self)
{
    return atomic_load_explicit(&self->bytes, memory_order_relaxed);
}

uint64_t slab_arena_gap_bytes(const slab_arena *self)
{
    return atomic_load_explicit(&self->gap_bytes, memory_order_relaxed);
}

uint64_t slab_arena_leaving_bytes(const slab_arena *self)
{
    return atomic_load_explicit(&self->leaving_bytes, memory_order_relaxed);
}
