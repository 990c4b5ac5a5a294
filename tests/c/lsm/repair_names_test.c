/*
 * repair_names_test: rows of a namespace whose name is lost have one after a repair.
 */
#include "lsm_fixture.h"

#include "lsm/names.h"
#include "lsm/repair_names.h"
#include "lsm/space.h"

static slice text(const char *data)
{
    return slice_make(data, strlen(data));
}

static pykv_report repaired(fixture *self)
{
    static pykv_report report;
    fixture_close(self);
    CHECK_OK(lsm_repair(self->disk, FIXTURE_PATH, &report));
    CHECK_OK(fixture_open(self));
    return report;
}

/* Writes as one who has the namespace: its name need not be there. */
static void put(fixture *self, uint32_t id, const char *key)
{
    stored_key stored;
    CHECK_OK(stored_key_make(id, text(key), &stored));
    CHECK_OK(lsm_put(self->store, stored.key, text("value"), 0));
    stored_key_reset(&stored);
}

static uint64_t count_in(fixture *self, const char *name)
{
    uint32_t id = 0;
    uint64_t count = 0;
    CHECK_OK(name_book_find(lsm_name_book(self->store), text(name), &id));
    CHECK_OK(lsm_count_in(self->store, id, NULL, NULL, &count));
    return count;
}

TEST(rows_without_a_name_get_one_and_are_reported)
{
    fixture self = fixture_new();
    uint32_t id = 0;
    CHECK_OK(name_book_make(lsm_name_book(self.store), text("users"), 0, &id));
    CHECK_OK(name_book_make(lsm_name_book(self.store), text("recovered-7"), 0, &id));
    put(&self, 1, "a");
    for (uint32_t i = 5; i < 40; i++) {
        put(&self, i, "a");
        put(&self, i, "b");
    }
    pykv_report report = repaired(&self);
    CHECK_EQUAL(35, report.damage_count);
    CHECK(strstr(report.damages[2].text, "namespace 7 is lost: it is recovered-7-2") != NULL);
    CHECK_EQUAL(71, report.kept_record_count);
    CHECK_EQUAL(0, report.lost_record_count);
    CHECK_EQUAL(1, count_in(&self, "users"));
    CHECK_EQUAL(0, count_in(&self, "recovered-7"));
    CHECK_EQUAL(2, count_in(&self, "recovered-7-2"));
    CHECK_EQUAL(2, count_in(&self, "recovered-39"));
    CHECK_OK(name_book_make(lsm_name_book(self.store), text("next"), 0, &id));
    CHECK_EQUAL(40, id);
    report = repaired(&self);
    CHECK_EQUAL(0, report.damage_count);
    fixture_free(&self);
}

TEST(a_sound_store_keeps_its_names_and_its_highest_id)
{
    fixture self = fixture_new();
    uint32_t id = 0;
    CHECK_OK(name_book_make(lsm_name_book(self.store), text("a"), 0, &id));
    CHECK_OK(name_book_make(lsm_name_book(self.store), text("empty"), 0, &id));
    CHECK_OK(name_book_make(lsm_name_book(self.store), text("gone"), 0, &id));
    CHECK_OK(name_book_drop(lsm_name_book(self.store), text("gone"), 0, &id));
    put(&self, 1, "a");
    CHECK_OK(lsm_put(self.store, text("a"), text("value"), 0));
    pykv_report report = repaired(&self);
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(2, report.kept_record_count);
    CHECK_EQUAL(1, count_in(&self, "a"));
    CHECK_EQUAL(0, count_in(&self, "empty"));
    CHECK_STATUS(PYKV_NOT_FOUND, name_book_find(lsm_name_book(self.store), text("gone"), &id));
    CHECK_OK(name_book_make(lsm_name_book(self.store), text("next"), 0, &id));
    CHECK_EQUAL(4, id);
    fixture_free(&self);
}

TEST(a_name_without_an_id_is_left_out_and_reported)
{
    fixture self = fixture_new();
    uint32_t id = 0;
    CHECK_OK(name_book_make(lsm_name_book(self.store), text("a"), 0, &id));
    CHECK_OK(lsm_put(self.store,
                     slice_make("\xff\x02"
                                "bad",
                                5),
                     text("short"), 0));
    pykv_report report = repaired(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK_EQUAL(1, report.lost_record_count);
    CHECK_STATUS(PYKV_NOT_FOUND, name_book_find(lsm_name_book(self.store), text("bad"), &id));
    CHECK_OK(name_book_find(lsm_name_book(self.store), text("a"), &id));
    fixture_free(&self);
}

/* A fuzzed log had such keys, under checks that were right: a repair kept them, as rows that no get
 * finds or as a namespace whose name is FF. */
TEST(a_key_that_no_store_has_is_left_out_and_reported)
{
    static const slice keys[] = {{(const uint8_t *)"\xff", 1},
                                 {(const uint8_t *)"\xff\0a", 3},
                                 {(const uint8_t *)"\xff\x03q", 3}};
    fixture self = fixture_new();
    for (size_t i = 0; i < 3; i++) {
        CHECK_OK(lsm_put(self.store, keys[i], slice_make("\x01\0\0\0", 4), 0));
    }
    CHECK_OK(lsm_put(self.store, text("a"), text("value"), 0));
    pykv_report report = repaired(&self);
    CHECK_EQUAL(3, report.damage_count);
    CHECK_EQUAL(3, report.lost_record_count);
    CHECK_EQUAL(1, report.kept_record_count);
    CHECK_EQUAL(1, fixture_count(&self));
    fixture_free(&self);
}

TEST_MAIN(CASE(rows_without_a_name_get_one_and_are_reported),
          CASE(a_sound_store_keeps_its_names_and_its_highest_id),
          CASE(a_name_without_an_id_is_left_out_and_reported),
          CASE(a_key_that_no_store_has_is_left_out_and_reported))
