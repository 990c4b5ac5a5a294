/*
 * crc32c_test: published vectors, and both variants against a bit-by-bit division.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/crc32c.h"

enum { RANDOM_BYTES = 1 << 20 };

static uint32_t divide_bit_by_bit(uint32_t crc, const uint8_t *data, size_t size)
{
    uint32_t state = ~crc;
    for (size_t i = 0; i < size; i++) {
        state ^= data[i];
        for (int bit = 0; bit < 8; bit++) {
            state = state >> 1 ^ (state % 2 != 0 ? UINT32_C(0x82f63b78) : 0);
        }
    }
    return ~state;
}

static uint8_t *random_bytes(void)
{
    static uint8_t bytes[RANDOM_BYTES + 64];
    uint64_t state = check_seed();
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)check_random(&state, 256);
    }
    return bytes;
}

static void check_both(uint32_t wanted, const void *data, size_t size)
{
    CHECK_EQUAL(wanted, crc32c_extend(0, data, size));
    CHECK_EQUAL(wanted, crc32c_extend_portable(0, data, size));
}

/* Runs first: nothing before it may call crc32c_choose. */
TEST(the_portable_variant_serves_until_one_is_chosen)
{
    CHECK(strcmp("portable", crc32c_variant()) == 0);
    CHECK_EQUAL(UINT32_C(0xe3069283), crc32c_extend(0, "123456789", 9));
}

TEST(choosing_takes_the_instruction_where_there_is_one)
{
    crc32c_choose();
    const char *variant = crc32c_variant();
#if defined(__x86_64__)
    bool available = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
    CHECK(strcmp(available ? "sse4.2" : "portable", variant) == 0);
#else
    CHECK(strcmp("armv8", variant) == 0 || strcmp("portable", variant) == 0);
#endif
    crc32c_choose();
    CHECK(crc32c_variant() == variant);
}

/* RFC 3720 B.4, and the check value of the CRC catalogue. */
TEST(the_published_vectors_come_out)
{
    crc32c_choose();
    uint8_t bytes[48];
    check_both(UINT32_C(0xe3069283), "123456789", 9);
    check_both(0, "", 0);
    memset(bytes, 0, 32);
    check_both(UINT32_C(0x8a9136aa), bytes, 32);
    memset(bytes, 0xff, 32);
    check_both(UINT32_C(0x62a8ab43), bytes, 32);
    for (uint8_t i = 0; i < 32; i++) {
        bytes[i] = i;
    }
    check_both(UINT32_C(0x46dd794e), bytes, 32);
    for (uint8_t i = 0; i < 32; i++) {
        bytes[i] = (uint8_t)(31 - i);
    }
    check_both(UINT32_C(0x113fdb5c), bytes, 32);
    static const uint8_t read_command[48] = {
        0x01, 0xc0, 0, 0, 0, 0, 0,    0, 0,    0, 0, 0,    0, 0, 0, 0,
        0x14, 0,    0, 0, 0, 0, 0x04, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
        0x28, 0,    0, 0, 0, 0, 0,    0, 0x02, 0, 0, 0,    0, 0, 0, 0};
    check_both(UINT32_C(0xd9963a56), read_command, 48);
}

TEST(every_length_at_every_alignment_agrees_with_the_division)
{
    crc32c_choose();
    const uint8_t *bytes = random_bytes();
    for (size_t size = 0; size <= 700; size++) {
        const uint8_t *at = bytes + size % 9;
        uint32_t before = (uint32_t)size * UINT32_C(2654435761);
        uint32_t wanted = divide_bit_by_bit(before, at, size);
        CHECK_EQUAL(wanted, crc32c_extend_portable(before, at, size));
        CHECK_EQUAL(wanted, crc32c_extend(before, at, size));
    }
}

TEST(lengths_around_the_block_sizes_agree_with_the_division)
{
    crc32c_choose();
    const uint8_t *bytes = random_bytes();
    for (size_t size = 1024; size <= 65536; size *= 2) {
        for (size_t more = 0; more < 50; more++) {
            uint32_t wanted = divide_bit_by_bit(0, bytes + more % 3, size + more - 25);
            CHECK_EQUAL(wanted, crc32c_extend_portable(0, bytes + more % 3, size + more - 25));
            CHECK_EQUAL(wanted, crc32c_extend(0, bytes + more % 3, size + more - 25));
        }
    }
    CHECK_EQUAL(divide_bit_by_bit(0, bytes, RANDOM_BYTES), crc32c_extend(0, bytes, RANDOM_BYTES));
}

TEST(extending_in_parts_equals_the_whole)
{
    crc32c_choose();
    const uint8_t *bytes = random_bytes();
    uint64_t state = check_seed();
    for (int round = 0; round < 500; round++) {
        size_t size = check_random(&state, 5000);
        size_t cut = check_random(&state, size + 1);
        uint32_t first = crc32c_extend(0, bytes, cut);
        CHECK_EQUAL(crc32c_extend(0, bytes, size), crc32c_extend(first, bytes + cut, size - cut));
    }
}

static void check_numbers_and_parts(const uint8_t *bytes, size_t first_size, size_t second_size)
{
    const uint8_t *body = bytes + 8;
    slice first = slice_make(body, first_size);
    slice second = slice_make(body + first_size, second_size);
    uint32_t wanted = divide_bit_by_bit(5, bytes, 8 + first_size + second_size);
    CHECK_EQUAL(wanted, crc32c_extend_parts(5, load_u64(bytes), first, second));
    CHECK_EQUAL(divide_bit_by_bit(7, bytes, 28),
                crc32c_extend_numbers(7, load_u64(bytes), load_u64(bytes + 8), load_u64(bytes + 16),
                                      load_u32(bytes + 24)));
}

/* Of the variant in use: the portable one when it runs first. */
static void check_numbers_and_parts_of_many_sizes(void)
{
    const uint8_t *bytes = random_bytes();
    for (size_t first_size = 0; first_size < 40; first_size++) {
        for (size_t second_size = 0; second_size < 150; second_size += 7) {
            check_numbers_and_parts(bytes + second_size % 5, first_size, second_size);
        }
    }
    CHECK_EQUAL(divide_bit_by_bit(0, bytes, 8),
                crc32c_extend_parts(0, load_u64(bytes), slice_make(NULL, 0), slice_make(NULL, 0)));
}

TEST(numbers_and_parts_are_bytes_by_the_portable_variant)
{
    CHECK(strcmp("portable", crc32c_variant()) == 0);
    check_numbers_and_parts_of_many_sizes();
}

TEST(numbers_and_parts_are_bytes_by_the_variant_in_use)
{
    crc32c_choose();
    check_numbers_and_parts_of_many_sizes();
}

TEST(every_flipped_bit_of_a_record_is_seen)
{
    crc32c_choose();
    uint8_t record[136];
    memcpy(record, random_bytes(), sizeof record);
    uint32_t good = crc32c_extend(0, record, sizeof record);
    for (size_t bit = 0; bit < sizeof record * 8; bit++) {
        record[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(crc32c_extend(0, record, sizeof record) != good);
        record[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

TEST_MAIN(CASE(the_portable_variant_serves_until_one_is_chosen),
          CASE(numbers_and_parts_are_bytes_by_the_portable_variant),
          CASE(choosing_takes_the_instruction_where_there_is_one),
          CASE(the_published_vectors_come_out),
          CASE(every_length_at_every_alignment_agrees_with_the_division),
          CASE(lengths_around_the_block_sizes_agree_with_the_division),
          CASE(extending_in_parts_equals_the_whole), CASE(every_flipped_bit_of_a_record_is_seen),
          CASE(numbers_and_parts_are_bytes_by_the_variant_in_use))
