/*
 * iterator: what the inline steps promise, over an implementation that walks an array and shows it
 * in windows of a given size.
 */
#include "harness/check.h"

#include "base/iterator.h"

enum { ENTRY_COUNT = 10 };

typedef struct array_iterator {
    iterator base;
    iterator_entry all[ENTRY_COUNT];
    char keys[ENTRY_COUNT];
    int64_t begin; /* of the window in all */
    uint32_t window_size;
    uint32_t call_count;
    bool freed;
} array_iterator;

/* Shows the window from begin to end with index current; an empty one where current is outside. */
static void show(array_iterator *self, int64_t begin, int64_t end, int64_t current)
{
    self->call_count++;
    begin = begin < 0 ? 0 : begin;
    end = end > ENTRY_COUNT ? ENTRY_COUNT : end;
    bool inside = current >= begin && current < end;
    self->begin = begin;
    self->base.entries = self->all + begin;
    self->base.index = inside ? (uint32_t)(current - begin) : 0;
    self->base.count = inside ? (uint32_t)(end - begin) : 0;
}

static int64_t place_of(const array_iterator *self, slice key, uint64_t sequence)
{
    int64_t i = 0;
    while (i < ENTRY_COUNT &&
           (slice_compare(self->all[i].key, key) < 0 ||
            (slice_equal(self->all[i].key, key) && self->all[i].sequence > sequence))) {
        i++;
    }
    return i;
}

static void array_seek(iterator *base, slice key, uint64_t sequence)
{
    array_iterator *self = (array_iterator *)base;
    int64_t place = place_of(self, key, sequence);
    show(self, place, place + self->window_size, place);
}

static void array_seek_back(iterator *base, slice key, uint64_t sequence)
{
    array_iterator *self = (array_iterator *)base;
    int64_t place = place_of(self, key, sequence);
    show(self, place - self->window_size, place, place - 1);
}

static void array_seek_last(iterator *base)
{
    array_iterator *self = (array_iterator *)base;
    show(self, ENTRY_COUNT - (int64_t)self->window_size, ENTRY_COUNT, ENTRY_COUNT - 1);
}

static void array_advance(iterator *base)
{
    array_iterator *self = (array_iterator *)base;
    int64_t next = self->begin + base->count;
    show(self, next, next + self->window_size, next);
}

static void array_retreat(iterator *base)
{
    array_iterator *self = (array_iterator *)base;
    show(self, self->begin - self->window_size, self->begin, self->begin - 1);
}

static void array_free(iterator *base)
{
    ((array_iterator *)base)->freed = true;
}

static const iterator_ops array_ops = {array_seek,    array_seek_back, array_seek_last,
                                       array_advance, array_retreat,   array_free};

/* Keys 'a' to 'j'; entry i has sequence i + 1. */
static void array_open(array_iterator *self, uint32_t window_size)
{
    memset(self, 0, sizeof *self);
    self->base = iterator_make(&array_ops);
    self->window_size = window_size;
    for (uint32_t i = 0; i < ENTRY_COUNT; i++) {
        self->keys[i] = (char)('a' + (int)i);
        self->all[i] = (iterator_entry){.key = slice_make(&self->keys[i], 1), .sequence = i + 1};
    }
}

TEST(a_fresh_iterator_stands_nowhere)
{
    array_iterator walk;
    const iterator_entry *rest;
    array_open(&walk, 4);
    CHECK(!iterator_valid(&walk.base));
    CHECK_EQUAL(0, iterator_rest(&walk.base, &rest));
    CHECK_OK(walk.base.status);
}

TEST(a_walk_in_either_direction_gives_every_entry_once_whatever_the_window)
{
    array_iterator walk;
    for (uint32_t size = 1; size <= ENTRY_COUNT + 1; size++) {
        uint64_t wanted = 1;
        array_open(&walk, size);
        for (iterator_seek_first(&walk.base); iterator_valid(&walk.base);
             iterator_next(&walk.base)) {
            CHECK_EQUAL(wanted++, iterator_current(&walk.base)->sequence);
        }
        CHECK_EQUAL(ENTRY_COUNT + 1, wanted);
        for (iterator_seek_last(&walk.base); iterator_valid(&walk.base);
             iterator_previous(&walk.base)) {
            CHECK_EQUAL(--wanted, iterator_current(&walk.base)->sequence);
        }
        CHECK_EQUAL(1, wanted);
    }
}

TEST(steps_inside_a_window_call_nothing)
{
    array_iterator walk;
    array_open(&walk, ENTRY_COUNT);
    iterator_seek_first(&walk.base);
    for (uint32_t i = 1; i < ENTRY_COUNT; i++) {
        iterator_next(&walk.base);
    }
    for (uint32_t i = 1; i < ENTRY_COUNT; i++) {
        iterator_previous(&walk.base);
    }
    CHECK_EQUAL(1, walk.call_count);
    CHECK_EQUAL(1, iterator_current(&walk.base)->sequence);
}

TEST(a_direction_changes_anywhere)
{
    array_iterator walk;
    for (uint32_t size = 1; size <= 4; size++) {
        array_open(&walk, size);
        iterator_seek(&walk.base, slice_make("c", 1), UINT64_MAX);
        for (uint64_t at = 3; at < ENTRY_COUNT; at++) {
            CHECK_EQUAL(at, iterator_current(&walk.base)->sequence);
            iterator_next(&walk.base);
            CHECK_EQUAL(at + 1, iterator_current(&walk.base)->sequence);
            iterator_previous(&walk.base);
            CHECK_EQUAL(at, iterator_current(&walk.base)->sequence);
            iterator_next(&walk.base);
        }
    }
}

TEST(both_seeks_share_one_place)
{
    array_iterator walk;
    array_open(&walk, 3);
    iterator_seek(&walk.base, slice_make("d", 1), 4);
    CHECK_EQUAL(4, iterator_current(&walk.base)->sequence);
    iterator_seek_back(&walk.base, slice_make("d", 1), 4);
    CHECK_EQUAL(3, iterator_current(&walk.base)->sequence);
    iterator_seek(&walk.base, slice_make("d", 1), 3);
    CHECK_EQUAL(5, iterator_current(&walk.base)->sequence);
    iterator_seek_back(&walk.base, slice_make("d", 1), 3);
    CHECK_EQUAL(4, iterator_current(&walk.base)->sequence);
    iterator_seek_back(&walk.base, slice_make("a", 1), UINT64_MAX);
    CHECK(!iterator_valid(&walk.base));
    iterator_seek(&walk.base, slice_make("z", 1), UINT64_MAX);
    CHECK(!iterator_valid(&walk.base));
}

TEST(the_rest_of_a_window_is_taken_at_once)
{
    array_iterator walk;
    const iterator_entry *rest;
    uint64_t wanted = 1;
    array_open(&walk, 4);
    iterator_seek_first(&walk.base);
    for (uint32_t count; (count = iterator_rest(&walk.base, &rest)) != 0;) {
        for (uint32_t i = 0; i < count; i++) {
            CHECK_EQUAL(wanted++, rest[i].sequence);
        }
        iterator_skip(&walk.base, count);
    }
    CHECK_EQUAL(ENTRY_COUNT + 1, wanted);
    iterator_seek_first(&walk.base);
    iterator_skip(&walk.base, 3);
    CHECK_EQUAL(4, iterator_current(&walk.base)->sequence);
}

TEST(an_iterator_is_freed_by_its_implementation)
{
    array_iterator walk;
    array_open(&walk, 4);
    iterator_free(NULL);
    iterator_free(&walk.base);
    CHECK(walk.freed);
}

TEST_MAIN(CASE(a_fresh_iterator_stands_nowhere),
          CASE(a_walk_in_either_direction_gives_every_entry_once_whatever_the_window),
          CASE(steps_inside_a_window_call_nothing), CASE(a_direction_changes_anywhere),
          CASE(both_seeks_share_one_place), CASE(the_rest_of_a_window_is_taken_at_once),
          CASE(an_iterator_is_freed_by_its_implementation))
