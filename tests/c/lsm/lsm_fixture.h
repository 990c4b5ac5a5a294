/*
 * lsm_fixture: a store on a simulated disk, with memtables and tables so small that a hundred
 * writes are flushed and compacted, and verbs for tests of its parts.
 *
 * Header only: every test program includes it once. Not every program uses every verb.
 */
#ifndef PYKV_TESTS_LSM_FIXTURE_H
#define PYKV_TESTS_LSM_FIXTURE_H

#include "harness/check.h"

#include "base/memory.h"
#include "env/env_memory.h"
#include "lsm/lsm.h"
#include "lsm/store.h"

#define FIXTURE_PATH   "/store"
#define FIXTURE_UNUSED __attribute__((unused))

enum { FIXTURE_FILE_MAX = 4 << 20, FIXTURE_MEMTABLE_BYTES = 64 * 1024 };

/* A disk and the store on it. */
typedef struct fixture {
    env *disk;
    lsm *store;
    pykv_options options;
} fixture;

/* Opens, or opens again, with the options as they are now. */
FIXTURE_UNUSED static pykv_status fixture_open(fixture *self)
{
    return lsm_open(self->disk, FIXTURE_PATH, &self->options, &self->store);
}

/* A fresh disk without a store, and options for small tables in levels. */
FIXTURE_UNUSED static fixture fixture_blank(void)
{
    fixture self = {.options = {.memtable_bytes = FIXTURE_MEMTABLE_BYTES,
                                .table_bytes = FIXTURE_MEMTABLE_BYTES,
                                .block_bytes = 1024,
                                .memory_budget_bytes = 16 << 20,
                                .compaction = PYKV_COMPACTION_LEVELED,
                                .compression = PYKV_CODEC_NONE}};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &self.disk));
    return self;
}

/* A fresh disk with an empty store. */
FIXTURE_UNUSED static fixture fixture_new(void)
{
    fixture self = fixture_blank();
    CHECK_OK(fixture_open(&self));
    return self;
}

/* Ends the store as the death of the process would. */
FIXTURE_UNUSED static void fixture_kill(fixture *self)
{
    lsm_free(self->store);
    self->store = NULL;
}

/* Closes cleanly. */
FIXTURE_UNUSED static void fixture_close(fixture *self)
{
    CHECK_OK(lsm_close(self->store, -1));
    fixture_kill(self);
}

FIXTURE_UNUSED static void fixture_reopen(fixture *self)
{
    fixture_close(self);
    CHECK_OK(fixture_open(self));
}

/* The process dies and the store is opened again. */
FIXTURE_UNUSED static void fixture_recover(fixture *self)
{
    fixture_kill(self);
    CHECK_OK(fixture_open(self));
}

FIXTURE_UNUSED static void fixture_free(fixture *self)
{
    fixture_kill(self);
    env_memory_free(self->disk);
}

FIXTURE_UNUSED static slice fixture_text(const char *text)
{
    return slice_make(text, strlen(text));
}

FIXTURE_UNUSED static pykv_stats fixture_stats(fixture *self)
{
    pykv_stats stats;
    lsm_stats(self->store, &stats);
    return stats;
}

/* Runs steps of a role until there is nothing more to do now. */
FIXTURE_UNUSED static void fixture_maintain(fixture *self, int32_t role)
{
    int32_t more = 1;
    for (int i = 0; more != 0; i++) {
        CHECK(i < 10000);
        CHECK_OK(lsm_maintain_step(self->store, role, &more));
    }
}

/* Compactions that are planned or under way. */
FIXTURE_UNUSED static uint32_t fixture_compactions(fixture *self)
{
    uint32_t count = 0;
    mutex_lock(&self->store->compaction_lock);
    for (uint32_t i = 0; i < LSM_COMPACTIONS_MAX; i++) {
        count += self->store->compactions[i].state != COMPACTION_NONE;
    }
    mutex_unlock(&self->store->compaction_lock);
    return count;
}

/* From now on nobody compacts: every place is taken; and again they may. */
FIXTURE_UNUSED static void fixture_hold_compactions(fixture *self)
{
    CHECK_EQUAL(0, fixture_compactions(self));
    for (uint32_t i = 0; i < LSM_COMPACTIONS_MAX; i++) {
        self->store->compactions[i].state = COMPACTION_STEPS;
    }
}

FIXTURE_UNUSED static void fixture_let_compactions(fixture *self)
{
    for (uint32_t i = 0; i < LSM_COMPACTIONS_MAX; i++) {
        self->store->compactions[i].state = COMPACTION_NONE;
    }
}

#include "lsm_fixture_files.h"
#include "lsm_fixture_rows.h"

#endif
