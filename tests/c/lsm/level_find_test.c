/*
 * level_find: the search in words finds what a walk over the keys finds, whatever keys look like.
 */
#include "harness/check.h"

#include "lsm/internal_key.h"
#include "lsm/memtable_keys.h"
#include "lsm/version.h"

enum { FILES_MAX = 200, KEY_ROOM = 300 };

/* A level of files that have nothing but their largest keys. */
typedef struct fake {
    level row;
    table_file files[FILES_MAX];
    table_file *pointers[FILES_MAX];
    table *tables[FILES_MAX];
    uint64_t words[FILES_MAX];
    uint8_t keys[FILES_MAX][KEY_ROOM];
} fake;

static int compare_files(const void *left, const void *right)
{
    const table_file *a = left;
    const table_file *b = right;
    return slice_compare(a->largest, b->largest);
}

static slice nth_key(memtable_keys keys, uint64_t number, uint8_t *room)
{
    slice key = memtable_key(keys, number, room);
    return key.size > KEY_ROOM ? slice_make(key.data + key.size - KEY_ROOM, KEY_ROOM) : key;
}

/* Up to count different keys, in order, with their words. */
static void fill(fake *self, memtable_keys keys, uint32_t count, uint64_t *seed)
{
    static uint8_t room[MEMTABLE_KEY_ROOM];
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        slice key = nth_key(keys, check_random(seed, 1000), room);
        memcpy(self->keys[i], key.data, key.size);
        self->files[i].largest = slice_make(self->keys[i], key.size);
    }
    qsort(self->files, count, sizeof self->files[0], compare_files);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || !slice_equal(self->files[kept - 1].largest, self->files[i].largest)) {
            self->files[kept++].largest = self->files[i].largest;
        }
    }
    slice first = self->files[0].largest;
    size_t common = key_shared_length(first, self->files[kept - 1].largest);
    self->row = (level){self->pointers, self->tables, self->words, kept, (uint32_t)common, 0, 0};
    for (uint32_t i = 0; i < kept; i++) {
        self->pointers[i] = &self->files[i];
        self->words[i] = key_word(self->files[i].largest, common);
    }
}

static uint32_t walk(const level *row, slice key)
{
    uint32_t index = 0;
    while (index < row->count && slice_compare(row->files[index]->largest, key) < 0) {
        index++;
    }
    return index;
}

/* Keys that are there, that differ from one in a byte, and others. */
static slice ask(const fake *self, memtable_keys keys, uint64_t *seed, uint8_t *room)
{
    uint64_t chance = check_random(seed, 4);
    if (chance == 0) {
        return nth_key(keys, check_random(seed, 1200), room);
    }
    slice key = self->row.files[check_random(seed, self->row.count)]->largest;
    memcpy(room, key.data, key.size);
    size_t size = key.size;
    if (chance == 1 && size > 0) {
        room[check_random(seed, size)] ^= (uint8_t)(1U << check_random(seed, 8));
    } else if (chance == 2 && size > 0) {
        size = check_random(seed, size);
    } else if (chance == 3) {
        room[size++] = (uint8_t)check_random(seed, 3);
    }
    return slice_make(room, size);
}

TEST(the_file_is_the_one_that_a_walk_finds)
{
    static uint8_t room[MEMTABLE_KEY_ROOM];
    fake *self = calloc(1, sizeof *self);
    uint64_t seed = check_seed() | 1;
    CHECK(self != NULL);
    for (uint32_t round = 0; round < 400; round++) {
        memtable_keys keys = (memtable_keys)(round % KEYS_KINDS);
        memset(self->files, 0, sizeof self->files);
        fill(self, keys, 1 + (uint32_t)check_random(&seed, FILES_MAX), &seed);
        level plain = self->row;
        plain.largest_words = NULL;
        for (uint32_t i = 0; i < 200; i++) {
            slice key = ask(self, keys, &seed, room);
            uint32_t wanted = walk(&self->row, key);
            CHECK_EQUAL(wanted, level_find(&self->row, key));
            CHECK_EQUAL(wanted, level_find(&plain, key));
        }
    }
    free(self);
}

/* Words of eight bytes 0xFF have no greater one to end a run of equal words at. */
TEST(keys_of_the_highest_bytes_are_found)
{
    fake *self = calloc(1, sizeof *self);
    uint8_t high[20];
    CHECK(self != NULL);
    memset(high, 0xFF, sizeof high);
    for (uint32_t i = 0; i < 6; i++) {
        self->pointers[i] = &self->files[i];
        self->files[i].largest = i == 0 ? slice_make("a", 1) : slice_make(high, 6 + 2 * i);
        self->words[i] = key_word(self->files[i].largest, 0);
    }
    self->row = (level){self->pointers, self->tables, self->words, 6, 0, 0, 0};
    for (size_t size = 0; size <= sizeof high; size++) {
        slice key = slice_make(high, size);
        CHECK_EQUAL(walk(&self->row, key), level_find(&self->row, key));
    }
    free(self);
}

TEST(no_file_is_found_where_there_is_none)
{
    level none = {0};
    CHECK_EQUAL(0, level_find(&none, slice_make("a", 1)));
}

TEST(a_part_of_a_level_finds_its_own_files)
{
    static uint8_t room[MEMTABLE_KEY_ROOM];
    fake *self = calloc(1, sizeof *self);
    uint64_t seed = check_seed() | 1;
    CHECK(self != NULL);
    fill(self, KEYS_PATHS, FILES_MAX, &seed);
    for (uint32_t round = 0; round < 200; round++) {
        uint32_t begin = (uint32_t)check_random(&seed, self->row.count + 1);
        uint32_t end = begin + (uint32_t)check_random(&seed, self->row.count - begin + 1);
        level part = level_part(&self->row, begin, end);
        CHECK_EQUAL(end - begin, part.count);
        slice key = ask(self, KEYS_PATHS, &seed, room);
        CHECK_EQUAL(walk(&part, key), level_find(&part, key));
    }
    free(self);
}

TEST_MAIN(CASE(the_file_is_the_one_that_a_walk_finds), CASE(keys_of_the_highest_bytes_are_found),
          CASE(no_file_is_found_where_there_is_none), CASE(a_part_of_a_level_finds_its_own_files))
