/*
 * table_examples: the C code writes the tables of docs/format/table.md, byte for byte, and finds in
 * them what the page says. What zstd makes of a block differs from version to version, so a codec
 * that knows that of the page stands in for it.
 */
#include "harness/hex_example.h"
#include "table_fixture.h"

#include "base/coding.h"

enum { WHOLE, INGESTED, PACKED, PAYLOAD, EXAMPLE_COUNT };

enum { POINTER_KIND = 5, POINTER_BYTES_MAX = 20, REF_BYTES = 24 };

static hex_example pages[EXAMPLE_COUNT];

static void read_pages(void)
{
    FILE *file = hex_example_open("docs/format/table.md");
    for (int i = 0; i < EXAMPLE_COUNT; i++) {
        const char *format = i == PAYLOAD ? "data_block" : "table";
        CHECK(hex_example_next(file, &pages[i]));
        CHECK(strcmp(format, hex_example_text(&pages[i], "format")) == 0);
    }
    fclose(file);
}

static void add(fixture *self, const char *key, const char *value, table_entry entry)
{
    entry.key = fixture_text(key);
    entry.value = fixture_text(value);
    fixture_add(self, entry);
}

/* A number of entry index or, with "ref_", of a reference. */
static uint64_t number_of(const hex_example *page, const char *name, const char *of, size_t index)
{
    char caption[48];
    snprintf(caption, sizeof caption, "%s_%s%zu", name, of, index);
    return hex_example_number(page, caption, 0);
}

/* The pointer that the captions of entry index name. Returns its length. */
static size_t pointer_of(const hex_example *page, size_t index, uint8_t out[POINTER_BYTES_MAX])
{
    uint64_t stored_bytes = number_of(page, "stored_bytes", "", index);
    store_u32(out, (uint32_t)number_of(page, "number", "", index));
    store_u32(out + 4, (uint32_t)number_of(page, "value_bytes", "", index));
    store_u64(out + 8, number_of(page, "offset", "", index));
    store_u32(out + 16, (uint32_t)stored_bytes);
    return stored_bytes == 0 ? 16 : POINTER_BYTES_MAX;
}

static void check_value(const table_entry *entry, const hex_example *page, size_t index)
{
    char caption[32];
    uint8_t pointer[POINTER_BYTES_MAX];
    snprintf(caption, sizeof caption, "value_%zu", index);
    slice wanted = entry->kind == POINTER_KIND
                       ? slice_make(pointer, pointer_of(page, index, pointer))
                       : fixture_text(hex_example_text(page, caption));
    CHECK(slice_equal(wanted, entry->value));
}

/* Compares the entries with the captions of the page. */
static void check_captions(const fixture *self, const hex_example *page)
{
    char caption[32];
    for (size_t i = 0; i < self->count; i++) {
        const table_entry *entry = &self->entries[i];
        snprintf(caption, sizeof caption, "key_%zu", i);
        CHECK(slice_equal(entry->key, fixture_text(hex_example_text(page, caption))));
        check_value(entry, page, i);
        CHECK_EQUAL(number_of(page, "sequence", "", i), entry->sequence);
        CHECK_EQUAL(number_of(page, "kind", "", i), entry->kind);
        CHECK_EQUAL(number_of(page, "deadline", "", i), entry->deadline_us);
        CHECK_EQUAL(number_of(page, "body_crc", "", i), entry->body_crc);
    }
}

/* Writes the table of the entries, with what is attached, and opens it. */
static void build(fixture *self, const table_builder_options *options, slice attached)
{
    table_builder *builder;
    table_open_options opening = fixture_open_options(self);
    CHECK_OK(table_builder_open(self->disk, self->directory, FIXTURE_NAME, options, &builder));
    for (size_t i = 0; i < self->count; i++) {
        CHECK_OK(table_builder_add(builder, &self->entries[i]));
    }
    CHECK_OK(table_builder_attach(builder, attached));
    CHECK_OK(table_builder_finish(builder, &self->summary));
    table_builder_free(builder);
    CHECK_OK(table_open(self->directory, FIXTURE_NAME, &opening, &self->opened));
}

/* Writes the table of the entries with the ids of the page, and compares it with the page. */
static void check_page(fixture *self, const hex_example *page, table_builder_options options,
                       slice attached)
{
    uint64_t size;
    iterator *walk;
    options.file_id = hex_example_number(page, "file_id", 0);
    options.hash_seed_low = hex_example_number(page, "hash_seed_low", 0);
    options.hash_seed_high = hex_example_number(page, "hash_seed_high", 0);
    build(self, &options, attached);
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
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(64);
    read_pages();
    options.keeps_checks = true;
    add(&self, "apple", "red",
        (table_entry){
            .sequence = 1003, .deadline_us = 1795000000000000, .body_crc = 0x11111111, .kind = 1});
    add(&self, "apple", "green",
        (table_entry){.sequence = 1000, .body_crc = 0x22222222, .kind = 1});
    add(&self, "apricot", "", (table_entry){.sequence = 1002, .body_crc = 0x33333333, .kind = 2});
    add(&self, "banana", "yellow",
        (table_entry){.sequence = 1001, .body_crc = 0x44444444, .kind = 1});
    check_page(&self, &pages[WHOLE], options, slice_make("", 0));
    fixture_free(&self);
}

TEST(the_table_to_be_ingested_is_written_byte_for_byte_and_read)
{
    fixture self = fixture_new();
    read_pages();
    add(&self, "fig", "purple", (table_entry){.sequence = 1, .kind = 1});
    add(&self, "figs", "more", (table_entry){.sequence = 1, .kind = 1});
    add(&self, "kiwi", "green", (table_entry){.sequence = 1, .kind = 1});
    check_page(&self, &pages[INGESTED], fixture_build_options(1024), slice_make("", 0));
    fixture_free(&self);
}

/* ---- the compressed one ---- */

static slice payload_of_page(void)
{
    return slice_make(pages[PAYLOAD].bytes, pages[PAYLOAD].size);
}

/* The frame stands behind the header, and is as long as the index says. */
static slice frame_of_page(void)
{
    enum { FRAME_AT = 32, FRAME_BYTES = 93 };
    return slice_make(pages[PACKED].bytes + FRAME_AT, FRAME_BYTES);
}

static size_t page_bound(void *context, size_t size)
{
    (void)context;
    return size;
}

/* What is not the payload of the page stays as it is, which makes it no smaller. */
static pykv_status page_compress(void *context, int level, const uint8_t *data, size_t size,
                                 uint8_t *out, size_t *size_out)
{
    (void)context;
    (void)level;
    slice raw = slice_make(data, size);
    slice stored = slice_equal(payload_of_page(), raw) ? frame_of_page() : raw;
    memcpy(out, stored.data, stored.size);
    *size_out = stored.size;
    return PYKV_OK;
}

static pykv_status page_decompress(void *context, const uint8_t *data, size_t size, uint8_t *out,
                                   size_t raw_size)
{
    (void)context;
    CHECK(slice_equal(frame_of_page(), slice_make(data, size)));
    CHECK_EQUAL(payload_of_page().size, raw_size);
    memcpy(out, payload_of_page().data, raw_size);
    return PYKV_OK;
}

static const codec page_codec = {.id = CODEC_ZSTD,
                                 .name = "page",
                                 .bound = page_bound,
                                 .compress = page_compress,
                                 .decompress = page_decompress};

static void add_pointer(fixture *self, const char *key, size_t index, table_entry entry)
{
    uint8_t pointer[POINTER_BYTES_MAX];
    entry.key = fixture_text(key);
    entry.value = slice_make(pointer, pointer_of(&pages[PACKED], index, pointer));
    fixture_add(self, entry);
}

TEST(the_table_with_a_compressed_block_and_pointers_is_written_byte_for_byte_and_read)
{
    const hex_example *page = &pages[PACKED];
    uint8_t refs[REF_BYTES] = {0};
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(1024);
    read_pages();
    codec_table_add(&self.codecs, &page_codec);
    options.codec = &page_codec;
    add_pointer(&self, "apple", 0, (table_entry){.sequence = 1, .kind = POINTER_KIND});
    add(&self, "cherry", hex_example_text(page, "value_1"),
        (table_entry){.sequence = 3, .kind = 1});
    add_pointer(
        &self, "pear", 2,
        (table_entry){.sequence = 2, .deadline_us = 1895399295751294, .kind = POINTER_KIND});
    store_u32(refs, (uint32_t)number_of(page, "number", "ref_", 0));
    store_u64(refs + 8, number_of(page, "count", "ref_", 0));
    store_u64(refs + 16, number_of(page, "bytes", "ref_", 0));
    check_page(&self, page, options, slice_make(refs, sizeof refs));
    fixture_free(&self);
}

TEST_MAIN(CASE(the_table_of_two_blocks_is_written_byte_for_byte_and_read),
          CASE(the_table_to_be_ingested_is_written_byte_for_byte_and_read),
          CASE(the_table_with_a_compressed_block_and_pointers_is_written_byte_for_byte_and_read))
