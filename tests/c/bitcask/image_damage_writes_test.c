/*
 * image_damage_writes_test: writes that meet a damaged page of the directory image behind others
 * that did not.
 */
#include "bitcask/merge_fixture.h"
#include "bitcask/operation_fixture.h"

enum { MANY_KEYS = 3000, MORE_KEYS = 6000, PAGE_BYTES = 4096 };

/* Opens a store whose image has several pages, of which one, counted from the end, is damaged. */
static void open_damaged_page(fixture *store, uint64_t page)
{
    uint64_t size;
    uint8_t *data = fixture_bytes(store, BITCASK_IMAGE_NAME, &size);
    CHECK(size > (page + 3) * PAGE_BYTES);
    data[size - page * PAGE_BYTES - 100] ^= 0x40;
    CHECK_OK(fixture_open(store));
    CHECK(store->store->recovered_from_image);
}

/* One batch of key-from .. key-(to - 1). */
static void write_batch(fixture *store, uint32_t from, uint32_t to, const char *value)
{
    static char keys[MORE_KEYS][16];
    static operation writes[MORE_KEYS];
    CHECK(to - from <= MORE_KEYS);
    for (uint32_t i = from; i < to; i++) {
        snprintf(keys[i - from], sizeof keys[0], "key-%u", i);
        writes[i - from] =
            operation_make(value != NULL ? RECORD_PUT : RECORD_DELETE, keys[i - from], value);
    }
    CHECK_OK(bitcask_write(store->store, writes, to - from, 0));
}

static void expect_keys(fixture *store, uint32_t count, const char *value)
{
    char key[16];
    pykv_report report;
    for (uint32_t i = 0; i < count; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        fixture_expect(store, key, value);
    }
    CHECK_EQUAL(value != NULL ? count : 0, bitcask_count(store->store));
    CHECK_OK(bitcask_verify(store->store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
}

/* By calls of the system every batch is appended as soon as it is resolved, not resolved again. */
static fixture given_up_merge(void)
{
    fixture store = fixture_new();
    fixture_fill(&store, 0, MANY_KEYS, 10);
    for (uint32_t i = 0; i < MANY_KEYS; i += 2) {
        fixture_fill(&store, i, i + 1, 12);
    }
    merge_fixture_begin(&store);
    merge_fixture_until(&store, MERGE_REMOVE);
    merge_abandon(store.store);
    fixture_close(&store);
    store.options.log_sink = PYKV_LOG_PWRITE;
    return store;
}

/* The records of the inputs of a merge that was given up stand in its output too. The first writes
 * of a batch were resolved to that; the damage that a later one met had the directory built anew,
 * which leads to the inputs. Publishing did not find what it was to displace: keys had two slots,
 * gets gave the old value, and a delete brought it back. */
TEST(a_batch_that_meets_damage_behind_a_merge_that_was_given_up_leaves_a_key_one_slot)
{
    for (uint64_t page = 0; page < 8; page++) {
        fixture store = given_up_merge();
        open_damaged_page(&store, page);
        write_batch(&store, 0, MANY_KEYS, "new");
        CHECK(!store.store->recovered_from_image);
        expect_keys(&store, MANY_KEYS, "new");
        fixture_expect_exact_books(&store);
        fixture_reopen(&store);
        expect_keys(&store, MANY_KEYS, "new");
        write_batch(&store, 0, MANY_KEYS, NULL);
        expect_keys(&store, MANY_KEYS, NULL);
        fixture_free(&store);
    }
}

/* Room for a new key came from splitting a bucket that no key of the write is in: the write was
 * refused for the damage of its page. */
TEST(damage_in_a_bucket_that_a_write_splits_costs_only_a_rebuild)
{
    for (uint64_t page = 0; page < 12; page++) {
        for (int batched = 0; batched < 2; batched++) {
            fixture store = fixture_new();
            write_batch(&store, 0, MORE_KEYS, "1");
            fixture_close(&store);
            open_damaged_page(&store, page);
            for (uint32_t i = 0; i < 2000; i += batched ? 2000 : 1) {
                write_batch(&store, MORE_KEYS + i, MORE_KEYS + i + (batched ? 2000 : 1), "1");
            }
            expect_keys(&store, MORE_KEYS + 2000, "1");
            fixture_free(&store);
        }
    }
}

TEST_MAIN(CASE(a_batch_that_meets_damage_behind_a_merge_that_was_given_up_leaves_a_key_one_slot),
          CASE(damage_in_a_bucket_that_a_write_splits_costs_only_a_rebuild))
