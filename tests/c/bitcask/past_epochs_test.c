/*
 * past_epochs_test: every sequence has the epoch in which it was written, also out of a manifest.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "bitcask/past_epochs.h"
#include "log/manifest_file.h"

static past_epochs example(void)
{
    past_epochs self = {.list = NULL};
    CHECK_OK(past_epochs_end(&self, 0, 10));
    CHECK_OK(past_epochs_end(&self, 1, 10)); /* nothing was written in it */
    CHECK_OK(past_epochs_end(&self, 7, 25));
    return self;
}

TEST(a_sequence_has_the_epoch_in_which_it_was_written)
{
    past_epochs self = example();
    CHECK_EQUAL(2, self.count);
    CHECK_EQUAL(0, past_epochs_of(&self, 1, 9));
    CHECK_EQUAL(0, past_epochs_of(&self, 10, 9));
    CHECK_EQUAL(7, past_epochs_of(&self, 11, 9));
    CHECK_EQUAL(7, past_epochs_of(&self, 25, 9));
    CHECK_EQUAL(9, past_epochs_of(&self, 26, 9));
    past_epochs_reset(&self);
    CHECK_EQUAL(9, past_epochs_of(&self, 1, 9));
}

TEST(a_copy_is_without_the_epochs_that_are_over)
{
    past_epochs self = example();
    past_epochs copy;
    CHECK_OK(past_epochs_copy(&self, 11, &copy));
    CHECK_EQUAL(1, copy.count);
    CHECK_EQUAL(7, past_epochs_of(&copy, 11, 9));
    past_epochs_reset(&copy);
    past_epochs_reset(&self);
}

/* A head, whose check seeds those of entries, and the entries of the example. */
static buffer encoded(void)
{
    past_epochs self = example();
    buffer bytes = BUFFER_EMPTY;
    CHECK_OK(buffer_append_zeros(&bytes, MANIFEST_HEAD_BYTES));
    uint32_t crc = manifest_head_seal(bytes.data);
    CHECK_OK(past_epochs_encode(&self, crc, &bytes));
    CHECK_EQUAL(MANIFEST_HEAD_BYTES + 2 * PAST_EPOCH_BYTES, bytes.size);
    past_epochs_reset(&self);
    return bytes;
}

TEST(entries_come_back_from_a_manifest)
{
    buffer bytes = encoded();
    past_epochs found;
    CHECK_OK(past_epochs_decode(bytes.data, MANIFEST_HEAD_BYTES, 2, "M", &found));
    CHECK_EQUAL(2, found.count);
    CHECK_EQUAL(7, found.list[1].number);
    CHECK_EQUAL(25, found.list[1].last_sequence);
    past_epochs_reset(&found);
    buffer_reset(&bytes);
}

TEST(any_changed_bit_and_what_is_out_of_order_is_refused)
{
    buffer bytes = encoded();
    past_epochs found;
    for (size_t bit = 0; bit < 16 * PAST_EPOCH_BYTES; bit++) {
        uint8_t *byte = &bytes.data[MANIFEST_HEAD_BYTES + bit / 8];
        *byte ^= (uint8_t)(1 << bit % 8);
        CHECK_STATUS(PYKV_CORRUPTION,
                     past_epochs_decode(bytes.data, MANIFEST_HEAD_BYTES, 2, "M", &found));
        *byte ^= (uint8_t)(1 << bit % 8);
    }
    uint8_t *second = bytes.data + MANIFEST_HEAD_BYTES + PAST_EPOCH_BYTES;
    store_u64(second + 8, 10);
    manifest_entry_seal(second, PAST_EPOCH_BYTES, manifest_head_crc(bytes.data));
    CHECK_STATUS(PYKV_CORRUPTION,
                 past_epochs_decode(bytes.data, MANIFEST_HEAD_BYTES, 2, "M", &found));
    CHECK(strstr(error_last()->text, "out of order") != NULL);
    buffer_reset(&bytes);
}

TEST_MAIN(CASE(a_sequence_has_the_epoch_in_which_it_was_written),
          CASE(a_copy_is_without_the_epochs_that_are_over), CASE(entries_come_back_from_a_manifest),
          CASE(any_changed_bit_and_what_is_out_of_order_is_refused))
