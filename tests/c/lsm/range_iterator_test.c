/*
 * range_iterator_test: walks in both directions over rows of tables, against what is not hidden of
 * an array.
 */
#include "array_iterator.h"
#include "range_fixture.h"

#include "base/memory.h"
#include "lsm/range_iterator.h"

enum { KEYS = 20, ENTRIES_MAX = 80, TABLES_MAX = 6 };

typedef struct bench {
    uint64_t chance;
    char names[KEYS + 1][2];
    iterator_entry all[ENTRIES_MAX];
    size_t count;
    iterator_entry shown[ENTRIES_MAX];
    size_t shown_count;
    const range_set *deletes;
    range_filter filter;
    table_file files[TABLES_MAX];
    table_file *row[TABLES_MAX];
    range_extent extent;
    array_control control;
} bench;

static slice name_of(bench *self, uint64_t number)
{
    return range_key(self->names[number]);
}

/* Deletes with the sequences 100, 200, ... */
static void make_deletes(bench *self)
{
    static const range_rule everything = {UINT64_MAX, false, false};
    uint64_t count = 1 + check_random(&self->chance, 5);
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t start = check_random(&self->chance, KEYS);
        uint64_t stop = start + 1 + check_random(&self->chance, KEYS - start);
        range_add(&self->deletes, self->names[start], self->names[stop], 100 * i, &everything);
    }
    self->filter.deletes = self->deletes;
    self->filter.snapshot_sequence = 100 * check_random(&self->chance, 6) + 50;
}

static void add_entry(bench *self, uint64_t key, uint64_t sequence)
{
    iterator_entry entry = {.key = name_of(self, key), .sequence = sequence, .kind = 1};
    self->all[self->count++] = entry;
    uint64_t cover = range_set_cover(self->deletes, entry.key, self->filter.snapshot_sequence);
    if (sequence > cover) {
        self->shown[self->shown_count++] = entry;
    }
}

/* Up to three versions of some keys; of tables, those of one have sequences of its own. */
static void make_entries(bench *self)
{
    uint64_t base = 0;
    for (uint64_t key = 0; key < KEYS; key++) {
        if (key % 4 == 0) {
            base = 100 * check_random(&self->chance, 6);
        }
        uint64_t versions = check_random(&self->chance, 4);
        for (uint64_t i = versions; i > 0; i--) {
            add_entry(self, key, base + i * 7 + check_random(&self->chance, 7));
        }
    }
}

static void close_table(bench *self, size_t at, const iterator_entry *last)
{
    self->files[at].largest = last->key;
}

/* Cuts the entries into tables between keys. */
static void make_tables(bench *self)
{
    size_t at = 0;
    for (size_t i = 0; i < self->count; i++) {
        const iterator_entry *entry = &self->all[i];
        table_file *file = &self->files[at];
        bool is_new_key = i == 0 || !slice_equal(entry->key, entry[-1].key);
        bool cuts =
            i > 0 && is_new_key && at + 1 < TABLES_MAX && check_random(&self->chance, 4) == 0;
        if (cuts) {
            close_table(self, at, entry - 1);
            file = &self->files[++at];
        }
        if (i == 0 || cuts) {
            file->smallest = entry->key;
        }
        file->facts.sequence_max =
            entry->sequence > file->facts.sequence_max ? entry->sequence : file->facts.sequence_max;
    }
    close_table(self, at, &self->all[self->count - 1]);
    for (size_t i = 0; i <= at; i++) {
        self->row[i] = &self->files[i];
    }
    self->extent.row = (level){.files = self->row, .count = (uint32_t)at + 1};
}

static void bench_init(bench *self, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->chance = seed;
    self->control = (array_control){.seed = seed, .window_max = (uint32_t)(seed % 5)};
    for (int i = 0; i < KEYS; i++) {
        self->names[i][0] = (char)('A' + i);
    }
    make_deletes(self);
    make_entries(self);
    for (size_t i = 0; i < self->count; i++) {
        uint64_t sequence = self->all[i].sequence;
        self->extent.hidden_from =
            sequence >= self->extent.hidden_from ? sequence + 1 : self->extent.hidden_from;
    }
    if (self->count > 0 && check_random(&self->chance, 3) > 0) {
        make_tables(self);
    }
}

static void check_at(const bench *self, iterator *walk, int64_t place)
{
    bool exists = place >= 0 && (size_t)place < self->shown_count;
    CHECK_EQUAL(PYKV_OK, walk->status);
    CHECK_EQUAL(exists, iterator_valid(walk));
    if (exists) {
        const iterator_entry *entry = iterator_current(walk);
        CHECK_EQUAL(self->shown[place].sequence, entry->sequence);
        CHECK(slice_equal(self->shown[place].key, entry->key));
    }
}

/* A seek, and steps at random from there. */
static void wander(bench *self, iterator *walk)
{
    slice key = name_of(self, check_random(&self->chance, KEYS));
    uint64_t sequence =
        check_random(&self->chance, 2) == 0 ? UINT64_MAX : check_random(&self->chance, 700);
    int64_t place = (int64_t)array_place(self->shown, self->shown_count, key, sequence);
    uint64_t way = check_random(&self->chance, 5);
    if (way < 2) {
        iterator_seek(walk, key, sequence);
    } else if (way < 4) {
        iterator_seek_back(walk, key, sequence);
        place--;
    } else {
        iterator_seek_last(walk);
        place = (int64_t)self->shown_count - 1;
    }
    check_at(self, walk, place);
    bool ahead = check_random(&self->chance, 2) == 0;
    for (int steps = 0; steps < 30 && iterator_valid(walk); steps++) {
        ahead = check_random(&self->chance, 6) == 0 ? !ahead : ahead;
        if (ahead) {
            iterator_next(walk);
        } else {
            iterator_previous(walk);
        }
        place += ahead ? 1 : -1;
        check_at(self, walk, place);
    }
}

TEST(what_is_hidden_is_not_shown_in_either_direction)
{
    static bench self;
    for (uint64_t round = 0; round < 3000; round++) {
        bench_init(&self, check_seed() * 5000 + round);
        iterator *walk = array_iterator_new(&self.control, self.all, self.count);
        CHECK_OK(range_iterator_wrap(&self.filter, &self.extent, &walk));
        for (int i = 0; i < 8; i++) {
            wander(&self, walk);
        }
        iterator_free(walk);
        range_set_release(self.deletes);
    }
}

TEST(tables_beside_all_fragments_are_not_wrapped)
{
    static const range_rule everything = {UINT64_MAX, false, false};
    static bench self;
    table_file file = {.smallest = range_key("m"), .largest = range_key("p")};
    table_file *files[] = {&file};
    range_extent extent = {.row = {.files = files, .count = 1}};
    range_filter filter = {NULL, UINT64_MAX};
    memset(&self, 0, sizeof self);
    iterator *walk = array_iterator_new(&self.control, self.all, 0);
    iterator *before = walk;
    CHECK_OK(range_iterator_wrap(NULL, &extent, &walk));
    CHECK_OK(range_iterator_wrap(&filter, &extent, &walk));
    range_add(&filter.deletes, "a", "m", 3, &everything);
    range_add(&filter.deletes, "q", "", 4, &everything);
    CHECK_OK(range_iterator_wrap(&filter, &extent, &walk));
    CHECK(walk == before);
    range_add(&filter.deletes, "p", "q", 5, &everything);
    CHECK_OK(range_iterator_wrap(&filter, &extent, &walk));
    CHECK(walk != before);
    iterator_free(walk);
    range_set_release(filter.deletes);
}

/* Older tables cost a seek, however many entries of theirs are hidden. */
TEST(what_is_older_than_a_fragment_is_passed_over_by_one_seek)
{
    static const range_rule everything = {UINT64_MAX, false, false};
    static bench self;
    memset(&self, 0, sizeof self);
    for (int i = 0; i < KEYS; i++) {
        self.names[i][0] = (char)('A' + i);
        self.all[i] = (iterator_entry){.key = range_key(self.names[i]), .sequence = 5, .kind = 1};
    }
    range_add(&self.deletes, "", "S", 9, &everything);
    self.filter = (range_filter){self.deletes, 9};
    self.extent.hidden_from = 6;
    iterator *walk = array_iterator_new(&self.control, self.all, KEYS);
    CHECK_OK(range_iterator_wrap(&self.filter, &self.extent, &walk));
    iterator_seek_first(walk);
    CHECK_EQUAL(1, self.control.calls);
    CHECK_BYTES("S", iterator_current(walk)->key.data, 1);
    iterator_free(walk);
    range_set_release(self.deletes);
}

TEST_MAIN(CASE(what_is_hidden_is_not_shown_in_either_direction),
          CASE(tables_beside_all_fragments_are_not_wrapped),
          CASE(what_is_older_than_a_fragment_is_passed_over_by_one_seek))
