/*
 * key_space_test: user keys and stored keys.
 */
#include "harness/check.h"
#include "harness/hex_example.h"

#include "base/coding.h"
#include "lsm/key_space.h"

static slice text(const char *data)
{
    return slice_make(data, strlen(data));
}

static void expect_stored(uint32_t id, slice user_key, slice want)
{
    stored_key made;
    uint32_t got_id = 77;
    slice got_key;
    CHECK_OK(stored_key_make(id, user_key, &made));
    CHECK_EQUAL(want.size, made.key.size);
    CHECK_BYTES(want.data, made.key.data, want.size);
    CHECK(slice_equal(user_key, key_space_strip(made.key, key_space_prefix_bytes(id))));
    if (id == KEY_SPACE_NAMES) {
        CHECK(!key_space_split(made.key, &got_id, &got_key));
    } else {
        CHECK(key_space_split(made.key, &got_id, &got_key));
        CHECK_EQUAL(id, got_id);
        CHECK(slice_equal(user_key, got_key));
    }
    stored_key_reset(&made);
}

TEST(keys_of_the_default_namespace_stay_as_they_are_unless_they_begin_with_ff)
{
    expect_stored(KEY_SPACE_DEFAULT, text(""), text(""));
    expect_stored(KEY_SPACE_DEFAULT, text("key"), text("key"));
    expect_stored(KEY_SPACE_DEFAULT, text("\xfe\xff"), text("\xfe\xff"));
    expect_stored(KEY_SPACE_DEFAULT, text("\xff"), slice_make("\xff\0\xff", 3));
    expect_stored(KEY_SPACE_DEFAULT, text("\xff\x01z"), slice_make("\xff\0\xff\x01z", 5));
}

TEST(keys_of_a_namespace_begin_with_its_id)
{
    expect_stored(1, text(""), slice_make("\xff\x01\0\0\0\x01", 6));
    expect_stored(0x01020304, text("\xffz"), slice_make("\xff\x01\x01\x02\x03\x04\xffz", 8));
    expect_stored(KEY_SPACE_NAMES, text("users"), text("\xff\x02users"));
}

TEST(what_no_namespace_can_have_is_not_split)
{
    static const char *const bad[] = {"\xff", "\xff\x02", "\xff\x03zzzzzzz", "\xff\x01zzz"};
    uint32_t id;
    slice user_key;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!key_space_split(text(bad[i]), &id, &user_key));
    }
}

/* A fuzzed log had a key with the prefix of the default namespace that does not need it: a scan
 * showed a key that no get found. */
TEST(a_prefix_that_is_not_needed_or_has_no_legal_id_is_not_split)
{
    static const slice bad[] = {{(const uint8_t *)"\xff\0", 2},
                                {(const uint8_t *)"\xff\0zz", 4},
                                {(const uint8_t *)"\xff\x01\0\0\0\0z", 7},
                                {(const uint8_t *)"\xff\x01\xff\xff\xff\xfez", 7}};
    uint32_t id;
    slice user_key;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CHECK(!key_space_split(bad[i], &id, &user_key));
    }
    CHECK(key_space_split(slice_make("\xff\x01\xff\xff\xff\xfd", 6), &id, &user_key));
    CHECK_EQUAL(KEY_SPACE_ID_MAX, id);
}

TEST(the_longest_key_of_a_user_is_stored_in_every_namespace)
{
    uint8_t *longest = calloc(1, STORED_KEY_BYTES_MAX);
    uint8_t *want = calloc(1, STORED_KEY_BYTES_MAX);
    slice user_key = slice_make(longest, PYKV_KEY_BYTES_MAX);
    memset(longest, 0xff, PYKV_KEY_BYTES_MAX);
    memset(want, 0xff, STORED_KEY_BYTES_MAX);
    want[1] = 0;
    expect_stored(KEY_SPACE_DEFAULT, user_key, slice_make(want, PYKV_KEY_BYTES_MAX + 2));
    memcpy(want, "\xff\x01\x80\0\0\0", 6);
    expect_stored(0x80000000, user_key, slice_make(want, STORED_KEY_BYTES_MAX));
    free(longest);
    free(want);
}

static slice random_key(uint64_t *state, uint8_t bytes[4])
{
    static const uint8_t letters[] = {0, 1, 0x7f, 0xfe, 0xff};
    size_t size = check_random(state, 5);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = letters[check_random(state, sizeof letters)];
    }
    return slice_make(bytes, size);
}

TEST(stored_keys_order_by_namespace_and_then_as_user_keys_do)
{
    static const uint32_t ids[] = {KEY_SPACE_DEFAULT, 1, 255, 256, 0xffff, KEY_SPACE_ID_MAX,
                                   KEY_SPACE_NAMES};
    uint64_t state = check_seed();
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[2][4];
        stored_key left;
        stored_key right;
        size_t i = check_random(&state, sizeof ids / sizeof ids[0]);
        size_t j = check_random(&state, sizeof ids / sizeof ids[0]);
        slice a = random_key(&state, bytes[0]);
        slice b = random_key(&state, bytes[1]);
        CHECK_OK(stored_key_make(ids[i], a, &left));
        CHECK_OK(stored_key_make(ids[j], b, &right));
        int want = i != j ? (i > j) - (i < j) : slice_compare(a, b);
        int got = slice_compare(left.key, right.key);
        CHECK((want > 0) == (got > 0) && (want < 0) == (got < 0));
        stored_key_end(ids[i], &right);
        CHECK(slice_compare(left.key, right.key) < 0);
        if (i + 1 < sizeof ids / sizeof ids[0]) {
            CHECK_OK(stored_key_make(ids[i + 1], slice_make("", 0), &left));
            CHECK(slice_compare(right.key, left.key) <= 0);
        }
    }
}

static void expect_range(uint32_t id, const pykv_range *wanted, slice start, slice stop)
{
    stored_range made;
    CHECK_OK(stored_range_make(id, wanted, &made));
    CHECK_EQUAL(start.size, made.range.has_start != 0 ? made.range.start_length : 0);
    CHECK_BYTES(start.data, made.range.start, start.size);
    CHECK_EQUAL(stop.size, made.range.has_stop != 0 ? made.range.stop_length : 0);
    CHECK_BYTES(stop.data, made.range.stop, stop.size);
    stored_range_reset(&made);
}

TEST(open_ranges_end_where_their_namespace_does)
{
    const pykv_range wanted = {.start = "\xff",
                               .start_length = 1,
                               .has_start = 1,
                               .stop = "b",
                               .stop_length = 1,
                               .has_stop = 1};
    expect_range(KEY_SPACE_STORED, NULL, text(""), text(""));
    expect_range(KEY_SPACE_DEFAULT, NULL, text(""), text("\xff\x01"));
    expect_range(KEY_SPACE_DEFAULT, &wanted, slice_make("\xff\0\xff", 3), text("b"));
    expect_range(0x10ff, NULL, slice_make("\xff\x01\0\0\x10\xff", 6),
                 slice_make("\xff\x01\0\0\x11", 5));
    expect_range(1, &wanted, slice_make("\xff\x01\0\0\0\x01\xff", 7),
                 slice_make("\xff\x01\0\0\0\x01"
                            "b",
                            7));
    expect_range(KEY_SPACE_NAMES, NULL, text("\xff\x02"), text("\xff\x03"));
}

/* ---- the examples of docs/format/table.md ---- */

/* A stored key, which may be no text: its user key stands behind the prefix. */
static void check_key_of_page(const hex_example *page)
{
    uint32_t id = (uint32_t)hex_example_number(page, "id", UINT32_MAX);
    slice stored = slice_make(page->bytes, page->size);
    const char *wanted = hex_example_text(page, "key");
    slice key = wanted != NULL ? text(wanted) : slice_make(page->bytes + 2, page->size - 2);
    expect_stored(id, key, stored);
}

/* Stored key and value; the row of the highest id has no name. */
static void check_row_of_page(const hex_example *page)
{
    const char *name = hex_example_text(page, "namespace");
    slice key = slice_make(page->bytes, page->size - sizeof(uint32_t));
    expect_stored(KEY_SPACE_NAMES, text(name != NULL ? name : ""), key);
    CHECK_EQUAL(hex_example_number(page, "id", 0), load_u32(page->bytes + key.size));
}

TEST(the_stored_keys_of_the_page_are_made_and_split)
{
    static hex_example page;
    int count = 0;
    FILE *file = hex_example_open("docs/format/table.md");
    while (hex_example_next(file, &page)) {
        const char *format = hex_example_text(&page, "format");
        if (strcmp(format, "stored_key") == 0) {
            check_key_of_page(&page);
            count++;
        } else if (strcmp(format, "namespace_row") == 0) {
            check_row_of_page(&page);
            count++;
        }
    }
    CHECK_EQUAL(5, count);
    fclose(file);
}

TEST_MAIN(CASE(keys_of_the_default_namespace_stay_as_they_are_unless_they_begin_with_ff),
          CASE(keys_of_a_namespace_begin_with_its_id),
          CASE(what_no_namespace_can_have_is_not_split),
          CASE(a_prefix_that_is_not_needed_or_has_no_legal_id_is_not_split),
          CASE(the_longest_key_of_a_user_is_stored_in_every_namespace),
          CASE(stored_keys_order_by_namespace_and_then_as_user_keys_do),
          CASE(open_ranges_end_where_their_namespace_does),
          CASE(the_stored_keys_of_the_page_are_made_and_split))
