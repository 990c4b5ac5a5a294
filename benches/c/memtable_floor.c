/*
 * memtable_floor: what the memtable's inserts and lookups cost, in nanoseconds.
 *
 *   cc -O2 -std=c11 -D_GNU_SOURCE -Isrc/pykv/_native benches/c/memtable_floor.c \
 *      build/libpykv.a -pthread -o build/memtable_floor
 *   memtable_floor [random|paths [entries [insert|get]]]
 *
 * Half a million entries (or as many as said) with values of 100 bytes, under random keys of 16
 * bytes or path-like keys of about 50, in random order. Inserts and lookups alone; then inserts
 * while another thread looks keys up; then lookups of absent keys, of many keys at once, and a
 * scan. Hashes are part of the cost; times are those that a thread had the processor, but for the
 * longest insert. With a last word only that part is run, for a counter of
 * instructions. Prints one JSON object of name to nanoseconds an operation.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/reclaim.h"
#include "log/log_format.h"
#include "lsm/memtable.h"

enum { KEY_ROOM = 64, VALUE_BYTES = 100, MANY_KEYS = 100, ABSENT_SHIFT = 1 << 30 };

#define LIMIT_BYTES (UINT64_C(256) << 20)

typedef struct bench {
    epoch entered;
    reclaimer readers;
    memtable *table;
    size_t count;
    size_t key_size;
    uint8_t *keys;   /* KEY_ROOM bytes each, in the order of insertion */
    uint8_t *asked;  /* the same keys in the order of lookups */
    uint8_t *absent; /* keys that are not there */
    _Atomic size_t filled;
    _Atomic bool stopped;
} bench;

typedef struct reading {
    bench *shared;
    uint64_t lookups;
    double elapsed_ns;
} reading;

static volatile uint64_t sink;

static double read_clock(clockid_t clock)
{
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) {
        perror("memtable_floor: clock_gettime");
        exit(1);
    }
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* Time that this thread had the processor. */
static double own_ns(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

static void *allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (memory == NULL) {
        fprintf(stderr, "memtable_floor: no memory for %zu bytes\n", bytes);
        exit(1);
    }
    return memory;
}

static void check(pykv_status status)
{
    if (status != PYKV_OK) {
        fprintf(stderr, "memtable_floor: status %d\n", (int)status);
        exit(1);
    }
}

static slice key_at(const bench *self, const uint8_t *keys, size_t index)
{
    return slice_make(keys + index * KEY_ROOM, self->key_size);
}

static uint64_t hash_of(slice key)
{
    return hash_murmur3(key.data, key.size, 1, 2).low;
}

/* Keys of the numbers from first on, mixed by the hash, so that their order is random. */
static void fill_keys(bench *self, uint8_t *keys, uint64_t first, int are_paths)
{
    for (size_t i = 0; i < self->count; i++) {
        uint64_t number = first + i;
        hash128 mixed = hash_murmur3(&number, sizeof number, 3, 4);
        uint8_t *key = keys + i * KEY_ROOM;
        if (are_paths) {
            snprintf((char *)key, KEY_ROOM, "/usr/share/python3/lib/site-packages/%04x/%010llx.py",
                     (unsigned)(mixed.low & 0xFF), (unsigned long long)(mixed.high >> 24));
        } else {
            memcpy(key, &mixed, sizeof mixed);
        }
    }
    self->key_size = are_paths ? strlen((char *)keys) : sizeof(hash128);
}

static void open_table(bench *self)
{
    epoch_init(&self->entered);
    reclaimer_init(&self->readers, &self->entered);
    check(memtable_create(&self->readers, LIMIT_BYTES, &self->table));
    atomic_store(&self->filled, 0);
    atomic_store(&self->stopped, false);
}

static void close_table(bench *self)
{
    memtable_release(self->table);
    (void)reclaimer_sweep(&self->readers);
    reclaimer_destroy(&self->readers);
}

/* Inserts all keys; gives the mean and, in *longest_out, the longest insert. */
static double insert_all(bench *self, double *longest_out)
{
    static const uint8_t value[VALUE_BYTES];
    iterator_entry entry = {.value = slice_make(value, VALUE_BYTES), .kind = RECORD_PUT};
    double start = own_ns();
    double longest = 0;
    double before = now_ns();
    for (size_t i = 0; i < self->count; i++) {
        entry.key = key_at(self, self->keys, i);
        entry.sequence = i + 1;
        check(memtable_reserve(self->table, 1,
                               memtable_entry_bytes(entry.key.size, VALUE_BYTES, false)));
        memtable_add(self->table, &entry, hash_of(entry.key));
        atomic_store_explicit(&self->filled, i + 1, memory_order_release);
        if (longest_out != NULL) {
            double after = now_ns();
            longest = after - before > longest ? after - before : longest;
            before = after;
        }
    }
    if (longest_out != NULL) {
        *longest_out = longest;
    }
    return (own_ns() - start) / (double)self->count;
}

static bool look_up(bench *self, slice key)
{
    iterator_entry entry;
    epoch_token token = epoch_enter(self->readers.readers);
    bool found = memtable_get(self->table, key, hash_of(key), UINT64_MAX, &entry);
    if (found) {
        sink += entry.value.data[0];
    }
    epoch_leave(self->readers.readers, token);
    return found;
}

static double get_all(bench *self, const uint8_t *keys)
{
    size_t found = 0;
    double start = own_ns();
    for (size_t i = 0; i < self->count; i++) {
        found += look_up(self, key_at(self, keys, i));
    }
    double elapsed = own_ns() - start;
    if (found != (keys == self->asked ? self->count : 0)) {
        fprintf(stderr, "memtable_floor: %zu keys were found\n", found);
        exit(1);
    }
    return elapsed / (double)self->count;
}

static double get_many(bench *self)
{
    slice keys[MANY_KEYS];
    uint64_t hashes[MANY_KEYS];
    iterator_entry entries[MANY_KEYS];
    double start = own_ns();
    for (size_t i = 0; i + MANY_KEYS <= self->count; i += MANY_KEYS) {
        bool found[MANY_KEYS] = {false};
        for (size_t k = 0; k < MANY_KEYS; k++) {
            keys[k] = key_at(self, self->asked, i + k);
            hashes[k] = hash_of(keys[k]);
        }
        epoch_token token = epoch_enter(self->readers.readers);
        sink += memtable_get_many(self->table, keys, hashes, MANY_KEYS, UINT64_MAX, found, entries);
        epoch_leave(self->readers.readers, token);
    }
    return (own_ns() - start) / (double)self->count;
}

static double scan(bench *self)
{
    iterator *walk = NULL;
    uint64_t sum = 0;
    double start = own_ns();
    check(memtable_iterator_new(self->table, &walk));
    for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk)) {
        sum += iterator_current(walk)->value.data[0];
    }
    iterator_free(walk);
    sink += sum;
    return (own_ns() - start) / (double)self->count;
}

static void *read_along(void *context)
{
    reading *self = context;
    bench *shared = self->shared;
    uint64_t state = 88172645463325252u;
    double start = own_ns();
    while (!atomic_load_explicit(&shared->stopped, memory_order_relaxed)) {
        size_t filled = atomic_load_explicit(&shared->filled, memory_order_acquire);
        state = state * UINT64_C(6364136223846793005) + 1;
        if (filled > 0) {
            self->lookups += look_up(shared, key_at(shared, shared->keys, (state >> 33) % filled));
        }
    }
    self->elapsed_ns = own_ns() - start;
    return NULL;
}

static void with_a_reader(bench *self)
{
    pthread_t thread;
    reading other = {self, 0, 0};
    double longest = 0;
    open_table(self);
    if (pthread_create(&thread, NULL, read_along, &other) != 0) {
        fprintf(stderr, "memtable_floor: no thread\n");
        exit(1);
    }
    double insert = insert_all(self, &longest);
    atomic_store(&self->stopped, true);
    pthread_join(thread, NULL);
    printf("\"insert with a reader\": %.0f, \"read meanwhile\": %.0f, \"longest insert\": %.0f, ",
           insert, other.elapsed_ns / (double)other.lookups, longest);
    close_table(self);
}

static void print_memory(bench *self)
{
    memtable_stats stats;
    memtable_stats_read(self->table, &stats);
    printf("\"used bytes an entry\": %.1f, \"allocated bytes an entry\": %.1f}\n",
           (double)stats.used_bytes / (double)self->count,
           (double)stats.allocated_bytes / (double)self->count);
}

static void run_all(bench *self)
{
    printf("{\"entries\": %zu, \"key bytes\": %zu, ", self->count, self->key_size);
    with_a_reader(self);
    open_table(self);
    printf("\"insert\": %.0f, ", insert_all(self, NULL));
    printf("\"get\": %.0f, ", get_all(self, self->asked));
    printf("\"get, absent\": %.1f, ", get_all(self, self->absent));
    printf("\"get many, a key\": %.0f, \"scan, a row\": %.1f, ", get_many(self), scan(self));
    print_memory(self);
    close_table(self);
}

int main(int argc, char **argv)
{
    bench self;
    int are_paths = argc > 1 && strcmp(argv[1], "paths") == 0;
    const char *part = argc > 3 ? argv[3] : "";
    self.count = argc > 2 ? strtoull(argv[2], NULL, 10) : 500000;
    self.keys = allocate(self.count * KEY_ROOM);
    self.absent = allocate(self.count * KEY_ROOM);
    self.asked = allocate(self.count * KEY_ROOM);
    fill_keys(&self, self.absent, ABSENT_SHIFT, are_paths);
    fill_keys(&self, self.keys, 0, are_paths);
    for (size_t i = 0; i < self.count; i++) {
        memcpy(self.asked + i * KEY_ROOM, self.keys + i * 7919 % self.count * KEY_ROOM, KEY_ROOM);
    }
    if (part[0] == '\0') {
        run_all(&self);
    } else {
        open_table(&self);
        insert_all(&self, NULL);
        for (int round = 0; round < 4 && strcmp(part, "get") == 0; round++) {
            get_all(&self, self.asked);
        }
        close_table(&self);
    }
    free(self.asked);
    free(self.absent);
    free(self.keys);
    return 0;
}
