/*
 * internal_key: order, places, limits, and the numbers that keys are compared by.
 */
#include "harness/check.h"

#include "log/log_format.h"
#include "lsm/internal_key.h"

static slice text(const char *string)
{
    return slice_make(string, strlen(string));
}

static internal_key operation(const char *key, uint64_t sequence, uint8_t kind)
{
    internal_key made = {text(key), internal_trailer(sequence, kind)};
    return made;
}

/* Fills out with a key of 0 to 20 bytes from three letters, so that prefixes and ties abound. */
static slice random_key(uint64_t *seed, uint8_t *out)
{
    static const uint8_t letters[] = {0x00, 'a', 0xFF};
    size_t size = check_random(seed, 21);
    for (size_t i = 0; i < size; i++) {
        out[i] = letters[check_random(seed, 8) < 6 ? 1 : check_random(seed, 3)];
    }
    return slice_make(out, size);
}

TEST(a_trailer_keeps_sequence_and_kind)
{
    uint64_t sequences[] = {0, 1, 255, 256, INTERNAL_SEQUENCE_MAX};
    for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
        uint64_t trailer = internal_trailer(sequences[i], RECORD_DELETE);
        CHECK_EQUAL(sequences[i], internal_sequence(trailer));
        CHECK_EQUAL(RECORD_DELETE, internal_kind(trailer));
    }
}

TEST(keys_rise_and_sequences_of_one_key_fall)
{
    internal_key rising[] = {operation("", 9, RECORD_PUT),    operation("", 1, RECORD_PUT),
                             operation("a", 7, RECORD_PUT),   operation("a", 6, RECORD_DELETE),
                             operation("aa", 9, RECORD_PUT),  operation("b", 1, RECORD_PUT),
                             operation("\xFF", 2, RECORD_PUT)};
    size_t count = sizeof rising / sizeof rising[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < count; k++) {
            int order = internal_key_compare(rising[i], rising[k]);
            CHECK((order < 0) == (i < k) && (order > 0) == (i > k));
        }
    }
}

TEST(a_place_stands_before_its_sequence_and_behind_those_above)
{
    internal_key place = internal_key_place(text("k"), 5);
    CHECK(internal_key_compare(operation("k", 6, 1), place) < 0);
    CHECK(internal_key_compare(operation("k", 6, INTERNAL_KIND_SEEK - 1), place) < 0);
    CHECK(internal_key_compare(operation("k", 5, 1), place) > 0);
    CHECK(internal_key_compare(operation("k", 5, INTERNAL_KIND_SEEK - 1), place) > 0);
    CHECK(internal_key_compare(operation("j", 1, 1), place) < 0);
    CHECK(internal_key_compare(operation("k\0", 9, 1), place) < 0);
    CHECK(internal_key_compare(operation("ka", 9, 1), place) > 0);
}

TEST(the_place_of_an_endless_sequence_stands_before_every_operation_on_its_key)
{
    internal_key place = internal_key_place(text("k"), UINT64_MAX);
    internal_key newest = operation("k", INTERNAL_SEQUENCE_MAX, INTERNAL_KIND_SEEK - 1);
    CHECK(internal_key_compare(place, newest) < 0);
    CHECK(internal_key_compare(operation("j", 1, 1), place) < 0);
}

TEST(limits_are_checked_with_the_status_of_each)
{
    CHECK_OK(internal_key_check(0, 0, 1, RECORD_PUT));
    CHECK_OK(internal_key_check(PYKV_KEY_BYTES_MAX, PYKV_VALUE_BYTES_MAX, INTERNAL_SEQUENCE_MAX,
                                INTERNAL_KIND_SEEK - 1));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE,
                 internal_key_check(STORED_KEY_BYTES_MAX + 1, 0, 1, RECORD_PUT));
    CHECK_STATUS(PYKV_VALUE_TOO_LARGE,
                 internal_key_check(1, UINT64_C(1) + PYKV_VALUE_BYTES_MAX, 1, RECORD_PUT));
    CHECK_STATUS(PYKV_CORRUPTION, internal_key_check(1, 1, 0, RECORD_PUT));
    CHECK_STATUS(PYKV_CORRUPTION, internal_key_check(1, 1, INTERNAL_SEQUENCE_MAX + 1, RECORD_PUT));
    CHECK_STATUS(PYKV_CORRUPTION, internal_key_check(1, 1, 1, 0));
    CHECK_STATUS(PYKV_CORRUPTION, internal_key_check(1, 1, 1, INTERNAL_KIND_SEEK));
}

TEST(the_shared_length_is_that_of_a_loop_over_bytes)
{
    uint8_t left_bytes[20];
    uint8_t right_bytes[20];
    uint64_t seed = check_seed();
    for (uint32_t i = 0; i < 100000; i++) {
        slice left = random_key(&seed, left_bytes);
        slice right = random_key(&seed, right_bytes);
        size_t wanted = 0;
        while (wanted < left.size && wanted < right.size &&
               left.data[wanted] == right.data[wanted]) {
            wanted++;
        }
        CHECK_EQUAL(wanted, key_shared_length(left, right));
    }
}

TEST(words_order_as_the_keys_do_behind_a_shared_prefix)
{
    uint8_t left_bytes[20];
    uint8_t right_bytes[20];
    uint64_t seed = check_seed();
    uint64_t tie_count = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        slice left = random_key(&seed, left_bytes);
        slice right = random_key(&seed, right_bytes);
        size_t offset = check_random(&seed, key_shared_length(left, right) + 1);
        uint64_t left_word = key_word(left, offset);
        uint64_t right_word = key_word(right, offset);
        int order = slice_compare(left, right);
        CHECK(left_word == right_word || (left_word < right_word) == (order < 0));
        CHECK(order != 0 || left_word == right_word);
        CHECK_EQUAL(0, slice_compare(slice_make(left.data + offset, left.size - offset),
                                     key_suffix(left, offset)));
        tie_count += left_word == right_word;
    }
    CHECK(tie_count > 100 && tie_count < 90000);
}

TEST(a_word_behind_the_end_of_a_key_is_zero)
{
    CHECK_EQUAL(0, key_word(text("abc"), 3));
    CHECK_EQUAL(0, key_word(text("abc"), 4000));
    CHECK_EQUAL(0, key_word(text("a long enough key"), 17));
    CHECK_EQUAL(0, key_suffix(text("abc"), 7).size);
    CHECK_EQUAL(UINT64_C(0x6300000000000000), key_word(text("abc"), 2));
    CHECK_EQUAL(UINT64_C(0x6579000000000000), key_word(text("a long enough key"), 15));
    CHECK_EQUAL(UINT64_C(0x6162636465666768), key_word(text("abcdefghij"), 0));
}

TEST_MAIN(CASE(a_trailer_keeps_sequence_and_kind), CASE(keys_rise_and_sequences_of_one_key_fall),
          CASE(a_place_stands_before_its_sequence_and_behind_those_above),
          CASE(the_place_of_an_endless_sequence_stands_before_every_operation_on_its_key),
          CASE(limits_are_checked_with_the_status_of_each),
          CASE(the_shared_length_is_that_of_a_loop_over_bytes),
          CASE(words_order_as_the_keys_do_behind_a_shared_prefix),
          CASE(a_word_behind_the_end_of_a_key_is_zero))
