/*
 * packing_fixture: a store on a simulated disk whose merges pack values with the codec of
 * codec_runs.h, which stands for zstd in the process.
 */
#ifndef PYKV_TESTS_BITCASK_PACKING_FIXTURE_H
#define PYKV_TESTS_BITCASK_PACKING_FIXTURE_H

#include "codec/codec_registry.h"
#include "codec/codec_runs.h"

#include "bitcask/bitcask_fixture.h"

enum {
    PACKING_KEYS = 20,
    PACKING_VALUE_BYTES = 1000,
    PACKING_TRAINED_KEYS = 100,
    PACKING_TRAINED_BYTES = 200 /* of a value of them */
};

/* Sets the codec of the process, or takes it away. */
FIXTURE_UNUSED static void packing_provide(bool there)
{
    pykv_codec runs = there ? runs_given() : (pykv_codec){.id = PYKV_CODEC_ZSTD};
    CHECK_OK(codec_registry_set(&runs));
}

FIXTURE_UNUSED static fixture packing_new(void)
{
    packing_provide(true);
    fixture self = {
        .options = {.segment_bytes = FIXTURE_SEGMENT_BYTES, .compression = PYKV_CODEC_ZSTD}};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    return self;
}

/* The same with key-0 .. key-19, whose values of 1,000 bytes are all packed. */
FIXTURE_UNUSED static fixture packing_filled(void)
{
    fixture self = packing_new();
    fixture_fill(&self, 0, PACKING_KEYS, PACKING_VALUE_BYTES);
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK(fixture_stats(&self).live_bytes < PACKING_KEYS * 64);
    return self;
}

/* The value of every key of packing_filled. */
FIXTURE_UNUSED static const char *packing_value(void)
{
    static char value[PACKING_VALUE_BYTES + 1];
    memset(value, 'v', PACKING_VALUE_BYTES);
    return value;
}

FIXTURE_UNUSED static void packing_expect(fixture *self)
{
    for (uint32_t i = 0; i < PACKING_KEYS; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%u", i);
        fixture_expect(self, key, packing_value());
    }
}

/* A value without runs that has much in common with the others. */
FIXTURE_UNUSED static const char *packing_trained_value(uint32_t i)
{
    static char value[PACKING_TRAINED_BYTES + 1];
    for (uint32_t at = 0; at < PACKING_TRAINED_BYTES; at++) {
        value[at] = (char)('A' + at % 50);
    }
    snprintf(value + PACKING_TRAINED_BYTES - 4, 5, "%04u", i);
    return value;
}

FIXTURE_UNUSED static void packing_put_trained(fixture *self, uint32_t i)
{
    char key[16];
    snprintf(key, sizeof key, "key-%u", i);
    fixture_put(self, key, packing_trained_value(i));
}

FIXTURE_UNUSED static void packing_expect_trained(fixture *self)
{
    for (uint32_t i = 0; i < PACKING_TRAINED_KEYS; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%u", i);
        fixture_expect(self, key, packing_trained_value(i));
    }
}

/* A store with one segment, whose values are packed with a dictionary. */
FIXTURE_UNUSED static fixture packing_trained(void)
{
    fixture self = packing_new();
    for (uint32_t i = 0; i < PACKING_TRAINED_KEYS; i++) {
        packing_put_trained(&self, i);
    }
    CHECK_OK(bitcask_compact(self.store, NULL));
    CHECK(self.store->segments[0]->dictionary_bytes > 0);
    return self;
}

#endif
