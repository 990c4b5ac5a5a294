/*
 * change_feeds_test: a feed goes through the files that its owner finds, up to where it lets it,
 * and pins are kept only when the owner could save them. The owner here is two files.
 */
#include "env/env_memory.h"
#include "log/change_feeds.h"
#include "log/log_file.h"
#include "log/log_image.h"

enum { FIRST_LAST = 3, SECOND_LAST = 6 };

/* A store of sequences 1 to 6, three in a file. */
typedef struct owner {
    env *disk;
    env_directory *home;
    mutex writer;
    gate calls;
    change_feeds feeds;
    log_segment_header headers[2];
    uint64_t floor;
    uint64_t synced;
    pykv_status save_status;
    uint64_t floor_saved; /* the floor behind a save; 0: as before */
    int save_count;
    uint32_t unlisted;        /* file that the manifest does not list; 0: none */
    log_segment_header stale; /* what find gives once; number 0: what is there */
} owner;

static uint64_t limit_of(void *context, bool unsynced)
{
    const owner *self = context;
    return unsynced ? SECOND_LAST : self->synced;
}

static uint64_t floor_of(void *context)
{
    const owner *self = context;
    return self->floor;
}

static uint64_t last_of(void *context)
{
    (void)context;
    return SECOND_LAST;
}

static bool find(void *context, uint64_t sequence, log_feed_place *place_out)
{
    owner *self = context;
    size_t index = sequence > FIRST_LAST ? 1 : 0;
    bool is_stale = self->stale.number != 0;
    *place_out = (log_feed_place){.header = is_stale ? self->stale : self->headers[index],
                                  .last_sequence = index == 0 ? FIRST_LAST : SECOND_LAST,
                                  .epoch = 10 + index};
    self->stale.number = 0;
    return sequence >= self->floor && sequence <= SECOND_LAST;
}

/* Epoch 10 for the first file, 11 for the second, and one of 13 that wrote nothing yet. */
static bool epoch_at(void *context, uint64_t sequence, uint64_t *epoch_out)
{
    const owner *self = context;
    if (sequence < self->floor) {
        return false;
    }
    *epoch_out = sequence > SECOND_LAST ? 13 : sequence > FIRST_LAST ? 11 : 10;
    return true;
}

static pykv_status check(void *context)
{
    (void)context;
    return PYKV_OK;
}

static pykv_status save(void *context)
{
    owner *self = context;
    self->save_count++;
    self->floor = self->floor_saved != 0 ? self->floor_saved : self->floor;
    return self->save_status;
}

/* Without what stands at an even sequence. */
static size_t rewrite(pykv_change *changes, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (changes[i].sequence % 2 != 0) {
            changes[kept++] = changes[i];
        }
    }
    return kept;
}

static bool never(const pykv_change *change)
{
    (void)change;
    return false;
}

static bool is_listed(void *context, const log_segment_header *header)
{
    const owner *self = context;
    return header->number != self->unlisted;
}

static uint64_t now(void *context)
{
    (void)context;
    return 1000;
}

static const feed_source plain = {.limit = limit_of,
                                  .floor = floor_of,
                                  .last = last_of,
                                  .epoch_at = epoch_at,
                                  .find = find,
                                  .now = now,
                                  .check = check,
                                  .save = save,
                                  .is_listed = is_listed};

static void make_file(owner *self, size_t index)
{
    static log_image image;
    char name[LOG_FILE_NAME_BYTES];
    env_file *file;
    log_image_start(&image, (uint32_t)index + 1, 1 + index * FIRST_LAST, 0);
    for (int i = 0; i < FIRST_LAST; i++) {
        log_image_put(&image, 100);
    }
    self->headers[index] = image.header;
    log_file_name(image.header.number, name);
    slice whole = slice_make(image.data, image.size);
    CHECK_OK(env_file_open(self->home, name, ENV_READ | ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &whole, 1));
    env_file_close(file);
}

static void start(owner *self, const feed_source *source)
{
    *self = (owner){.floor = 1, .synced = SECOND_LAST};
    CHECK_OK(env_memory_new(check_seed(), 1 << 20, &self->disk));
    CHECK_OK(env_directory_open(self->disk, "/log", true, &self->home));
    mutex_init(&self->writer);
    gate_init(&self->calls);
    change_feeds_init(&self->feeds, source, self, &self->writer, &self->calls, self->disk);
    self->feeds.home = self->home;
    make_file(self, 0);
    make_file(self, 1);
}

static void stop(owner *self)
{
    change_feeds_end_all(&self->feeds);
    change_feeds_destroy(&self->feeds);
    gate_destroy(&self->calls);
    mutex_destroy(&self->writer);
    env_directory_close(self->home);
    env_memory_free(self->disk);
}

static change_feed *open_feed(owner *self, uint64_t since, int32_t flags)
{
    change_feed *feed = NULL;
    CHECK_OK(change_feed_open(&self->feeds, &(pykv_position){.sequence = since}, flags, &feed));
    return feed;
}

/* The changes of the next call: their number, and the first one's sequence and epoch. */
static void expect_next(change_feed *feed, size_t count, uint64_t sequence, uint64_t era)
{
    const pykv_change *changes;
    size_t got = 0;
    CHECK_OK(change_feed_next(feed, 0, 0, &changes, &got));
    CHECK_EQUAL(count, got);
    for (size_t i = 0; i < got; i++) {
        CHECK_EQUAL(sequence + i, changes[i].sequence);
        CHECK_EQUAL(era, changes[i].epoch);
    }
}

TEST(a_feed_goes_on_from_file_to_file_and_ends_at_its_limit)
{
    owner self;
    start(&self, &plain);
    self.synced = 5;
    change_feed *feed = open_feed(&self, 1, PYKV_CHANGES_FOLLOW);
    expect_next(feed, 2, 2, 10);
    expect_next(feed, 2, 4, 11);
    expect_next(feed, 0, 0, 0);
    self.synced = 6;
    expect_next(feed, 1, 6, 11);
    change_feed_free(&self.feeds, feed);
    feed = open_feed(&self, 5, PYKV_CHANGES_UNSYNCED);
    expect_next(feed, 1, 6, 11);
    change_feed_free(&self.feeds, feed);
    stop(&self);
}

/* What is kept begins at 3: who has seen up to 2 goes on, who has seen less has missed something.
 */
TEST(a_feed_that_begins_below_what_is_kept_is_refused)
{
    owner self;
    change_feed *feed = NULL;
    start(&self, &plain);
    self.floor = 3;
    CHECK_STATUS(PYKV_HISTORY_GONE,
                 change_feed_open(&self.feeds, &(pykv_position){.sequence = 1}, 0, &feed));
    CHECK(feed == NULL);
    CHECK_STATUS(
        PYKV_HISTORY_GONE,
        change_feed_open(&self.feeds, &(pykv_position){.sequence = SECOND_LAST + 1}, 0, &feed));
    CHECK(feed == NULL);
    feed = open_feed(&self, 2, 0);
    expect_next(feed, FIRST_LAST - 2, 3, 10);
    change_feed_free(&self.feeds, feed);
    stop(&self);
}

TEST(what_the_owner_rewrites_is_given_in_place_of_what_the_log_has)
{
    owner self;
    feed_source odd = plain;
    odd.rewrite = rewrite;
    odd.needs_next = never;
    start(&self, &odd);
    change_feed *feed = open_feed(&self, 0, 0);
    const pykv_change *changes;
    size_t count = 0;
    CHECK_OK(change_feed_next(feed, 0, 0, &changes, &count));
    CHECK_EQUAL(2, count);
    CHECK_EQUAL(3, changes[1].sequence);
    change_feed_free(&self.feeds, feed);
    stop(&self);
}

TEST(a_file_that_went_since_it_was_looked_up_is_gone_and_one_that_is_kept_is_damage)
{
    owner self;
    const pykv_change *changes;
    size_t count;
    start(&self, &plain);
    change_feed *behind = open_feed(&self, 0, 0);
    change_feed *damaged = open_feed(&self, 0, 0);
    CHECK_OK(env_unlink(self.home, "00000001.log"));
    CHECK_STATUS(PYKV_CORRUPTION, change_feed_next(damaged, 0, 0, &changes, &count));
    CHECK_STATUS(PYKV_CORRUPTION, change_feed_next(damaged, 0, 0, &changes, &count));
    self.floor = FIRST_LAST + 1;
    CHECK_STATUS(PYKV_HISTORY_GONE, change_feed_next(behind, 0, 0, &changes, &count));
    change_feed_free(&self.feeds, behind);
    change_feed_free(&self.feeds, damaged);
    stop(&self);
}

/* Another process writes, and the owner knows of before. */
TEST(a_file_that_the_manifest_lists_no_more_is_gone_until_the_owner_has_gone_on)
{
    owner self;
    const pykv_change *changes;
    size_t count;
    start(&self, &plain);
    self.unlisted = 1;
    change_feed *feed = open_feed(&self, 0, 0);
    CHECK_OK(env_rename(self.home, "00000001.log", "kept"));
    CHECK_STATUS(PYKV_HISTORY_GONE, change_feed_next(feed, 0, 0, &changes, &count));
    CHECK(strstr(error_last()->text, "refresh()") != NULL);
    CHECK_STATUS(PYKV_HISTORY_GONE, change_feed_next(feed, 0, 0, &changes, &count));
    CHECK_OK(env_rename(self.home, "kept", "00000001.log"));
    expect_next(feed, FIRST_LAST, 1, 10);
    expect_next(feed, SECOND_LAST - FIRST_LAST, FIRST_LAST + 1, 11);
    change_feed_free(&self.feeds, feed);
    stop(&self);
}

/* A refresh comes between the look-up and the opening. */
TEST(a_file_that_has_become_another_one_is_looked_up_again)
{
    owner self;
    start(&self, &plain);
    change_feed *feed = open_feed(&self, 0, 0);
    self.stale = (log_segment_header){.kind = LOG_SEGMENT_APPEND, .number = 7, .file_id = 7};
    expect_next(feed, FIRST_LAST, 1, 10);
    CHECK_EQUAL(0, self.stale.number);
    change_feed_free(&self.feeds, feed);
    stop(&self);
}

static pykv_status status_at(owner *self, uint64_t sequence, uint64_t era)
{
    change_feed *feed = NULL;
    pykv_position since = {.sequence = sequence, .epoch = era, .has_epoch = 1};
    pykv_status status = change_feed_open(&self->feeds, &since, 0, &feed);
    change_feed_free(&self->feeds, feed);
    return status;
}

TEST(a_position_with_another_epoch_than_that_of_the_log_is_refused)
{
    owner self;
    start(&self, &plain);
    CHECK_OK(status_at(&self, 2, 10));
    CHECK_STATUS(PYKV_HISTORY_GONE, status_at(&self, 2, 9));
    CHECK_STATUS(PYKV_HISTORY_GONE, status_at(&self, 2, 11));
    CHECK(strstr(error_last()->text, "was in epoch 10, not 11") != NULL);
    CHECK_OK(status_at(&self, FIRST_LAST, 10));
    CHECK_OK(status_at(&self, FIRST_LAST, 11));
    CHECK_OK(status_at(&self, SECOND_LAST, 12));
    CHECK_STATUS(PYKV_HISTORY_GONE, status_at(&self, SECOND_LAST, 14));
    CHECK_OK(status_at(&self, 0, 99));
    self.floor = FIRST_LAST + 1;
    CHECK_STATUS(PYKV_HISTORY_GONE, status_at(&self, 0, 10));
    CHECK_STATUS(PYKV_HISTORY_GONE, status_at(&self, FIRST_LAST, 10)); /* not known any more */
    CHECK_OK(status_at(&self, FIRST_LAST, 11));
    stop(&self);
}

TEST(a_pin_of_another_epoch_is_refused_and_a_listed_one_has_none)
{
    owner self;
    pykv_pin pin = {.name = "a", .has_epoch = 1, .epoch = 11, .sequence = 2};
    size_t count;
    start(&self, &plain);
    CHECK_STATUS(PYKV_HISTORY_GONE, change_feeds_pin(&self.feeds, &pin));
    pin.epoch = 10;
    CHECK_OK(change_feeds_pin(&self.feeds, &pin));
    change_feeds_list_pins(&self.feeds, &pin, 1, &count);
    CHECK_EQUAL(2, pin.sequence);
    CHECK_EQUAL(0, pin.has_epoch);
    stop(&self);
}

TEST(keepers_are_the_slowest_feed_and_the_pins_whose_time_is_not_over)
{
    owner self;
    history_keeper keepers[HISTORY_KEEPERS_MAX];
    pykv_pin timed = {.name = "timed", .sequence = 2, .bytes_max = 500, .until_us = 1000};
    start(&self, &plain);
    CHECK(!change_feeds_want_history(&self.feeds));
    CHECK_OK(change_feeds_pin(&self.feeds, &timed));
    change_feed *fast = open_feed(&self, 5, 0);
    change_feed *slow = open_feed(&self, 4, 0);
    CHECK(change_feeds_want_history(&self.feeds));
    CHECK_EQUAL(2, change_feeds_keepers(&self.feeds, 800, 999, keepers));
    CHECK_EQUAL(4, keepers[0].sequence);
    CHECK_EQUAL(2, keepers[1].sequence);
    CHECK(history_is_wanted(keepers, 2, 5, 800));
    CHECK(history_is_wanted(keepers, 2, 3, 500));
    CHECK(!history_is_wanted(keepers, 2, 3, 501));
    CHECK(!history_is_wanted(keepers, 2, 2, 100));
    CHECK_EQUAL(1, change_feeds_keepers(&self.feeds, 800, 1000, keepers));
    CHECK_EQUAL(0, change_feeds_keepers(&self.feeds, 0, 1000, keepers));
    change_feed_free(&self.feeds, fast);
    change_feed_free(&self.feeds, slow);
    stop(&self);
}

TEST(a_pin_without_a_limit_wants_all_of_it)
{
    owner self;
    history_keeper keepers[HISTORY_KEEPERS_MAX];
    pykv_pin pin = {.name = "a", .sequence = 2};
    start(&self, &plain);
    CHECK_OK(change_feeds_pin(&self.feeds, &pin));
    CHECK_EQUAL(1, change_feeds_keepers(&self.feeds, 0, 0, keepers));
    CHECK(history_is_wanted(keepers, 1, 3, UINT64_MAX));
    stop(&self);
}

TEST(a_pin_that_could_not_be_saved_is_as_before)
{
    owner self;
    pykv_pin pin = {.name = "a", .sequence = 2, .bytes_max = 500};
    pykv_pin found[1];
    size_t count;
    start(&self, &plain);
    CHECK_OK(change_feeds_pin(&self.feeds, &pin));
    CHECK_EQUAL(1, self.save_count);
    self.save_status = PYKV_NO_SPACE;
    pin.sequence = 4;
    CHECK_STATUS(PYKV_NO_SPACE, change_feeds_pin(&self.feeds, &pin));
    change_feeds_list_pins(&self.feeds, found, 1, &count);
    CHECK_EQUAL(1, count);
    CHECK_EQUAL(2, found[0].sequence);
    CHECK(!found[0].gone);
    self.floor = 4;
    change_feeds_list_pins(&self.feeds, found, 1, &count);
    CHECK(found[0].gone);
    self.save_status = PYKV_OK;
    CHECK_OK(change_feeds_unpin(&self.feeds, "a"));
    CHECK_STATUS(PYKV_NOT_FOUND, change_feeds_unpin(&self.feeds, "a"));
    stop(&self);
}

/* A merge whose manifest was written meanwhile took what the pin wants: the pin was accepted. */
TEST(a_pin_whose_history_went_before_it_was_saved_is_refused)
{
    owner self;
    pykv_pin pin = {.name = "a", .sequence = 2};
    pykv_pin found[1];
    size_t count;
    start(&self, &plain);
    self.floor_saved = 4;
    CHECK_STATUS(PYKV_HISTORY_GONE, change_feeds_pin(&self.feeds, &pin));
    CHECK(strstr(error_last()->text, "not kept") != NULL);
    CHECK_EQUAL(2, self.save_count);
    change_feeds_list_pins(&self.feeds, found, 1, &count);
    CHECK_EQUAL(0, count);
    self.floor = 1;
    pin.until_us = UINT64_MAX; /* it was accepted, and listed as gone an hour early */
    CHECK_STATUS(PYKV_HISTORY_GONE, change_feeds_pin(&self.feeds, &pin));
    self.floor = 1;
    pin.until_us = 1000;
    CHECK_OK(change_feeds_pin(&self.feeds, &pin));
    change_feeds_list_pins(&self.feeds, found, 1, &count);
    CHECK_EQUAL(1, count);
    CHECK(found[0].gone);
    self.floor = 1;
    pin.until_us = UINT64_MAX;
    pin.bytes_max = 1;
    CHECK_OK(change_feeds_pin(&self.feeds, &pin));
    change_feeds_list_pins(&self.feeds, found, 1, &count);
    CHECK_EQUAL(1, count);
    CHECK(found[0].gone);
    stop(&self);
}

/* Such a pin was once gone until the next open, which found it again: a second unpin had nothing to
 * do, and the history that it keeps stayed. */
TEST(an_unpin_that_could_not_be_saved_leaves_the_pin)
{
    owner self;
    pykv_pin pin = {.name = "a", .sequence = 2, .bytes_max = 500, .until_us = 1000};
    pykv_pin found[1];
    size_t count;
    start(&self, &plain);
    CHECK_OK(change_feeds_pin(&self.feeds, &pin));
    self.save_status = PYKV_NO_SPACE;
    CHECK_STATUS(PYKV_NO_SPACE, change_feeds_unpin(&self.feeds, "a"));
    change_feeds_list_pins(&self.feeds, found, 1, &count);
    CHECK_EQUAL(1, count);
    CHECK_EQUAL(2, found[0].sequence);
    CHECK_EQUAL(500, found[0].bytes_max);
    CHECK_EQUAL(1000, found[0].until_us);
    self.save_status = PYKV_OK;
    CHECK_OK(change_feeds_unpin(&self.feeds, "a"));
    change_feeds_list_pins(&self.feeds, found, 1, &count);
    CHECK_EQUAL(0, count);
    CHECK_EQUAL(3, self.save_count);
    stop(&self);
}

TEST_MAIN(CASE(a_feed_goes_on_from_file_to_file_and_ends_at_its_limit),
          CASE(a_feed_that_begins_below_what_is_kept_is_refused),
          CASE(what_the_owner_rewrites_is_given_in_place_of_what_the_log_has),
          CASE(a_file_that_went_since_it_was_looked_up_is_gone_and_one_that_is_kept_is_damage),
          CASE(a_file_that_the_manifest_lists_no_more_is_gone_until_the_owner_has_gone_on),
          CASE(a_file_that_has_become_another_one_is_looked_up_again),
          CASE(a_position_with_another_epoch_than_that_of_the_log_is_refused),
          CASE(a_pin_of_another_epoch_is_refused_and_a_listed_one_has_none),
          CASE(keepers_are_the_slowest_feed_and_the_pins_whose_time_is_not_over),
          CASE(a_pin_without_a_limit_wants_all_of_it),
          CASE(a_pin_that_could_not_be_saved_is_as_before),
          CASE(a_pin_whose_history_went_before_it_was_saved_is_refused),
          CASE(an_unpin_that_could_not_be_saved_leaves_the_pin))
