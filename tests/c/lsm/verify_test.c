/*
 * verify_test: a sound store has no damage; damage is found at its place, and does not end the
 * walk.
 */
#include "codec/codec_registry.h"
#include "codec/codec_runs.h"
#include "lsm_fixture.h"

static pykv_report verify(fixture *self)
{
    pykv_report report;
    CHECK_OK(lsm_verify(self->store, NULL, &report));
    return report;
}

/* Tables on two levels. */
static fixture filled(void)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 200, 500);
    CHECK_OK(lsm_compact(self.store, NULL));
    fixture_fill(&self, 0, 50, 500);
    CHECK_OK(lsm_flush(self.store));
    return self;
}

TEST(a_sound_store_has_no_damage_and_every_table_was_read)
{
    fixture self = filled();
    pykv_progress progress = {0};
    pykv_report report;
    CHECK_OK(lsm_verify(self.store, &progress, &report));
    pykv_stats stats = fixture_stats(&self);
    uint64_t bytes = stats.level_bytes[0] + stats.level_bytes[LSM_LEVEL_COUNT - 1];
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(250, report.record_count);
    CHECK_EQUAL(bytes, report.byte_count);
    CHECK_EQUAL(bytes, progress.done);
    CHECK_EQUAL(bytes, progress.total);
    CHECK_EQUAL(stats.table_count + 1, report.file_count); /* and the manifest */
    fixture_free(&self);
}

TEST(a_changed_byte_is_found_in_its_file_and_the_others_are_checked_all_the_same)
{
    fixture self = filled();
    uint64_t size;
    char name[32];
    fixture_files(&self, ".tbl", name);
    uint8_t *data = fixture_bytes(&self, name, &size);
    data[size / 2] ^= 1;
    pykv_report report = verify(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK(strstr(report.damages[0].path, name) != NULL);
    CHECK_EQUAL(fixture_stats(&self).table_count + 1, report.file_count);
    data[size / 2] ^= 1;
    CHECK_EQUAL(0, verify(&self).damage_count);
    fixture_free(&self);
}

TEST(a_damaged_manifest_is_found)
{
    fixture self = filled();
    uint64_t size;
    fixture_bytes(&self, "MANIFEST", &size)[20] ^= 1;
    pykv_report report = verify(&self);
    CHECK_EQUAL(1, report.damage_count);
    CHECK(strstr(report.damages[0].path, "MANIFEST") != NULL);
    fixture_free(&self);
}

/* A sound table was a damage where the codec of its blocks was not there, and the advice that goes
 * with damage is to repair. */
TEST(a_codec_that_is_not_there_is_no_damage)
{
    pykv_report report;
    pykv_codec runs = runs_given();
    pykv_codec nothing = {.id = PYKV_CODEC_ZSTD};
    fixture self = fixture_blank();
    CHECK_OK(codec_registry_set(&runs));
    self.options.compression = PYKV_CODEC_ZSTD;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 4, 500);
    fixture_close(&self);
    CHECK_OK(codec_registry_set(&nothing));
    self.options.compression = PYKV_CODEC_NONE;
    CHECK_OK(fixture_open(&self));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, lsm_verify(self.store, NULL, &report));
    CHECK_EQUAL(0, report.damage_count);
    fixture_free(&self);
}

/* It was a damage of the file at hand, and the advice that goes with damage is to repair. */
TEST(want_of_memory_is_no_damage)
{
    fixture self = fixture_blank();
    pykv_status status = PYKV_NO_MEMORY;
    bool failed = true;
    self.options.value_log_bytes_min = 700;
    self.options.no_mapped_reads = 1;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 20, 500);
    fixture_fill(&self, 20, 40, 1000);
    CHECK_OK(lsm_flush(self.store));
    fixture_fill(&self, 40, 60, 500);
    for (uint64_t at = 1; failed; at++) {
        pykv_report report;
        (void)mem_fail_at(at, 0);
        status = lsm_verify(self.store, NULL, &report);
        failed = mem_fail_at(0, 0) >= at;
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK_EQUAL(0, report.damage_count);
    }
    CHECK_OK(status);
    fixture_free(&self);
}

TEST(a_cancelled_verification_ends_early_and_holds_nothing)
{
    fixture self = filled();
    pykv_progress progress = {.cancel = 1};
    pykv_report report;
    CHECK_STATUS(PYKV_TIMED_OUT, lsm_verify(self.store, &progress, &report));
    CHECK(progress.done > 0 && progress.done < progress.total);
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(fixture_stats(&self).table_count, fixture_files(&self, ".tbl", NULL));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_sound_store_has_no_damage_and_every_table_was_read),
          CASE(a_changed_byte_is_found_in_its_file_and_the_others_are_checked_all_the_same),
          CASE(a_damaged_manifest_is_found), CASE(a_codec_that_is_not_there_is_no_damage),
          CASE(want_of_memory_is_no_damage),
          CASE(a_cancelled_verification_ends_early_and_holds_nothing))
