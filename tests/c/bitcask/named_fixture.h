/*
 * named_fixture: namespaces of the fixture's store, and verbs for their rows.
 */
#ifndef PYKV_TESTS_BITCASK_NAMED_FIXTURE_H
#define PYKV_TESTS_BITCASK_NAMED_FIXTURE_H

#include "bitcask/bitcask_fixture.h"
#include "bitcask/named.h"
#include "bitcask/names.h"
#include "bitcask/space_list.h"

/* The namespace of a name, which is made; held until named_let_go. */
FIXTURE_UNUSED static space *named_make(fixture *self, const char *name)
{
    uint32_t id;
    space *within;
    CHECK_OK(name_book_make(bitcask_name_book(self->store), fixture_text(name), 0, &id));
    CHECK_OK(bitcask_hold_space(self->store, id, &within));
    CHECK_EQUAL(id, within->id);
    return within;
}

FIXTURE_UNUSED static void named_let_go(fixture *self, space *within)
{
    bitcask_let_space_go(self->store, within);
}

FIXTURE_UNUSED static void named_drop(fixture *self, const char *name)
{
    uint32_t id;
    CHECK_OK(name_book_drop(bitcask_name_book(self->store), fixture_text(name), 0, &id));
}

FIXTURE_UNUSED static void named_put(fixture *self, space *within, const char *key,
                                     const char *value)
{
    CHECK_OK(bitcask_put_in(self->store, within, fixture_text(key), fixture_text(value), 0, 0));
}

/* Puts key-from .. key-(to - 1) with values of value_bytes. */
FIXTURE_UNUSED static void named_fill(fixture *self, space *within, uint32_t from, uint32_t to,
                                      size_t value_bytes)
{
    char key[32];
    uint8_t value[4096];
    memset(value, 'n', sizeof value);
    for (uint32_t i = from; i < to; i++) {
        int length = snprintf(key, sizeof key, "key-%u", i);
        CHECK_OK(bitcask_put_in(self->store, within, slice_make(key, (size_t)length),
                                slice_make(value, value_bytes), 0, 0));
    }
}

/* Checks that key has value; NULL: that it is absent. */
FIXTURE_UNUSED static void named_expect(fixture *self, space *within, const char *key,
                                        const char *value)
{
    pykv_pinned pinned = {0};
    pykv_status status = bitcask_get_in(self->store, within, fixture_text(key), 0, &pinned);
    CHECK_EQUAL(value == NULL ? PYKV_NOT_FOUND : PYKV_OK, status);
    if (value != NULL) {
        CHECK_EQUAL(strlen(value), pinned.length);
        CHECK_BYTES(value, pinned.data, pinned.length);
        mem_free(pinned.owned);
    }
}

FIXTURE_UNUSED static uint64_t named_live_bytes(fixture *self, const space *within)
{
    pykv_stats stats;
    bitcask_stats_in(self->store, within, &stats);
    return stats.live_bytes;
}

#endif
