/*
 * wal_verify_test: what stands in the logs is checked while the store is open.
 */
#include "lsm_fixture.h"

enum { ROWS = 40, ROW_BYTES = 500 };

static pykv_report verify(fixture *self)
{
    pykv_report report;
    CHECK_OK(lsm_verify(self->store, NULL, &report));
    return report;
}

/* A store whose rows are in two logs and in no table. */
static fixture logged(void)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, ROWS, ROW_BYTES);
    mutex_lock(&self.store->writer);
    pykv_status status = wal_roll(self.store->log);
    mutex_unlock(&self.store->writer);
    if (status == PYKV_WOULD_BLOCK) {
        CHECK_OK(wal_prepare_next(self.store->log));
        mutex_lock(&self.store->writer);
        CHECK_OK(wal_roll(self.store->log));
        mutex_unlock(&self.store->writer);
    }
    record batch[2] = {{.kind = RECORD_PUT, .key = fixture_text("x"), .value = fixture_text("1")},
                       {.kind = RECORD_PUT, .key = fixture_text("y"), .value = fixture_text("2")}};
    CHECK_OK(lsm_write(self.store, batch, 2, 0));
    return self;
}

TEST(sound_logs_have_no_damage_and_all_records_were_read)
{
    fixture self = logged();
    pykv_report report = verify(&self);
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(ROWS + 2, report.record_count);
    CHECK_EQUAL(3, report.file_count); /* and the manifest */
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(ROWS + 2, verify(&self).record_count);
    fixture_free(&self);
}

TEST(every_changed_byte_of_what_is_logged_is_found)
{
    fixture self = logged();
    char name[32];
    uint64_t size;
    fixture_files(&self, ".log", name);
    uint8_t *data = fixture_bytes(&self, name, &size);
    uint64_t found = 0;
    for (uint64_t at = 0; at < 400 && at < size; at += 3) {
        data[at] ^= 4;
        found += verify(&self).damage_count;
        data[at] ^= 4;
    }
    CHECK(found > 0);
    CHECK_EQUAL(0, verify(&self).damage_count);
    fixture_free(&self);
}

TEST(damage_names_the_log_and_the_place_and_the_other_logs_are_read)
{
    fixture self = logged();
    manifest_log *logs;
    size_t count;
    uint64_t size;
    char name[32];
    mutex_lock(&self.store->writer);
    CHECK_OK(wal_list(self.store->log, 0, &logs, &count));
    mutex_unlock(&self.store->writer);
    snprintf(name, sizeof name, "%08x.log", logs[0].number);
    mem_free(logs);
    fixture_bytes(&self, name, &size)[5000] ^= 1;
    pykv_report report = verify(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK(strstr(report.damages[0].path, name) != NULL);
    CHECK(report.damages[0].offset <= 5000 && report.damages[0].offset > 4000);
    CHECK(report.record_count >= 2);
    fixture_free(&self);
}

/* A log whose records are sound, but not those that are due. */
TEST(a_log_that_lost_its_end_is_found)
{
    fixture self = logged();
    manifest_log *logs;
    size_t count;
    uint64_t size;
    char name[32];
    mutex_lock(&self.store->writer);
    CHECK_OK(wal_list(self.store->log, 0, &logs, &count));
    mutex_unlock(&self.store->writer);
    snprintf(name, sizeof name, "%08x.log", logs[0].number);
    mem_free(logs);
    uint8_t *data = fixture_bytes(&self, name, &size);
    memset(data + size / 2, 0, size - size / 2);
    CHECK_EQUAL(1, verify(&self).damage_count);
    fixture_free(&self);
}

/* ---- a reader ---- */

static lsm *open_reader(const fixture *self)
{
    lsm *reader;
    pykv_options options = self->options;
    options.read_only = 1;
    CHECK_OK(lsm_open(self->disk, FIXTURE_PATH, &options, &reader));
    return reader;
}

/* A store whose first log is history, and the name of that. */
static fixture kept(char name[32])
{
    fixture self = fixture_blank();
    self.options.history_bytes = 1 << 20;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, ROWS, ROW_BYTES);
    fixture_files(&self, ".log", name);
    CHECK_OK(lsm_flush(self.store));
    fixture_put(&self, "x", "1");
    CHECK_OK(lsm_sync(self.store));
    return self;
}

/* `pykv verify` opens a store as a reader, and that looked at no log: history, which no recovery
 * reads, could be damaged without a word. */
TEST(a_reader_looks_at_the_logs_that_it_shows)
{
    char name[32];
    uint64_t size;
    pykv_report report;
    fixture self = kept(name);
    lsm *reader = open_reader(&self);
    CHECK_OK(lsm_verify(reader, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(2 * ROWS + 1, report.record_count); /* in a table and in the logs */
    fixture_bytes(&self, name, &size)[5000] ^= 1;
    CHECK_OK(lsm_verify(reader, NULL, &report));
    CHECK_EQUAL(1, report.damage_count);
    CHECK(strstr(report.damages[0].path, name) != NULL);
    lsm_free(reader);
    fixture_free(&self);
}

/* Its writer needs it no more, and lists it no more. */
TEST(a_log_that_went_under_a_reader_is_no_damage)
{
    char name[32];
    pykv_report report;
    fixture self = kept(name);
    lsm *reader = open_reader(&self);
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_close(&self);
    self.options.history_bytes = 0;
    CHECK_OK(fixture_open(&self));
    fixture_put(&self, "y", "2");
    CHECK_OK(lsm_flush(self.store));
    CHECK_OK(lsm_verify(reader, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    lsm_free(reader);
    fixture_free(&self);
}

TEST_MAIN(CASE(sound_logs_have_no_damage_and_all_records_were_read),
          CASE(every_changed_byte_of_what_is_logged_is_found),
          CASE(damage_names_the_log_and_the_place_and_the_other_logs_are_read),
          CASE(a_log_that_lost_its_end_is_found), CASE(a_reader_looks_at_the_logs_that_it_shows),
          CASE(a_log_that_went_under_a_reader_is_no_damage))
