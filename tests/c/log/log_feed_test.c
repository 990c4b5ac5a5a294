/*
 * log_feed_test: a feed gives the operations of a file in order, whole and once, also while the
 * file grows, and says where it is damaged.
 */
#include "env/env_memory.h"
#include "log/log_feed.h"
#include "log/log_file.h"
#include "log/log_image.h"

static log_image image;

typedef struct fixture {
    env *disk;
    env_directory *home;
    log_feed feed;
} fixture;

/* Makes the file what the image is, which may have grown. */
static void save(fixture *self)
{
    char name[LOG_FILE_NAME_BYTES];
    env_file *file;
    slice whole = slice_make(image.data, image.size);
    log_file_name(image.header.number, name);
    CHECK_OK(env_file_open(self->home, name, ENV_READ | ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &whole, 1));
    env_file_close(file);
}

static fixture new_fixture(uint64_t sequence)
{
    fixture self;
    CHECK_OK(env_memory_new(check_seed(), 1 << 20, &self.disk));
    CHECK_OK(env_directory_open(self.disk, "/log", true, &self.home));
    log_feed_init(&self.feed, sequence);
    log_image_start(&image, 7, 5, 0);
    return self;
}

static void free_fixture(fixture *self)
{
    log_feed_reset(&self->feed);
    env_directory_close(self->home);
    env_memory_free(self->disk);
}

static void open_feed(fixture *self)
{
    save(self);
    CHECK_OK(log_feed_open(&self->feed, self->home, &image.header, 3));
}

static void check_change(const pykv_change *change, uint64_t sequence)
{
    record wanted = log_image_record(sequence, change->value_length);
    CHECK_EQUAL(sequence, change->sequence);
    CHECK_EQUAL(3, change->epoch);
    CHECK_EQUAL(PYKV_CHANGE_PUT, change->kind);
    CHECK(change->has_value);
    CHECK(slice_equal(wanted.key, slice_make(change->key, change->key_length)));
    CHECK(slice_equal(wanted.value, slice_make(change->value, change->value_length)));
}

/* Reads up to sequence last in chunks of so many bytes; returns how many chunks there were. */
static size_t expect(fixture *self, uint64_t from, uint64_t last, size_t chunk_bytes)
{
    size_t chunks = 0;
    while (from <= last) {
        const pykv_change *changes;
        size_t count = 0;
        CHECK_OK(log_feed_read(&self->feed, last, chunk_bytes, &changes, &count));
        CHECK(count > 0);
        for (size_t i = 0; i < count; i++) {
            check_change(&changes[i], from++);
        }
        chunks++;
    }
    CHECK_EQUAL(last + 1, from);
    return chunks;
}

static void expect_damage(fixture *self, uint64_t last, uint64_t offset)
{
    const pykv_change *changes;
    size_t count = 0;
    pykv_status status;
    do {
        status = log_feed_read(&self->feed, last, 0, &changes, &count);
    } while (status == PYKV_OK && count > 0);
    CHECK_STATUS(PYKV_CORRUPTION, status);
    CHECK_EQUAL(offset, error_last()->offset);
    CHECK(strstr(error_last()->path, "00000007.log") != NULL);
}

TEST(records_come_once_and_in_order_in_chunks_of_any_size)
{
    size_t sizes[] = {1, 64, 1000, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        fixture self = new_fixture(5);
        for (size_t k = 0; k < 40; k++) {
            log_image_put(&image, k * 19 % 700);
        }
        open_feed(&self);
        size_t chunks = expect(&self, 5, 44, sizes[i]);
        CHECK(chunks == 1 || sizes[i] < 100000);
        free_fixture(&self);
    }
}

TEST(a_record_larger_than_a_chunk_comes_whole)
{
    fixture self = new_fixture(5);
    log_image_put(&image, 10);
    log_image_put(&image, 16000);
    log_image_put(&image, 10);
    open_feed(&self);
    expect(&self, 5, 7, 100);
    free_fixture(&self);
}

TEST(a_feed_begins_behind_the_records_before_its_sequence)
{
    fixture self = new_fixture(17);
    for (size_t k = 0; k < 20; k++) {
        log_image_put(&image, 300);
    }
    open_feed(&self);
    expect(&self, 17, 24, 500);
    free_fixture(&self);
}

TEST(a_feed_sees_what_is_written_behind_what_it_read)
{
    fixture self = new_fixture(5);
    log_image_put(&image, 10);
    open_feed(&self);
    expect(&self, 5, 5, 0);
    for (uint64_t sequence = 6; sequence < 30; sequence++) {
        log_image_put(&image, 100);
        save(&self);
        expect(&self, sequence, sequence, 0);
    }
    free_fixture(&self);
}

TEST(bytes_behind_the_limit_are_read_again_when_it_moves)
{
    fixture self = new_fixture(5);
    log_image_put(&image, 10);
    uint64_t size = image.size;
    log_image_put(&image, 99);
    open_feed(&self);
    expect(&self, 5, 5, 0);
    image.size = size;
    image.sequence = 6;
    log_image_put(&image, 50); /* another record in the place of one that failed */
    save(&self);
    const pykv_change *changes;
    size_t count = 0;
    CHECK_OK(log_feed_read(&self.feed, 6, 0, &changes, &count));
    CHECK_EQUAL(1, count);
    CHECK_EQUAL(50, changes[0].value_length);
    free_fixture(&self);
}

TEST(only_the_last_operation_of_a_batch_is_its_last)
{
    fixture self = new_fixture(5);
    const pykv_change *changes;
    size_t count = 0;
    log_image_put(&image, 10);
    log_image_batch(&image, 3, 20);
    log_image_put(&image, 10);
    open_feed(&self);
    CHECK_OK(log_feed_read(&self.feed, 9, 0, &changes, &count));
    CHECK_EQUAL(5, count);
    const int32_t last[] = {1, 0, 0, 1, 1};
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(last[i], changes[i].last);
    }
    free_fixture(&self);
}

TEST(the_padding_of_sectors_is_passed_over)
{
    fixture self = new_fixture(5);
    log_image_zeros(&image, LOG_SECTOR_BYTES - image.size);
    for (int i = 0; i < 3; i++) {
        log_image_put(&image, 100);
        log_image_zeros(&image, LOG_SECTOR_BYTES - image.size % LOG_SECTOR_BYTES);
    }
    open_feed(&self);
    expect(&self, 5, 7, 0);
    uint64_t first = 0;
    CHECK_OK(log_feed_first(self.home, &image.header, &first));
    CHECK_EQUAL(5, first);
    free_fixture(&self);
}

TEST(a_flipped_bit_is_named_with_its_place)
{
    for (uint64_t flipped = 0; flipped < 60; flipped++) {
        fixture self = new_fixture(5);
        log_image_put(&image, 10);
        uint64_t at = log_image_put(&image, 10);
        log_image_put(&image, 10);
        image.data[at + flipped % (image.size - at) / 2] ^= (uint8_t)(1 << flipped % 8);
        open_feed(&self);
        expect(&self, 5, 5, 0);
        expect_damage(&self, 7, at);
        free_fixture(&self);
    }
}

TEST(a_file_that_ends_early_or_misses_records_is_damage)
{
    fixture self = new_fixture(5);
    log_image_put(&image, 10);
    uint64_t end = image.size;
    open_feed(&self);
    expect_damage(&self, 6, end);
    image.sequence = 9;
    log_image_put(&image, 10);
    log_feed_reset(&self.feed);
    log_feed_init(&self.feed, 5);
    open_feed(&self);
    expect_damage(&self, 9, end);
    free_fixture(&self);
}

TEST(the_first_change_of_a_batch_is_given_again_when_it_was_taken_back)
{
    fixture self = new_fixture(5);
    log_image_put(&image, 16000);
    log_image_batch(&image, 3, 16000);
    open_feed(&self);
    expect(&self, 5, 5, 100);
    CHECK(!log_feed_take_back(&self.feed)); /* it is alone */
    const pykv_change *changes;
    size_t count = 0;
    CHECK_OK(log_feed_read(&self.feed, 8, 100, &changes, &count));
    CHECK_EQUAL(1, count);
    CHECK_EQUAL(6, changes[0].sequence);
    CHECK(log_feed_take_back(&self.feed));
    CHECK_OK(log_feed_read(&self.feed, 8, 100000, &changes, &count));
    CHECK_EQUAL(3, count);
    CHECK_EQUAL(6, changes[0].sequence);
    CHECK(changes[2].last);
    free_fixture(&self);
}

TEST(a_batch_without_its_end_is_damage)
{
    fixture self = new_fixture(5);
    log_image_batch(&image, 3, 20);
    record alone = log_image_record(8, 5);
    record member = log_image_record(8, 5);
    member.flags = RECORD_FLAG_BATCH;
    uint64_t at = log_image_add(&image, &member);
    alone.sequence = 9;
    at = log_image_add(&image, &alone);
    open_feed(&self);
    expect_damage(&self, 9, at);
    free_fixture(&self);
}

TEST(the_first_sequence_of_a_file_is_found_without_its_body)
{
    fixture self = new_fixture(5);
    uint64_t first = 99;
    save(&self);
    CHECK_OK(log_feed_first(self.home, &image.header, &first));
    CHECK_EQUAL(0, first);
    log_image_put(&image, 16000);
    save(&self);
    CHECK_OK(log_feed_first(self.home, &image.header, &first));
    CHECK_EQUAL(5, first);
    image.header.file_id++;
    CHECK_STATUS(PYKV_CORRUPTION, log_feed_first(self.home, &image.header, &first));
    free_fixture(&self);
}

TEST_MAIN(CASE(records_come_once_and_in_order_in_chunks_of_any_size),
          CASE(a_record_larger_than_a_chunk_comes_whole),
          CASE(a_feed_begins_behind_the_records_before_its_sequence),
          CASE(a_feed_sees_what_is_written_behind_what_it_read),
          CASE(bytes_behind_the_limit_are_read_again_when_it_moves),
          CASE(only_the_last_operation_of_a_batch_is_its_last),
          CASE(the_padding_of_sectors_is_passed_over), CASE(a_flipped_bit_is_named_with_its_place),
          CASE(a_file_that_ends_early_or_misses_records_is_damage),
          CASE(the_first_change_of_a_batch_is_given_again_when_it_was_taken_back),
          CASE(a_batch_without_its_end_is_damage),
          CASE(the_first_sequence_of_a_file_is_found_without_its_body))
