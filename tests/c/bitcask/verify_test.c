/*
 * verify: a sound store has no damage; each kind of damage is found at its place.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/operation.h"

enum { KEYS = 150, VALUE_BYTES = 100, FIRST = LOG_SEGMENT_HEADER_BYTES };

/* An open store of sealed segments with hints and an active one. */
static fixture filled_store(void)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, KEYS, VALUE_BYTES);
    fixture_maintain(&self, PYKV_ROLE_LOG, 10);
    fixture_maintain(&self, PYKV_ROLE_DATA, 10);
    CHECK(fixture_has(&self, "00000001.hint"));
    CHECK(self.store->segment_count >= 2);
    return self;
}

static pykv_report verify(fixture *self)
{
    pykv_report report;
    CHECK_OK(bitcask_verify(self->store, NULL, &report));
    return report;
}

/* Flips a bit of a file's byte, verifies, and flips it back: one damage, in that file. */
static pykv_report verify_flipped(fixture *self, const char *name, uint64_t at)
{
    uint64_t size;
    uint8_t *data = fixture_bytes(self, name, &size);
    CHECK(at < size);
    data[at] ^= 1;
    pykv_report report = verify(self);
    data[at] ^= 1;
    CHECK_EQUAL(1, report.damage_count);
    CHECK(strstr(report.damages[0].path, name) != NULL);
    CHECK_EQUAL(0, verify(self).damage_count);
    return report;
}

TEST(a_sound_store_has_no_damage_and_every_byte_was_read)
{
    fixture self = filled_store();
    pykv_progress progress = {0};
    pykv_report report;
    CHECK_OK(bitcask_verify(self.store, &progress, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(KEYS, report.record_count);
    uint64_t bytes = 0;
    for (size_t i = 0; i < self.store->segment_count; i++) {
        bytes += atomic_load(&self.store->segments[i]->length);
        CHECK_EQUAL(0, self.store->segments[i]->pin_count);
    }
    CHECK_EQUAL(bytes, report.byte_count);
    CHECK_EQUAL(bytes, progress.done);
    CHECK_EQUAL(bytes, progress.total);
    CHECK(report.file_count > self.store->segment_count + 1);
    fixture_free(&self);
}

TEST(a_damaged_record_is_found_at_its_place_and_reading_goes_on_behind_it)
{
    fixture self = filled_store();
    uint64_t record_size = record_bytes(0, 5, VALUE_BYTES);
    pykv_report report =
        verify_flipped(&self, "00000001.log", FIRST + RECORD_HEADER_BYTES + VALUE_BYTES / 2);
    CHECK_EQUAL(FIRST, report.damages[0].offset);
    CHECK(report.damages[0].expected != report.damages[0].got); /* the two checks */
    CHECK(strstr(report.damages[0].text, "body") != NULL);
    CHECK_EQUAL(KEYS - 1, report.record_count);
    report = verify_flipped(&self, "00000001.log", FIRST + record_size + 16);
    CHECK_EQUAL(FIRST + record_size, report.damages[0].offset);
    CHECK_EQUAL(report.damages[0].expected, report.damages[0].got); /* there are no numbers */
    CHECK(strstr(report.damages[0].text, "no valid record") != NULL);
    CHECK_EQUAL(KEYS - 1, report.record_count);
    fixture_free(&self);
}

/* Every record was looked at on its own: a batch whose last member counts one more, under right
 * checks, was sound for verify and damage for a scan. */
TEST(a_batch_without_all_of_its_members_is_found)
{
    fixture self = fixture_new();
    operation batch[2] = {{.record = {.kind = RECORD_PUT}}, {.record = {.kind = RECORD_PUT}}};
    record found;
    uint64_t size;
    batch[0].record.key = fixture_text("a");
    batch[1].record.key = fixture_text("b");
    CHECK_OK(bitcask_write(self.store, batch, 2, 0));
    CHECK_EQUAL(0, verify(&self).damage_count);
    uint64_t last = FIRST + record_bytes(RECORD_FLAG_BATCH, 1, 0);
    uint8_t *data = fixture_bytes(&self, "00000001.log", &size);
    uint32_t seed = self.store->segments[0]->seed;
    CHECK_EQUAL(RECORD_VALID, record_decode(data + last, size - last, seed, last, true, &found));
    CHECK_EQUAL(2, found.batch_count);
    found.batch_count = 3;
    record_encode_head(&found, seed, last, data + last);
    pykv_report report = verify(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK_EQUAL(FIRST, report.damages[0].offset);
    CHECK(strstr(report.damages[0].text, "batch") != NULL);
    fixture_free(&self);
}

TEST(a_damaged_header_hint_and_manifest_are_found)
{
    fixture self = filled_store();
    pykv_report report = verify_flipped(&self, "00000001.log", 20);
    CHECK_EQUAL(60, report.damages[0].offset); /* of the header's check */
    CHECK(report.record_count < KEYS);
    report = verify_flipped(&self, "00000001.hint", 70);
    CHECK_EQUAL(48, report.damages[0].offset);
    CHECK_EQUAL(KEYS, report.record_count);
    report = verify_flipped(&self, MANIFEST_NAME, MANIFEST_HEADER_BYTES + 8);
    CHECK_EQUAL(MANIFEST_HEADER_BYTES, report.damages[0].offset);
    CHECK_EQUAL(KEYS, report.record_count);
    fixture_free(&self);
}

TEST(damage_beyond_what_the_report_lists_is_counted)
{
    enum { MANY = 2 * PYKV_DAMAGE_COUNT_MAX + 20 };
    fixture self = {.options = {.segment_bytes = 1 << 20}};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    uint64_t size;
    uint64_t at = FIRST;
    fixture_fill(&self, 0, MANY, 10);
    uint8_t *data = fixture_bytes(&self, "00000001.log", &size);
    for (uint32_t i = 0; i < MANY; i++) {
        data[at + RECORD_HEADER_BYTES + 8] ^= i % 2 == 0 ? 1 : 0;
        at += record_bytes(0, i < 10 ? 5 : i < 100 ? 6 : 7, 10);
    }
    pykv_report report = verify(&self);
    CHECK_EQUAL(MANY / 2, report.damage_count);
    CHECK_EQUAL(MANY / 2, report.record_count);
    CHECK_EQUAL(FIRST, report.damages[0].offset);
    CHECK(report.damages[PYKV_DAMAGE_COUNT_MAX - 1].offset > FIRST);
    fixture_free(&self);
}

/* It was a damage of the file at hand, and the advice that goes with damage is to repair. */
TEST(want_of_memory_is_no_damage)
{
    fixture self = filled_store();
    pykv_status status = PYKV_NO_MEMORY;
    bool failed = true;
    for (uint64_t at = 1; failed; at++) {
        pykv_report report;
        (void)mem_fail_at(at, 0);
        status = bitcask_verify(self.store, NULL, &report);
        failed = mem_fail_at(0, 0) >= at;
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK_EQUAL(0, report.damage_count);
    }
    CHECK_OK(status);
    fixture_free(&self);
}

TEST(a_cancelled_verification_ends_early_and_holds_nothing)
{
    fixture self = filled_store();
    pykv_progress progress = {.cancel = 1};
    pykv_report report;
    CHECK_STATUS(PYKV_TIMED_OUT, bitcask_verify(self.store, &progress, &report));
    CHECK(progress.done > 0 && progress.done < progress.total);
    for (size_t i = 0; i < self.store->segment_count; i++) {
        CHECK_EQUAL(0, self.store->segments[i]->pin_count);
    }
    fixture_free(&self);
}

TEST_MAIN(CASE(a_sound_store_has_no_damage_and_every_byte_was_read),
          CASE(a_damaged_record_is_found_at_its_place_and_reading_goes_on_behind_it),
          CASE(a_batch_without_all_of_its_members_is_found),
          CASE(a_damaged_header_hint_and_manifest_are_found),
          CASE(damage_beyond_what_the_report_lists_is_counted), CASE(want_of_memory_is_no_damage),
          CASE(a_cancelled_verification_ends_early_and_holds_nothing))
