/*
 * near_test: the row at an end, or beside a key, of now and of a snapshot.
 */
#include "lsm_fixture.h"

#include "lsm/walk.h"

static void expect_near(fixture *self, const lsm_snapshot *snapshot, int32_t move, const char *key,
                        const char *wanted)
{
    pykv_row row;
    pykv_status status = lsm_near(self->store, snapshot, move, fixture_text(key), &row);
    CHECK_EQUAL(wanted != NULL ? PYKV_OK : PYKV_NOT_FOUND, status);
    if (wanted != NULL) {
        CHECK_EQUAL(strlen(wanted), row.key_length);
        CHECK_BYTES(wanted, row.key, row.key_length);
        CHECK_EQUAL(1, row.value_length);
        mem_free(row.owned);
    }
}

static void expect_all(fixture *self, const lsm_snapshot *snapshot)
{
    expect_near(self, snapshot, PYKV_FIRST, "", "b");
    expect_near(self, snapshot, PYKV_LAST, "", "f");
    expect_near(self, snapshot, PYKV_SEEK, "b", "b");
    expect_near(self, snapshot, PYKV_SEEK, "c", "f");
    expect_near(self, snapshot, PYKV_SEEK, "g", NULL);
    expect_near(self, snapshot, PYKV_SEEK_BACK, "f", "f");
    expect_near(self, snapshot, PYKV_SEEK_BACK, "e", "b");
    expect_near(self, snapshot, PYKV_SEEK_BACK, "a", NULL);
    expect_near(self, snapshot, PYKV_SEEK_BACK, "", NULL);
}

TEST(the_ends_and_the_neighbours_of_a_key_are_found)
{
    fixture self = fixture_new();
    lsm_snapshot *snapshot;
    expect_near(&self, NULL, PYKV_FIRST, "", NULL);
    expect_near(&self, NULL, PYKV_LAST, "", NULL);
    fixture_put(&self, "b", "1");
    fixture_put(&self, "d", "1");
    CHECK_OK(lsm_flush(self.store));
    fixture_put(&self, "f", "1");
    fixture_delete(&self, "d");
    expect_all(&self, NULL);
    CHECK_OK(lsm_snapshot_new(self.store, &snapshot));
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK_OK(lsm_compact(self.store, NULL));
    expect_all(&self, snapshot);
    expect_near(&self, NULL, PYKV_FIRST, "", NULL);
    lsm_snapshot_close(self.store, snapshot);
    pykv_row row;
    CHECK_STATUS(PYKV_CLOSED, lsm_near(self.store, snapshot, PYKV_FIRST, fixture_text(""), &row));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT,
                 lsm_near(self.store, NULL, PYKV_NEXT, fixture_text(""), &row));
    lsm_snapshot_free(self.store, snapshot);
    fixture_free(&self);
}

TEST(without_memory_no_row_is_given_and_nothing_is_kept)
{
    fixture self = fixture_new();
    pykv_row row;
    pykv_status status = PYKV_NO_MEMORY;
    fixture_put(&self, "b", "1");
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        int64_t blocks = mem_block_count();
        (void)mem_fail_at(at, 0);
        status = lsm_near(self.store, NULL, PYKV_SEEK_BACK, fixture_text("c"), &row);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK(status == PYKV_OK || blocks == mem_block_count());
    }
    CHECK_BYTES("b1", row.key, 2);
    mem_free(row.owned);
    fixture_free(&self);
}

TEST_MAIN(CASE(the_ends_and_the_neighbours_of_a_key_are_found),
          CASE(without_memory_no_row_is_given_and_nothing_is_kept))
