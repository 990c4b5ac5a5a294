/*
 * read: get and contains, by mapping and by pread, of records that are there, absent or damaged.
 */
#include <errno.h>

#include "bitcask_fixture.h"

#include "env/env_fault.h"

enum { LARGE_BYTES = 100000 };

static pykv_status get_status(fixture *f, const char *key, int32_t flags)
{
    pykv_pinned pinned = {0};
    pykv_status status = bitcask_get(f->store, fixture_text(key), flags, &pinned);
    if (status == PYKV_OK) {
        mem_free(pinned.owned);
    }
    return status;
}

static pykv_stats stats_of(fixture *f)
{
    pykv_stats stats;
    bitcask_stats(f->store, &stats);
    return stats;
}

static void expect_large(fixture *f, const uint8_t *wanted)
{
    pykv_pinned pinned = {0};
    CHECK_OK(bitcask_get(f->store, fixture_text("large"), 0, &pinned));
    CHECK_EQUAL(LARGE_BYTES, pinned.length);
    CHECK_BYTES(wanted, pinned.data, LARGE_BYTES);
    CHECK((pinned.owned != NULL) == (f->options.no_mapped_reads != 0));
    mem_free(pinned.owned);
}

TEST(get_and_contains_agree_on_absent_empty_and_large_values)
{
    static uint8_t large[LARGE_BYTES];
    for (int32_t no_mapped = 0; no_mapped < 2; no_mapped++) {
        fixture f = fixture_new();
        uint64_t seed = check_seed();
        f.options.no_mapped_reads = no_mapped;
        fixture_reopen(&f);
        for (size_t i = 0; i < sizeof large; i++) {
            large[i] = (uint8_t)check_random(&seed, 256);
        }
        CHECK_OK(bitcask_put(f.store, fixture_text("large"), slice_make(large, sizeof large), 0));
        fixture_put(&f, "empty", "");
        fixture_put(&f, "", "of the empty key");
        fixture_put(&f, "gone", "1");
        fixture_delete(&f, "gone");
        fixture_expect(&f, "empty", "");
        fixture_expect(&f, "", "of the empty key");
        fixture_expect(&f, "gone", NULL);
        fixture_expect(&f, "never", NULL);
        expect_large(&f, large);
        CHECK_OK(bitcask_contains(f.store, fixture_text("empty"), 0));
        CHECK_OK(bitcask_contains(f.store, fixture_text(""), 0));
        CHECK_OK(bitcask_contains(f.store, fixture_text("large"), 0));
        CHECK_STATUS(PYKV_NOT_FOUND, bitcask_contains(f.store, fixture_text("gone"), 0));
        CHECK_STATUS(PYKV_NOT_FOUND, bitcask_contains(f.store, fixture_text("never"), 0));
        fixture_free(&f);
    }
}

TEST(a_get_that_may_not_wait_is_answered_by_the_mapping_or_not_at_all)
{
    fixture f = fixture_new();
    fixture_put(&f, "a", "1");
    CHECK_OK(get_status(&f, "a", PYKV_NO_WAIT));
    CHECK_STATUS(PYKV_NOT_FOUND, get_status(&f, "b", PYKV_NO_WAIT));
    CHECK_EQUAL(0, stats_of(&f).cold_read_count);
    f.options.no_mapped_reads = 1;
    fixture_reopen(&f);
    CHECK_EQUAL(PYKV_WOULD_BLOCK, get_status(&f, "a", PYKV_NO_WAIT));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, bitcask_contains(f.store, fixture_text("a"), PYKV_NO_WAIT));
    CHECK_EQUAL(0, stats_of(&f).cold_read_count);
    CHECK_OK(get_status(&f, "a", 0));
    CHECK_EQUAL(1, stats_of(&f).cold_read_count);
    fixture_free(&f);
}

TEST(every_read_is_counted_and_a_get_that_finds_its_key_as_a_hit)
{
    fixture f = fixture_new();
    fixture_put(&f, "a", "1");
    fixture_expect(&f, "a", "1");
    fixture_expect(&f, "b", NULL);
    CHECK_OK(bitcask_contains(f.store, fixture_text("a"), 0));
    CHECK_EQUAL(3, stats_of(&f).get_count);
    CHECK_EQUAL(1, stats_of(&f).get_hit_count);
    fixture_free(&f);
}

/* The value's place in the first segment's file. */
static uint8_t *find_bytes(fixture *f, const char *text, uint64_t *offset_out)
{
    uint64_t size;
    uint8_t *data = fixture_bytes(f, "00000001.log", &size);
    uint8_t *at = memmem(data, size, text, strlen(text));
    CHECK(at != NULL);
    *offset_out = (uint64_t)(at - data);
    return at;
}

TEST(a_damaged_value_is_refused_by_get_and_not_looked_at_by_contains)
{
    for (int32_t no_mapped = 0; no_mapped < 2; no_mapped++) {
        uint64_t offset;
        fixture f = fixture_new();
        fixture_put(&f, "a", "before the damage");
        fixture_put(&f, "key", "a value that rots");
        fixture_put(&f, "z", "behind the damage");
        fixture_close(&f);
        *find_bytes(&f, "a value that rots", &offset) ^= 1;
        f.options.no_mapped_reads = no_mapped;
        CHECK_OK(fixture_open(&f));
        CHECK_STATUS(PYKV_CORRUPTION, get_status(&f, "key", 0));
        CHECK(strstr(error_last()->path, "00000001.log") != NULL);
        CHECK(error_last()->offset > 0 && error_last()->offset < offset);
        CHECK_OK(bitcask_contains(f.store, fixture_text("key"), 0));
        fixture_expect(&f, "a", "before the damage");
        fixture_expect(&f, "z", "behind the damage");
        fixture_free(&f);
    }
}

/* A damaged key looks like another key's record: contains must not take it for a miss. */
TEST(a_damaged_key_is_never_taken_for_an_absent_one)
{
    uint64_t offset;
    fixture f = fixture_new();
    fixture_put(&f, "the key itself", "1");
    fixture_close(&f);
    *find_bytes(&f, "the key itself", &offset) ^= 1;
    CHECK_OK(fixture_open(&f));
    CHECK_STATUS(PYKV_CORRUPTION, get_status(&f, "the key itself", 0));
    CHECK_STATUS(PYKV_CORRUPTION, bitcask_contains(f.store, fixture_text("the key itself"), 0));
    fixture_free(&f);
}

TEST(a_read_that_fails_is_an_error_not_an_absence_and_changes_nothing)
{
    env *faulty;
    fixture f = fixture_new();
    const env_fault_plan reads = {
        .at = 1, .sticky = true, .system_errno = EIO, .call_mask = 1U << ENV_CALL_READ};
    const env_fault_plan none = {.at = 0};
    fixture_put(&f, "key", "value");
    fixture_close(&f);
    CHECK_OK(env_fault_new(f.disk, &faulty));
    f.options.no_mapped_reads = 1;
    CHECK_OK(bitcask_open(faulty, FIXTURE_PATH, &f.options, &f.store));
    fixture_expect(&f, "key", "value");
    env_fault_set(faulty, &reads);
    CHECK_STATUS(PYKV_IO_FAILED, get_status(&f, "key", 0));
    CHECK_STATUS(PYKV_IO_FAILED, bitcask_contains(f.store, fixture_text("key"), 0));
    CHECK(strstr(error_last()->path, "00000001.log") != NULL);
    env_fault_set(faulty, &none);
    fixture_expect(&f, "key", "value");
    fixture_close(&f);
    env_fault_free(faulty);
    fixture_free(&f);
}

TEST_MAIN(CASE(get_and_contains_agree_on_absent_empty_and_large_values),
          CASE(a_get_that_may_not_wait_is_answered_by_the_mapping_or_not_at_all),
          CASE(every_read_is_counted_and_a_get_that_finds_its_key_as_a_hit),
          CASE(a_damaged_value_is_refused_by_get_and_not_looked_at_by_contains),
          CASE(a_damaged_key_is_never_taken_for_an_absent_one),
          CASE(a_read_that_fails_is_an_error_not_an_absence_and_changes_nothing))
