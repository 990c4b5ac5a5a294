/*
 * reads: get, contains, many and scans as a C program has them through pykv.h.
 */
#include "api_fixture.h"

enum { LARGE_BYTES = 3 << 20, MANY_COUNT = 1000 };

static void expect_large_value(api_fixture *f, const uint8_t *wanted)
{
    pykv_pinned pinned;
    CHECK_OK(pykv_get(f->store, "large", 5, 0, &pinned));
    CHECK_EQUAL(LARGE_BYTES, pinned.length);
    CHECK_BYTES(wanted, pinned.data, LARGE_BYTES);
    pykv_unpin(f->store, &pinned);
}

/* With mapped reads and without them. */
TEST(absent_empty_and_large_values_are_told_apart)
{
    for (int32_t no_mapped = 0; no_mapped < 2; no_mapped++) {
        api_fixture f = api_new();
        uint64_t seed = check_seed();
        uint8_t *large = malloc(LARGE_BYTES);
        CHECK(large != NULL);
        for (size_t i = 0; i < LARGE_BYTES; i++) {
            large[i] = (uint8_t)check_random(&seed, 256);
        }
        f.options.no_mapped_reads = no_mapped;
        api_reopen(&f);
        CHECK_OK(pykv_put(f.store, "empty", 5, NULL, 0, 0));
        CHECK_OK(pykv_put(f.store, NULL, 0, "of the empty key", 16, 0));
        CHECK_OK(pykv_put(f.store, "large", 5, large, LARGE_BYTES, 0));
        for (int opening = 0; opening < 2; opening++) {
            api_expect(&f, "absent", NULL);
            CHECK_STATUS(PYKV_NOT_FOUND, pykv_contains(f.store, "absent", 6, 0));
            api_expect(&f, "empty", "");
            CHECK_OK(pykv_contains(f.store, "empty", 5, 0));
            api_expect(&f, "", "of the empty key");
            expect_large_value(&f, large);
            api_reopen(&f);
        }
        free(large);
        api_free(&f);
    }
}

TEST(a_key_of_65536_bytes_is_too_large_to_ask_for_and_one_of_65535_is_not)
{
    static uint8_t key[PYKV_KEY_BYTES_MAX + 1];
    api_fixture f = api_new();
    pykv_pinned pinned;
    pykv_many *many;
    const void *keys[] = {"a", key};
    size_t lengths[] = {1, sizeof key};
    CHECK_OK(pykv_many_new(f.store, &many));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, pykv_get(f.store, key, sizeof key, 0, &pinned));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, pykv_contains(f.store, key, sizeof key, 0));
    CHECK_STATUS(PYKV_KEY_TOO_LARGE, pykv_get_many(many, 2, keys, lengths, 0));
    lengths[1] = sizeof key - 1;
    CHECK_STATUS(PYKV_NOT_FOUND, pykv_get(f.store, key, sizeof key - 1, 0, &pinned));
    CHECK_STATUS(PYKV_NOT_FOUND, pykv_contains(f.store, key, sizeof key - 1, 0));
    CHECK_OK(pykv_get_many(many, 2, keys, lengths, 0));
    CHECK(pykv_many_values(many)[1] == NULL);
    pykv_many_free(many);
    CHECK_OK(pykv_close(f.store, 0)); /* nothing stayed inside */
    api_free(&f);
}

/* Keys key-0 .. key-999, of which the even ones are there. */
static void expect_half(pykv_many *many, size_t count)
{
    static char text[MANY_COUNT][16];
    const void *keys[MANY_COUNT] = {0};
    size_t lengths[MANY_COUNT] = {0};
    for (size_t i = 0; i < count; i++) {
        lengths[i] = (size_t)snprintf(text[i], sizeof text[i], "key-%zu", i);
        keys[i] = text[i];
    }
    CHECK_OK(pykv_get_many(many, count, keys, lengths, 0));
    for (size_t i = 0; i < count; i++) {
        CHECK((pykv_many_values(many)[i] != NULL) == (i % 2 == 0));
        CHECK_EQUAL(i % 2 == 0 ? lengths[i] : 0, pykv_many_lengths(many)[i]);
        if (i % 2 == 0) {
            CHECK_BYTES(text[i], pykv_many_values(many)[i], lengths[i]);
        }
    }
}

TEST(many_keys_give_hits_and_misses_in_the_order_asked)
{
    api_fixture f = api_new();
    pykv_many *many;
    char key[16];
    api_fill(&f, 0, MANY_COUNT);
    for (uint32_t i = 1; i < MANY_COUNT; i += 2) {
        int length = snprintf(key, sizeof key, "key-%u", i);
        CHECK_OK(pykv_delete(f.store, key, (size_t)length, 0, NULL));
    }
    CHECK_OK(pykv_many_new(f.store, &many));
    expect_half(many, 0);
    expect_half(many, 1);
    expect_half(many, MANY_COUNT);
    expect_half(many, 2);
    pykv_many_free(many);
    api_free(&f);
}

TEST(what_many_gave_stays_until_it_is_released_and_close_waits_for_that)
{
    api_fixture f = api_new();
    pykv_many *many;
    const void *keys[] = {"key-1"};
    size_t lengths[] = {5};
    api_fill(&f, 0, 10);
    CHECK_OK(pykv_many_new(f.store, &many));
    CHECK_OK(pykv_get_many(many, 1, keys, lengths, 0));
    const uint8_t *value = pykv_many_values(many)[0];
    for (uint32_t round = 0; round < 100; round++) {
        api_fill(&f, 0, 10);
    }
    CHECK_OK(pykv_compact(f.store, NULL, NULL));
    CHECK_BYTES("key-1", value, 5);
    CHECK_STATUS(PYKV_TIMED_OUT, pykv_close(f.store, 0));
    CHECK_BYTES("key-1", value, 5);
    pykv_many_release(many);
    CHECK_OK(pykv_close(f.store, 0));
    CHECK_STATUS(PYKV_CLOSED, pykv_get_many(many, 1, keys, lengths, 0));
    pykv_many_free(many);
    api_free(&f);
}

TEST(a_scan_gives_each_row_once_and_close_ends_it)
{
    api_fixture f = api_new();
    bool seen[300] = {false};
    uint32_t number;
    pykv_scan *scan;
    pykv_rows rows;
    api_fill(&f, 0, 300);
    CHECK_OK(pykv_scan_open(f.store, NULL, &scan));
    CHECK_STATUS(PYKV_WOULD_BLOCK, pykv_scan_next(scan, 500, PYKV_NO_WAIT, &rows));
    for (;;) {
        CHECK_OK(pykv_scan_next(scan, 500, 0, &rows));
        if (rows.count == 0) {
            break;
        }
        for (size_t i = 0; i < rows.count; i++) {
            const uint64_t *at = rows.offsets + 2 * i;
            CHECK_EQUAL(at[1] - at[0], at[2] - at[1]);
            CHECK_BYTES(rows.data + at[0], rows.data + at[1], at[1] - at[0]);
            char key[16] = "";
            memcpy(key, rows.data + at[0], at[1] - at[0]);
            CHECK_EQUAL(1, sscanf(key, "key-%u", &number));
            CHECK(number < 300 && !seen[number]);
            seen[number] = true;
        }
    }
    for (size_t i = 0; i < 300; i++) {
        CHECK(seen[i]);
    }
    CHECK_OK(pykv_close(f.store, 0));
    CHECK_STATUS(PYKV_CLOSED, pykv_scan_next(scan, 0, 0, &rows));
    pykv_scan_close(scan);
    api_free(&f);
}

/* Opens a scan of range, takes its first chunk, and closes it. */
static pykv_status take(pykv_store *store, const pykv_range *range, uint64_t *count_out,
                        uint64_t *bytes_out)
{
    pykv_scan *scan = NULL;
    pykv_rows rows = {0};
    pykv_status status = pykv_scan_open(store, range, &scan);
    if (status == PYKV_OK) {
        CHECK_OK(pykv_scan_next(scan, 0, 0, &rows));
        *count_out = rows.count;
        *bytes_out = rows.offsets[2 * rows.count];
    }
    pykv_scan_close(scan);
    return status;
}

TEST(a_bitcask_serves_what_a_range_asks_for_but_order)
{
    api_fixture f = api_new();
    uint64_t count = 0;
    uint64_t bytes = 0;
    api_fill(&f, 0, 10);
    CHECK_OK(take(f.store, &(pykv_range){0}, &count, &bytes));
    CHECK_EQUAL(10, count);
    CHECK_EQUAL(10 * 2 * 5, bytes);
    CHECK_OK(take(f.store, &(pykv_range){.keys_only = 1, .limit = 3}, &count, &bytes));
    CHECK_EQUAL(3, count);
    CHECK_EQUAL(3 * 5, bytes);
    static const pykv_range refused[] = {{.has_start = 1, .start = "k", .start_length = 1},
                                         {.has_start = 1},
                                         {.has_stop = 1, .stop = "k", .stop_length = 1},
                                         {.reverse = 1, .limit = 1}};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        CHECK_STATUS(PYKV_NOT_SUPPORTED, take(f.store, &refused[i], &count, &bytes));
        CHECK(strstr(pykv_last_error()->text, "no order") != NULL);
    }
    CHECK_EQUAL(0, api_stats(&f).open_scan_count);
    api_free(&f);
}

TEST(the_size_of_all_rows_is_guessed)
{
    for (int32_t engine = PYKV_ENGINE_BITCASK; engine <= PYKV_ENGINE_LSM; engine++) {
        api_fixture f = {.options = {.engine = engine}};
        uint64_t bytes = 1;
        f.path = check_temporary_directory();
        CHECK_OK(api_open(&f));
        CHECK_OK(pykv_approximate_size(f.store, NULL, &bytes));
        CHECK_EQUAL(0, bytes);
        api_fill(&f, 0, 100);
        CHECK_OK(pykv_approximate_size(f.store, NULL, &bytes));
        CHECK(bytes >= 100 * 10 && bytes <= 100 * 100);
        pykv_range range = {.has_stop = 1, .stop = "key-5", .stop_length = 5};
        pykv_status status = pykv_approximate_size(f.store, &range, &bytes);
        CHECK_EQUAL(engine == PYKV_ENGINE_LSM ? PYKV_OK : PYKV_NOT_SUPPORTED, status);
        api_free(&f);
    }
}

TEST_MAIN(CASE(absent_empty_and_large_values_are_told_apart),
          CASE(a_key_of_65536_bytes_is_too_large_to_ask_for_and_one_of_65535_is_not),
          CASE(many_keys_give_hits_and_misses_in_the_order_asked),
          CASE(what_many_gave_stays_until_it_is_released_and_close_waits_for_that),
          CASE(a_scan_gives_each_row_once_and_close_ends_it),
          CASE(a_bitcask_serves_what_a_range_asks_for_but_order),
          CASE(the_size_of_all_rows_is_guessed))
