/*
 * packed_value_test: what is worth packing, what comes back, and what is refused.
 */
#include "codec/codec_registry.h"
#include "codec/codec_runs.h"
#include "codec/packed_value.h"
#include "harness/check.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/memory.h"

static slice text_of(const char *text)
{
    return slice_make(text, strlen(text));
}

TEST(a_value_that_shrinks_by_an_eighth_is_packed_and_comes_back)
{
    uint8_t value[1000];
    buffer packed = BUFFER_EMPTY;
    buffer plain = BUFFER_EMPTY;
    bool pays = false;
    memset(value, 'a', sizeof value);
    CHECK_OK(
        packed_value_make(&codec_runs, 0, NULL, slice_make(value, sizeof value), &packed, &pays));
    CHECK(pays);
    CHECK_EQUAL(PACKED_VALUE_HEAD_BYTES + 8, packed.size);
    CHECK_EQUAL(1000, load_u32(packed.data));
    CHECK_OK(packed_value_restore(&codec_runs, NULL, slice_make(packed.data, packed.size), &plain));
    CHECK_EQUAL(sizeof value, plain.size);
    CHECK_BYTES(value, plain.data, sizeof value);
    buffer_reset(&packed);
    buffer_reset(&plain);
}

TEST(a_value_that_shrinks_less_or_is_short_is_not_worth_it)
{
    buffer packed = BUFFER_EMPTY;
    bool pays = true;
    slice no_runs = text_of("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz");
    CHECK_OK(packed_value_make(&codec_runs, 0, NULL, no_runs, &packed, &pays));
    CHECK(!pays);
    pays = true;
    CHECK_OK(
        packed_value_make(&codec_runs, 0, NULL, text_of("aaaaaaaaaaaaaaaaaaaa"), &packed, &pays));
    CHECK(!pays);
    pays = true;
    CHECK_OK(packed_value_make(&codec_runs, 0, NULL, slice_make(NULL, 0), &packed, &pays));
    CHECK(!pays);
    buffer_reset(&packed);
}

TEST(what_the_record_takes_more_counts)
{
    /* 40 bytes as 13 runs: 26 bytes and the head are 30, and with the codec's number 34. 35 would
     * do. With one run more it is 36. */
    buffer packed = BUFFER_EMPTY;
    bool pays = false;
    CHECK_OK(packed_value_make(
        &codec_runs, 0, NULL, text_of("aaaabbbbccccddddeeeeffffgggghhiijjkkllmm"), &packed, &pays));
    CHECK_EQUAL(PACKED_VALUE_HEAD_BYTES + 26, packed.size);
    CHECK(pays);
    CHECK_OK(packed_value_make(
        &codec_runs, 0, NULL, text_of("aaaabbbbccccddddeeeeffffgggghhiijjkkllmn"), &packed, &pays));
    CHECK_EQUAL(PACKED_VALUE_HEAD_BYTES + 28, packed.size);
    CHECK(!pays);
    buffer_reset(&packed);
}

TEST(bytes_that_are_no_packed_value_are_corruption)
{
    static const uint8_t zero[] = {0, 0, 0, 0, 3, 'a'};
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 3, 'a'};
    static const uint8_t other[] = {4, 0, 0, 0, 3, 'a'};
    static const struct {
        const uint8_t *data;
        size_t size;
    } cases[] = {{zero, 0}, {zero, 3}, {other, 4}, {zero, 6}, {huge, 6}, {other, 5}, {other, 6}};
    buffer plain = BUFFER_EMPTY;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_STATUS(PYKV_CORRUPTION,
                     packed_value_restore(&codec_runs, NULL,
                                          slice_make(cases[i].data, cases[i].size), &plain));
    }
    buffer_reset(&plain);
}

TEST(without_memory_it_says_so)
{
    uint8_t value[64] = {0};
    uint8_t stored[] = {64, 0, 0, 0, 64, 0};
    buffer room = BUFFER_EMPTY;
    bool pays;
    (void)mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, packed_value_make(&codec_runs, 0, NULL,
                                                   slice_make(value, sizeof value), &room, &pays));
    (void)mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY,
                 packed_value_restore(&codec_runs, NULL, slice_make(stored, sizeof stored), &room));
    (void)mem_fail_at(0, 0);
    CHECK_OK(packed_value_restore(&codec_runs, NULL, slice_make(stored, sizeof stored), &room));
    CHECK_EQUAL(64, room.size);
    buffer_reset(&room);
}

/* The codec of codec_runs.h as stores get it, with its dictionaries. */
static const codec *given(void)
{
    static codec_table table;
    pykv_codec runs = runs_given();
    CHECK_OK(codec_registry_set(&runs));
    table = codec_registry_table();
    return codec_table_find(&table, CODEC_ZSTD);
}

TEST(a_value_packed_with_a_dictionary_comes_back_with_it)
{
    static const char text[] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    const codec *with = given();
    packed_dictionary *dictionary;
    buffer packed = BUFFER_EMPTY;
    buffer plain = BUFFER_EMPTY;
    bool pays = false;
    CHECK_OK(packed_dictionary_open(with, true, 0, text_of(text), &dictionary));
    CHECK_OK(packed_value_make(with, 0, dictionary, text_of(text), &packed, &pays));
    CHECK(pays);
    CHECK_EQUAL(PACKED_VALUE_HEAD_BYTES + 1, packed.size);
    slice stored = slice_make(packed.data, packed.size);
    CHECK_OK(packed_value_restore(with, dictionary, stored, &plain));
    CHECK_BYTES(text, plain.data, plain.size);
    packed_dictionary_close(dictionary);
    CHECK_OK(packed_dictionary_open(with, false, 0, text_of("abc"), &dictionary));
    CHECK_STATUS(PYKV_CORRUPTION, packed_value_restore(with, dictionary, stored, &plain));
    packed_dictionary_close(dictionary);
    packed_dictionary_close(NULL);
    CHECK_STATUS(PYKV_NOT_SUPPORTED,
                 packed_dictionary_open(&codec_runs, false, 0, text_of(text), &dictionary));
    CHECK(strstr(error_last()->text, "runs") != NULL);
    buffer_reset(&packed);
    buffer_reset(&plain);
}

/* A fuzzed segment had a value of codec none that named the dictionary of its file: a call to a
 * function that this codec has not. */
TEST(a_value_of_another_codec_than_its_dictionary_is_corruption)
{
    static const uint8_t stored[] = {4, 0, 0, 0, 'a', 'b', 'c', 'd'};
    packed_dictionary *dictionary;
    buffer room = BUFFER_EMPTY;
    CHECK_OK(packed_dictionary_open(given(), false, 0, text_of("abcd"), &dictionary));
    CHECK_STATUS(PYKV_CORRUPTION, packed_value_restore(codec_none(), dictionary,
                                                       slice_make(stored, sizeof stored), &room));
    packed_dictionary_close(dictionary);
    buffer_reset(&room);
}

TEST_MAIN(CASE(a_value_that_shrinks_by_an_eighth_is_packed_and_comes_back),
          CASE(a_value_that_shrinks_less_or_is_short_is_not_worth_it),
          CASE(what_the_record_takes_more_counts),
          CASE(bytes_that_are_no_packed_value_are_corruption), CASE(without_memory_it_says_so),
          CASE(a_value_packed_with_a_dictionary_comes_back_with_it),
          CASE(a_value_of_another_codec_than_its_dictionary_is_corruption))
