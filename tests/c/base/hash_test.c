/*
 * hash_test: vectors of an independent implementation, and what a keyed hash must do.
 *
 * vectors[n] is mmh3.hash64(key[:n], 0x9747b28c, x64arch=True, signed=False), where byte i of key
 * is (7 * i + 1) % 256. The Python package mmh3 is the oracle.
 */
#include "harness/check.h"

#include "base/hash.h"

enum { VECTOR_COUNT = 34, VECTOR_SEED_BITS = 32 };

static const uint64_t vector_seed = UINT64_C(0x9747b28c);

static const hash128 vectors[VECTOR_COUNT] = {
    {UINT64_C(0x392b208a1daabbb3), UINT64_C(0x93b0608fe302957a)},
    {UINT64_C(0xb1c2538dd48d52f7), UINT64_C(0xed2df42c5df342c8)},
    {UINT64_C(0x402171176aa3780a), UINT64_C(0xbb02b369f64f7223)},
    {UINT64_C(0xb3f66180014ccabe), UINT64_C(0x2f0972fcf7745e17)},
    {UINT64_C(0x59562883efe9e884), UINT64_C(0x1465dcd03cc2864b)},
    {UINT64_C(0x03dcefa6d1fa4f85), UINT64_C(0x8d4412760c5a5aaf)},
    {UINT64_C(0x519a58cabb9e5fc8), UINT64_C(0x184da4b90954d479)},
    {UINT64_C(0xc6cdcbb98a10ddf4), UINT64_C(0x55f5d1cd2378f2c2)},
    {UINT64_C(0x3d2e977ae2eff874), UINT64_C(0xf11c03b5d22f512b)},
    {UINT64_C(0x05a1ae48c26fbd15), UINT64_C(0xb64d6aa6bc16bbed)},
    {UINT64_C(0x239ab789d2a3fde0), UINT64_C(0xf38442b25db39e94)},
    {UINT64_C(0x5b8a14f46cf89edd), UINT64_C(0x5c0fa839b6437797)},
    {UINT64_C(0x20535ae5f505f74c), UINT64_C(0xd6d5742a4039472c)},
    {UINT64_C(0xd6fd9ac01eddddcc), UINT64_C(0xd082da081fb67ae5)},
    {UINT64_C(0x38190bba5b280455), UINT64_C(0xfd946f7e09be0d44)},
    {UINT64_C(0xd150a8e03ed5f17e), UINT64_C(0x12d8545230e031d0)},
    {UINT64_C(0xea76d27bf2a48d5f), UINT64_C(0xf549c245d7e092f9)},
    {UINT64_C(0xf4772f016b902b69), UINT64_C(0xc2e3aa264d9c9476)},
    {UINT64_C(0x0c9bad35340743b9), UINT64_C(0x0e1c3e2f9c848690)},
    {UINT64_C(0xb8039a1454e1965e), UINT64_C(0x2cf5c7c82800cc62)},
    {UINT64_C(0xb248250ed9eb3100), UINT64_C(0x40cb9179e1510e57)},
    {UINT64_C(0x3ad05c58bab3cd20), UINT64_C(0x55f17be8101c1d6a)},
    {UINT64_C(0x2c8690f82be5c6b9), UINT64_C(0xd3091d42d66c92c3)},
    {UINT64_C(0x0fc2b9e346649b39), UINT64_C(0x47d0c338b144fb48)},
    {UINT64_C(0x7a77a6136aa7ff66), UINT64_C(0xd8e16408d1f023df)},
    {UINT64_C(0xc89d9923a11b2a52), UINT64_C(0xa90426de468bdcf1)},
    {UINT64_C(0xab6fbe344b5bbe92), UINT64_C(0x076bbd3c954dc9dc)},
    {UINT64_C(0x836aacbf97a134a3), UINT64_C(0xc1410af4d81b6009)},
    {UINT64_C(0x1320b6b4549214f8), UINT64_C(0x6a0925e8ea6d7fe4)},
    {UINT64_C(0x955f238a4087d0a7), UINT64_C(0x48f70534dd67a22d)},
    {UINT64_C(0x60add01c5d1bc6b0), UINT64_C(0x9087fbd69f9961bf)},
    {UINT64_C(0x5ceaca7d1767c218), UINT64_C(0x52e2f114d6a6e49b)},
    {UINT64_C(0x04a132f9efcafde3), UINT64_C(0xed7c5aa6b3fa683b)},
    {UINT64_C(0x547e5b6e8c1ced04), UINT64_C(0x2935f0bc60854fc9)},
};

static void fill_key(uint8_t *key, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        key[i] = (uint8_t)(7 * i + 1);
    }
}

static bool equal(hash128 left, hash128 right)
{
    return left.low == right.low && left.high == right.high;
}

static int bits_that_differ(hash128 left, hash128 right)
{
    return __builtin_popcountll(left.low ^ right.low) +
           __builtin_popcountll(left.high ^ right.high);
}

TEST(the_oracle_agrees_at_every_length_of_the_tail)
{
    uint8_t key[VECTOR_COUNT];
    fill_key(key, sizeof key);
    for (size_t size = 0; size < VECTOR_COUNT; size++) {
        hash128 got = hash_murmur3(key, size, vector_seed, vector_seed);
        CHECK_EQUAL(vectors[size].low, got.low);
        CHECK_EQUAL(vectors[size].high, got.high);
    }
}

TEST(the_address_of_the_key_does_not_matter)
{
    uint8_t bytes[VECTOR_COUNT + 8];
    for (size_t at = 0; at < 8; at++) {
        fill_key(bytes + at, VECTOR_COUNT);
        hash128 got = hash_murmur3(bytes + at, 33, vector_seed, vector_seed);
        CHECK(equal(vectors[33], got));
    }
}

TEST(an_empty_key_may_have_no_address)
{
    CHECK(equal(vectors[0], hash_murmur3(NULL, 0, vector_seed, vector_seed)));
}

TEST(every_bit_of_both_seeds_changes_about_half_of_the_hash)
{
    uint8_t key[24];
    fill_key(key, sizeof key);
    hash128 base = hash_murmur3(key, sizeof key, 1, 2);
    for (int bit = 0; bit < 64; bit++) {
        uint64_t flip = UINT64_C(1) << bit;
        int by_low = bits_that_differ(base, hash_murmur3(key, sizeof key, 1 ^ flip, 2));
        int by_high = bits_that_differ(base, hash_murmur3(key, sizeof key, 1, 2 ^ flip));
        CHECK(by_low > 30 && by_low < 98);
        CHECK(by_high > 30 && by_high < 98);
    }
}

TEST(every_bit_of_the_key_changes_about_half_of_the_hash)
{
    for (size_t size = 1; size < VECTOR_COUNT; size++) {
        uint8_t key[VECTOR_COUNT];
        fill_key(key, size);
        hash128 base = hash_murmur3(key, size, 3, 4);
        for (size_t bit = 0; bit < size * 8; bit++) {
            key[bit / 8] ^= (uint8_t)(1 << bit % 8);
            int differ = bits_that_differ(base, hash_murmur3(key, size, 3, 4));
            CHECK(differ > 30 && differ < 98);
            key[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
    }
}

TEST(keys_of_zeros_differ_by_their_length)
{
    static const uint8_t zeros[64];
    for (size_t size = 0; size < sizeof zeros; size++) {
        hash128 shorter = hash_murmur3(zeros, size, 5, 6);
        hash128 longer = hash_murmur3(zeros, size + 1, 5, 6);
        CHECK(!equal(shorter, longer));
    }
}

TEST_MAIN(CASE(the_oracle_agrees_at_every_length_of_the_tail),
          CASE(the_address_of_the_key_does_not_matter), CASE(an_empty_key_may_have_no_address),
          CASE(every_bit_of_both_seeds_changes_about_half_of_the_hash),
          CASE(every_bit_of_the_key_changes_about_half_of_the_hash),
          CASE(keys_of_zeros_differ_by_their_length))
