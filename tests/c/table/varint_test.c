/*
 * varint: numbers of every length come back; what is cut off, too long or above its limit does not.
 */
#include "harness/check.h"

#include "table/varint.h"

TEST(numbers_of_every_length_come_back)
{
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t numbers[2] = {bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1,
                               bits == 64 ? 0 : UINT64_C(1) << bits};
        for (size_t i = 0; i < 2; i++) {
            uint8_t bytes[VARINT_BYTES_MAX];
            uint64_t got = 1;
            const uint8_t *end = varint_store(bytes, numbers[i]);
            CHECK(varint_load(bytes, end, UINT64_MAX, &got) == end);
            CHECK_EQUAL(numbers[i], got);
            CHECK(varint_load(bytes, end - 1, UINT64_MAX, &got) == NULL);
        }
    }
}

TEST(a_number_above_its_limit_is_refused)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    uint64_t got;
    const uint8_t *end = varint_store(bytes, 300);
    CHECK(varint_load(bytes, end, 299, &got) == NULL);
    CHECK(varint_load(bytes, end, 300, &got) == end);
}

TEST(a_number_of_more_than_64_bits_is_refused)
{
    uint8_t bytes[VARINT_BYTES_MAX + 1];
    uint64_t got;
    memset(bytes, 0xff, sizeof bytes);
    CHECK(varint_load(bytes, bytes + sizeof bytes, UINT64_MAX, &got) == NULL);
    bytes[VARINT_BYTES_MAX - 1] = 2;
    CHECK(varint_load(bytes, bytes + sizeof bytes, UINT64_MAX, &got) == NULL);
    bytes[VARINT_BYTES_MAX - 1] = 1;
    CHECK(varint_load(bytes, bytes + sizeof bytes, UINT64_MAX, &got) == bytes + VARINT_BYTES_MAX);
    CHECK_EQUAL(UINT64_MAX, got);
}

TEST_MAIN(CASE(numbers_of_every_length_come_back), CASE(a_number_above_its_limit_is_refused),
          CASE(a_number_of_more_than_64_bits_is_refused))
