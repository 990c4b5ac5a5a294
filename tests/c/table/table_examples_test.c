/*
 * table_examples: the C code writes the table of docs/format/table.md, byte for byte, and finds in
 * it what the page says.
 */
#include "harness/hex_example.h"
#include "table_fixture.h"

enum { EXAMPLE_ENTRY_COUNT = 4 };

/* The entries of the page. */
static void add_entries(fixture *self)
{
    static const table_entry entries[EXAMPLE_ENTRY_COUNT] = {
        {.sequence = 1003, .deadline_us = 1795000000000000, .body_crc = 0x11111111, .kind = 1},
        {.sequence = 1000, .body_crc = 0x22222222, .kind = 1},
        {.sequence = 1002, .body_crc = 0x33333333, .kind = 2},
        {.sequence = 1001, .body_crc = 0x44444444, .kind = 1}};
    static const char *const keys[] = {"apple", "apple", "apricot", "banana"};
    static const char *const values[] = {"red", "green", "", "yellow"};
    for (size_t i = 0; i < EXAMPLE_ENTRY_COUNT; i++) {
        table_entry entry = entries[i];
        entry.key = fixture_text(keys[i]);
        entry.value = fixture_text(values[i]);
        fixture_add(self, entry);
    }
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

TEST(the_table_of_the_page_is_written_byte_for_byte_and_read)
{
    static hex_example page;
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(64);
    uint64_t size;
    iterator *walk;
    FILE *file = hex_example_open("docs/format/table.md");
    CHECK(hex_example_next(file, &page));
    options.file_id = hex_example_number(&page, "file_id", 0);
    options.hash_seed_low = hex_example_number(&page, "hash_seed_low", 0);
    options.hash_seed_high = hex_example_number(&page, "hash_seed_high", 0);
    options.keeps_checks = true;
    add_entries(&self);
    fixture_build(&self, &options);
    const uint8_t *bytes = fixture_bytes(&self, &size);
    CHECK_EQUAL(page.size, size);
    CHECK_BYTES(page.bytes, bytes, size);
    check_captions(&self, &page);
    CHECK_EQUAL(hex_example_number(&page, "file_crc", 0), self.summary.file_crc);
    CHECK_OK(table_verify(self.opened, NULL));
    CHECK_OK(table_iterator_new(self.opened, block_source_direct(), &walk));
    iterator_seek_first(walk);
    for (size_t i = 0; i < self.count; i++) {
        fixture_check_at(&self, walk, i);
        CHECK_EQUAL(self.entries[i].body_crc, iterator_current(walk)->body_crc);
        fixture_check_get(&self, self.entries[i].key, self.entries[i].sequence);
        iterator_next(walk);
    }
    CHECK(!hex_example_next(file, &page));
    fclose(file);
    iterator_free(walk);
    fixture_free(&self);
}

TEST_MAIN(CASE(the_table_of_the_page_is_written_byte_for_byte_and_read))
