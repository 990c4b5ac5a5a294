/*
 * block_source: the direct source reads what the table has, and a block lives as long as one of its
 * holds.
 */
#include "table_shapes.h"

static fixture two_blocks(void)
{
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(64);
    fixture_put(&self, fixture_text("a"), 1,
                fixture_text("a value of so many bytes that it fills a block alone"));
    fixture_put(&self, fixture_text("b"), 1, fixture_text("another value that is as long"));
    fixture_build(&self, &options);
    CHECK_EQUAL(2, self.opened->index.block_count);
    return self;
}

TEST(a_block_lives_until_its_last_hold_is_released)
{
    fixture self = two_blocks();
    block_source *source = block_source_direct();
    int64_t blocks = mem_block_count();
    block_hold first;
    block_entry entry;
    CHECK_OK(source->acquire(source, self.opened, 1, BLOCK_FOR_GET, &first));
    block_hold second = source->share(source, first);
    block_source_release(source, &first);
    CHECK(first.block == NULL);
    block_source_release(source, &first);
    CHECK_EQUAL(blocks + 1, mem_block_count());
    block_read(second.block, 0, &entry);
    CHECK(slice_equal(self.entries[1].value, entry.value));
    block_source_release(source, &second);
    CHECK_EQUAL(blocks, mem_block_count());
    fixture_free(&self);
}

TEST(what_cannot_be_read_is_reported_and_holds_nothing)
{
    fixture self = two_blocks();
    block_source *source = block_source_direct();
    int64_t blocks = mem_block_count();
    block_hold hold;
    uint64_t size;
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, source->acquire(source, self.opened, 0, BLOCK_FOR_GET, &hold));
    mem_fail_at(0, 0);
    fixture_bytes(&self, &size)[TABLE_HEADER_BYTES + 3] ^= 1;
    CHECK_STATUS(PYKV_CORRUPTION, source->acquire(source, self.opened, 0, BLOCK_FOR_GET, &hold));
    CHECK_EQUAL(TABLE_HEADER_BYTES, error_last()->offset);
    CHECK_EQUAL(blocks, mem_block_count());
    fixture_free(&self);
}

TEST_MAIN(CASE(a_block_lives_until_its_last_hold_is_released),
          CASE(what_cannot_be_read_is_reported_and_holds_nothing))
