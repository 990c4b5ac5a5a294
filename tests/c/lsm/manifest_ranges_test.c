/*
 * manifest_ranges_test: what was written is read again, and nothing else is.
 */
#include "range_fixture.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/memory.h"
#include "log/manifest_file.h"
#include "lsm/manifest_ranges.h"

static const range_rule NEWEST = {UINT64_MAX, true, false};

/* A manifest of a head and these ranges. */
static buffer manifest_of(const range_set *set)
{
    buffer bytes = BUFFER_EMPTY;
    CHECK_OK(buffer_append_zeros(&bytes, MANIFEST_HEAD_BYTES));
    uint32_t crc = manifest_head_seal(bytes.data);
    CHECK_OK(manifest_ranges_encode(set, crc, &bytes));
    CHECK_EQUAL(MANIFEST_HEAD_BYTES + manifest_ranges_bytes(set), bytes.size);
    return bytes;
}

static pykv_status read(const buffer *bytes, uint64_t count, const range_set **out)
{
    manifest_ranges_place place = {"MANIFEST", MANIFEST_HEAD_BYTES, count, 100};
    return manifest_ranges_decode(bytes->data, bytes->size, &place, out);
}

static const range_set *example(void)
{
    const range_set *set = NULL;
    range_add(&set, "", "b", 100, &NEWEST);
    range_add(&set, "ba", "bbbbbbbbb", 7, &NEWEST);
    range_add(&set, "x", "", 9, &NEWEST);
    return set;
}

TEST(every_range_that_was_written_is_read_again)
{
    const range_set *set = example();
    const range_set *got;
    buffer bytes = manifest_of(set);
    CHECK_OK(read(&bytes, 3, &got));
    buffer_reset(&bytes);
    CHECK_RANGES("-b:100 ba-bbbbbbbbb:7 x-:9", got);
    range_set_release(got);
    range_set_release(set);
    bytes = manifest_of(NULL);
    CHECK_OK(read(&bytes, 0, &got));
    CHECK(got == NULL);
    buffer_reset(&bytes);
}

TEST(every_changed_bit_and_every_cut_is_refused)
{
    const range_set *set = example();
    const range_set *got;
    buffer bytes = manifest_of(set);
    for (size_t bit = 8 * MANIFEST_HEAD_BYTES; bit < 8 * bytes.size; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION, read(&bytes, 3, &got));
        bytes.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    size_t whole = bytes.size;
    for (bytes.size = MANIFEST_HEAD_BYTES; bytes.size < whole; bytes.size++) {
        CHECK_STATUS(PYKV_CORRUPTION, read(&bytes, 3, &got));
    }
    CHECK_STATUS(PYKV_CORRUPTION, read(&bytes, 2, &got));
    CHECK_STATUS(PYKV_CORRUPTION, read(&bytes, UINT64_MAX, &got));
    buffer_reset(&bytes);
    range_set_release(set);
}

/* Reads the example with a number changed and the checks made right again. */
static void check_refused(size_t entry_at, size_t entry_bytes, size_t at, uint64_t value,
                          const char *words)
{
    const range_set *set = example();
    const range_set *got;
    buffer bytes = manifest_of(set);
    uint8_t *entry = bytes.data + MANIFEST_HEAD_BYTES + entry_at;
    if (at < 8) {
        store_u64(entry + at, value);
    } else {
        entry[at] = (uint8_t)value;
    }
    uint32_t crc = crc32c_extend(manifest_head_crc(bytes.data), entry, 20);
    store_u32(entry + 20, crc32c_extend(crc, entry + 24, entry_bytes - 24));
    CHECK_STATUS(PYKV_CORRUPTION, read(&bytes, 3, &got));
    CHECK(strstr(error_last()->text, words) != NULL);
    buffer_reset(&bytes);
    range_set_release(set);
}

TEST(what_no_range_can_be_is_refused_though_the_checks_are_right)
{
    check_refused(0, 32, 0, 0, "sequence out of bounds");
    check_refused(0, 32, 0, 101, "sequence out of bounds");
    check_refused(0, 32, 16, 1, "not zero");
    check_refused(0, 32, 31, 1, "not zero");
    check_refused(0, 32, 24, 'c', "out of order"); /* ends at c, behind where the next begins */
    check_refused(32, 40, 26, 'a', "before it begins"); /* from ba to ab... */
    check_refused(32, 40, 24, 'a', "out of order");
}

TEST(without_memory_nothing_leaks)
{
    const range_set *set = example();
    const range_set *got = NULL;
    buffer bytes = manifest_of(set);
    int64_t blocks = mem_block_count();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        CHECK(at < 100);
        (void)mem_fail_at(at, 0);
        status = read(&bytes, 3, &got);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || mem_block_count() == blocks);
    }
    range_set_release(got);
    buffer_reset(&bytes);
    range_set_release(set);
}

TEST_MAIN(CASE(every_range_that_was_written_is_read_again),
          CASE(every_changed_bit_and_every_cut_is_refused),
          CASE(what_no_range_can_be_is_refused_though_the_checks_are_right),
          CASE(without_memory_nothing_leaks))
