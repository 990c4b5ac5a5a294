/*
 * write_seeds: writes the seeds of the corpora that come from real stores: tests/fuzz/corpus/NAME/.
 *
 * Small stores are made on the simulated disk, whose chance is seeded: the files are the same each
 * time while the formats and what the store writes are. The seeds of a decoder are the files of its
 * kind, with checks to be repaired and without, and a few damaged copies.
 * Each write_seeds*.c is a program, run by make fuzz-seeds from the root of the repository, and by
 * make fuzz-replay elsewhere. Header only.
 */
#ifndef PYKV_TESTS_WRITE_SEEDS_H
#define PYKV_TESTS_WRITE_SEEDS_H

#include <stdio.h>
#include <sys/stat.h>

#include "fuzz/fuzz_disk.h"
#include "harness/check.h"

enum { SEED_BYTES_MAX = 60000 };

typedef struct seed {
    uint8_t data[SEED_BYTES_MAX];
    size_t size;
} seed;

FUZZ_UNUSED static void add(seed *self, const void *data, size_t size)
{
    CHECK(self->size + size <= SEED_BYTES_MAX);
    memcpy(self->data + self->size, data, size);
    self->size += size;
}

FUZZ_UNUSED static void save(const seed *self, const char *target, const char *name,
                             const char *variant)
{
    char path[160];
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s", target);
    (void)mkdir(path, 0777);
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s/%s%s", target, name, variant);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK_EQUAL(self->size, fwrite(self->data, 1, self->size, file));
    CHECK_EQUAL(0, fclose(file));
}

/* The seed, with its checks to be repaired, and damaged behind its prefix. */
FUZZ_UNUSED static void save_variants(seed *self, size_t prefix, uint8_t repairs,
                                      const char *target, const char *name)
{
    size_t whole = self->size;
    size_t middle = prefix + (whole - prefix) / 2;
    save(self, target, name, "");
    self->data[0] = repairs;
    save(self, target, name, "_repaired");
    self->data[middle] ^= 0x10;
    save(self, target, name, "_flipped_repaired");
    self->data[0] = 0;
    save(self, target, name, "_flipped");
    self->data[middle] ^= 0x10;
    self->size = middle + 5;
    save(self, target, name, "_cut");
    self->size = whole;
    memset(self->data + middle, 0, (whole - middle) / 2);
    save(self, target, name, "_zeros");
}

/* Adds a file to a pack. */
FUZZ_UNUSED static void add_packed(seed *self, uint8_t code, const uint8_t *data, uint64_t size)
{
    uint8_t head[FUZZ_PACK_HEAD_BYTES] = {code};
    CHECK(size <= UINT16_MAX);
    store_u16(head + 1, (uint16_t)size);
    add(self, head, sizeof head);
    add(self, data, (size_t)size);
}

/* Adds the file of that name to a pack, of a directory of a disk. False: there is none. */
FUZZ_UNUSED static bool add_file(seed *self, env *disk, const char *directory, const char *name,
                                 uint8_t code)
{
    char path[160];
    uint8_t *data;
    uint64_t size;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (env_memory_file_bytes(disk, path, &data, &size) != PYKV_OK) {
        return false;
    }
    add_packed(self, code, data, size);
    return true;
}

#endif
