/*
 * table_floor: what a get in one table costs when its blocks are in memory, in nanoseconds.
 *
 *   make lib
 *   cc -std=c11 -O2 -D_GNU_SOURCE -Isrc/pykv/_native benches/c/table_floor.c build/libpykv.a
 *       -pthread -lm -o build/table_floor
 *   build/table_floor [KEYS] [BLOCK_BYTES] [PART]
 *
 * KEYS (a million) keys of 16 bytes with values of 100, half of each compressible, go into one
 * table without compression on a simulated disk; every block is loaded once, and gets then find it
 * by the table's slots, in a random order that no cache foresees. PART limits the run to one of the
 * parts: get, missing, many, seek, scan, so that `perf stat` counts it alone; "none" does only the
 * set-up. Prints one JSON object of name to nanoseconds of processor time an operation, and a few
 * sizes. A get waits for memory about three times, so compare with the chained loads of
 * memory_floor in the same minute: other programs on the machine slow both.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/process.h"
#include "env/env_memory.h"
#include "table/table_builder.h"
#include "table/table_iterator.h"
#include "table/table_reader.h"

enum { KEY_BYTES = 16, VALUE_BYTES = 100, MANY = 100, GETS = 2000000, SEEKS = 200000 };

static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* A step of xorshift64*, seeded by the caller: the same numbers in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

static void expect(pykv_status status)
{
    if (status != PYKV_OK) {
        fprintf(stderr, "table_floor: %s\n", error_last()->text);
        exit(1);
    }
}

/* ---- a source that has every block ---- */

static pykv_status acquire(block_source *self, table *from, uint32_t block_index, block_use use,
                           block_hold *hold_out)
{
    (void)self;
    (void)use;
    hold_out->block =
        (const block *)atomic_load_explicit(&from->slots[block_index], memory_order_acquire);
    hold_out->owner = NULL;
    return PYKV_OK;
}

static block_hold share(block_source *self, block_hold hold)
{
    (void)self;
    return hold;
}

static void release(block_source *self, block_hold hold)
{
    (void)self;
    (void)hold;
}

static block_source resident = {acquire, share, release, false};

static uint64_t load_all(table *from)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < from->index.block_count; i++) {
        const block *loaded;
        uint64_t size = table_block_bytes(from, i);
        void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
        bytes += size;
        expect(table_load_block(from, i, memory, &loaded));
        atomic_store(&from->slots[i], (uintptr_t)loaded);
    }
    return bytes;
}

/* ---- keys ---- */

static uint8_t *keys;    /* sorted */
static uint64_t *hashes; /* of the keys */
static uint32_t *order;  /* in which they are asked for */
static uint64_t key_count = 1000000;

static int compare_keys(const void *left, const void *right)
{
    return memcmp(left, right, KEY_BYTES);
}

static slice key_at(uint64_t index)
{
    return slice_make(keys + index * KEY_BYTES, KEY_BYTES);
}

static void make_keys(void)
{
    uint64_t state = 88172645463325252u;
    keys = malloc(key_count * KEY_BYTES);
    hashes = malloc(key_count * sizeof *hashes);
    order = malloc(key_count * sizeof *order);
    for (uint64_t i = 0; i < key_count; i++) {
        char digits[KEY_BYTES + 1];
        snprintf(digits, sizeof digits, "%016llx", (unsigned long long)next_random(&state));
        memcpy(keys + i * KEY_BYTES, digits, KEY_BYTES);
        order[i] = (uint32_t)i;
    }
    qsort(keys, key_count, KEY_BYTES, compare_keys);
    for (uint64_t i = 0; i < key_count; i++) {
        hashes[i] = hash_murmur3(keys + i * KEY_BYTES, KEY_BYTES, 1, 2).low;
        uint64_t other = next_random(&state) % (i + 1);
        uint32_t kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
}

static table *make_table(env *disk, env_directory *directory, uint32_t block_bytes,
                         const codec_table *codecs)
{
    uint64_t state = 1442695040888963407u;
    uint8_t value[VALUE_BYTES];
    table_builder_options options = {.hash_seed_low = 1,
                                     .hash_seed_high = 2,
                                     .filter_bits_per_key = 10,
                                     .block_bytes = block_bytes};
    table_open_options opening = {.codecs = codecs, .hash_seed_low = 1, .hash_seed_high = 2};
    table_builder *builder;
    table_summary summary;
    table *opened;
    expect(table_builder_open(disk, directory, "t", &options, &builder));
    double start = now_ns();
    for (uint64_t i = 0; i < key_count; i++) {
        memset(value, 'v', sizeof value);
        for (size_t at = 0; at < VALUE_BYTES / 2; at += 8) {
            uint64_t word = next_random(&state);
            memcpy(value + at, &word, sizeof word);
        }
        table_entry entry = {.key = key_at(i),
                             .value = slice_make(value, sizeof value),
                             .sequence = 1 + order[i],
                             .kind = TABLE_PUT};
        expect(table_builder_add(builder, &entry));
    }
    expect(table_builder_finish(builder, &summary));
    double built = now_ns();
    table_builder_free(builder);
    expect(table_open(directory, "t", &opening, &opened));
    printf("\"build\": %.1f, \"file bytes a key\": %.2f, \"open ms\": %.2f, ",
           (built - start) / (double)key_count, (double)summary.file_bytes / (double)key_count,
           (now_ns() - built) / 1e6);
    return opened;
}

/* ---- what is measured ---- */

static void measure_gets(table *from, const char *name, uint64_t spoil)
{
    uint64_t sum = 0;
    table_found found;
    double start = now_ns();
    for (uint64_t i = 0; i < GETS; i++) {
        uint64_t index = order[i % key_count];
        table_position position = table_position_make(key_at(index), UINT64_MAX);
        if (table_get(from, &resident, position, hashes[index] ^ spoil, &found) == PYKV_OK) {
            sum += found.value.data[0] + found.sequence;
        }
    }
    sink = sum;
    printf("\"%s\": %.1f, ", name, (now_ns() - start) / GETS);
}

static int compare_requests(const void *left, const void *right)
{
    const table_request *const *one = left;
    const table_request *const *other = right;
    return memcmp((*one)->key.data, (*other)->key.data, KEY_BYTES);
}

static void measure_many(table *from)
{
    static table_request requests[MANY];
    table_request *pointers[MANY];
    uint64_t sum = 0;
    double spent = 0;
    for (uint64_t begin = 0; begin + MANY <= GETS / 2; begin += MANY) {
        for (uint64_t i = 0; i < MANY; i++) {
            uint64_t index = order[(begin + i) % key_count];
            requests[i].key = key_at(index);
            requests[i].hash = hashes[index];
            pointers[i] = &requests[i];
        }
        qsort(pointers, MANY, sizeof pointers[0], compare_requests);
        double start = now_ns();
        table_get_many(from, &resident, UINT64_MAX, pointers, MANY, &(bool){false});
        for (uint64_t i = 0; i < MANY; i++) {
            sum += requests[i].found.value.data[0];
        }
        spent += now_ns() - start;
    }
    sink = sum;
    printf("\"get, 100 at once\": %.1f, ", spent / (GETS / 2));
}

static void measure_walk(table *from, const char *part)
{
    iterator *walk;
    uint64_t sum = 0;
    expect(table_iterator_new(from, &resident, &walk));
    if (part == NULL || strcmp(part, "seek") == 0) {
        double start = now_ns();
        for (uint64_t i = 0; i < SEEKS; i++) {
            iterator_seek(walk, key_at(order[i % key_count]), UINT64_MAX);
            sum += iterator_current(walk)->sequence;
        }
        printf("\"seek\": %.1f, ", (now_ns() - start) / SEEKS);
    }
    if (part == NULL || strcmp(part, "scan") == 0) {
        double start = now_ns();
        for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk)) {
            const iterator_entry *entry = iterator_current(walk);
            sum += entry->key.data[15] + entry->value.data[0];
        }
        printf("\"scan, a row\": %.1f, ", (now_ns() - start) / (double)key_count);
    }
    sink = sum;
    iterator_free(walk);
}

int main(int argc, char **argv)
{
    env *disk;
    env_directory *directory;
    codec_table codecs = codec_table_make();
    key_count = argc > 1 ? strtoull(argv[1], NULL, 10) : key_count;
    uint32_t block_bytes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
    const char *part = argc > 3 ? argv[3] : NULL;
    expect(process_init());
    expect(env_memory_new(1, UINT64_C(1) << 34, &disk));
    expect(env_directory_open(disk, "/d", true, &directory));
    make_keys();
    printf("{");
    table *opened = make_table(disk, directory, block_bytes, &codecs);
    printf("\"memory bytes a key\": %.2f, ",
           (double)(load_all(opened) + table_memory_bytes(opened)) / (double)key_count);
    if (part == NULL || strcmp(part, "get") == 0) {
        measure_gets(opened, "get", 0);
    }
    if (part == NULL || strcmp(part, "missing") == 0) {
        measure_gets(opened, "get, missing", UINT64_C(0x9e3779b97f4a7c15));
    }
    if (part == NULL || strcmp(part, "many") == 0) {
        measure_many(opened);
    }
    measure_walk(opened, part);
    printf("\"blocks\": %u}\n", opened->index.block_count);
    return 0;
}
