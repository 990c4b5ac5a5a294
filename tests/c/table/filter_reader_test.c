/*
 * filter_reader: never denies a key that is there, seldom takes one that is not, and refuses
 * payloads that are no filter.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/memory.h"
#include "table/filter_builder.h"
#include "table/filter_reader.h"

enum { KEY_COUNT = 20000, ABSENT_COUNT = 100000 };

static uint64_t hashes[KEY_COUNT];

/* A hash: check_random gives fewer than 64 random bits. */
static uint64_t random_hash(uint64_t *chance)
{
    uint64_t high = check_random(chance, UINT64_C(1) << 32);
    return high << 32 | check_random(chance, UINT64_C(1) << 32);
}

/* The payload of a filter over hashes. */
static buffer make(double bits_per_key)
{
    uint64_t chance = 88172645463325252u;
    filter_builder builder = FILTER_BUILDER_EMPTY;
    buffer out = BUFFER_EMPTY;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        hashes[i] = random_hash(&chance);
        CHECK_OK(filter_builder_add(&builder, hashes[i]));
    }
    CHECK_OK(filter_builder_finish(&builder, bits_per_key, &out));
    filter_builder_reset(&builder);
    return out;
}

static filter_reader open_filter(const buffer *payload)
{
    filter_reader filter;
    CHECK_OK(filter_reader_open(slice_make(payload->data, payload->size), "x", 0, &filter));
    return filter;
}

TEST(a_key_that_is_there_is_never_denied)
{
    for (double bits = 1; bits < 32; bits += 3) {
        buffer payload = make(bits);
        filter_reader filter = open_filter(&payload);
        CHECK_EQUAL(KEY_COUNT, filter.key_count);
        for (size_t i = 0; i < KEY_COUNT; i++) {
            CHECK(filter_may_contain(&filter, hashes[i]));
        }
        buffer_reset(&payload);
    }
}

/* The share of absent keys that are taken stays below what one cache line a key can reach. */
TEST(few_absent_keys_are_taken)
{
    static const double bits[] = {5, 8, 10, 16};
    static const double shares[] = {0.12, 0.032, 0.0135, 0.0015};
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        uint64_t chance = 1442695040888963407u;
        uint64_t taken = 0;
        buffer payload = make(bits[i]);
        filter_reader filter = open_filter(&payload);
        for (size_t k = 0; k < ABSENT_COUNT; k++) {
            taken += filter_may_contain(&filter, random_hash(&chance));
        }
        if ((double)taken > shares[i] * ABSENT_COUNT) {
            check_failed(__FILE__, __LINE__, "%" PRIu64 " taken at %.0f bits", taken, bits[i]);
        }
        buffer_reset(&payload);
    }
}

TEST(many_questions_at_once_get_the_same_answers)
{
    static bool answers[KEY_COUNT];
    uint64_t chance = 7;
    buffer payload = make(4);
    filter_reader filter = open_filter(&payload);
    for (size_t i = 0; i < KEY_COUNT; i += 2) {
        hashes[i] = random_hash(&chance);
    }
    for (size_t count = 0; count < 100; count++) {
        filter_may_contain_many(&filter, hashes, count, answers);
        for (size_t i = 0; i < count; i++) {
            CHECK_EQUAL(filter_may_contain(&filter, hashes[i]), answers[i]);
        }
    }
    buffer_reset(&payload);
}

TEST(a_payload_that_is_no_filter_is_refused)
{
    buffer payload = make(10);
    filter_reader filter;
    uint8_t *tail = payload.data + payload.size - FILTER_TAIL_BYTES;
    static const uint8_t places[] = {8, 9, 11, 12, 12, 13, 14, 15};
    static const uint8_t values[] = {0xff, 0xff, 1, 0, 17, 1, 1, 1};
    for (size_t i = 0; i < sizeof places; i++) {
        uint8_t kept = tail[places[i]];
        tail[places[i]] = values[i];
        CHECK_STATUS(PYKV_CORRUPTION,
                     filter_reader_open(slice_make(payload.data, payload.size), "x", 5, &filter));
        CHECK_EQUAL(5, error_last()->offset);
        tail[places[i]] = kept;
    }
    for (size_t size = 0; size < 200; size++) {
        CHECK_STATUS(PYKV_CORRUPTION,
                     filter_reader_open(slice_make(payload.data, size), "x", 5, &filter));
    }
    buffer_reset(&payload);
}

TEST_MAIN(CASE(a_key_that_is_there_is_never_denied), CASE(few_absent_keys_are_taken),
          CASE(many_questions_at_once_get_the_same_answers),
          CASE(a_payload_that_is_no_filter_is_refused))
