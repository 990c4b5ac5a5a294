/*
 * log_recovery_test: where the log ends, and when its end is damage.
 */
#include <pthread.h>

#include "log/log_image.h"
#include "log/log_recovery.h"

enum { RECORD_BYTES = 72 }; /* of a record with a value of 40 bytes */
enum { IMAGE_COUNT = 4, HISTORIES = 400 };

static log_image images[IMAGE_COUNT];
static log_recovery_segment segments[IMAGE_COUNT];

/* Recovers the first count images, beginning behind their headers. */
static log_recovery recover(size_t count, uint64_t first_sequence, uint64_t durable_claim)
{
    log_recovery result;
    for (size_t i = 0; i < count; i++) {
        segments[i] = (log_recovery_segment){.path = "segment",
                                             .data = images[i].data,
                                             .size = images[i].size,
                                             .header = images[i].header,
                                             .start_offset = LOG_SEGMENT_HEADER_BYTES};
    }
    log_recover(segments, count, first_sequence, durable_claim, NULL, &result);
    return result;
}

/* Three segments of ten records, 1 to 30, the numbers 1, 2 and 4. */
static void fill(void)
{
    static const uint32_t numbers[] = {1, 2, 4};
    for (uint32_t i = 0; i < 3; i++) {
        log_image_start(&images[i], numbers[i], 10 * i + 1, 0);
        for (int k = 0; k < 10; k++) {
            log_image_put(&images[i], 40);
        }
    }
}

TEST(a_log_of_several_segments_ends_in_the_last)
{
    fill();
    log_recovery found = recover(3, 1, 0);
    CHECK_EQUAL(2, found.valid_segment);
    CHECK_EQUAL(images[2].size, found.valid_offset);
    CHECK_EQUAL(30, found.last_sequence);
    CHECK_EQUAL(30, found.record_count);
    CHECK_EQUAL(0, found.discarded_bytes);
    CHECK_EQUAL(LOG_STOP_END, found.stop);
    CHECK(!found.damaged);
}

TEST(no_segment_is_an_empty_log)
{
    log_recovery found = recover(0, 17, 0);
    CHECK_EQUAL(16, found.last_sequence);
    CHECK(!found.damaged);
    CHECK(recover(0, 17, log_position(1, 72)).damaged);
}

TEST(a_walk_begins_at_the_start_offset)
{
    fill();
    (void)recover(3, 1, 0);
    segments[0].start_offset += 4 * (uint64_t)RECORD_BYTES;
    log_recovery found;
    log_recover(segments, 3, 5, 0, NULL, &found);
    CHECK_EQUAL(30, found.last_sequence);
    CHECK_EQUAL(26, found.record_count);
    CHECK(!found.damaged);
    log_recover(segments, 3, 6, 0, NULL, &found);
    CHECK_EQUAL(0, found.record_count);
    CHECK_EQUAL(5, found.last_sequence);
    CHECK_EQUAL(LOG_STOP_SEQUENCE, found.stop);
}

TEST(a_file_that_ends_before_its_start_offset_is_damage)
{
    fill();
    (void)recover(1, 1, 0);
    segments[0].start_offset = images[0].size - RECORD_BYTES;
    segments[0].size = images[0].size - 2 * (uint64_t)RECORD_BYTES;
    log_recovery found;
    log_recover(segments, 1, 10, 0, NULL, &found);
    CHECK(found.damaged);
    CHECK_EQUAL(LOG_STOP_CUT_OFF, found.stop);
    CHECK_EQUAL(segments[0].size, found.valid_offset);
}

TEST(what_follows_a_torn_record_is_discarded_with_its_later_segments)
{
    fill();
    images[1].data[images[1].size - 8] ^= 1;
    log_recovery found = recover(3, 1, 0);
    CHECK_EQUAL(1, found.valid_segment);
    CHECK_EQUAL(19, found.last_sequence);
    CHECK_EQUAL(LOG_STOP_BODY_INVALID, found.stop);
    CHECK(!found.damaged);
    uint64_t behind =
        images[1].size - found.valid_offset + images[2].size - LOG_SEGMENT_HEADER_BYTES;
    CHECK(found.discarded_bytes <= behind && found.discarded_bytes + 16 > behind);
}

TEST(a_segment_that_lost_its_last_record_does_not_lead_into_the_next)
{
    fill();
    images[1].size -= RECORD_BYTES;
    log_recovery found = recover(3, 1, 0);
    CHECK_EQUAL(1, found.valid_segment);
    CHECK_EQUAL(19, found.last_sequence);
    CHECK_EQUAL(LOG_STOP_SEQUENCE, found.stop);
    CHECK(!found.damaged);
}

TEST(a_missing_segment_ends_the_log_before_it)
{
    fill();
    images[1] = images[2];
    log_recovery found = recover(2, 1, 0);
    CHECK_EQUAL(0, found.valid_segment);
    CHECK_EQUAL(10, found.last_sequence);
    CHECK_EQUAL(LOG_STOP_SEQUENCE, found.stop);
}

TEST(an_empty_segment_is_passed_through)
{
    fill();
    log_image_start(&images[1], 2, 11, 0);
    log_image_start(&images[2], 4, 11, 0);
    log_image_put(&images[2], 40);
    log_recovery found = recover(3, 1, 0);
    CHECK_EQUAL(2, found.valid_segment);
    CHECK_EQUAL(11, found.last_sequence);
}

TEST(a_mark_behind_a_damaged_record_makes_it_damage)
{
    fill();
    images[2].mark = log_position(2, images[1].size);
    log_image_put(&images[2], 40);
    CHECK(!recover(3, 1, 0).damaged);
    images[1].data[images[1].size - 20] ^= 1;
    log_recovery found = recover(3, 1, 0);
    CHECK(found.damaged);
    CHECK_EQUAL(log_position(2, images[1].size), found.claim);
    CHECK_EQUAL(19, found.last_sequence);
}

TEST(a_mark_in_the_same_segment_makes_it_damage)
{
    fill();
    uint64_t synced = images[2].size;
    images[2].mark = log_position(4, synced);
    log_image_put(&images[2], 40);
    images[2].data[synced - 90] ^= 1;
    CHECK(recover(3, 1, 0).damaged);
}

TEST(a_mark_of_an_earlier_place_does_not_make_a_torn_tail_damage)
{
    fill();
    images[2].mark = log_position(2, images[1].size);
    log_image_put(&images[2], 40);
    images[2].data[images[2].size - 10] ^= 1;
    log_recovery found = recover(3, 1, 0);
    CHECK(!found.damaged);
    CHECK_EQUAL(30, found.last_sequence);
}

TEST(the_header_of_a_later_segment_claims_too)
{
    fill();
    images[2].header.synced_through = log_position(2, images[1].size);
    CHECK(!recover(3, 1, 0).damaged);
    images[1].size -= RECORD_BYTES;
    CHECK(recover(3, 1, 0).damaged);
}

TEST(the_manifest_claims_a_position)
{
    fill();
    CHECK(!recover(3, 1, log_position(4, images[2].size)).damaged);
    CHECK(recover(3, 1, log_position(4, images[2].size + 8)).damaged);
    images[2].size -= 8;
    CHECK(recover(3, 1, log_position(4, images[2].size + 8)).damaged);
}

/* A put failed after all its bytes had reached the file and could not be cut off; the next one did
 * not fit and went to a new segment under the same sequence. The left-over must not win. */
TEST(a_left_over_of_a_failed_write_yields_to_the_next_segment)
{
    fill();
    uint64_t end = images[0].size;
    images[0].sequence = 11;
    log_image_batch(&images[0], 3, 10);
    log_recovery found = recover(3, 1, log_position(1, end));
    CHECK_EQUAL(2, found.valid_segment);
    CHECK_EQUAL(30, found.last_sequence);
    CHECK_EQUAL(30, found.record_count);
    CHECK(!found.damaged);
    CHECK_EQUAL(end, segments[0].valid_end);
    CHECK_EQUAL(10, segments[0].record_count);
    images[0].data[end + 50] ^= 1;
    CHECK_EQUAL(30, recover(3, 1, 0).last_sequence);
}

TEST(a_later_segment_with_older_records_limits_nothing)
{
    fill();
    log_image_start(&images[1], 2, 3, 0);
    log_image_put(&images[1], 40);
    (void)recover(2, 1, 0);
    segments[0].start_offset += 5 * (uint64_t)RECORD_BYTES;
    log_recovery found;
    log_recover(segments, 2, 6, 0, NULL, &found);
    CHECK_EQUAL(10, found.last_sequence);
    CHECK_EQUAL(0, found.valid_segment);
    CHECK_EQUAL(LOG_STOP_SEQUENCE, found.stop);
}

/* A segment is made ahead of time, while records still go to the one before it. */
TEST(a_segment_may_be_born_before_its_first_record_is_due)
{
    fill();
    images[1].header.birth_sequence = 3;
    log_image_start(&images[3], 5, 24, 0);
    log_recovery found = recover(4, 1, 0);
    CHECK_EQUAL(30, found.last_sequence);
    CHECK_EQUAL(2, found.valid_segment);
    CHECK_EQUAL(images[2].size, found.valid_offset);
    CHECK_EQUAL(LOG_STOP_END, found.stop);
    CHECK_EQUAL(0, segments[3].record_count);
}

TEST(a_segment_with_only_a_torn_record_is_passed_over)
{
    fill();
    log_image_start(&images[3], 5, 31, 0);
    log_image_put(&images[3], 40);
    images[3].data[images[3].size - 20] ^= 1;
    log_recovery found = recover(4, 1, 0);
    CHECK_EQUAL(30, found.last_sequence);
    CHECK_EQUAL(2, found.valid_segment);
    CHECK_EQUAL(LOG_STOP_BODY_INVALID, found.stop);
    CHECK(found.discarded_bytes > 0 && found.discarded_bytes <= RECORD_BYTES);
    CHECK(!found.damaged);
}

TEST(a_claim_before_any_record_of_a_segment_says_nothing)
{
    fill();
    log_image_start(&images[3], 5, 31, 0);
    CHECK(!recover(4, 1, log_position(5, LOG_SEGMENT_HEADER_BYTES)).damaged);
    CHECK(!recover(4, 1, log_position(5, 0)).damaged);
    CHECK(recover(4, 1, log_position(5, LOG_SEGMENT_HEADER_BYTES + 32)).damaged);
}

TEST(a_first_record_behind_padding_is_found)
{
    fill();
    log_image_start(&images[1], 2, 11, 0);
    log_image_zeros(&images[1], 512 - images[1].size);
    for (int k = 0; k < 10; k++) {
        log_image_put(&images[1], 40);
    }
    images[0].sequence = 11;
    log_image_put(&images[0], 40);
    CHECK_EQUAL(30, recover(3, 1, 0).last_sequence);
    CHECK_EQUAL(10, segments[0].record_count);
}

/* Who goes on behind a cut must not give sequences again that were read before the damage. */
TEST(the_sequences_of_what_is_discarded_are_bounded)
{
    fill();
    CHECK_EQUAL(30, recover(3, 1, 0).sequence_bound);
    images[0].data[images[0].size - 8] ^= 1; /* record 10 */
    CHECK_EQUAL(9, recover(1, 1, 0).last_sequence);
    CHECK_EQUAL(9 + RECORD_BYTES / RECORD_HEADER_BYTES, recover(1, 1, 0).sequence_bound);
    CHECK_EQUAL(9, recover(3, 1, 0).last_sequence);
    CHECK_EQUAL(30, recover(3, 1, 0).sequence_bound);
    images[2].data[images[2].size - 8] ^= 1; /* record 30 */
    CHECK_EQUAL(29 + RECORD_BYTES / RECORD_HEADER_BYTES, recover(3, 1, 0).sequence_bound);
    images[1].size = LOG_SEGMENT_HEADER_BYTES;
    CHECK_EQUAL(29 + RECORD_BYTES / RECORD_HEADER_BYTES, recover(3, 1, 0).sequence_bound);
}

/* It was taken for no more than what can be seen, which is nothing. */
TEST(the_sequences_of_what_left_no_trace_are_bounded_by_what_segments_can_hold)
{
    const uint64_t most = (LOG_SEGMENT_BYTES_MAX + RECORD_HEADER_BYTES - 1) / RECORD_HEADER_BYTES;
    fill();
    uint64_t claim = log_position(4, images[2].size);
    images[2].size -= RECORD_BYTES; /* record 30 is cut off, which nobody promised */
    CHECK_EQUAL(29, recover(3, 1, 0).sequence_bound);
    CHECK_EQUAL(29 + most, recover(3, 1, claim).sequence_bound);
    log_image_zeros(&images[2], RECORD_BYTES);
    CHECK_EQUAL(29 + most, recover(3, 1, claim).sequence_bound);
    log_image_start(&images[3], 5, 31, 0);
    CHECK_EQUAL(29 + 2 * most, recover(4, 1, claim).sequence_bound);
    /* What can be read behind it tells how much that was. */
    fill();
    memset(images[1].data + images[1].size - RECORD_BYTES, 0, RECORD_BYTES);
    CHECK_EQUAL(30, recover(3, 1, claim).sequence_bound);
}

/* ---- walks ahead, by lent threads ---- */

/* Who lends: starts as many threads as are asked for, up to limit. */
typedef struct crew {
    pthread_t threads[WORK_THREAD_COUNT_MAX];
    int32_t limit;
    int32_t started;
    int32_t asked_count;
} crew;

static void *help(void *work)
{
    work_help(work);
    return NULL;
}

static int32_t lend(void *context, pykv_work *work, int32_t thread_count)
{
    crew *self = context;
    self->asked_count++;
    while (self->started < thread_count && self->started < self->limit) {
        CHECK_EQUAL(0, pthread_create(&self->threads[self->started], NULL, help, work));
        self->started++;
    }
    return self->started;
}

static void dismiss(crew *self)
{
    for (int32_t i = 0; i < self->started; i++) {
        CHECK_EQUAL(0, pthread_join(self->threads[i], NULL));
    }
}

static void append_at_random(log_image *image, uint64_t *chance)
{
    if (check_random(chance, 4) == 0) {
        image->mark = log_position(image->header.number, image->size);
    }
    switch (check_random(chance, 8)) {
    case 0:
        log_image_batch(image, 2 + (uint32_t)check_random(chance, 5), 40);
        break;
    case 1: /* as log_writer_pad does */
        log_image_zeros(image, (LOG_SECTOR_BYTES - image->size % LOG_SECTOR_BYTES));
        break;
    case 2:
        log_image_put(image, check_random(chance, 300));
        break;
    default:
        log_image_put(image, 40);
        break;
    }
}

/* What a crash, a failed write, or a bad disk leaves. */
static void damage_at_random(log_image *image, uint64_t *chance)
{
    uint64_t at = LOG_SEGMENT_HEADER_BYTES;
    at += check_random(chance, image->size - at + 1);
    switch (check_random(chance, 5)) {
    case 0:
        image->size = at;
        break;
    case 1:
        log_image_zeros(image, UINT64_C(3) * LOG_SECTOR_BYTES);
        break;
    case 2:
        memset(image->data + at, 0, image->size - at);
        break;
    default:
        image->data[at - (at == image->size)] ^= (uint8_t)(1 + check_random(chance, 255));
        break;
    }
}

/* Segments of one log; now and then one begins too early or too late, is empty or damaged. */
static void fill_at_random(uint64_t *chance)
{
    static const uint64_t shift[] = {0, 0, 0, 0, 0, 1, 2, 5};
    uint64_t due = 1 + check_random(chance, 3);
    for (uint32_t i = 0; i < IMAGE_COUNT; i++) {
        uint64_t by = shift[check_random(chance, sizeof shift / sizeof shift[0])];
        uint64_t birth = check_random(chance, 2) == 0 && by < due ? due - by : due + by;
        log_image_start(&images[i], i + 1, birth,
                        check_random(chance, 8) == 0 ? log_position(i + 1, 256) : 0);
        for (uint64_t left = check_random(chance, 12); left > 0; left--) {
            append_at_random(&images[i], chance);
        }
        due = images[i].sequence;
        if (check_random(chance, 3) == 0) {
            damage_at_random(&images[i], chance);
        }
    }
}

static void check_same(const log_recovery *wanted, const log_recovery_segment *serial,
                       const log_recovery *found)
{
    CHECK_EQUAL(wanted->valid_segment, found->valid_segment);
    CHECK_EQUAL(wanted->valid_offset, found->valid_offset);
    CHECK_EQUAL(wanted->last_sequence, found->last_sequence);
    CHECK_EQUAL(wanted->record_count, found->record_count);
    CHECK_EQUAL(wanted->discarded_bytes, found->discarded_bytes);
    CHECK_EQUAL(wanted->stop, found->stop);
    CHECK_EQUAL(wanted->damaged, found->damaged);
    CHECK_EQUAL(wanted->claim, found->claim);
    for (size_t i = 0; i < IMAGE_COUNT; i++) {
        CHECK_EQUAL(serial[i].valid_end, segments[i].valid_end);
        CHECK_EQUAL(serial[i].record_count, segments[i].record_count);
    }
}

TEST(walks_by_several_threads_find_what_the_walk_in_order_finds)
{
    uint64_t chance = check_seed();
    uint64_t count = check_count("PYKV_HISTORIES", HISTORIES);
    for (uint64_t history = 0; history < count; history++) {
        log_recovery_segment serial[IMAGE_COUNT];
        log_recovery found;
        fill_at_random(&chance);
        uint64_t first = 1 + check_random(&chance, 4);
        uint64_t durable = log_position(1 + (uint32_t)check_random(&chance, IMAGE_COUNT),
                                        8 * check_random(&chance, 100));
        log_recovery wanted = recover(IMAGE_COUNT, first, durable);
        memcpy(serial, segments, sizeof serial);
        crew hands = {.limit = (int32_t)(history % IMAGE_COUNT)};
        work_lender lender = {.lend = lend, .context = &hands};
        log_recover(segments, IMAGE_COUNT, first, durable, &lender, &found);
        dismiss(&hands);
        check_same(&wanted, serial, &found);
    }
}

/* Sequences 1 to 10 are walked ahead, but 4 is due. */
TEST(a_walk_ahead_from_another_sequence_is_not_taken)
{
    log_recovery found;
    crew hands = {.limit = 0};
    work_lender lender = {.lend = lend, .context = &hands};
    fill();
    (void)recover(3, 4, 0);
    log_recover(segments, 3, 4, 0, &lender, &found);
    CHECK_EQUAL(1, hands.asked_count);
    CHECK_EQUAL(3, found.last_sequence);
    CHECK_EQUAL(0, found.record_count);
    CHECK_EQUAL(LOG_STOP_SEQUENCE, found.stop);
}

TEST(threads_are_asked_for_where_several_segments_have_enough_bytes)
{
    log_recovery found;
    crew hands = {.limit = 0};
    work_lender lender = {.lend = lend, .context = &hands};
    fill();
    (void)recover(3, 1, 0);
    lender.bytes_min = UINT64_C(30) * RECORD_BYTES + 1;
    log_recover(segments, 3, 1, 0, &lender, &found);
    CHECK_EQUAL(0, hands.asked_count);
    lender.bytes_min--;
    log_recover(segments, 3, 1, 0, &lender, &found);
    CHECK_EQUAL(1, hands.asked_count);
    log_image_start(&images[1], 2, 11, 0); /* reserved ahead, and nothing in it */
    log_image_zeros(&images[1], 4096);
    (void)recover(2, 1, 0);
    lender.bytes_min = 0;
    log_recover(segments, 2, 1, 0, &lender, &found);
    CHECK_EQUAL(1, hands.asked_count);
    CHECK_EQUAL(10, found.last_sequence);
}

TEST_MAIN(CASE(a_log_of_several_segments_ends_in_the_last), CASE(no_segment_is_an_empty_log),
          CASE(a_walk_begins_at_the_start_offset),
          CASE(a_file_that_ends_before_its_start_offset_is_damage),
          CASE(what_follows_a_torn_record_is_discarded_with_its_later_segments),
          CASE(a_segment_that_lost_its_last_record_does_not_lead_into_the_next),
          CASE(a_missing_segment_ends_the_log_before_it), CASE(an_empty_segment_is_passed_through),
          CASE(a_mark_behind_a_damaged_record_makes_it_damage),
          CASE(a_mark_in_the_same_segment_makes_it_damage),
          CASE(a_mark_of_an_earlier_place_does_not_make_a_torn_tail_damage),
          CASE(the_header_of_a_later_segment_claims_too), CASE(the_manifest_claims_a_position),
          CASE(a_left_over_of_a_failed_write_yields_to_the_next_segment),
          CASE(a_later_segment_with_older_records_limits_nothing),
          CASE(a_segment_may_be_born_before_its_first_record_is_due),
          CASE(a_segment_with_only_a_torn_record_is_passed_over),
          CASE(a_claim_before_any_record_of_a_segment_says_nothing),
          CASE(a_first_record_behind_padding_is_found),
          CASE(the_sequences_of_what_is_discarded_are_bounded),
          CASE(the_sequences_of_what_left_no_trace_are_bounded_by_what_segments_can_hold),
          CASE(walks_by_several_threads_find_what_the_walk_in_order_finds),
          CASE(a_walk_ahead_from_another_sequence_is_not_taken),
          CASE(threads_are_asked_for_where_several_segments_have_enough_bytes))
