/*
 * memory_floor: what touching memory costs on this machine, in nanoseconds.
 *
 *   memory_floor
 *
 * Random 8-byte loads over 10 MB (the key directory of a million keys) and 160 MB (as much data
 * as a million records), each once with every address known beforehand, so that loads overlap,
 * and once with every address taken from the load before it, so that they do not. Then copies of
 * 116 bytes (a key of 16 and a value of 100) from places in order and at random. Prints one JSON
 * object of name to nanoseconds an operation.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SMALL_BYTES = 10 * 1000 * 1000,
    LARGE_BYTES = 160 * 1000 * 1000,
    LOAD_COUNT = 4 * 1000 * 1000,
    COPY_BYTES = 116,
    COPY_COUNT = 1000 * 1000
};

/* Keeps the compiler from dropping the work that led to it. */
static volatile uint64_t sink;

static double now_ns(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0) {
        perror("memory_floor: clock_gettime");
        exit(1);
    }
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *allocate(size_t length)
{
    void *memory = malloc(length);
    if (memory == NULL) {
        fprintf(stderr, "memory_floor: no memory for %zu bytes\n", length);
        exit(1);
    }
    return memory;
}

/* A step of xorshift64*, seeded by the caller: the same numbers in every run. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* Fills cells with one cycle through all of them: cells[i] is the index that follows i. */
static void link_cycle(uint64_t *cells, size_t count)
{
    uint64_t state = 88172645463325252u;
    for (size_t i = 0; i < count; i++) {
        cells[i] = i;
    }
    for (size_t i = count - 1; i > 0; i--) {
        size_t other = (size_t)(next_random(&state) % i);
        uint64_t kept = cells[i];
        cells[i] = cells[other];
        cells[other] = kept;
    }
}

static double chained_loads(const uint64_t *cells)
{
    uint64_t index = 0;
    double start = now_ns();
    for (unsigned i = 0; i < LOAD_COUNT; i++) {
        index = cells[index];
    }
    double elapsed = now_ns() - start;
    sink = index;
    return elapsed / LOAD_COUNT;
}

static double overlapped_loads(const uint64_t *cells, size_t count)
{
    uint64_t state = 1442695040888963407u;
    uint64_t sum = 0;
    double start = now_ns();
    for (unsigned i = 0; i < LOAD_COUNT; i++) {
        /* The high half times count, shifted, is a position below count without a division. */
        sum += cells[((next_random(&state) >> 32) * count) >> 32];
    }
    double elapsed = now_ns() - start;
    sink = sum;
    return elapsed / LOAD_COUNT;
}

static double copies(const uint8_t *source, size_t length, size_t stride)
{
    uint8_t target[COPY_BYTES];
    uint64_t sum = 0;
    size_t places = length / COPY_BYTES;
    size_t place = 0;
    double start = now_ns();
    for (unsigned i = 0; i < COPY_COUNT; i++) {
        memcpy(target, source + place * COPY_BYTES, COPY_BYTES);
        sum += target[i & 63];
        place += stride;
        if (place >= places) {
            place -= places;
        }
    }
    double elapsed = now_ns() - start;
    sink = sum;
    return elapsed / COPY_COUNT;
}

int main(void)
{
    uint64_t *small = allocate(SMALL_BYTES);
    uint64_t *large = allocate(LARGE_BYTES);
    size_t small_count = SMALL_BYTES / sizeof(*small);
    size_t large_count = LARGE_BYTES / sizeof(*large);
    link_cycle(small, small_count);
    link_cycle(large, large_count);
    printf("{\"load, 10 MB, chained\": %.2f, \"load, 10 MB, overlapped\": %.2f, ",
           chained_loads(small), overlapped_loads(small, small_count));
    printf("\"load, 160 MB, chained\": %.2f, \"load, 160 MB, overlapped\": %.2f, ",
           chained_loads(large), overlapped_loads(large, large_count));
    /* The large stride is a prime near a third of the places: never near the place before. */
    printf("\"copy of 116 bytes, in order\": %.2f, \"copy of 116 bytes, scattered\": %.2f}\n",
           copies((const uint8_t *)large, LARGE_BYTES, 1),
           copies((const uint8_t *)large, LARGE_BYTES, 458729));
    free(large);
    free(small);
    return 0;
}
