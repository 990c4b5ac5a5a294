/*
 * table_shapes: sets of keys that trouble tables, for tests. Each adds entries to a fixture and
 * sorts it.
 */
#ifndef PYKV_TESTS_TABLE_SHAPES_H
#define PYKV_TESTS_TABLE_SHAPES_H

#include "table_fixture.h"

enum { SHAPE_COUNT = 9 };

/* Adds an entry of any kind, deadline and value, by chance. */
static inline void shape_add(fixture *self, slice key, uint64_t sequence, uint64_t *chance)
{
    uint8_t value[400];
    size_t size = check_random(chance, check_random(chance, 8) == 0 ? sizeof value : 24);
    memset(value, (int)check_random(chance, 256), size);
    bool is_delete = check_random(chance, 6) == 0;
    uint64_t deadline = check_random(chance, 7) == 0 ? 1 + check_random(chance, 1000000) : 0;
    fixture_add(self, (table_entry){.key = key,
                                    .value = slice_make(value, is_delete ? 0 : size),
                                    .sequence = sequence,
                                    .deadline_us = deadline,
                                    .body_crc = (uint32_t)sequence * 7919U,
                                    .kind = is_delete ? TABLE_DELETE : TABLE_PUT});
}

static inline void shape_paths(fixture *self, uint64_t *chance)
{
    static const char *const folders[] = {"/usr/share/doc", "/usr/share/doc/python3", "/usr/lib",
                                          "/usr/lib/x86_64-linux-gnu/perl/5.36"};
    char path[96];
    for (uint64_t i = 1; i <= 700; i++) {
        int size = snprintf(path, sizeof path, "%s/file%" PRIu64 "/%" PRIu64 ".txt",
                            folders[check_random(chance, 4)], check_random(chance, 40),
                            check_random(chance, 30));
        shape_add(self, slice_make(path, (size_t)size), i, chance);
    }
}

/* Keys of three letters: 0x00, 0xff and a, the empty key among them. */
static inline void shape_edges(fixture *self, uint64_t *chance)
{
    static const uint8_t letters[] = {0, 255, 'a'};
    uint8_t key[7];
    for (uint64_t i = 1; i <= 700; i++) {
        size_t size = check_random(chance, sizeof key);
        for (size_t at = 0; at < size; at++) {
            key[at] = letters[check_random(chance, 3)];
        }
        shape_add(self, slice_make(key, size), i, chance);
    }
}

/* Keys up to the longest, alike but for their ends. */
static inline void shape_long(fixture *self, uint64_t *chance)
{
    static uint8_t key[PYKV_KEY_BYTES_MAX];
    memset(key, 'k', sizeof key);
    for (uint64_t i = 1; i <= 24; i++) {
        size_t size = i % 3 == 0 ? sizeof key : sizeof key - check_random(chance, 3000);
        key[size - 1 - check_random(chance, 9)] = (uint8_t)check_random(chance, 256);
        shape_add(self, slice_make(key, size), i, chance);
    }
}

/* One key with 5,000 versions between two others. */
static inline void shape_versions(fixture *self, uint64_t *chance)
{
    for (uint64_t i = 1; i <= 5000; i++) {
        shape_add(self, fixture_text("middle"), i * 3, chance);
    }
    shape_add(self, fixture_text("lower"), 20000, chance);
    shape_add(self, fixture_text("upper"), 1, chance);
}

/* Random keys of 16 bytes, as a hash makes them. */
static inline void shape_random(fixture *self, uint64_t *chance)
{
    uint8_t key[16];
    for (uint64_t i = 1; i <= 900; i++) {
        for (size_t at = 0; at < sizeof key; at++) {
            key[at] = (uint8_t)check_random(chance, 256);
        }
        shape_add(self, slice_make(key, sizeof key), i, chance);
    }
}

/* Numbers one behind the other, highest byte first: the whole prefix of the index is close. */
static inline void shape_numbers(fixture *self, uint64_t *chance)
{
    uint8_t key[8];
    for (uint64_t i = 0; i < 900; i++) {
        uint64_t number = __builtin_bswap64(UINT64_C(0x100000000) + i);
        memcpy(key, &number, sizeof key);
        shape_add(self, slice_make(key, sizeof key), 1 + i, chance);
    }
}

/* Half of the keys close together, half of them far apart: interpolation guesses badly. */
static inline void shape_uneven(fixture *self, uint64_t *chance)
{
    uint8_t key[9];
    for (uint64_t i = 1; i <= 800; i++) {
        uint64_t number = i % 2 == 0 ? i : UINT64_C(1) << (check_random(chance, 64));
        uint64_t swapped = __builtin_bswap64(number);
        memcpy(key, &swapped, 8);
        key[8] = (uint8_t)check_random(chance, 256);
        shape_add(self, slice_make(key, sizeof key - i % 2), i, chance);
    }
}

/* Many versions of few keys, with sequences as high as they can be. */
static inline void shape_high_sequences(fixture *self, uint64_t *chance)
{
    char key[8];
    for (uint64_t i = 0; i < 600; i++) {
        int size = snprintf(key, sizeof key, "%" PRIu64, check_random(chance, 12));
        uint64_t sequence = TABLE_SEQUENCE_MAX - check_random(chance, i < 300 ? 500 : UINT64_MAX);
        shape_add(self, slice_make(key, (size_t)size), sequence, chance);
    }
}

/* One entry, of nothing. */
static inline void shape_single(fixture *self, uint64_t *chance)
{
    (void)chance;
    fixture_put(self, slice_make("", 0), 0, slice_make("", 0));
}

/* Fills the fixture with shape number `shape`, below SHAPE_COUNT. */
static inline void shape_fill(fixture *self, size_t shape, uint64_t *chance)
{
    static void (*const shapes[SHAPE_COUNT])(fixture *, uint64_t *) = {
        shape_paths,   shape_edges,  shape_long,           shape_versions, shape_random,
        shape_numbers, shape_uneven, shape_high_sequences, shape_single};
    shapes[shape](self, chance);
    fixture_sort(self);
}

#endif
