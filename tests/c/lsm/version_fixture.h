/*
 * version_fixture: a simulated disk for tables, and where they are read from. Header only. Not
 * every program uses every verb.
 */
#ifndef PYKV_TESTS_LSM_VERSION_FIXTURE_H
#define PYKV_TESTS_LSM_VERSION_FIXTURE_H

#include "harness/check.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/process.h"
#include "env/env_memory.h"
#include "lsm/table_file.h"
#include "table/block_cache.h"

#define VERSION_HOME   "/home"
#define VERSION_UNUSED __attribute__((unused))

enum {
    VERSION_SEED_LOW = 77,
    VERSION_SEED_HIGH = 99,
    VERSION_CACHE_BYTES = 8 << 20,
    VERSION_FILE_BYTES_MAX = 16 << 20
};

typedef struct version_fixture {
    env *disk;
    env_directory *home;
    codec_table codecs;
    table_graveyard graves;
    uint32_t next_number;
    int64_t blocks_before; /* of memory */
    memory_budget budget;
    epoch entered;
    reclaimer readers;
    block_cache *cache;
    block_source_cached cached;
} version_fixture;

VERSION_UNUSED static version_fixture *version_fixture_open(void)
{
    CHECK_OK(process_init());
    int64_t blocks_before = mem_block_count();
    version_fixture *self = mem_alloc_aligned(64, sizeof *self);
    CHECK(self != NULL);
    self->blocks_before = blocks_before;
    self->codecs = codec_table_make();
    self->next_number = 1;
    CHECK_OK(env_memory_new(check_seed(), VERSION_FILE_BYTES_MAX, &self->disk));
    CHECK_OK(env_directory_open(self->disk, VERSION_HOME, true, &self->home));
    memory_budget_init(&self->budget, VERSION_CACHE_BYTES);
    epoch_init(&self->entered);
    reclaimer_init(&self->readers, &self->entered);
    CHECK_OK(block_cache_new(&self->budget, &self->readers, &self->cache));
    block_source_cached_init(&self->cached, self->cache, &self->entered, self->disk);
    table_graveyard_init(&self->graves, self->home, &self->cached);
    return self;
}

/* Checks that every table is buried and all memory was given back. */
VERSION_UNUSED static void version_fixture_close(version_fixture *self)
{
    int64_t blocks_before = self->blocks_before;
    table_graveyard_empty(&self->graves);
    CHECK(!reclaimer_sweep(&self->readers));
    block_cache_free(self->cache);
    CHECK_EQUAL(0, memory_budget_used(&self->budget));
    reclaimer_destroy(&self->readers);
    env_directory_close(self->home);
    env_memory_free(self->disk);
    mem_free(self);
    CHECK_EQUAL(blocks_before, mem_block_count());
}

VERSION_UNUSED static uint64_t version_hash(slice key)
{
    return hash_murmur3(key.data, key.size, VERSION_SEED_LOW, VERSION_SEED_HIGH).low;
}

VERSION_UNUSED static slice version_text(const char *text)
{
    return slice_make(text, strlen(text));
}

#endif
