/*
 * keydir_word_test: words, tags and lines of words, and where a hash belongs.
 */
#include "harness/check.h"

#include "bitcask/keydir_line.h"
#include "bitcask/keydir_mix.h"
#include "bitcask/keydir_word.h"

TEST(a_tag_of_n_bits_matches_iff_the_low_n_bits_of_the_hash_agree)
{
    uint64_t seed = check_seed();
    for (uint32_t n = 0; n <= KEYDIR_TAG_BITS_MAX; n++) {
        uint32_t low = (1U << n) - 1;
        for (uint32_t i = 0; i < 20000; i++) {
            uint32_t want = (uint32_t)keydir_model_mix(seed + i);
            uint32_t bits = (i & 1) != 0 ? want & low : (uint32_t)check_random(&seed, 1U << n);
            bits ^= (i & 2) != 0 && n > 0 ? 1U << check_random(&seed, n) : 0;
            uint64_t word = keydir_word(check_random(&seed, KEYDIR_ADDRESS_MAX), bits | 1U << n);
            CHECK_EQUAL(bits == (want & low), keydir_matches(word, want));
        }
    }
}

TEST(an_empty_or_deleted_slot_matches_no_hash)
{
    uint32_t wants[] = {0, 1, 0x400, 0xFFFFFF, 0x1000000, 0x80000000, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        CHECK(!keydir_matches(KEYDIR_EMPTY, wants[i]));
        CHECK(!keydir_matches(KEYDIR_DELETED, wants[i]));
        CHECK(!keydir_matches(keydir_word(KEYDIR_ADDRESS_MAX, 0), wants[i]));
    }
}

TEST(a_full_tag_keeps_23_bits_under_the_marker)
{
    CHECK_EQUAL(0x800000, keydir_full_tag(0));
    CHECK_EQUAL(0xFFFFFF, keydir_full_tag(UINT64_MAX));
    CHECK_EQUAL(0x800001, keydir_full_tag(0xFF000001));
}

TEST(a_shape_places_a_hash_by_one_bit_more_below_the_split_index)
{
    uint64_t shape = 2 << 8 | 2; /* four buckets of which 0 and 1 were split: six */
    uint64_t wanted[] = {0, 1, 2, 3, 4, 5, 2, 3};
    uint32_t depths[] = {3, 3, 2, 2, 3, 3, 2, 2};
    for (uint64_t hash = 0; hash < 8; hash++) {
        keydir_place place = keydir_locate(shape, hash | 0xAB00);
        CHECK_EQUAL(wanted[hash], place.bucket_index);
        CHECK_EQUAL(depths[hash], place.depth);
        CHECK_EQUAL((hash | 0xAB00) >> depths[hash], place.want);
    }
}

TEST(eight_slots_compared_at_once_agree_with_one_by_one)
{
    _Alignas(64) keydir_slot slots[KEYDIR_LINE_SLOTS];
    uint64_t seed = check_seed();
    uint64_t match_count = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        uint32_t want = (uint32_t)keydir_model_mix(seed + i);
        for (uint32_t k = 0; k < KEYDIR_LINE_SLOTS; k++) {
            uint32_t marker = 1U << check_random(&seed, KEYDIR_TAG_BITS_MAX + 1);
            uint32_t bits = check_random(&seed, 2) != 0 ? want : (uint32_t)seed;
            uint32_t tag = check_random(&seed, 8) != 0 ? marker | (bits & (marker - 1)) : 0;
            atomic_init(&slots[k], keydir_word(check_random(&seed, KEYDIR_ADDRESS_MAX), tag));
        }
        uint32_t matches = keydir_match_line_portable(slots, want);
        CHECK_EQUAL(matches, keydir_match_line(slots, want));
        CHECK_EQUAL(keydir_vacant_line_portable(slots), keydir_vacant_line(slots));
        match_count += (uint64_t)__builtin_popcount(matches);
    }
    CHECK(match_count > 100000 && match_count < 700000);
}

TEST_MAIN(CASE(a_tag_of_n_bits_matches_iff_the_low_n_bits_of_the_hash_agree),
          CASE(an_empty_or_deleted_slot_matches_no_hash),
          CASE(a_full_tag_keeps_23_bits_under_the_marker),
          CASE(a_shape_places_a_hash_by_one_bit_more_below_the_split_index),
          CASE(eight_slots_compared_at_once_agree_with_one_by_one))
