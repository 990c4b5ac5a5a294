/*
 * compress: "none" keeps bytes as they are, and a codec is found by its number.
 */
#include "codec/compress.h"
#include "harness/check.h"

TEST(none_gives_back_the_bytes_it_was_given)
{
    const codec *none = codec_none();
    static const uint8_t data[] = {1, 2, 3, 0, 255};
    uint8_t stored[sizeof data];
    uint8_t restored[sizeof data];
    size_t size = 0;
    CHECK_EQUAL(CODEC_NONE, none->id);
    CHECK_EQUAL(0, strcmp("none", none->name));
    CHECK_EQUAL(sizeof data, none->bound(none->context, sizeof data));
    CHECK_OK(none->compress(none->context, 0, data, sizeof data, stored, &size));
    CHECK_EQUAL(sizeof data, size);
    CHECK_OK(none->decompress(none->context, stored, size, restored, sizeof data));
    CHECK_BYTES(data, restored, sizeof data);
    CHECK_OK(none->compress(none->context, 0, NULL, 0, NULL, &size));
    CHECK_EQUAL(0, size);
    CHECK_OK(none->decompress(none->context, NULL, 0, NULL, 0));
}

TEST(none_refuses_a_size_that_is_not_that_of_the_stored_bytes)
{
    const codec *none = codec_none();
    uint8_t stored[4] = {0};
    uint8_t restored[5] = {0};
    CHECK_STATUS(PYKV_CORRUPTION, none->decompress(none->context, stored, 4, restored, 5));
    CHECK_STATUS(PYKV_CORRUPTION, none->decompress(none->context, stored, 4, restored, 3));
}

TEST(a_codec_is_found_by_its_number_and_any_number_may_be_asked_for)
{
    codec_table table = codec_table_make();
    codec other = *codec_none();
    other.id = CODEC_ZSTD;
    CHECK(codec_table_find(&table, CODEC_NONE) == codec_none());
    for (unsigned id = 0; id < 256; id++) {
        CHECK(id == CODEC_NONE || codec_table_find(&table, (uint8_t)id) == NULL);
    }
    codec_table_add(&table, &other);
    CHECK(codec_table_find(&table, CODEC_ZSTD) == &other);
    CHECK(codec_table_find(&table, CODEC_NONE) == codec_none());
}

TEST(the_codec_that_options_ask_for_must_be_there_and_zstd_has_a_level)
{
    codec_table table = codec_table_make();
    codec other = *codec_none();
    pykv_options options = {.compression = CODEC_ZSTD};
    other.id = CODEC_ZSTD;
    CHECK_STATUS(PYKV_NOT_SUPPORTED, codec_table_check(&table, &options));
    codec_table_add(&table, &other);
    CHECK_OK(codec_table_check(&table, &options));
    CHECK_EQUAL(1, options.compression_level);
    options = (pykv_options){.compression = CODEC_NONE};
    CHECK_OK(codec_table_check(&table, &options));
    CHECK_EQUAL(0, options.compression_level);
}

TEST_MAIN(CASE(none_gives_back_the_bytes_it_was_given),
          CASE(none_refuses_a_size_that_is_not_that_of_the_stored_bytes),
          CASE(a_codec_is_found_by_its_number_and_any_number_may_be_asked_for),
          CASE(the_codec_that_options_ask_for_must_be_there_and_zstd_has_a_level))
