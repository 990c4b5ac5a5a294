/*
 * cursors_test: going from row to row as a C program does through pykv.h.
 */
#include "api_fixture.h"

static api_fixture new_lsm(void)
{
    api_fixture self = {.options = {.engine = PYKV_ENGINE_LSM}};
    self.path = check_temporary_directory();
    CHECK_OK(api_open(&self));
    return self;
}

static void expect(pykv_cursor *cursor, int32_t move, const char *key, const char *wanted)
{
    pykv_row row;
    pykv_status status = pykv_cursor_move(cursor, move, key, strlen(key), 0, &row);
    CHECK_EQUAL(wanted != NULL ? PYKV_OK : PYKV_NOT_FOUND, status);
    if (wanted != NULL) {
        CHECK_EQUAL(strlen(wanted), row.key_length);
        CHECK_BYTES(wanted, row.key, row.key_length);
        CHECK_BYTES(wanted, row.value, row.value_length);
    }
}

TEST(a_cursor_goes_in_both_directions_at_its_moment)
{
    api_fixture f = new_lsm();
    pykv_cursor *cursor;
    pykv_cursor *kept;
    pykv_snapshot *snapshot;
    api_fill(&f, 0, 10);
    CHECK_OK(pykv_snapshot_new(f.store, &snapshot));
    CHECK_OK(pykv_cursor_new(f.store, NULL, &cursor));
    CHECK_OK(pykv_clear(f.store, 0));
    CHECK_OK(pykv_cursor_new_at(snapshot, NULL, &kept));
    pykv_snapshot_free(snapshot);
    for (int i = 0; i < 2; i++) {
        pykv_cursor *each = i == 0 ? cursor : kept;
        expect(each, PYKV_PREVIOUS, "", NULL);
        expect(each, PYKV_NEXT, "", "key-0");
        expect(each, PYKV_NEXT, "", "key-1");
        expect(each, PYKV_PREVIOUS, "", "key-0");
        expect(each, PYKV_SEEK, "key-55", "key-6");
        expect(each, PYKV_SEEK_BACK, "key-55", "key-5");
        expect(each, PYKV_LAST, "", "key-9");
        expect(each, PYKV_NEXT, "", NULL);
        expect(each, PYKV_NEXT, "", NULL);
        expect(each, PYKV_PREVIOUS, "", "key-9");
        expect(each, PYKV_FIRST, "", "key-0");
        pykv_cursor_free(each);
    }
    pykv_cursor_free(NULL);
    api_free(&f);
}

TEST(a_row_beside_a_key_is_found_at_once)
{
    api_fixture f = new_lsm();
    pykv_snapshot *snapshot;
    pykv_row row;
    api_fill(&f, 0, 10);
    CHECK_OK(pykv_snapshot_new(f.store, &snapshot));
    CHECK_OK(pykv_find_row(f.store, PYKV_SEEK, "key-3x", 6, &row));
    CHECK_BYTES("key-4", row.key, row.key_length);
    pykv_row_free(&row);
    pykv_row_free(&row);
    CHECK_OK(pykv_clear(f.store, 0));
    CHECK_STATUS(PYKV_NOT_FOUND, pykv_find_row(f.store, PYKV_LAST, NULL, 0, &row));
    CHECK_OK(pykv_find_row_at(snapshot, PYKV_LAST, NULL, 0, &row));
    CHECK_BYTES("key-9", row.value, row.value_length);
    pykv_row_free(&row);
    pykv_snapshot_free(snapshot);
    api_free(&f);
}

TEST(a_closed_store_and_one_without_order_refuse)
{
    api_fixture f = new_lsm();
    api_fixture other = api_new();
    static uint8_t key[PYKV_KEY_BYTES_MAX + 1];
    pykv_cursor *cursor;
    pykv_row row;
    CHECK_OK(pykv_cursor_new(f.store, NULL, &cursor));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, pykv_cursor_move(cursor, PYKV_SEEK, key, sizeof key, 0, &row));
    CHECK_STATUS(PYKV_NOT_FOUND,
                 pykv_cursor_move(cursor, PYKV_SEEK_BACK, key, sizeof key - 1, 0, &row));
    CHECK_OK(pykv_close(f.store, 0));
    CHECK_STATUS(PYKV_CLOSED, pykv_cursor_move(cursor, PYKV_NEXT, NULL, 0, 0, &row));
    CHECK_STATUS(PYKV_CLOSED, pykv_find_row(f.store, PYKV_FIRST, NULL, 0, &row));
    pykv_cursor_free(cursor);
    CHECK_STATUS(PYKV_CLOSED, pykv_cursor_new(f.store, NULL, &cursor));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_cursor_new(other.store, NULL, &cursor));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_find_row(other.store, PYKV_FIRST, NULL, 0, &row));
    api_free(&f);
    api_free(&other);
}

TEST_MAIN(CASE(a_cursor_goes_in_both_directions_at_its_moment),
          CASE(a_row_beside_a_key_is_found_at_once),
          CASE(a_closed_store_and_one_without_order_refuse))
