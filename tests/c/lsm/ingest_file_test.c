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

/* A writer takes any key that rises; of these no get of a store would find the rows. */
TEST(keys_that_no_store_has_are_refused)
{
    static const slice keys[] = {{(const uint8_t *)"\xff", 1},
                                 {(const uint8_t *)"\xff\0a", 3},
                                 {(const uint8_t *)"\xff\x01\0\0\0\x01z", 7},
                                 {(const uint8_t *)"\xff\x02", 2}};
    const slice last = slice_make("\xff\0\xff", 3);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        fixture self = fixture_new();
        ingest_file file;
        ingest_writer *writer = ingest_begin(&self, PATH);
        CHECK_OK(ingest_writer_add(writer, fixture_text("a"), fixture_text("1"), 0));
        CHECK_OK(ingest_writer_add(writer, keys[i], fixture_text("1"), 0));
        if (i < 2) { /* the last key is legal */
            CHECK_OK(ingest_writer_add(writer, last, fixture_text("1"), 0));
        }
        CHECK_OK(ingest_writer_finish(writer));
        ingest_writer_free(writer);
        CHECK_STATUS(PYKV_FORMAT, ingest_file_open(self.store, KEY_SPACE_DEFAULT, PATH, &file));
        CHECK(strstr(error_last()->text, "TableWriter") != NULL);
        ingest_file_reset(&file);
        fixture_free(&self);
    }
}

TEST(a_key_that_is_longer_than_those_of_users_is_refused)
{
    uint8_t *long_key = calloc(1, PYKV_KEY_BYTES_MAX + 3);
    CHECK(long_key != NULL);
    for (size_t i = 0; i < 2; i++) {
        fixture self = fixture_new();
        ingest_file file;
        ingest_writer *writer = ingest_begin(&self, PATH);
        slice key = slice_make(long_key, PYKV_KEY_BYTES_MAX + i);
        CHECK_OK(ingest_writer_add(writer, key, fixture_text("1"), 0));
        CHECK_OK(ingest_writer_add(writer, slice_make("\xff\0\xff", 3), fixture_text("1"), 0));
        CHECK_OK(ingest_writer_finish(writer));
        ingest_writer_free(writer);
        CHECK_STATUS(i == 0 ? PYKV_OK : PYKV_FORMAT,
                     ingest_file_open(self.store, KEY_SPACE_DEFAULT, PATH, &file));
        ingest_file_reset(&file);
        fixture_free(&self);
    }
    free(long_key);
}

TEST_MAIN(CASE(a_file_that_can_be_ingested_says_what_is_in_it),
          CASE(every_changed_byte_and_every_cut_is_refused_by_name),
          CASE(a_table_of_a_store_is_refused),
          CASE(a_tombstone_is_refused_though_its_sequence_is_right),
          CASE(keys_that_no_store_has_are_refused),
          CASE(a_key_that_is_longer_than_those_of_users_is_refused))
