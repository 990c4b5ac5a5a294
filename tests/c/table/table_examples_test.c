/*
 * table_examples: the C code writes the tables of docs/format/table.md, byte for byte, and finds in
 * them what the page says.
 */
#include "harness/hex_example.h"
#include "table_fixture.h"

static const char page_path[] = "docs/format/table.md";

static void add(fixture *self, const char *key, const char *value, table_entry entry)
{
    entry.key = fixture_text(key);
    entry.value = fixture_text(value);
    fixture_add(self, entry);
}

/* Compares the entries with the captions of the page. */
static void check_captions(const fixture *self, const hex_example *page)
{
    char caption[32];
    for (size_t i = 0; i < self->count; i++) {
        const table_entry *entry = &self->entries[i];
        snprintf(caption, sizeof caption, "key_%zu", i);
        CHECK(slice_equal(entry->key, fixture_text(hex_example_text(page, caption))));
        snprintf(caption, sizeof caption, "value_%zu", i);
        CHECK(slice_equal(entry->value, fixture_text(hex_example_text(page, caption))));
        snprintf(caption, sizeof caption, "sequence_%zu", i);
        CHECK_EQUAL(hex_example_number(page, caption, 0), entry->sequence);
        snprintf(caption, sizeof caption, "kind_%zu", i);
        CHECK_EQUAL(hex_example_number(page, caption, 0), entry->kind);
        snprintf(caption, sizeof caption, "deadline_%zu", i);
        CHECK_EQUAL(hex_example_number(page, caption, 0), entry->deadline_us);
        snprintf(caption, sizeof caption, "body_crc_%zu", i);
        CHECK_EQUAL(hex_example_number(page, caption, 0), entry->body_crc);
    }
}

/* Writes the table of the entries with the ids of the page, and compares it with the page. */
static void check_page(fixture *self, const hex_example *page, table_builder_options options)
{
    uint64_t size;
    iterator *walk;
    options.file_id = hex_example_number(page, "file_id", 0);
    options.hash_seed_low = hex_example_number(page, "hash_seed_low", 0);
    options.hash_seed_high = hex_example_number(page, "hash_seed_high", 0);
    fixture_build(self, &options);
    const uint8_t *bytes = fixture_bytes(self, &size);
    CHECK_EQUAL(page->size, size);
    CHECK_BYTES(page->bytes, bytes, size);
    check_captions(self, page);
    CHECK_EQUAL(hex_example_number(page, "file_crc", 0), self->summary.file_crc);
    CHECK_OK(table_verify(self->opened, NULL));
    CHECK_OK(table_iterator_new(self->opened, block_source_direct(), &walk));
    iterator_seek_first(walk);
    for (size_t i = 0; i < self->count; i++) {
        fixture_check_at(self, walk, i);
        CHECK_EQUAL(self->entries[i].body_crc, iterator_current(walk)->body_crc);
        fixture_check_get(self, self->entries[i].key, self->entries[i].sequence);
        iterator_next(walk);
    }
    iterator_free(walk);
}

TEST(the_table_of_two_blocks_is_written_byte_for_byte_and_read)
{
    static hex_example page;
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(64);
    FILE *file = hex_example_open(page_path);
    CHECK(hex_example_next(file, &page));
    fclose(file);
    options.keeps_checks = true;
    add(&self, "apple", "red",
        (table_entry){
            .sequence = 1003, .deadline_us = 1795000000000000, .body_crc = 0x11111111, .kind = 1});
    add(&self, "apple", "green",
        (table_entry){.sequence = 1000, .body_crc = 0x22222222, .kind = 1});
    add(&self, "apricot", "", (table_entry){.sequence = 1002, .body_crc = 0x33333333, .kind = 2});
    add(&self, "banana", "yellow",
        (table_entry){.sequence = 1001, .body_crc = 0x44444444, .kind = 1});
    check_page(&self, &page, options);
    fixture_free(&self);
}

TEST(the_table_to_be_ingested_is_written_byte_for_byte_and_read)
{
    static hex_example page;
    fixture self = fixture_new();
    FILE *file = hex_example_open(page_path);
    CHECK(hex_example_next(file, &page) && hex_example_next(file, &page));
    add(&self, "fig", "purple", (table_entry){.sequence = 1, .kind = 1});
    add(&self, "figs", "more", (table_entry){.sequence = 1, .kind = 1});
    add(&self, "kiwi", "green", (table_entry){.sequence = 1, .kind = 1});
    check_page(&self, &page, fixture_build_options(1024));
    CHECK(!hex_example_next(file, &page));
    fclose(file);
    fixture_free(&self);
}

TEST_MAIN(CASE(the_table_of_two_blocks_is_written_byte_for_byte_and_read),
          CASE(the_table_to_be_ingested_is_written_byte_for_byte_and_read))
