/*
 * block_compressor_test: blocks get the fastest level that does as well as the one asked for, and
 * the choice is made anew for each turn.
 */
#include "harness/check.h"

#include "table/block_compressor.h"

/* A codec that makes as many bytes as the test says for a level, and keeps which were asked for. */
enum { SLOW = 9, FAST = 5, FASTEST = 2, LEVELS = 10, BLOCK_BYTES = 1000 };

static size_t made_bytes[LEVELS];
static uint32_t call_counts[LEVELS];
static pykv_status answer;

static size_t scripted_bound(void *context, size_t size)
{
    (void)context;
    return 2 * size;
}

static pykv_status scripted_compress(void *context, int level, const uint8_t *data, size_t size,
                                     uint8_t *out, size_t *size_out)
{
    (void)context;
    CHECK(size == BLOCK_BYTES && data[0] == 'r');
    memset(out, level, made_bytes[level]);
    *size_out = made_bytes[level];
    call_counts[level]++;
    return answer;
}

static int scripted_faster(int level)
{
    return level > FAST ? FAST : FASTEST;
}

static codec scripted(void)
{
    memset(call_counts, 0, sizeof call_counts);
    answer = PYKV_OK;
    return (codec){.id = CODEC_ZSTD,
                   .name = "scripted",
                   .bound = scripted_bound,
                   .compress = scripted_compress,
                   .faster = scripted_faster};
}

static void set_made(size_t slow, size_t fast, size_t fastest)
{
    made_bytes[SLOW] = slow;
    made_bytes[FAST] = fast;
    made_bytes[FASTEST] = fastest;
}

/* Compresses count blocks, and checks of which level each is. */
static void check_blocks(block_compressor *self, uint32_t count, int level)
{
    static uint8_t bytes[BLOCK_BYTES] = {'r'};
    buffer raw = {.data = bytes, .size = sizeof bytes};
    for (uint32_t i = 0; i < count; i++) {
        const buffer *stored;
        CHECK_OK(block_compress(self, &raw, &stored));
        CHECK_EQUAL(made_bytes[level], stored->size);
        CHECK_EQUAL(level, stored->data[0]);
    }
}

/* The block that is tried is stored as it was asked for. */
static void check_turn(block_compressor *self, int level)
{
    check_blocks(self, 1, SLOW);
    check_blocks(self, BLOCK_COMPRESSOR_TURN - 1, level);
}

TEST(a_faster_level_is_taken_where_it_makes_hardly_more)
{
    codec with = scripted();
    block_compressor self;
    block_compressor_init(&self, &with, SLOW);
    set_made(512, 512 + 512 / BLOCK_COMPRESSOR_SHARE, 512 + 512 / BLOCK_COMPRESSOR_SHARE);
    check_turn(&self, FASTEST);
    set_made(512, 512, 512 + 512 / BLOCK_COMPRESSOR_SHARE + 1);
    check_turn(&self, FAST);
    set_made(512, 512 + 512 / BLOCK_COMPRESSOR_SHARE + 1, 512);
    check_turn(&self, SLOW); /* where one level does worse, no faster one is tried */
    block_compressor_reset(&self);
}

TEST(one_block_of_a_turn_is_tried)
{
    codec with = scripted();
    block_compressor self;
    block_compressor_init(&self, &with, SLOW);
    set_made(500, 500, 600);
    check_turn(&self, FAST);
    check_turn(&self, FAST);
    CHECK_EQUAL(2, call_counts[SLOW]);
    CHECK_EQUAL(2 * BLOCK_COMPRESSOR_TURN, call_counts[FAST]);
    CHECK_EQUAL(2, call_counts[FASTEST]);
    block_compressor_reset(&self);
}

/* What no level makes smaller is read by the fastest. */
TEST(blocks_that_do_not_compress_are_tried_fast)
{
    codec with = scripted();
    block_compressor self;
    block_compressor_init(&self, &with, SLOW);
    set_made(BLOCK_BYTES + 4, BLOCK_BYTES + 4, BLOCK_BYTES + 4);
    check_turn(&self, FASTEST);
    block_compressor_reset(&self);
}

TEST(a_codec_without_levels_is_asked_once_a_block)
{
    codec with = scripted();
    block_compressor self;
    with.faster = NULL;
    block_compressor_init(&self, &with, SLOW);
    set_made(500, 1, 1);
    check_turn(&self, SLOW);
    CHECK_EQUAL(BLOCK_COMPRESSOR_TURN, call_counts[SLOW]);
    CHECK_EQUAL(0, call_counts[FAST]);
    block_compressor_reset(&self);
}

TEST(a_failure_is_passed_on)
{
    static uint8_t bytes[BLOCK_BYTES] = {'r'};
    buffer raw = {.data = bytes, .size = sizeof bytes};
    codec with = scripted();
    block_compressor self;
    const buffer *stored;
    block_compressor_init(&self, &with, SLOW);
    set_made(500, 500, 500);
    answer = PYKV_NO_MEMORY;
    CHECK_EQUAL(PYKV_NO_MEMORY, block_compress(&self, &raw, &stored));
    CHECK_EQUAL(1, call_counts[SLOW]);
    CHECK_EQUAL(0, call_counts[FAST]);
    block_compressor_reset(&self);
}

TEST_MAIN(CASE(a_faster_level_is_taken_where_it_makes_hardly_more),
          CASE(one_block_of_a_turn_is_tried), CASE(blocks_that_do_not_compress_are_tried_fast),
          CASE(a_codec_without_levels_is_asked_once_a_block), CASE(a_failure_is_passed_on))
