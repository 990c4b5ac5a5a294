/*
 * codec_test: the codecs of the process, as a C program sets them.
 */
#include "harness/check.h"

static pykv_status copy(void *context, int level, const uint8_t *data, size_t size, uint8_t *out,
                        size_t *size_out)
{
    (void)context;
    (void)level;
    memcpy(out, data, size);
    *size_out = size;
    return PYKV_OK;
}

static pykv_status copy_back(void *context, const uint8_t *data, size_t size, uint8_t *out,
                             size_t raw_size)
{
    (void)context;
    if (size != raw_size) {
        return PYKV_CORRUPTION;
    }
    memcpy(out, data, size);
    return PYKV_OK;
}

TEST(null_is_refused)
{
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, pykv_set_codec(NULL));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, pykv_set_zstd(NULL, "x"));
}

TEST(a_library_that_is_not_there_is_not_supported)
{
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_load_zstd("libno-such.so.9"));
    CHECK(pykv_codec_provider(PYKV_CODEC_ZSTD) == NULL);
}

TEST(zstd_of_the_system_serves_where_it_is)
{
    pykv_status status = pykv_load_zstd(NULL);
    CHECK(status == PYKV_OK || status == PYKV_NOT_SUPPORTED);
    CHECK((pykv_codec_provider(PYKV_CODEC_ZSTD) != NULL) == (status == PYKV_OK));
}

TEST(a_codec_is_set_and_taken_away_by_its_number)
{
    pykv_codec given = {
        .id = PYKV_CODEC_ZSTD, .name = "mine", .compress = copy, .decompress = copy_back};
    CHECK_OK(pykv_set_codec(&given));
    CHECK(strcmp("mine", pykv_codec_provider(PYKV_CODEC_ZSTD)) == 0);
    given.compress = NULL;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, pykv_set_codec(&given));
    given.decompress = NULL;
    CHECK_OK(pykv_set_codec(&given));
    CHECK(pykv_codec_provider(PYKV_CODEC_ZSTD) == NULL);
    CHECK(strcmp("none", pykv_codec_provider(PYKV_CODEC_NONE)) == 0);
}

TEST(a_codec_is_tried_by_its_number)
{
    pykv_codec given = {.id = 5, .name = "copying", .compress = copy, .decompress = copy_back};
    uint8_t out[1024];
    uint8_t back[3];
    size_t size = 0;
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_compress(5, 0, "abc", 3, out, sizeof out, &size));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_decompress(5, "abc", 3, out, 3));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_decompress(-1, "abc", 3, out, 3));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_decompress(0, "abc", 3, out, 3));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, pykv_decompress(257, "abc", 3, out, 3));
    CHECK_OK(pykv_set_codec(&given));
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, pykv_compress(5, 0, "abc", 3, out, 3, &size));
    CHECK_EQUAL(0, size);
    CHECK_OK(pykv_compress(5, 0, "abc", 3, out, sizeof out, &size));
    CHECK_EQUAL(3, size);
    CHECK_OK(pykv_decompress(5, out, size, back, 3));
    CHECK_BYTES("abc", back, 3);
    CHECK_STATUS(PYKV_CORRUPTION, pykv_decompress(5, out, size, back, 2));
    CHECK_OK(pykv_compress(PYKV_CODEC_NONE, 0, "abc", 3, out, 3, &size));
    CHECK_OK(pykv_decompress(PYKV_CODEC_NONE, out, size, back, 3));
}

TEST_MAIN(CASE(null_is_refused), CASE(a_library_that_is_not_there_is_not_supported),
          CASE(zstd_of_the_system_serves_where_it_is),
          CASE(a_codec_is_set_and_taken_away_by_its_number), CASE(a_codec_is_tried_by_its_number))
