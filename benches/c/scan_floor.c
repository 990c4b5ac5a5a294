/*
 * scan_floor: what a row of a scan costs above the tables and memtables it comes from.
 *
 *   cc -O2 -std=c11 -D_GNU_SOURCE -Isrc/pykv/_native benches/c/scan_floor.c build/libpykv.a \
 *      -pthread -lm -ldl -o build/scan_floor
 *   scan_floor [random|paths [rows]]
 *
 * Half a million rows (or as many as said) with values of 100 bytes, under keys of 16 random bytes
 * or path-like keys of about 50, lie in order in memory and are divided among 1, 4 or 8 children:
 * interleaved at random, or disjoint. Children show windows of 64 rows and cost next to nothing
 * themselves. "walk" takes the merged windows, "fill" copies rows out in chunks of 64 KiB, "back"
 * does so in falling order, "next" steps row by row. Prints one JSON object a line: nanoseconds a
 * row, the least of five rounds of the time that the thread had the processor.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "log/log_format.h"
#include "lsm/merging_iterator.h"
#include "lsm/user_iterator.h"

enum { KEY_ROOM = 64, VALUE_BYTES = 100, CHILDREN_MAX = 8, WINDOW = 64, ROUNDS = 5 };

typedef struct child {
    iterator base;
    const iterator_entry *all;
    size_t count;
    size_t end; /* of the window */
} child;

typedef struct bench {
    size_t count;
    iterator_entry *rows;
    iterator_entry *parts[CHILDREN_MAX];
    size_t part_counts[CHILDREN_MAX];
    size_t children;
} bench;

static volatile uint64_t sink;

static double own_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) != 0) {
        perror("scan_floor: clock_gettime");
        exit(1);
    }
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (memory == NULL) {
        fprintf(stderr, "scan_floor: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    return memory;
}

static void check(pykv_status status)
{
    if (status != PYKV_OK) {
        fprintf(stderr, "scan_floor: status %d\n", (int)status);
        exit(1);
    }
}

/* ---- children ---- */

static child *of(iterator *base)
{
    return (child *)(void *)base;
}

/* The bytes of a window that a memtable or a table makes are on their way into the cache. */
static void show(child *self, size_t first, size_t end, size_t current)
{
    for (size_t i = first; i < end; i++) {
        __builtin_prefetch(self->all[i].key.data);
    }
    self->end = end;
    self->base.entries = self->all + first;
    self->base.count = (uint32_t)(end - first);
    self->base.index = (uint32_t)(current - first);
}

static void show_from(child *self, size_t first)
{
    size_t left = self->count - first;
    show(self, first, first + (left < WINDOW ? left : WINDOW), first);
}

static void show_until(child *self, size_t end)
{
    show(self, end - (end < WINDOW ? end : WINDOW), end, end == 0 ? 0 : end - 1);
}

/* Scans here begin at the first row or, backward, at the last. */
static void seek(iterator *base, slice key, uint64_t sequence)
{
    (void)key;
    (void)sequence;
    show_from(of(base), 0);
}

static void seek_back(iterator *base, slice key, uint64_t sequence)
{
    (void)key;
    (void)sequence;
    show_until(of(base), of(base)->count);
}

static void seek_last(iterator *base)
{
    show_until(of(base), of(base)->count);
}

static void advance(iterator *base)
{
    show_from(of(base), of(base)->end);
}

static void retreat(iterator *base)
{
    show_until(of(base), of(base)->end - base->count);
}

static void free_child(iterator *base)
{
    free(base);
}

static iterator *merge(const bench *self)
{
    static const iterator_ops ops = {seek, seek_back, seek_last, advance, retreat, free_child};
    iterator *children[CHILDREN_MAX];
    iterator *merged = NULL;
    for (size_t c = 0; c < self->children; c++) {
        child *made = allocate(sizeof *made);
        *made = (child){iterator_make(&ops), self->parts[c], self->part_counts[c], 0};
        children[c] = &made->base;
    }
    check(merging_iterator_new(children, self->children, &merged));
    return merged;
}

static user_iterator *open_user(const bench *self)
{
    user_iterator_options options = {.snapshot_sequence = UINT64_MAX};
    user_iterator *made = NULL;
    check(user_iterator_new(merge(self), &options, &made));
    return made;
}

/* ---- rows ---- */

static int order(const void *left, const void *right)
{
    return slice_compare(((const iterator_entry *)left)->key, ((const iterator_entry *)right)->key);
}

static size_t make_key(uint64_t number, int are_paths, uint8_t *out)
{
    hash128 mixed = hash_murmur3(&number, sizeof number, 3, 4);
    if (are_paths) {
        return (size_t)snprintf(
            (char *)out, KEY_ROOM, "/usr/share/python3/lib/site-packages/%04x/%010llx.py",
            (unsigned)(mixed.low & 0xFF), (unsigned long long)(mixed.high >> 24));
    }
    memcpy(out, &mixed, sizeof mixed);
    return sizeof mixed;
}

/* Rows in order, their bytes in the same order. */
static void make_rows(bench *self, int are_paths)
{
    uint8_t *keys = allocate(self->count * KEY_ROOM);
    uint8_t *bytes = allocate(self->count * (KEY_ROOM + VALUE_BYTES));
    self->rows = allocate(self->count * sizeof *self->rows);
    for (size_t i = 0; i < self->count; i++) {
        slice key = slice_make(keys + i * KEY_ROOM, make_key(i, are_paths, keys + i * KEY_ROOM));
        self->rows[i] = (iterator_entry){.key = key, .sequence = i + 1, .kind = RECORD_PUT};
    }
    qsort(self->rows, self->count, sizeof *self->rows, order);
    for (size_t i = 0; i < self->count; i++) {
        iterator_entry *row = &self->rows[i];
        memcpy(bytes, row->key.data, row->key.size);
        memset(bytes + row->key.size, (int)i, VALUE_BYTES);
        row->key.data = bytes;
        row->value = slice_make(bytes + row->key.size, VALUE_BYTES);
        bytes += row->key.size + VALUE_BYTES;
    }
    free(keys);
}

static void divide(bench *self, size_t children, int are_interleaved)
{
    self->children = children;
    memset(self->part_counts, 0, sizeof self->part_counts);
    for (size_t i = 0; i < self->count; i++) {
        uint64_t chance = hash_murmur3(&i, sizeof i, 5, 6).low;
        size_t c = are_interleaved ? chance % children : i * children / self->count;
        self->parts[c][self->part_counts[c]++] = self->rows[i];
    }
}

/* ---- measures: each returns the rows that it saw ---- */

static size_t walk(const bench *self)
{
    const iterator_entry *rest;
    iterator *merged = merge(self);
    uint64_t sum = 0;
    size_t seen = 0;
    iterator_seek_first(merged);
    for (uint32_t count; (count = iterator_rest(merged, &rest)) != 0; seen += count) {
        for (uint32_t i = 0; i < count; i++) {
            sum += rest[i].sequence;
        }
        iterator_skip(merged, count);
    }
    sink += sum;
    iterator_free(merged);
    return seen;
}

static size_t fill_all(const bench *self, bool is_reverse)
{
    user_iterator *scan = open_user(self);
    user_iterator_rows rows = {.count = 0};
    user_iterator_request request = {
        .chunk_bytes = 64 * 1024, .row_limit = SIZE_MAX, .is_reverse = is_reverse};
    size_t seen = 0;
    if (is_reverse) {
        user_iterator_place_last(scan);
    }
    do {
        check(user_iterator_fill(scan, &request, &rows));
        seen += rows.count;
    } while (rows.more);
    user_iterator_rows_reset(&rows);
    user_iterator_free(scan);
    return seen;
}

static size_t fill(const bench *self)
{
    return fill_all(self, false);
}

static size_t fill_back(const bench *self)
{
    return fill_all(self, true);
}

static size_t next_all(const bench *self)
{
    user_iterator *scan = open_user(self);
    size_t seen = 0;
    check(user_iterator_seek_first(scan));
    for (; user_iterator_row(scan) != NULL; seen++) {
        sink += user_iterator_row(scan)->sequence;
        check(user_iterator_next(scan));
    }
    user_iterator_free(scan);
    return seen;
}

static double least_ns(const bench *self, size_t (*measure)(const bench *))
{
    double least = 0;
    for (int round = 0; round < ROUNDS; round++) {
        double start = own_ns();
        if (measure(self) != self->count) {
            fprintf(stderr, "scan_floor: rows are missing\n");
            exit(1);
        }
        double elapsed = (own_ns() - start) / (double)self->count;
        least = round == 0 || elapsed < least ? elapsed : least;
    }
    return least;
}

int main(int argc, char **argv)
{
    static const size_t children[] = {1, 4, 8};
    bench self = {.count = argc > 2 ? strtoull(argv[2], NULL, 10) : 500000};
    make_rows(&self, argc > 1 && strcmp(argv[1], "paths") == 0);
    for (size_t c = 0; c < CHILDREN_MAX; c++) {
        self.parts[c] = allocate(self.count * sizeof *self.parts[c]);
    }
    for (int are_interleaved = 0; are_interleaved < 2; are_interleaved++) {
        for (size_t i = are_interleaved != 0 ? 1 : 0; i < 3; i++) {
            divide(&self, children[i], are_interleaved);
            printf("{\"children\": %zu, \"interleaved\": %d, \"walk\": %.1f, \"fill\": %.1f, "
                   "\"back\": %.1f, \"next\": %.1f}\n",
                   children[i], are_interleaved, least_ns(&self, walk), least_ns(&self, fill),
                   least_ns(&self, fill_back), least_ns(&self, next_all));
        }
    }
    return 0;
}
