/*
 * value_segment_examples: the C code finds in the segment of docs/format/value_segment.md, and in
 * the pointers, what the page says.
 */
#include "harness/hex_example.h"

#include "lsm/value_refs.h"
#include "lsm/values_fixture.h"

enum { PLAIN, PACKED, REFS, SEGMENT, EXAMPLE_COUNT };

static hex_example pages[EXAMPLE_COUNT];

static void read_pages(void)
{
    hex_example none;
    FILE *file = hex_example_open("docs/format/value_segment.md");
    for (int i = 0; i < EXAMPLE_COUNT; i++) {
        CHECK(hex_example_next(file, &pages[i]));
    }
    CHECK(!hex_example_next(file, &none));
    fclose(file);
}

TEST(the_pointers_of_the_page_decode_and_encode_to_the_same_bytes)
{
    read_pages();
    for (int i = PLAIN; i <= PACKED; i++) {
        const hex_example *page = &pages[i];
        uint8_t again[VALUE_POINTER_BYTES_MAX];
        value_pointer found;
        CHECK_OK(value_pointer_decode(slice_make(page->bytes, page->size), &found));
        CHECK_EQUAL(hex_example_number(page, "number", 0), found.number);
        CHECK_EQUAL(hex_example_number(page, "value_bytes", 0), found.value_bytes);
        CHECK_EQUAL(hex_example_number(page, "offset", 0), found.offset);
        CHECK_EQUAL(hex_example_number(page, "stored_bytes", found.value_bytes),
                    found.stored_bytes);
        CHECK_EQUAL(page->size, value_pointer_encode(&found, again));
        CHECK_BYTES(page->bytes, again, page->size);
    }
}

TEST(the_list_of_the_page_is_what_a_table_points_to)
{
    read_pages();
    const hex_example *page = &pages[REFS];
    slice attached = slice_make(page->bytes, page->size);
    CHECK_OK(value_refs_check(attached, "x"));
    CHECK_EQUAL(2, value_refs_count(attached));
    value_ref first = value_refs_at(attached, 0);
    value_ref second = value_refs_at(attached, 1);
    CHECK_EQUAL(hex_example_number(page, "number_0", 0), first.number);
    CHECK_EQUAL(hex_example_number(page, "count_0", 0), first.count);
    CHECK_EQUAL(hex_example_number(page, "bytes_0", 0), first.bytes);
    CHECK_EQUAL(hex_example_number(page, "number_1", 0), second.number);
    CHECK_EQUAL(hex_example_number(page, "count_1", 0), second.count);
    CHECK_EQUAL(hex_example_number(page, "bytes_1", 0), second.bytes);
}

/* Puts the file of the page on the disk of the fixture and opens it. */
static value_segment *open_page(values_fixture *self, const hex_example *page)
{
    char name[LOG_FILE_NAME_BYTES];
    uint64_t store_id;
    env_file *file;
    manifest_values facts;
    value_segment *segment;
    slice bytes = slice_make(page->bytes, page->size);
    uint32_t number = (uint32_t)hex_example_number(page, "number", 0);
    log_file_values_name(number, name);
    CHECK_OK(env_file_open(self->base.home, name, ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &bytes, 1));
    env_file_close(file);
    CHECK_OK(value_segment_describe(self->base.home, number, &store_id, &facts));
    CHECK_EQUAL(hex_example_number(page, "store_id", 0), store_id);
    CHECK_EQUAL(hex_example_number(page, "file_id", 0), facts.file_id);
    CHECK_EQUAL(page->size, facts.file_bytes);
    facts.value_count = 2;
    CHECK_OK(value_segment_open(&self->grave, store_id, &facts, &self->base.codecs, &segment));
    return segment;
}

TEST(the_segment_of_the_page_is_whole_and_its_plain_value_is_read)
{
    static values_fixture fixture;
    buffer scratch = BUFFER_EMPTY;
    slice value;
    pykv_report report = {0};
    read_pages();
    const hex_example *page = &pages[SEGMENT];
    const char *wanted = hex_example_text(page, "value_0");
    values_init(&fixture, UINT64_MAX);
    value_segment *segment = open_page(&fixture, page);
    CHECK_OK(value_segment_verify(segment, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(2, report.record_count);
    iterator_entry entry = {.key = slice_make("apple", 5), .sequence = 1, .kind = RECORD_PUT};
    value_pointer where = {.number = segment->facts.number,
                           .value_bytes = (uint32_t)strlen(wanted),
                           .offset = hex_example_number(page, "offset_0", 0),
                           .stored_bytes = (uint32_t)strlen(wanted)};
    CHECK_OK(value_segment_read(segment, &where, &entry, &scratch, &value));
    CHECK(slice_equal(slice_make(wanted, strlen(wanted)), value));
    buffer_reset(&scratch);
    value_segment_release(segment);
    values_reset(&fixture);
}

TEST_MAIN(CASE(the_pointers_of_the_page_decode_and_encode_to_the_same_bytes),
          CASE(the_list_of_the_page_is_what_a_table_points_to),
          CASE(the_segment_of_the_page_is_whole_and_its_plain_value_is_read))
