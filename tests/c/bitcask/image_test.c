/*
 * image: the saved key directory is used at the next open, and made anew when a page of it is bad.
 */
#include "bitcask_fixture.h"

#include "bitcask/image.h"
#include "bitcask/key_hash.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/named_fixture.h"
#include "bitcask/operation_fixture.h"
#include "bitcask/scan.h"

enum { IMAGE_KEYS = 2000, PAGE_BYTES = 4096 };

/* A closed store with an image of some pages. */
static fixture imaged(void)
{
    fixture f = fixture_new();
    fixture_fill(&f, 0, IMAGE_KEYS, 10);
    fixture_close(&f);
    return f;
}

/* Opens it with the last page_count pages of the image damaged. */
static void open_damaged(fixture *f, uint64_t page_count)
{
    uint64_t size;
    uint8_t *data = fixture_bytes(f, BITCASK_IMAGE_NAME, &size);
    CHECK(size >= (page_count + 1) * PAGE_BYTES);
    for (uint64_t page = 1; page <= page_count; page++) {
        data[size - page * PAGE_BYTES + 100] ^= 0x20;
    }
    CHECK_OK(fixture_open(f));
    CHECK(f->store->recovered_from_image); /* header and tables are good */
}

static void expect_all(fixture *f)
{
    char key[16];
    for (uint32_t i = 0; i < IMAGE_KEYS; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        fixture_expect(f, key, "vvvvvvvvvv");
    }
    fixture_expect(f, "absent", NULL);
    CHECK_EQUAL(IMAGE_KEYS, bitcask_count(f->store));
}

TEST(a_page_is_checked_when_it_is_first_touched_and_the_rest_in_bounded_steps)
{
    fixture f = imaged();
    uint64_t hash;
    bool more = true;
    CHECK_OK(fixture_open(&f));
    CHECK(f.store->recovered_from_image);
    keydir *keys = f.store->spaces.main.directory->keys;
    hash = bitcask_hash(f.store, "key-1", 5);
    CHECK(!keydir_image_ready(keys, hash));
    CHECK_OK(bitcask_check_image(f.store, &f.store->spaces.main, hash));
    CHECK(keydir_image_ready(keys, hash));
    for (int step = 0; more && step < 1000; step++) {
        CHECK_OK(bitcask_check_image_some(f.store, &more));
    }
    CHECK(!more);
    CHECK(f.store->spaces.main.directory->keys == keys);
    expect_all(&f);
    CHECK(f.store->recovered_from_image);
    fixture_free(&f);
}

TEST(a_damaged_page_is_noticed_at_its_first_touch_and_the_directory_made_anew)
{
    fixture f = imaged();
    open_damaged(&f, 1);
    const directory *before = f.store->spaces.main.directory;
    expect_all(&f);
    CHECK(f.store->spaces.main.directory != before);
    CHECK(!f.store->recovered_from_image);
    fixture_free(&f);
}

TEST(a_write_is_as_good_as_a_read_in_finding_a_damaged_page)
{
    fixture f = imaged();
    open_damaged(&f, 3);
    fixture_fill(&f, 0, IMAGE_KEYS, 10);
    CHECK(!f.store->recovered_from_image);
    expect_all(&f);
    pykv_stats stats;
    bitcask_stats(f.store, &stats);
    CHECK_EQUAL(IMAGE_KEYS, stats.key_count);
    CHECK(stats.disk_bytes > stats.live_bytes * 3 / 2); /* the old records were displaced */
    fixture_free(&f);
}

TEST(a_scan_and_the_background_find_damage_before_anyone_reads_it)
{
    for (int by_scan = 0; by_scan < 2; by_scan++) {
        fixture f = imaged();
        scan *rows;
        int32_t more;
        open_damaged(&f, 1);
        if (by_scan != 0) {
            CHECK_OK(scan_open(f.store, true, &rows));
            scan_free(rows);
        } else {
            CHECK_OK(bitcask_maintain_step(f.store, PYKV_ROLE_DATA, &more));
        }
        CHECK(!f.store->recovered_from_image);
        expect_all(&f);
        fixture_free(&f);
    }
}

TEST(a_damaged_page_does_not_get_into_the_next_image)
{
    fixture f = imaged();
    open_damaged(&f, 1);
    fixture_put(&f, "one more", "1");
    fixture_delete(&f, "one more");
    fixture_reopen(&f);
    CHECK(f.store->recovered_from_image);
    CHECK_OK(bitcask_check_image_rest(f.store));
    CHECK(f.store->recovered_from_image);
    expect_all(&f);
    fixture_free(&f);
}

TEST(an_image_with_a_damaged_header_or_none_at_all_costs_only_a_rebuild)
{
    for (int missing = 0; missing < 2; missing++) {
        fixture f = imaged();
        if (missing != 0) {
            env_directory *home;
            CHECK_OK(env_directory_open(f.disk, FIXTURE_PATH, false, &home));
            CHECK_OK(env_unlink(home, BITCASK_IMAGE_NAME));
            env_directory_close(home);
        } else {
            uint64_t size;
            fixture_bytes(&f, BITCASK_IMAGE_NAME, &size)[20] ^= 1;
        }
        CHECK_OK(fixture_open(&f));
        CHECK(!f.store->recovered_from_image && f.store->clean_open);
        expect_all(&f);
        fixture_reopen(&f);
        CHECK(f.store->recovered_from_image);
        fixture_free(&f);
    }
}

/* ---- namespaces ---- */

enum { USERS_KEYS = 700, ITEMS_KEYS = 3 };

static uint64_t scanned_count(fixture *f, space *within)
{
    scan *walk;
    pykv_rows rows = {.count = 1};
    uint64_t count = 0;
    CHECK_OK(scan_open_in(f->store, within, false, &walk));
    while (rows.count > 0) {
        CHECK_OK(scan_next(walk, 0, &rows));
        count += rows.count;
    }
    scan_free(walk);
    return count;
}

/* A closed store of several segments with rows in the default namespace and two others, of which
 * one has deleted rows, and one that is empty; another one was dropped. */
static fixture imaged_with_names(void)
{
    fixture f = fixture_new();
    space *users = named_make(&f, "users");
    space *items = named_make(&f, "items");
    space *gone = named_make(&f, "gone");
    named_let_go(&f, named_make(&f, "empty"));
    named_fill(&f, users, 0, USERS_KEYS, 10);
    named_fill(&f, gone, 0, USERS_KEYS, 10);
    fixture_fill(&f, 0, IMAGE_KEYS, 10);
    named_fill(&f, users, 0, USERS_KEYS, 20);
    named_fill(&f, items, 0, ITEMS_KEYS, 20);
    named_drop(&f, "gone");
    CHECK_OK(bitcask_delete_in(f.store, users, fixture_text("key-0"), 0, &(int32_t){0}));
    named_let_go(&f, users);
    named_let_go(&f, items);
    named_let_go(&f, gone);
    fixture_close(&f);
    return f;
}

static void expect_named_rows(fixture *f, space *within, uint32_t from, uint32_t to)
{
    char key[16];
    for (uint32_t i = 0; i < to + 10; i++) {
        bool is_there = i >= from && i < to;
        snprintf(key, sizeof key, "key-%u", i);
        named_expect(f, within, key, is_there ? "nnnnnnnnnnnnnnnnnnnn" : NULL);
    }
    CHECK_EQUAL(to - from, bitcask_count_in(within));
    CHECK_EQUAL(to - from, scanned_count(f, within));
}

static void expect_names_and_all(fixture *f)
{
    uint32_t id;
    expect_all(f);
    CHECK_STATUS(PYKV_NOT_FOUND,
                 name_book_find(bitcask_name_book(f->store), fixture_text("gone"), &id));
    CHECK_OK(name_book_find(bitcask_name_book(f->store), fixture_text("empty"), &id));
    space *users = named_make(f, "users");
    space *items = named_make(f, "items");
    expect_named_rows(f, users, 1, USERS_KEYS);
    expect_named_rows(f, items, 0, ITEMS_KEYS);
    uint64_t live_bytes = named_live_bytes(f, users);
    fixture_expect_exact_books(f);
    CHECK_EQUAL(live_bytes, named_live_bytes(f, users));
    named_let_go(f, users);
    named_let_go(f, items);
}

static void remove_hints(fixture *f)
{
    char name[SEGMENT_NAME_BYTES];
    for (uint32_t number = 1; number < 100; number++) {
        segment_name(number, true, name);
        if (fixture_has(f, name)) {
            fixture_unlink(f, name);
        }
    }
}

/* A store that had ever had a namespace wrote no image, and opened by its hints for good. */
TEST(each_namespace_has_its_directory_from_the_image)
{
    for (int read_only = 0; read_only < 2; read_only++) {
        fixture f = imaged_with_names();
        remove_hints(&f);
        f.options.read_only = read_only;
        CHECK_OK(fixture_open(&f));
        CHECK(f.store->recovered_from_image);
        if (read_only == 0) {
            space *users = named_make(&f, "users");
            named_put(&f, users, "key-0", "back");
            CHECK_OK(bitcask_delete_in(f.store, users, fixture_text("key-0"), 0, &(int32_t){0}));
            named_let_go(&f, users);
            fixture_reopen(&f);
            CHECK(f.store->recovered_from_image);
        }
        expect_names_and_all(&f);
        fixture_free(&f);
    }
}

TEST(a_store_without_its_image_writes_one_at_the_next_close_though_nothing_was_written)
{
    fixture f = imaged_with_names();
    fixture_unlink(&f, BITCASK_IMAGE_NAME);
    CHECK_OK(fixture_open(&f));
    CHECK(!f.store->recovered_from_image);
    fixture_reopen(&f);
    CHECK(f.store->recovered_from_image);
    expect_names_and_all(&f);
    fixture_free(&f);
}

TEST(a_store_whose_namespaces_were_all_dropped_opens_by_its_image)
{
    fixture f = imaged_with_names();
    uint32_t id;
    CHECK_OK(fixture_open(&f));
    named_drop(&f, "users");
    named_drop(&f, "items");
    named_drop(&f, "empty");
    fixture_reopen(&f);
    CHECK(f.store->recovered_from_image);
    expect_all(&f);
    CHECK_STATUS(PYKV_NOT_FOUND,
                 name_book_find(bitcask_name_book(f.store), fixture_text("users"), &id));
    space *users = named_make(&f, "users");
    CHECK_EQUAL(5, users->id); /* of a name that was never given before */
    CHECK_EQUAL(0, scanned_count(&f, users));
    named_let_go(&f, users);
    fixture_reopen(&f);
    CHECK(f.store->recovered_from_image);
    expect_all(&f);
    fixture_free(&f);
}

/* The writes of merges, which move the records of namespaces, are in the next image. */
TEST(an_image_after_a_merge_leads_to_where_the_rows_are)
{
    fixture f = imaged_with_names();
    CHECK_OK(fixture_open(&f));
    CHECK_OK(bitcask_compact(f.store, NULL));
    fixture_reopen(&f);
    CHECK(f.store->recovered_from_image);
    expect_names_and_all(&f);
    fixture_free(&f);
}

TEST_MAIN(CASE(each_namespace_has_its_directory_from_the_image),
          CASE(a_store_without_its_image_writes_one_at_the_next_close_though_nothing_was_written),
          CASE(a_store_whose_namespaces_were_all_dropped_opens_by_its_image),
          CASE(an_image_after_a_merge_leads_to_where_the_rows_are),
          CASE(a_page_is_checked_when_it_is_first_touched_and_the_rest_in_bounded_steps),
          CASE(a_damaged_page_is_noticed_at_its_first_touch_and_the_directory_made_anew),
          CASE(a_write_is_as_good_as_a_read_in_finding_a_damaged_page),
          CASE(a_scan_and_the_background_find_damage_before_anyone_reads_it),
          CASE(a_damaged_page_does_not_get_into_the_next_image),
          CASE(an_image_with_a_damaged_header_or_none_at_all_costs_only_a_rebuild))
