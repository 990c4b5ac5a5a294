/*
 * filter_builder: sizes follow the bits a key, and every key's bits are set.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/memory.h"
#include "table/filter_builder.h"
#include "table/filter_reader.h"

/* A hash: check_random gives fewer than 64 random bits. */
static uint64_t random_hash(uint64_t *chance)
{
    uint64_t high = check_random(chance, UINT64_C(1) << 32);
    return high << 32 | check_random(chance, UINT64_C(1) << 32);
}

static void add_keys(filter_builder *builder, uint64_t count)
{
    uint64_t chance = 88172645463325252u;
    for (uint64_t i = 0; i < count; i++) {
        CHECK_OK(filter_builder_add(builder, random_hash(&chance)));
    }
}

TEST(a_filter_takes_the_bits_a_key_that_were_asked_for)
{
    static const double bits[] = {1, 4, 8, 10, 14, 14.5, 16, 30};
    static const uint8_t probes[] = {1, 2, 5, 6, 6, 10, 11, 16};
    filter_builder builder = FILTER_BUILDER_EMPTY;
    add_keys(&builder, 10000);
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        buffer out = BUFFER_EMPTY;
        CHECK_OK(filter_builder_finish(&builder, bits[i], &out));
        double got = (double)out.size * 8 / 10000;
        CHECK(got >= bits[i] && got < bits[i] + 0.2);
        CHECK_EQUAL(10000, load_u64(out.data + out.size - 16));
        CHECK_EQUAL(probes[i], out.data[out.size - 4]);
        buffer_reset(&out);
    }
    filter_builder_reset(&builder);
}

/* The hashes of a running flush or compaction, 8 bytes a key, were memory that nothing counted. */
TEST(hashes_count_in_the_budget_until_the_builder_is_reset)
{
    memory_budget budget;
    filter_builder builder = FILTER_BUILDER_EMPTY;
    memory_budget_init(&budget, 1000);
    builder.budget = &budget;
    add_keys(&builder, 10000);
    CHECK(memory_budget_used(&budget) >= 10000 * 8);
    CHECK_EQUAL(builder.hashes.capacity, memory_budget_used(&budget));
    filter_builder_reset(&builder);
    CHECK_EQUAL(0, memory_budget_used(&budget));
}

TEST(a_filter_of_no_key_has_one_empty_line)
{
    static const uint8_t zeros[FILTER_LINE_BYTES] = {0};
    filter_builder builder = FILTER_BUILDER_EMPTY;
    buffer out = BUFFER_EMPTY;
    CHECK_OK(filter_builder_finish(&builder, 10, &out));
    CHECK_EQUAL(FILTER_LINE_BYTES + FILTER_TAIL_BYTES, out.size);
    CHECK_BYTES(zeros, out.data, FILTER_LINE_BYTES);
    buffer_reset(&out);
    filter_builder_reset(&builder);
}

TEST(no_memory_is_reported)
{
    filter_builder builder = FILTER_BUILDER_EMPTY;
    buffer out = BUFFER_EMPTY;
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, filter_builder_add(&builder, 1));
    CHECK_OK(filter_builder_add(&builder, 1));
    mem_fail_at(1, 0);
    CHECK_STATUS(PYKV_NO_MEMORY, filter_builder_finish(&builder, 10, &out));
    mem_fail_at(0, 0);
    CHECK_EQUAL(0, out.size);
    filter_builder_reset(&builder);
}

TEST_MAIN(CASE(a_filter_takes_the_bits_a_key_that_were_asked_for),
          CASE(hashes_count_in_the_budget_until_the_builder_is_reset),
          CASE(a_filter_of_no_key_has_one_empty_line), CASE(no_memory_is_reported))
