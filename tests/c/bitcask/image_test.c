/*
 * image: the saved key directory is used at the next open, and made anew when a page of it is bad.
 */
#include "bitcask_fixture.h"

#include "bitcask/image.h"
#include "bitcask/key_hash.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_image_pages.h"
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

TEST_MAIN(CASE(a_page_is_checked_when_it_is_first_touched_and_the_rest_in_bounded_steps),
          CASE(a_damaged_page_is_noticed_at_its_first_touch_and_the_directory_made_anew),
          CASE(a_write_is_as_good_as_a_read_in_finding_a_damaged_page),
          CASE(a_scan_and_the_background_find_damage_before_anyone_reads_it),
          CASE(a_damaged_page_does_not_get_into_the_next_image),
          CASE(an_image_with_a_damaged_header_or_none_at_all_costs_only_a_rebuild))
