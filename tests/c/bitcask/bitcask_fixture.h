/*
 * bitcask_fixture: a store on a simulated disk, and verbs for tests of its parts.
 *
 * Header only: every test program includes it once. Not every program uses every verb.
 */
#ifndef PYKV_TESTS_BITCASK_FIXTURE_H
#define PYKV_TESTS_BITCASK_FIXTURE_H

#include "harness/check.h"

#include "base/memory.h"
#include "bitcask/bitcask.h"
#include "bitcask/store.h"
#include "env/env_memory.h"

#define FIXTURE_PATH   "/store"
#define FIXTURE_UNUSED __attribute__((unused))

enum { FIXTURE_FILE_MAX = 4 << 20, FIXTURE_SEGMENT_BYTES = 8192 };

/* A disk and the store on it. */
typedef struct fixture {
    env *disk;
    bitcask *store;
    pykv_options options;
} fixture;

/* Opens, or opens again, with the options as they are now. */
FIXTURE_UNUSED static pykv_status fixture_open(fixture *self)
{
    return bitcask_open(self->disk, FIXTURE_PATH, &self->options, &self->store);
}

/* A fresh disk with an empty store of small segments. */
FIXTURE_UNUSED static fixture fixture_new(void)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    return self;
}

/* Ends the store as the death of the process would. */
FIXTURE_UNUSED static void fixture_kill(fixture *self)
{
    bitcask_free(self->store);
    self->store = NULL;
}

/* Closes cleanly. */
FIXTURE_UNUSED static void fixture_close(fixture *self)
{
    CHECK_OK(bitcask_close(self->store, -1));
    fixture_kill(self);
}

FIXTURE_UNUSED static void fixture_reopen(fixture *self)
{
    fixture_close(self);
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

FIXTURE_UNUSED static void fixture_put(fixture *self, const char *key, const char *value)
{
    CHECK_OK(bitcask_put(self->store, fixture_text(key), fixture_text(value), 0));
}

/* Puts key-from .. key-(to - 1) with values of value_bytes. */
FIXTURE_UNUSED static void fixture_fill(fixture *self, uint32_t from, uint32_t to,
                                        size_t value_bytes)
{
    char key[32];
    uint8_t value[4096];
    memset(value, 'v', sizeof value);
    CHECK(value_bytes <= sizeof value);
    for (uint32_t i = from; i < to; i++) {
        int length = snprintf(key, sizeof key, "key-%u", i);
        CHECK_OK(bitcask_put(self->store, slice_make(key, (size_t)length),
                             slice_make(value, value_bytes), 0));
    }
}

FIXTURE_UNUSED static void fixture_delete(fixture *self, const char *key)
{
    CHECK_OK(bitcask_delete(self->store, fixture_text(key), 0, NULL));
}

/* Checks that key has value; NULL: that it is absent. */
FIXTURE_UNUSED static void fixture_expect(fixture *self, const char *key, const char *value)
{
    pykv_pinned pinned = {0};
    pykv_status status = bitcask_get(self->store, fixture_text(key), 0, &pinned);
    if (value == NULL) {
        CHECK_EQUAL(PYKV_NOT_FOUND, status);
        return;
    }
    CHECK_EQUAL(PYKV_OK, status);
    CHECK_EQUAL(strlen(value), pinned.length);
    CHECK_BYTES(value, pinned.data, pinned.length);
    mem_free(pinned.owned);
}

/* Runs steps of a role until there is nothing more to do now; the clock moves a second at each. */
FIXTURE_UNUSED static void fixture_maintain(fixture *self, int32_t role, int steps)
{
    for (int i = 0; i < steps; i++) {
        int32_t more;
        env_memory_advance(self->disk, 1100000, 0);
        CHECK_OK(bitcask_maintain_step(self->store, role, &more));
    }
}

FIXTURE_UNUSED static pykv_stats fixture_stats(fixture *self)
{
    pykv_stats stats;
    bitcask_stats(self->store, &stats);
    return stats;
}

FIXTURE_UNUSED static uint64_t fixture_count(fixture *self)
{
    return fixture_stats(self).key_count;
}

#include "bitcask_fixture_files.h"

#endif
