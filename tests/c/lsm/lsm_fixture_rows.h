/*
 * lsm_fixture_rows: verbs that write and read a fixture's store. Included by lsm_fixture.h.
 */
#ifndef PYKV_TESTS_LSM_FIXTURE_ROWS_H
#define PYKV_TESTS_LSM_FIXTURE_ROWS_H

#include "lsm_fixture.h"

/* ---- writing ---- */

FIXTURE_UNUSED static void fixture_put(fixture *self, const char *key, const char *value)
{
    CHECK_OK(lsm_put(self->store, fixture_text(key), fixture_text(value), 0));
}

FIXTURE_UNUSED static void fixture_delete(fixture *self, const char *key)
{
    CHECK_OK(lsm_delete(self->store, fixture_text(key), 0, NULL));
}

FIXTURE_UNUSED static slice fixture_key(uint32_t number, char out[16])
{
    return slice_make(out, (size_t)snprintf(out, 16, "key-%05u", number));
}

/* Puts key-from .. key-(to - 1) with values of value_bytes. */
FIXTURE_UNUSED static void fixture_fill(fixture *self, uint32_t from, uint32_t to,
                                        size_t value_bytes)
{
    char key[16];
    uint8_t value[4096];
    memset(value, 'v', sizeof value);
    CHECK(value_bytes <= sizeof value);
    for (uint32_t i = from; i < to; i++) {
        CHECK_OK(lsm_put(self->store, fixture_key(i, key), slice_make(value, value_bytes), 0));
    }
}

/* ---- reading ---- */

/* As lsm_get, inside the epoch and copied: status, and the value as text. */
FIXTURE_UNUSED static pykv_status fixture_get(fixture *self, slice key, int32_t flags, char *out,
                                              size_t room)
{
    pykv_pinned pinned = {0};
    epoch_token token = epoch_enter(&lsm_gate(self->store)->readers);
    pykv_status status = lsm_get(self->store, key, flags, &pinned);
    if (status == PYKV_OK) {
        CHECK(pinned.length < room);
        if (pinned.length > 0) {
            memcpy(out, pinned.data, pinned.length);
        }
        out[pinned.length] = '\0';
        mem_free(pinned.owned);
    }
    epoch_leave(&lsm_gate(self->store)->readers, token);
    return status;
}

/* Checks that key has value; NULL: that it is absent. */
FIXTURE_UNUSED static void fixture_expect(fixture *self, const char *key, const char *value)
{
    char found[4200];
    pykv_status status = fixture_get(self, fixture_text(key), 0, found, sizeof found);
    CHECK_EQUAL(value != NULL ? PYKV_OK : PYKV_NOT_FOUND, status);
    CHECK(value == NULL || strcmp(value, found) == 0);
}

FIXTURE_UNUSED static uint64_t fixture_count(fixture *self)
{
    uint64_t count = UINT64_MAX;
    CHECK_OK(lsm_count(self->store, NULL, NULL, &count));
    return count;
}

#endif
