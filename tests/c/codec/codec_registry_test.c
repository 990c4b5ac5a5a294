/*
 * codec_registry_test: what is set is what stores get, and stays valid.
 */
#include "codec/codec_fake.h"
#include "codec/codec_registry.h"

/* A codec that turns every bit over. */
static pykv_status turn(void *context, int level, const uint8_t *data, size_t size, uint8_t *out,
                        size_t *size_out)
{
    (void)context;
    (void)level;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)~data[i];
    }
    *size_out = size;
    return PYKV_OK;
}

static pykv_status turn_back(void *context, const uint8_t *data, size_t size, uint8_t *out,
                             size_t raw_size)
{
    size_t made;
    return size == raw_size ? turn(context, 0, data, size, out, &made) : PYKV_CORRUPTION;
}

static pykv_codec turning(int32_t id)
{
    return (pykv_codec){.id = id, .name = "turning", .compress = turn, .decompress = turn_back};
}

static void take_zstd_away(void)
{
    pykv_codec nothing = {.id = PYKV_CODEC_ZSTD};
    CHECK_OK(codec_registry_set(&nothing));
}

TEST(where_nothing_was_set_the_library_of_the_system_is_tried)
{
    CHECK(codec_registry_provider(PYKV_CODEC_ZSTD) == NULL);
    codec_table table = codec_registry_table();
    bool found = codec_registry_load_zstd(NULL) == PYKV_OK;
    CHECK((codec_table_find(&table, CODEC_ZSTD) != NULL) == found);
    CHECK((codec_registry_provider(PYKV_CODEC_ZSTD) != NULL) == found);
    CHECK(codec_table_find(&table, CODEC_NONE) == codec_none());
    CHECK_BYTES("none", codec_registry_provider(PYKV_CODEC_NONE), 5);
}

TEST(a_codec_that_was_taken_away_is_not_loaded_again)
{
    take_zstd_away();
    CHECK(codec_registry_provider(PYKV_CODEC_ZSTD) == NULL);
    codec_table table = codec_registry_table();
    CHECK(codec_table_find(&table, CODEC_ZSTD) == NULL);
}

TEST(a_codec_of_ones_own_is_what_stores_get)
{
    pykv_codec given = turning(7);
    CHECK_OK(codec_registry_set(&given));
    given.name = "gone";
    CHECK_BYTES("turning", codec_registry_provider(7), 8);
    codec_table table = codec_registry_table();
    const codec *found = codec_table_find(&table, 7);
    CHECK(found != NULL);
    CHECK_EQUAL(7, found->id);
    CHECK(found->bound(found->context, 1000) >= 1512);
    uint8_t out[4];
    uint8_t back[4];
    size_t size = 0;
    CHECK_OK(found->compress(found->context, 1, (const uint8_t *)"abc", 3, out, &size));
    CHECK_EQUAL((uint8_t)~'a', out[0]);
    CHECK_OK(found->decompress(found->context, out, size, back, 3));
    CHECK_BYTES("abc", back, 3);
    CHECK_STATUS(PYKV_CORRUPTION, found->decompress(found->context, out, size, back, 2));
    CHECK(strstr(error_last()->text, "turning") != NULL);
}

static pykv_status grow(void *context, int level, const uint8_t *data, size_t size, uint8_t *out,
                        size_t *size_out)
{
    (void)context;
    (void)level;
    (void)data;
    (void)out;
    *size_out = size + 100000;
    return PYKV_OK;
}

static pykv_status refuse(void *context, const uint8_t *data, size_t size, uint8_t *out,
                          size_t raw_size)
{
    (void)context;
    (void)data;
    (void)size;
    (void)out;
    (void)raw_size;
    return (pykv_status)1234;
}

TEST(a_codec_that_lies_or_returns_no_status_is_an_internal_error)
{
    pykv_codec given = {.id = 8, .name = "liar", .compress = grow, .decompress = refuse};
    uint8_t out[1024];
    size_t size = 17;
    CHECK_OK(codec_registry_set(&given));
    codec_table table = codec_registry_table();
    const codec *found = codec_table_find(&table, 8);
    CHECK_STATUS(PYKV_INTERNAL,
                 found->compress(found->context, 1, (const uint8_t *)"abc", 3, out, &size));
    CHECK_EQUAL(17, size);
    CHECK_STATUS(PYKV_INTERNAL, found->decompress(found->context, out, 3, out, 3));
}

TEST(what_is_no_codec_is_refused)
{
    pykv_codec given = turning(0);
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, codec_registry_set(&given));
    given = turning(PYKV_CODEC_NONE);
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, codec_registry_set(&given));
    given = turning(PYKV_CODEC_ID_MAX + 1);
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, codec_registry_set(&given));
    given = turning(-3);
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, codec_registry_set(&given));
    given = turning(9);
    given.decompress = NULL;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, codec_registry_set(&given));
    CHECK(codec_registry_provider(9) == NULL);
    CHECK(codec_registry_provider(-1) == NULL);
    CHECK(codec_registry_provider(1000) == NULL);
    pykv_zstd functions = fake_zstd();
    functions.free_dctx = NULL;
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, codec_registry_set_zstd(&functions, "fake"));
}

TEST(a_zstd_that_fails_its_trial_changes_nothing)
{
    take_zstd_away();
    pykv_zstd functions = fake_zstd();
    fake_version = 1;
    CHECK_STATUS(PYKV_NOT_SUPPORTED, codec_registry_set_zstd(&functions, "fake"));
    fake_version = 10500;
    CHECK(codec_registry_provider(PYKV_CODEC_ZSTD) == NULL);
    CHECK_OK(codec_registry_set_zstd(&functions, "fake"));
    CHECK_BYTES("fake", codec_registry_provider(PYKV_CODEC_ZSTD), 5);
}

/* Stores hold the codecs they were opened with, whatever is set afterwards. */
TEST(what_a_store_got_stays_valid_when_another_is_set)
{
    pykv_zstd functions = fake_zstd();
    CHECK_OK(codec_registry_set_zstd(&functions, "fake"));
    codec_table before = codec_registry_table();
    pykv_codec given = turning(PYKV_CODEC_ZSTD);
    CHECK_OK(codec_registry_set(&given));
    codec_table after = codec_registry_table();
    const codec *old = codec_table_find(&before, CODEC_ZSTD);
    CHECK(old != codec_table_find(&after, CODEC_ZSTD));
    uint8_t out[32];
    size_t size = 0;
    CHECK_OK(old->compress(old->context, 1, (const uint8_t *)"abc", 3, out, &size));
    CHECK_BYTES("FAKE", out, 4);
}

TEST(setting_the_same_again_costs_no_place_and_different_ones_are_limited)
{
    pykv_codec given = turning(10);
    static char contexts[CODEC_REGISTRY_COUNT_MAX + 1];
    for (int i = 0; i < 100; i++) {
        CHECK_OK(codec_registry_set(&given));
    }
    pykv_status status = PYKV_OK;
    int set_count = 0;
    for (int i = 0; i <= CODEC_REGISTRY_COUNT_MAX && status == PYKV_OK; i++) {
        given.context = &contexts[i];
        status = codec_registry_set(&given);
        set_count += status == PYKV_OK ? 1 : 0;
    }
    CHECK_STATUS(PYKV_NO_MEMORY, status);
    CHECK(set_count > CODEC_REGISTRY_COUNT_MAX / 2 && set_count < CODEC_REGISTRY_COUNT_MAX);
    given.context = NULL;
    CHECK_OK(codec_registry_set(&given));
}

TEST_MAIN(CASE(where_nothing_was_set_the_library_of_the_system_is_tried),
          CASE(a_codec_that_was_taken_away_is_not_loaded_again),
          CASE(a_codec_of_ones_own_is_what_stores_get),
          CASE(a_codec_that_lies_or_returns_no_status_is_an_internal_error),
          CASE(what_is_no_codec_is_refused), CASE(a_zstd_that_fails_its_trial_changes_nothing),
          CASE(what_a_store_got_stays_valid_when_another_is_set),
          CASE(setting_the_same_again_costs_no_place_and_different_ones_are_limited))
