/*
 * store_flip: one bit of a golden store is flipped; what its user may see of that: an error, or
 * nothing. Failures end the test.
 */
#ifndef PYKV_TESTS_STORE_FLIP_H
#define PYKV_TESTS_STORE_FLIP_H

#include "store_golden.h"

/* The bit that is flipped. */
typedef struct flip {
    const golden_file *file;
    uint64_t bit;
} flip;

/* The store as it was before. */
extern golden stored;

/* Uses bits of a golden store of that kind, PYKV_FLIPS of them or all, in PYKV_PROCESSES processes,
 * and prints the count. */
void flip_bits(const engine_ops *engine, golden_kind kind, void (*use)(const flip *at),
               const char *name);

/* A copy of the golden store's disk with the bit flipped; the caller frees it. */
env *flip_disk(const flip *at);

/* How the store is opened at this bit, and opening it: PYKV_OK, or refused as damaged. */
pykv_options flip_options(const flip *at);
pykv_status flip_open(const flip *at, env *disk, void **store_out);

/* True if the flipped file's path ends so. */
bool flip_is_of(const flip *at, const char *suffix);
void flip_expect(const flip *at, bool holds, const char *what);

/* Number of each key's value, 0 if it is absent, UINT32_MAX if it is refused as damaged. */
void flip_read_keys(const flip *at, void *store, golden_state *out);

/* True if what was read is the state, but for keys that were refused. */
bool flip_fits(const golden_state *read, const golden_state *state);
uint64_t flip_key_count(const golden_state *state);

/* The rows of scans, of the store and of its namespace, are those of the state; true: all of them,
 * false: one was refused. */
bool flip_check_scan(const flip *at, void *store, const golden_state *state);

/* Number of rows of the store and of all its namespaces. */
uint64_t flip_count(void *store);

/* False if the namespace that was dropped is there. */
bool flip_is_dropped(void *store);

/* True if verify finds nothing. */
bool flip_is_sound(const flip *at, void *store);

#endif
