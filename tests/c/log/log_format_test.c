/*
 * log_format_test: records go out and come back, and nothing else is ever taken for one.
 *
 * Decoding is tried on blocks of exactly the size that is there, so that the sanitizer builds see
 * any read beyond it.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "log/log_format.h"

enum { SAMPLE_BYTES_MAX = 256 };
static const uint64_t sample_id = UINT64_C(0x0123456789abcdef);
static const uint64_t sample_offset = 4096;

/* Whether flags are legal, by the words of docs/format/record.md. */
static bool flags_are_legal(uint32_t flags)
{
    return flags < 64 &&
           ((flags & RECORD_FLAG_BATCH_LAST) == 0 || (flags & RECORD_FLAG_BATCH) != 0);
}

/* Bytes that differ from place to place. */
static void fill(uint8_t *out, size_t size, uint8_t start)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(start + i * 37);
    }
}

/* A record with every field of its flags set; lengths within sample bounds. */
static record sample(uint8_t kind, uint32_t flags, size_t key_length, size_t value_length)
{
    static uint8_t text[SAMPLE_BYTES_MAX];
    CHECK(key_length + value_length <= sizeof text);
    fill(text, sizeof text, 11);
    record result = {.kind = kind,
                     .flags = (uint8_t)flags,
                     .sequence = UINT64_C(0x1122334455667788),
                     .key = slice_make(text, key_length),
                     .value = slice_make(text + key_length, value_length)};
    result.synced_through = (flags & RECORD_FLAG_SYNCED) != 0 ? UINT64_C(0x500000123) : 0;
    result.batch_count = (flags & RECORD_FLAG_BATCH_LAST) != 0 ? 3 : 0;
    result.batch_crc = (flags & RECORD_FLAG_BATCH_LAST) != 0 ? UINT32_C(0xfeedbeef) : 0;
    result.deadline_us = (flags & RECORD_FLAG_DEADLINE) != 0 ? UINT64_C(1767225600000000) : 0;
    result.namespace_id = (flags & RECORD_FLAG_NAMESPACE) != 0 ? 77 : 0;
    result.codec = (flags & RECORD_FLAG_CODEC) != 0 ? 2 : 0;
    result.body_crc = record_body_crc(&result);
    return result;
}

/* Encodes at the sample place into a block of exactly its size; the caller frees it. */
static uint8_t *encode(record *from, size_t *size_out)
{
    *size_out = record_bytes(from->flags, from->key.size, from->value.size);
    uint8_t *block = malloc(*size_out);
    CHECK(block != NULL);
    memset(block, 0xa5, *size_out);
    record_encode(from, record_seed(sample_id), sample_offset, block);
    return block;
}

/* Decodes a copy of size bytes that ends where its block ends. */
static record_check decode_copy(const uint8_t *data, size_t size, bool check_body, record *out)
{
    uint8_t *copy = malloc(size + 1);
    CHECK(copy != NULL);
    uint8_t *start = copy + 1;
    memcpy(start, data, size);
    record_check found =
        record_decode(start, size, record_seed(sample_id), sample_offset, check_body, out);
    free(copy);
    return found;
}

/* Writes the header check that the bytes of a record of head_bytes would need to be valid. */
static void seal_header(uint8_t *data, size_t head_bytes)
{
    uint8_t place[16];
    store_u64(place, sample_id);
    store_u64(place + 8, sample_offset);
    store_u32(data, crc32c_extend(crc32c_extend(0, place, 16), data + 4, head_bytes - 4));
}

static void check_same(const record *wanted, const record *got)
{
    CHECK_EQUAL(wanted->header_crc, got->header_crc);
    CHECK_EQUAL(wanted->body_crc, got->body_crc);
    CHECK_EQUAL(wanted->kind, got->kind);
    CHECK_EQUAL(wanted->flags, got->flags);
    CHECK_EQUAL(wanted->sequence, got->sequence);
    CHECK_EQUAL(wanted->synced_through, got->synced_through);
    CHECK_EQUAL(wanted->batch_count, got->batch_count);
    CHECK_EQUAL(wanted->batch_crc, got->batch_crc);
    CHECK_EQUAL(wanted->deadline_us, got->deadline_us);
    CHECK_EQUAL(wanted->namespace_id, got->namespace_id);
    CHECK_EQUAL(wanted->codec, got->codec);
    CHECK(slice_equal(wanted->key, got->key));
    CHECK(slice_equal(wanted->value, got->value));
}

static void check_round_trip(uint8_t kind, uint32_t flags, size_t key_length, size_t value_length)
{
    record wanted = sample(kind, flags, key_length, value_length);
    size_t size;
    uint8_t *block = encode(&wanted, &size);
    record got;
    memset(&got, 0xee, sizeof got);
    CHECK_EQUAL(RECORD_VALID,
                record_decode(block, size, record_seed(sample_id), sample_offset, true, &got));
    check_same(&wanted, &got);
    memset(&got, 0xee, sizeof got);
    CHECK_EQUAL(RECORD_VALID,
                record_decode(block, size, record_seed(sample_id), sample_offset, false, &got));
    check_same(&wanted, &got);
    free(block);
}

TEST(every_kind_flag_and_short_length_comes_back_as_it_went_out)
{
    for (uint32_t flags = 0; flags < 64; flags++) {
        if (!flags_are_legal(flags)) {
            continue;
        }
        for (size_t key_length = 0; key_length <= 40; key_length++) {
            for (size_t value_length = 0; value_length <= 40; value_length++) {
                check_round_trip(RECORD_PUT, flags, key_length, value_length);
            }
            check_round_trip(RECORD_DELETE, flags, key_length, 0);
        }
        check_round_trip(RECORD_CLEAR, flags, 0, 0);
    }
}

TEST(large_keys_and_values_come_back_as_they_went_out)
{
    static const size_t lengths[][2] = {
        {16, 100},    {255, 256},           {256, 4096}, {65535, 0}, {PYKV_KEY_BYTES_MAX, 65536},
        {1, 1 << 20}, {1000, (1 << 24) + 7}};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t *text = malloc(lengths[i][0] + lengths[i][1]);
        CHECK(text != NULL);
        fill(text, lengths[i][0] + lengths[i][1], 3);
        record wanted = {.kind = RECORD_PUT,
                         .sequence = UINT64_MAX,
                         .key = slice_make(text, lengths[i][0]),
                         .value = slice_make(text + lengths[i][0], lengths[i][1])};
        wanted.body_crc = record_body_crc(&wanted);
        size_t size;
        uint8_t *block = encode(&wanted, &size);
        record got;
        CHECK_EQUAL(RECORD_VALID, decode_copy(block, size, true, &got));
        CHECK_EQUAL(RECORD_VALID,
                    record_decode(block, size, record_seed(sample_id), sample_offset, true, &got));
        check_same(&wanted, &got);
        free(block);
        free(text);
    }
}

TEST(a_record_takes_its_head_key_and_value_rounded_up_to_eight)
{
    CHECK_EQUAL(24, record_head_bytes(0));
    CHECK_EQUAL(24, record_head_bytes(RECORD_FLAG_BATCH));
    CHECK_EQUAL(32, record_head_bytes(RECORD_FLAG_BATCH | RECORD_FLAG_BATCH_LAST));
    CHECK_EQUAL(32, record_head_bytes(RECORD_FLAG_SYNCED));
    CHECK_EQUAL(32, record_head_bytes(RECORD_FLAG_DEADLINE));
    CHECK_EQUAL(28, record_head_bytes(RECORD_FLAG_NAMESPACE));
    CHECK_EQUAL(28, record_head_bytes(RECORD_FLAG_CODEC));
    CHECK_EQUAL(28, record_head_bytes(RECORD_FLAG_LONG_KEY));
    CHECK_EQUAL(RECORD_HEADER_BYTES + RECORD_EXTENSION_BYTES_MAX, record_head_bytes(127));
    CHECK_EQUAL(24, record_bytes(0, 0, 0));
    CHECK_EQUAL(32, record_bytes(0, 1, 0));
    CHECK_EQUAL(32, record_bytes(0, 3, 5));
    CHECK_EQUAL(32, record_bytes(RECORD_FLAG_CODEC, 1, 3));
    CHECK_EQUAL(24 + 65536 + UINT64_C(1073741824),
                record_bytes(0, PYKV_KEY_BYTES_MAX, PYKV_VALUE_BYTES_MAX));
}

TEST(encoding_writes_every_byte_of_a_record_and_none_behind_it)
{
    for (size_t length = 0; length <= 40; length++) {
        record from = sample(RECORD_PUT, length % 2 == 0 ? 0 : RECORD_FLAG_CODEC, 3, length);
        size_t size = record_bytes(from.flags, 3, length);
        uint8_t zeros[SAMPLE_BYTES_MAX] = {0};
        uint8_t ones[SAMPLE_BYTES_MAX];
        memset(ones, 0xff, sizeof ones);
        record_encode(&from, 1, 8, zeros);
        record_encode(&from, 1, 8, ones);
        CHECK_BYTES(zeros, ones, size);
        for (size_t i = size; i < sizeof ones; i++) {
            CHECK(zeros[i] == 0 && ones[i] == 0xff);
        }
    }
}

TEST(the_head_alone_is_encoded_as_within_the_record)
{
    for (uint32_t flags = 0; flags < 64; flags++) {
        if (!flags_are_legal(flags)) {
            continue;
        }
        record from = sample(RECORD_PUT, flags, 5, 9);
        size_t size;
        uint8_t *block = encode(&from, &size);
        uint8_t head[RECORD_HEADER_BYTES + RECORD_EXTENSION_BYTES_MAX];
        uint32_t head_bytes = record_head_bytes((uint8_t)flags);
        uint32_t header_crc = from.header_crc;
        from.header_crc = 0;
        record_encode_head(&from, record_seed(sample_id), sample_offset, head);
        CHECK_EQUAL(header_crc, from.header_crc);
        CHECK_BYTES(block, head, head_bytes);
        free(block);
    }
}

TEST(every_flipped_bit_of_a_record_is_noticed)
{
    for (uint32_t flags = 0; flags < 64; flags++) {
        for (size_t length = 0; flags_are_legal(flags) && length <= 8; length++) {
            record from = sample(RECORD_PUT, flags, 3, length);
            size_t size;
            uint8_t *block = encode(&from, &size);
            for (size_t bit = 0; bit < 8 * size; bit++) {
                block[bit / 8] ^= (uint8_t)(1U << bit % 8);
                record got;
                if (decode_copy(block, size, true, &got) == RECORD_VALID) {
                    check_failed(__FILE__, __LINE__, "flags %u length %zu bit %zu is not noticed",
                                 flags, length, bit);
                }
                block[bit / 8] ^= (uint8_t)(1U << bit % 8);
            }
            free(block);
        }
    }
}

TEST(a_record_at_another_offset_or_in_another_file_is_refused)
{
    record from = sample(RECORD_PUT, 0, 16, 100);
    size_t size;
    uint8_t *block = encode(&from, &size);
    record got;
    uint32_t seed = record_seed(sample_id);
    for (uint64_t offset = 0; offset < (1 << 20); offset += RECORD_GRANULE_BYTES) {
        record_check wanted = offset == sample_offset ? RECORD_VALID : RECORD_HEADER_INVALID;
        CHECK_EQUAL(wanted, record_decode(block, size, seed, offset, true, &got));
    }
    for (uint32_t bit = 0; bit < 64; bit++) {
        uint64_t flipped = UINT64_C(1) << bit;
        CHECK_EQUAL(RECORD_HEADER_INVALID,
                    record_decode(block, size, seed, sample_offset ^ flipped, true, &got));
        CHECK_EQUAL(RECORD_HEADER_INVALID,
                    record_decode(block, size, record_seed(sample_id ^ flipped), sample_offset,
                                  true, &got));
    }
    free(block);
}

TEST(a_record_cut_off_at_any_length_is_refused)
{
    for (uint32_t flags = 0; flags < 64; flags++) {
        if (!flags_are_legal(flags)) {
            continue;
        }
        record from = sample(RECORD_PUT, flags, 5, 22);
        size_t size;
        uint8_t *block = encode(&from, &size);
        for (size_t cut = 0; cut < size; cut++) {
            record got;
            bool in_head = cut < record_head_bytes((uint8_t)flags);
            CHECK_EQUAL(in_head ? RECORD_HEADER_INVALID : RECORD_CUT_OFF,
                        decode_copy(block, cut, true, &got));
        }
        free(block);
    }
}

TEST(a_cut_off_record_still_tells_its_header_and_lengths)
{
    record from = sample(RECORD_PUT, 63, 5, 22);
    size_t size;
    uint8_t *block = encode(&from, &size);
    record got;
    CHECK_EQUAL(RECORD_CUT_OFF, decode_copy(block, size - 1, true, &got));
    CHECK(got.key.data == NULL && got.value.data == NULL);
    got.key.data = from.key.data;
    got.value.data = from.value.data;
    check_same(&from, &got);
    free(block);
}

TEST(an_invalid_header_leaves_the_result_untouched)
{
    record got = {.sequence = 99, .key = {NULL, 3}};
    uint8_t zeros[64] = {0};
    CHECK_EQUAL(RECORD_HEADER_INVALID, decode_copy(zeros, sizeof zeros, true, &got));
    CHECK_EQUAL(99, got.sequence);
    CHECK_EQUAL(3, got.key.size);
}

/* Decodes sample(PUT, flags, 3, 5) with one field changed under a header check that is right. */
static record_check decode_changed(uint32_t flags, size_t at, size_t field_bytes, uint64_t value)
{
    record from = sample(RECORD_PUT, flags, 3, 5);
    uint8_t data[SAMPLE_BYTES_MAX] = {0};
    uint8_t field[8];
    record_encode(&from, record_seed(sample_id), sample_offset, data);
    store_u64(field, value);
    memcpy(data + at, field, field_bytes);
    seal_header(data, record_head_bytes(data[15]));
    record got;
    return decode_copy(data, sizeof data, false, &got);
}

TEST(unknown_kinds_and_flags_are_refused_under_a_right_check)
{
    for (uint32_t kind = 0; kind < 256; kind++) {
        if (kind != RECORD_DELETE && kind != RECORD_CLEAR && kind != RECORD_DICTIONARY) {
            bool known = kind == RECORD_PUT || kind == RECORD_RANGE_DELETE || kind == RECORD_INGEST;
            CHECK_EQUAL(known ? RECORD_VALID : RECORD_HEADER_INVALID,
                        decode_changed(0, 14, 1, kind));
        }
    }
    for (uint32_t flags = 0; flags < 256; flags++) {
        CHECK_EQUAL(flags_are_legal(flags) ? RECORD_VALID : RECORD_HEADER_INVALID,
                    decode_changed(0, 15, 1, flags));
    }
}

TEST(deletes_have_no_value_dictionaries_no_key_and_clears_neither)
{
    CHECK_EQUAL(RECORD_HEADER_INVALID, decode_changed(0, 14, 1, RECORD_DELETE));
    CHECK_EQUAL(RECORD_HEADER_INVALID, decode_changed(0, 14, 1, RECORD_CLEAR));
    const uint64_t kind = UINT64_C(1) << 48;
    const uint64_t key = UINT64_C(1) << 32;
    CHECK_EQUAL(RECORD_VALID, decode_changed(0, 8, 8, RECORD_DELETE * kind + 3 * key));
    CHECK_EQUAL(RECORD_HEADER_INVALID, decode_changed(0, 8, 8, RECORD_DELETE * kind + 1));
    CHECK_EQUAL(RECORD_VALID, decode_changed(0, 8, 8, RECORD_CLEAR * kind));
    CHECK_EQUAL(RECORD_HEADER_INVALID, decode_changed(0, 8, 8, RECORD_CLEAR * kind + 3 * key));
    CHECK_EQUAL(RECORD_HEADER_INVALID, decode_changed(0, 8, 8, RECORD_CLEAR * kind + 1));
    CHECK_EQUAL(RECORD_VALID, decode_changed(0, 8, 8, RECORD_DICTIONARY * kind + 3));
    CHECK_EQUAL(RECORD_HEADER_INVALID, decode_changed(0, 8, 8, RECORD_DICTIONARY * kind + 3 * key));
}

TEST(sequence_0_and_values_over_the_limit_are_refused)
{
    CHECK_EQUAL(RECORD_VALID, decode_changed(0, 16, 8, 1));
    CHECK_EQUAL(RECORD_HEADER_INVALID, decode_changed(0, 16, 8, 0));
    CHECK_EQUAL(RECORD_CUT_OFF, decode_changed(0, 8, 4, PYKV_VALUE_BYTES_MAX));
    CHECK_EQUAL(RECORD_HEADER_INVALID, decode_changed(0, 8, 4, PYKV_VALUE_BYTES_MAX + 1));
    CHECK_EQUAL(RECORD_HEADER_INVALID, decode_changed(0, 8, 4, UINT32_MAX));
}

TEST(the_end_of_a_range_delete_is_a_key)
{
    const uint64_t kind = UINT64_C(1) << 48;
    const uint64_t key = UINT64_C(3) << 32;
    CHECK_EQUAL(RECORD_VALID, decode_changed(0, 8, 8, RECORD_RANGE_DELETE * kind + key));
    CHECK_EQUAL(RECORD_CUT_OFF,
                decode_changed(0, 8, 8, RECORD_RANGE_DELETE * kind + key + STORED_KEY_BYTES_MAX));
    CHECK_EQUAL(
        RECORD_HEADER_INVALID,
        decode_changed(0, 8, 8, RECORD_RANGE_DELETE * kind + key + STORED_KEY_BYTES_MAX + 1));
}

TEST(keys_over_65535_bytes_have_a_flag_and_others_must_not)
{
    enum { LENGTH = STORED_KEY_BYTES_MAX };
    uint8_t *key = calloc(1, LENGTH + 1);
    record from = {.kind = RECORD_DELETE, .flags = record_key_flag(LENGTH), .sequence = 1};
    record got;
    size_t size = record_bytes(from.flags, LENGTH, 0);
    uint8_t *block = malloc(size);
    key[LENGTH - 1] = 7;
    from.key = slice_make(key, LENGTH);
    from.body_crc = record_body_crc(&from);
    record_encode(&from, 5, 64, block);
    CHECK_EQUAL(RECORD_VALID, record_decode(block, size, 5, 64, true, &got));
    CHECK(slice_equal(from.key, got.key));
    CHECK_EQUAL(RECORD_FLAG_LONG_KEY, got.flags);
    CHECK_EQUAL(RECORD_CUT_OFF, record_decode(block, size - 8, 5, 64, true, &got));
    CHECK_EQUAL(0, record_key_flag(UINT16_MAX));
    CHECK_EQUAL(RECORD_FLAG_LONG_KEY, record_key_flag(UINT16_MAX + 1));
    for (uint32_t high = 0; high < 3; high += 2) {
        store_u32(block + RECORD_HEADER_BYTES, high);
        store_u32(block, crc32c_extend(
                             crc32c_extend_numbers(
                                 5, 64, load_u32(block + 4) | (uint64_t)load_u32(block + 8) << 32,
                                 load_u64(block + 12), load_u32(block + 20)),
                             block + RECORD_HEADER_BYTES, 4));
        CHECK_EQUAL(RECORD_HEADER_INVALID, record_decode(block, size, 5, 64, true, &got));
    }
    free(block);
    free(key);
}

TEST(random_bytes_are_never_a_record)
{
    uint64_t state = check_seed();
    uint64_t rounds = check_count("PYKV_RECORD_ROUNDS", 200000);
    uint8_t data[96];
    for (uint64_t round = 0; round < rounds; round++) {
        for (size_t at = 0; at < sizeof data; at += 8) {
            store_u64(data + at,
                      check_random(&state, UINT64_MAX) << 11 ^ check_random(&state, UINT64_MAX));
        }
        if (round % 2 == 0) { /* half of them with a plausible shape */
            store_u32(data + 8, (uint32_t)check_random(&state, 48));
            store_u16(data + 12, (uint16_t)check_random(&state, 24));
            data[14] = RECORD_PUT;
            data[15] = (uint8_t)check_random(&state, 64);
        }
        record got;
        CHECK_EQUAL(RECORD_HEADER_INVALID,
                    decode_copy(data, check_random(&state, sizeof data + 1), true, &got));
    }
}

TEST(a_damaged_body_is_noticed_only_where_it_is_checked)
{
    record from = sample(RECORD_PUT, 0, 5, 6);
    size_t size;
    uint8_t *block = encode(&from, &size);
    for (size_t at = RECORD_HEADER_BYTES; at < size; at++) {
        block[at] ^= 0x10;
        record got;
        CHECK_EQUAL(RECORD_BODY_INVALID,
                    record_decode(block, size, record_seed(sample_id), sample_offset, true, &got));
        CHECK_EQUAL(from.sequence, got.sequence);
        CHECK(got.key.data == block + RECORD_HEADER_BYTES && got.key.size == 5);
        CHECK_EQUAL(RECORD_VALID, decode_copy(block, size, false, &got));
        block[at] ^= 0x10;
    }
    free(block);
}

TEST(the_body_check_stays_the_same_wherever_the_record_goes)
{
    record first = sample(RECORD_PUT, RECORD_FLAG_DEADLINE | RECORD_FLAG_NAMESPACE, 5, 6);
    record second = first;
    second.sequence = 1;
    second.flags |= RECORD_FLAG_BATCH | RECORD_FLAG_BATCH_LAST | RECORD_FLAG_SYNCED;
    second.flags |= RECORD_FLAG_CODEC;
    CHECK_EQUAL(first.body_crc, record_body_crc(&second));
}

TEST(the_body_check_covers_all_that_was_written)
{
    record base = sample(RECORD_PUT, RECORD_FLAG_DEADLINE | RECORD_FLAG_NAMESPACE, 5, 6);
    record changed[7];
    for (size_t i = 0; i < 7; i++) {
        changed[i] = base;
    }
    changed[0].deadline_us++;
    changed[1].namespace_id++;
    changed[2].flags = RECORD_FLAG_DEADLINE;
    changed[3].flags = RECORD_FLAG_NAMESPACE;
    changed[4].key.size--;
    changed[4].value = slice_make(base.value.data - 1, 7); /* one byte from the key to the value */
    changed[5].value.size--;
    changed[6].kind = RECORD_DELETE;
    for (size_t i = 0; i < 7; i++) {
        CHECK(record_body_crc(&changed[i]) != base.body_crc);
    }
}

TEST(the_chain_of_a_batch_covers_every_member_in_order)
{
    uint32_t chain = record_chain(record_chain(record_chain(0, 10), 20), 30);
    CHECK(chain != record_chain(record_chain(record_chain(0, 20), 10), 30));
    CHECK(chain != record_chain(record_chain(0, 10), 30));
    uint8_t members[12];
    store_u32(members, 10);
    store_u32(members + 4, 20);
    store_u32(members + 8, 30);
    CHECK_EQUAL(crc32c_extend(0, members, sizeof members), chain);
}

TEST_MAIN(CASE(every_kind_flag_and_short_length_comes_back_as_it_went_out),
          CASE(large_keys_and_values_come_back_as_they_went_out),
          CASE(a_record_takes_its_head_key_and_value_rounded_up_to_eight),
          CASE(encoding_writes_every_byte_of_a_record_and_none_behind_it),
          CASE(the_head_alone_is_encoded_as_within_the_record),
          CASE(every_flipped_bit_of_a_record_is_noticed),
          CASE(a_record_at_another_offset_or_in_another_file_is_refused),
          CASE(a_record_cut_off_at_any_length_is_refused),
          CASE(a_cut_off_record_still_tells_its_header_and_lengths),
          CASE(an_invalid_header_leaves_the_result_untouched),
          CASE(unknown_kinds_and_flags_are_refused_under_a_right_check),
          CASE(deletes_have_no_value_dictionaries_no_key_and_clears_neither),
          CASE(sequence_0_and_values_over_the_limit_are_refused),
          CASE(the_end_of_a_range_delete_is_a_key),
          CASE(keys_over_65535_bytes_have_a_flag_and_others_must_not),
          CASE(random_bytes_are_never_a_record),
          CASE(a_damaged_body_is_noticed_only_where_it_is_checked),
          CASE(the_body_check_stays_the_same_wherever_the_record_goes),
          CASE(the_body_check_covers_all_that_was_written),
          CASE(the_chain_of_a_batch_covers_every_member_in_order))
