/*
 * ingest_file_test: what may come into a store is looked at whole.
 */
#include "ingest_fixture.h"

#include "lsm/ingest_file.h"

#define PATH INGEST_DIRECTORY "/a.tbl"

TEST(a_file_that_can_be_ingested_says_what_is_in_it)
{
    fixture self = fixture_new();
    ingest_file file;
    ingest_write(&self, PATH, 3, 500, "value");
    CHECK_OK(ingest_file_open(self.store, KEY_SPACE_DEFAULT, PATH, &file));
    CHECK_EQUAL(497, file.facts.entry_count);
    CHECK_BYTES("key-00003", file.smallest.data, 9);
    CHECK_BYTES("key-00499", file.largest.data, 9);
    CHECK_OK(ingest_file_bring(self.store, &file));
    CHECK_EQUAL(2, fixture_files(&self, ".tbl", NULL));
    ingest_file_take_back(self.store, &file);
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
    ingest_file_reset(&file);
    fixture_free(&self);
}

TEST(every_changed_byte_and_every_cut_is_refused_by_name)
{
    fixture self = fixture_new();
    ingest_file file;
    uint8_t *data;
    uint64_t size;
    ingest_write(&self, PATH, 0, 20, "value");
    CHECK_OK(env_memory_file_bytes(self.disk, PATH, &data, &size));
    for (uint64_t i = 0; i < size; i++) {
        data[i] ^= 0x10;
        pykv_status status = ingest_file_open(self.store, KEY_SPACE_DEFAULT, PATH, &file);
        CHECK(status == PYKV_CORRUPTION || status == PYKV_FORMAT);
        CHECK(strstr(error_last()->path, "a.tbl") != NULL);
        ingest_file_reset(&file);
        data[i] ^= 0x10;
    }
    CHECK_OK(ingest_file_open(self.store, KEY_SPACE_DEFAULT, PATH, &file));
    ingest_file_reset(&file);
    fixture_free(&self);
}

TEST(a_table_of_a_store_is_refused)
{
    fixture self = fixture_new();
    ingest_file file;
    char path[64];
    char name[32];
    fixture_fill(&self, 0, 10, 10);
    CHECK_OK(lsm_flush(self.store));
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", name));
    snprintf(path, sizeof path, FIXTURE_PATH "/%s", name);
    CHECK_STATUS(PYKV_FORMAT, ingest_file_open(self.store, KEY_SPACE_DEFAULT, path, &file));
    CHECK(strstr(error_last()->text, "TableWriter") != NULL);
    ingest_file_reset(&file);
    fixture_free(&self);
}

TEST(a_tombstone_is_refused_though_its_sequence_is_right)
{
    fixture self = fixture_new();
    ingest_file file;
    char path[64];
    char name[32];
    fixture_delete(&self, "a");
    fixture_hold_compactions(&self);
    CHECK_OK(lsm_flush(self.store));
    if (fixture_files(&self, ".tbl", name) == 1) {
        snprintf(path, sizeof path, FIXTURE_PATH "/%s", name);
        CHECK_STATUS(PYKV_FORMAT, ingest_file_open(self.store, KEY_SPACE_DEFAULT, path, &file));
        ingest_file_reset(&file);
    }
    fixture_let_compactions(&self);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_file_that_can_be_ingested_says_what_is_in_it),
          CASE(every_changed_byte_and_every_cut_is_refused_by_name),
          CASE(a_table_of_a_store_is_refused),
          CASE(a_tombstone_is_refused_though_its_sequence_is_right))
