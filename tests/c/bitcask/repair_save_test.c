/*
 * repair_save_test: namespaces come out of a repair with their rows and names.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/named_fixture.h"
#include "bitcask/repair_save.h"

enum { FILE_MAX = 80 << 20 }; /* the store that a repair makes has segments of the default size */

static fixture new_store(void)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    CHECK_OK(env_memory_new(check_seed(), FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    return self;
}

static pykv_report repaired(fixture *self)
{
    static pykv_report report;
    CHECK_OK(bitcask_repair(self->disk, FIXTURE_PATH, &report));
    CHECK_OK(fixture_open(self));
    return report;
}

TEST(rows_stay_in_their_namespaces_and_what_was_dropped_or_cleared_stays_away)
{
    fixture self = new_store();
    space *users = named_make(&self, "users");
    space *gone = named_make(&self, "gone");
    fixture_put(&self, "a", "1");
    named_put(&self, users, "a", "old");
    named_put(&self, users, "c", "3");
    CHECK_OK(bitcask_clear_in(self.store, users, 0));
    named_put(&self, users, "a", "2");
    named_put(&self, gone, "a", "4");
    named_drop(&self, "gone");
    named_let_go(&self, users);
    named_let_go(&self, gone);
    fixture_close(&self);
    pykv_report report = repaired(&self);
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(2, report.kept_record_count);
    users = named_make(&self, "users");
    CHECK_EQUAL(1, users->id);
    CHECK_EQUAL(1, bitcask_count_in(users));
    CHECK_EQUAL(1, bitcask_count(self.store));
    named_expect(&self, users, "a", "2");
    fixture_expect(&self, "a", "1");
    gone = named_make(&self, "gone");
    CHECK_EQUAL(3, gone->id);
    named_let_go(&self, users);
    named_let_go(&self, gone);
    fixture_free(&self);
}

TEST(rows_without_a_name_get_one_and_are_reported)
{
    fixture self = new_store();
    uint32_t id = 0;
    named_let_go(&self, named_make(&self, "users"));
    mutex_lock(&self.store->writer);
    space *nameless = NULL;
    CHECK_OK(bitcask_use_space(self.store, 7, &nameless));
    mutex_unlock(&self.store->writer);
    named_put(&self, nameless, "a", "1");
    fixture_close(&self);
    pykv_report report = repaired(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK(strstr(report.damages[0].text, "namespace 7 is lost: it is recovered-7 now") != NULL);
    CHECK_OK(name_book_find(bitcask_name_book(self.store), fixture_text("recovered-7"), &id));
    CHECK_EQUAL(7, id);
    CHECK_OK(name_book_make(bitcask_name_book(self.store), fixture_text("next"), 0, &id));
    CHECK_EQUAL(8, id);
    fixture_free(&self);
}

TEST(a_name_that_has_no_id_is_left_out_and_reported)
{
    fixture self = new_store();
    uint32_t id = 0;
    named_let_go(&self, named_make(&self, "users"));
    mutex_lock(&self.store->writer);
    space *names = bitcask_find_space(self.store, NAMESPACE_NAMES);
    mutex_unlock(&self.store->writer);
    named_put(&self, names, "bad", "long value");
    fixture_close(&self);
    pykv_report report = repaired(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK_EQUAL(1, report.lost_record_count);
    CHECK_STATUS(PYKV_NOT_FOUND,
                 name_book_find(bitcask_name_book(self.store), fixture_text("bad"), &id));
    CHECK_OK(name_book_find(bitcask_name_book(self.store), fixture_text("users"), &id));
    fixture_free(&self);
}

TEST_MAIN(CASE(rows_stay_in_their_namespaces_and_what_was_dropped_or_cleared_stays_away),
          CASE(rows_without_a_name_get_one_and_are_reported),
          CASE(a_name_that_has_no_id_is_left_out_and_reported))
