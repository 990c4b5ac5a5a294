/*
 * space_read_test: reads by user keys of a namespace.
 */
#include "lsm_fixture.h"

#include "lsm/names.h"
#include "lsm/space.h"

static void put(fixture *self, uint32_t space, const char *key, const char *value)
{
    CHECK_OK(lsm_put_in(self->store, space, fixture_text(key), fixture_text(value), 0, 0));
}

static void expect(fixture *self, uint32_t space, const char *key, const char *value)
{
    pykv_pinned pinned = {.owned = NULL};
    uint64_t deadline_us = 77;
    epoch_token token = epoch_enter(&self->store->gate.readers);
    pykv_status status = lsm_get_in(self->store, space, NULL, fixture_text(key), 0, &pinned);
    CHECK_EQUAL(value != NULL ? PYKV_OK : PYKV_NOT_FOUND, status);
    CHECK_EQUAL(status, lsm_contains_in(self->store, space, NULL, fixture_text(key), 0));
    CHECK_EQUAL(status,
                lsm_expires_at_in(self->store, space, NULL, fixture_text(key), 0, &deadline_us));
    if (value != NULL) {
        CHECK_EQUAL(strlen(value), pinned.length);
        CHECK_BYTES(value, pinned.data, pinned.length);
        CHECK_EQUAL(0, deadline_us);
        mem_free(pinned.owned);
    }
    epoch_leave(&self->store->gate.readers, token);
}

TEST(a_read_finds_the_key_of_its_namespace)
{
    fixture self = fixture_new();
    uint32_t users;
    CHECK_OK(name_book_make(lsm_name_book(self.store), fixture_text("users"), 0, &users));
    put(&self, users, "a", "1");
    put(&self, users, "", "2");
    put(&self, KEY_SPACE_DEFAULT, "a", "3");
    put(&self, KEY_SPACE_DEFAULT, "\xff", "4");
    for (int round = 0; round < 2; round++) {
        expect(&self, users, "a", "1");
        expect(&self, users, "", "2");
        expect(&self, users, "\xff", NULL);
        expect(&self, KEY_SPACE_DEFAULT, "a", "3");
        expect(&self, KEY_SPACE_DEFAULT, "\xff", "4");
        expect(&self, KEY_SPACE_DEFAULT, "", NULL);
        expect(&self, KEY_SPACE_DEFAULT, "\xff\x01", NULL);
        expect(&self, users + 1, "a", NULL);
        CHECK_OK(lsm_flush(self.store));
    }
    fixture_free(&self);
}

/* Moves a cursor, and checks the key it comes to; NULL: none. */
static void move(lsm_cursor *cursor, int32_t where, const char *key, const char *want)
{
    pykv_row row;
    pykv_status status = lsm_cursor_move(cursor, where, fixture_text(key), 0, &row);
    CHECK_EQUAL(want != NULL ? PYKV_OK : PYKV_NOT_FOUND, status);
    if (want != NULL) {
        CHECK_EQUAL(strlen(want), row.key_length);
        CHECK_BYTES(want, row.key, row.key_length);
    }
}

static void walk(fixture *self, uint32_t space)
{
    lsm_cursor *cursor;
    pykv_row row;
    CHECK_OK(lsm_cursor_open_in(self->store, space, NULL, NULL, &cursor));
    move(cursor, PYKV_FIRST, "", "a");
    move(cursor, PYKV_NEXT, "", "b");
    move(cursor, PYKV_NEXT, "", "\xff");
    move(cursor, PYKV_PREVIOUS, "", "b");
    move(cursor, PYKV_NEXT, "", "\xff");
    move(cursor, PYKV_NEXT, "", NULL);
    move(cursor, PYKV_PREVIOUS, "", "\xff");
    move(cursor, PYKV_PREVIOUS, "", "b");
    move(cursor, PYKV_PREVIOUS, "", "a");
    move(cursor, PYKV_PREVIOUS, "", NULL);
    move(cursor, PYKV_SEEK, "aa", "b");
    move(cursor, PYKV_SEEK_BACK, "\xff\xff", "\xff");
    move(cursor, PYKV_SEEK_BACK, "", NULL);
    move(cursor, PYKV_LAST, "", "\xff");
    lsm_cursor_free(self->store, cursor);
    CHECK_OK(lsm_near_in(self->store, space, NULL, PYKV_SEEK, fixture_text("c"), &row));
    CHECK_EQUAL(1, row.key_length);
    CHECK_BYTES("\xff", row.key, 1);
    CHECK_BYTES("v", row.value, 1);
    mem_free(row.owned);
    CHECK_STATUS(PYKV_NOT_FOUND,
                 lsm_near_in(self->store, space, NULL, PYKV_SEEK, fixture_text("\xff\x01"), &row));
}

TEST(a_cursor_stays_in_its_namespace)
{
    static const uint32_t spaces[] = {KEY_SPACE_DEFAULT, 1, 2};
    fixture self = fixture_new();
    uint32_t id;
    CHECK_OK(name_book_make(lsm_name_book(self.store), fixture_text("one"), 0, &id));
    CHECK_OK(name_book_make(lsm_name_book(self.store), fixture_text("two"), 0, &id));
    for (size_t i = 0; i < 3; i++) {
        put(&self, spaces[i], "b", "v");
        put(&self, spaces[i], "\xff", "v");
        put(&self, spaces[i], "a", "v");
    }
    for (size_t i = 0; i < 3; i++) {
        walk(&self, spaces[i]);
    }
    CHECK_OK(lsm_flush(self.store));
    for (size_t i = 0; i < 3; i++) {
        walk(&self, spaces[i]);
    }
    fixture_free(&self);
}

TEST_MAIN(CASE(a_read_finds_the_key_of_its_namespace), CASE(a_cursor_stays_in_its_namespace))
