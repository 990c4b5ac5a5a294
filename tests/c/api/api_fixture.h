/*
 * api_fixture: a store in a temporary directory of the real file system, reached through pykv.h.
 *
 * Header only: every test program includes it once. Not every program uses every verb.
 */
#ifndef PYKV_TESTS_API_FIXTURE_H
#define PYKV_TESTS_API_FIXTURE_H

#include "harness/check.h"

#define API_UNUSED __attribute__((unused))

/* A directory and the store in it. */
typedef struct api_fixture {
    char *path;
    pykv_store *store;
    pykv_options options;
} api_fixture;

/* Opens, or opens again, with the options as they are now. */
API_UNUSED static pykv_status api_open(api_fixture *self)
{
    return pykv_open(self->path, &self->options, &self->store);
}

/* An empty Bitcask of small segments in a directory of its own. */
API_UNUSED static api_fixture api_new(void)
{
    api_fixture self = {.options = {.engine = PYKV_ENGINE_BITCASK, .segment_bytes = 8192}};
    self.path = check_temporary_directory();
    CHECK_OK(api_open(&self));
    return self;
}

/* Closes, frees the handle and opens again. */
API_UNUSED static void api_reopen(api_fixture *self)
{
    CHECK_OK(pykv_close(self->store, -1));
    pykv_free(self->store);
    CHECK_OK(api_open(self));
}

API_UNUSED static void api_free(api_fixture *self)
{
    pykv_free(self->store);
    free(self->path);
}

API_UNUSED static pykv_status api_put(api_fixture *self, const char *key, const char *value)
{
    return pykv_put(self->store, key, strlen(key), value, strlen(value), 0);
}

/* Puts key-from .. key-(to - 1), each with its key as the value. */
API_UNUSED static void api_fill(api_fixture *self, uint32_t from, uint32_t to)
{
    char key[32];
    for (uint32_t i = from; i < to; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        CHECK_OK(api_put(self, key, key));
    }
}

/* Checks that key has value; NULL: that it is absent. */
API_UNUSED static void api_expect(api_fixture *self, const char *key, const char *value)
{
    pykv_pinned pinned;
    pykv_status status = pykv_get(self->store, key, strlen(key), 0, &pinned);
    if (value == NULL) {
        CHECK_EQUAL(PYKV_NOT_FOUND, status);
        return;
    }
    CHECK_OK(status);
    CHECK_EQUAL(strlen(value), pinned.length);
    CHECK_BYTES(value, pinned.data, pinned.length);
    pykv_unpin(self->store, &pinned);
}

API_UNUSED static pykv_stats api_stats(api_fixture *self)
{
    pykv_stats stats;
    CHECK_OK(pykv_get_stats(self->store, &stats));
    return stats;
}

#endif
