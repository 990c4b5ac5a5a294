/*
 * table_verify: finds what no checksum can: entries out of order, wrong tags, properties and
 * filters of other entries, under checks that are right.
 */
#include "table_shapes.h"

#include "base/coding.h"
#include "base/crc32c.h"

/* A small table of one block, with one group and no columns but tags. */
static fixture three(void)
{
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(0);
    fixture_put(&self, fixture_text("apple"), 5, fixture_text("1"));
    fixture_put(&self, fixture_text("banana"), 5, fixture_text("2"));
    fixture_put(&self, fixture_text("cherry"), 5, fixture_text("3"));
    fixture_build(&self, &options);
    return self;
}

enum { TAGS_AT = 16, ENTRIES_AT = TAGS_AT + 3 };

/* Makes the check of a block right again. */
static void repair(uint8_t *file, block_handle handle, uint32_t seed)
{
    uint8_t place[8];
    store_u64(place, handle.offset);
    uint32_t crc = crc32c_extend(seed, place, sizeof place);
    crc = crc32c_extend(crc, file + handle.offset, (size_t)handle.size + 8);
    store_u32(file + handle.offset + handle.size + 8, crc);
}

/* Changes a byte of a block under a right check, and gives what opening says, and then verifying,
 * if that is asked for. */
static pykv_status changed_only(const fixture *self, block_handle handle, uint64_t at, uint8_t bits,
                                bool verifies)
{
    table_open_options options = fixture_open_options(self);
    table *opened;
    uint64_t size;
    uint8_t *file = fixture_bytes(self, &size);
    file[handle.offset + at] ^= bits;
    repair(file, handle, self->opened->seed);
    pykv_status status = table_open(self->directory, FIXTURE_NAME, &options, &opened);
    if (status == PYKV_OK) {
        status = verifies ? table_verify(opened, NULL) : PYKV_OK;
        table_close(opened);
    }
    file = fixture_bytes(self, &size);
    file[handle.offset + at] ^= bits;
    repair(file, handle, self->opened->seed);
    return status;
}

static pykv_status changed(const fixture *self, block_handle handle, uint64_t at, uint8_t bits)
{
    return changed_only(self, handle, at, bits, true);
}

TEST(an_intact_table_passes_and_its_checksum_is_that_of_the_summary)
{
    fixture self = three();
    uint32_t crc = 0;
    CHECK_OK(table_verify(self.opened, &crc));
    CHECK_EQUAL(self.summary.file_crc, crc);
    crc = 0;
    CHECK_OK(table_file_crc(self.opened->file, &crc));
    CHECK_EQUAL(self.summary.file_crc, crc);
    fixture_free(&self);
}

TEST(entries_out_of_order_or_under_wrong_tags_are_found)
{
    fixture self = three();
    block_handle data = table_index_handle(&self.opened->index, 0);
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, data, TAGS_AT, 1));
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, data, TAGS_AT + 2, 0x80));
    /* The b of banana becomes a letter behind cherry, and one before apple. */
    uint64_t banana = ENTRIES_AT + 4 + 5 + 1 + 4;
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, data, banana, 'b' ^ 'z'));
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, data, banana, 'b' ^ 'A'));
    /* The a of apple: another first key. */
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, data, ENTRIES_AT + 4, 'a' ^ 'A'));
    fixture_free(&self);
}

TEST(a_filter_that_lacks_a_key_is_found)
{
    fixture self = three();
    block_handle filter = self.opened->footer.filter;
    uint64_t found = 0;
    for (uint64_t at = 0; at < FILTER_LINE_BYTES; at++) {
        uint64_t size;
        uint8_t bits = fixture_bytes(&self, &size)[filter.offset + at];
        if (bits != 0) {
            CHECK_STATUS(PYKV_CORRUPTION, changed(&self, filter, at, bits));
            found++;
        }
    }
    CHECK(found > 5);
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, filter, FILTER_LINE_BYTES, 1)); /* key_count */
    fixture_free(&self);
}

TEST(properties_of_other_entries_are_found)
{
    fixture self = three();
    block_handle properties = self.opened->footer.properties;
    for (uint64_t at = 0; at < 72; at += 8) { /* the counts and bounds */
        CHECK_STATUS(PYKV_CORRUPTION, changed(&self, properties, at, 4));
    }
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, properties, 92, 8)); /* key_length_max */
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, properties, TABLE_PROPERTIES_BYTES, 1));
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, properties, TABLE_PROPERTIES_BYTES + 10, 1));
    fixture_free(&self);
}

/* A table of two blocks, whose first separator is "b", behind which "a" does not belong there. */
TEST(an_index_of_other_blocks_is_found)
{
    char value[80];
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(64);
    memset(value, 'v', sizeof value);
    fixture_put(&self, fixture_text("apple"), 5, slice_make(value, sizeof value));
    fixture_put(&self, fixture_text("banana"), 5, slice_make(value, sizeof value));
    fixture_build(&self, &options);
    block_handle index = self.opened->footer.index;
    block_handle properties = self.opened->footer.properties;
    enum { SIZE_AT = 4, RAW_BYTES_AT = 5, ENTRY_COUNT_AT = 6, SEPARATOR_AT = 10 };
    CHECK_OK(changed(&self, index, SEPARATOR_AT, 0));
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, index, SEPARATOR_AT, 'a' ^ 'b'));
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, index, RAW_BYTES_AT, 1));
    CHECK_STATUS(PYKV_CORRUPTION, changed(&self, index, ENTRY_COUNT_AT, 3));
    CHECK_STATUS(PYKV_CORRUPTION, changed_only(&self, index, SIZE_AT, 1, false));
    CHECK_STATUS(PYKV_CORRUPTION, changed_only(&self, properties, 88, 3, false));
    fixture_free(&self);
}

TEST(a_block_of_its_raw_size_that_claims_a_codec_is_found)
{
    fixture self = three();
    block_handle data = table_index_handle(&self.opened->index, 0);
    CHECK_STATUS(PYKV_CORRUPTION,
                 changed(&self, data, (uint64_t)data.size + 5, CODEC_NONE ^ CODEC_ZSTD));
    fixture_free(&self);
}

TEST(what_was_damaged_after_the_table_was_opened_is_found)
{
    fixture self = three();
    uint64_t size;
    (void)fixture_bytes(&self, &size);
    for (uint64_t at = 0; at < size; at++) {
        fixture_bytes(&self, &size)[at] ^= 0x10;
        CHECK_STATUS(PYKV_CORRUPTION, table_verify(self.opened, NULL));
        fixture_bytes(&self, &size)[at] ^= 0x10;
    }
    CHECK_OK(table_verify(self.opened, NULL));
    fixture_free(&self);
}

TEST_MAIN(CASE(an_intact_table_passes_and_its_checksum_is_that_of_the_summary),
          CASE(entries_out_of_order_or_under_wrong_tags_are_found),
          CASE(a_filter_that_lacks_a_key_is_found), CASE(properties_of_other_entries_are_found),
          CASE(an_index_of_other_blocks_is_found),
          CASE(a_block_of_its_raw_size_that_claims_a_codec_is_found),
          CASE(what_was_damaged_after_the_table_was_opened_is_found))
