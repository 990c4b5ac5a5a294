/*
 * salvage_values: a repair saves the values that can still be read, with a manifest and without.
 */
#include "codec/codec_registry.h"
#include "codec/codec_runs.h"

#include "lsm/salvage_values.h"
#include "lsm/values_store.h"

enum { KEYS = 40 };

static fixture closed(void)
{
    fixture self = values_store_new();
    values_put(&self, 0, KEYS, 0);
    CHECK_OK(lsm_flush(self.store));
    values_put(&self, 0, KEYS, 1);
    fixture_close(&self);
    return self;
}

static pykv_report repair(fixture *self)
{
    pykv_report report;
    CHECK_OK(lsm_repair(self->disk, FIXTURE_PATH, &report));
    CHECK_OK(fixture_open(self));
    return report;
}

TEST(a_repair_keeps_every_value)
{
    fixture self = closed();
    pykv_report report = repair(&self);
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(KEYS, report.kept_record_count);
    values_expect(&self, 0, KEYS, 1);
    fixture_free(&self);
}

TEST(a_repair_without_a_manifest_keeps_every_value)
{
    fixture self = closed();
    fixture_unlink(&self, "MANIFEST");
    pykv_report report = repair(&self);
    CHECK_EQUAL(KEYS, report.kept_record_count);
    values_expect(&self, 0, KEYS, 1);
    fixture_free(&self);
}

/* The codec was not there, and the repair gave every value up that it had compressed. */
TEST(a_repair_without_the_codec_of_values_leaves_the_store_as_it_is)
{
    pykv_report report;
    pykv_codec runs = runs_given();
    pykv_codec nothing = {.id = PYKV_CODEC_ZSTD};
    fixture self = fixture_blank();
    CHECK_OK(codec_registry_set(&runs));
    self.options.value_log_bytes_min = VALUES_MIN;
    self.options.compression = PYKV_CODEC_ZSTD;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, KEYS, VALUES_MIN);
    fixture_close(&self);
    CHECK_OK(codec_registry_set(&nothing));
    CHECK_STATUS(PYKV_NOT_SUPPORTED, lsm_repair(self.disk, FIXTURE_PATH, &report));
    CHECK_OK(codec_registry_set(&runs));
    CHECK_EQUAL(KEYS, repair(&self).kept_record_count);
    CHECK_EQUAL(KEYS, fixture_count(&self));
    CHECK_OK(codec_registry_set(&nothing));
    fixture_free(&self);
}

TEST(a_damaged_value_is_lost_and_the_others_are_kept)
{
    fixture self = closed();
    char name[32];
    uint64_t size;
    CHECK(fixture_files(&self, ".val", name) > 0);
    fixture_bytes(&self, name, &size)[300] ^= 1;
    pykv_report report = repair(&self);
    CHECK(report.damage_count > 0);
    CHECK_EQUAL(1, report.lost_record_count);
    CHECK_EQUAL(KEYS - 1, report.kept_record_count);
    CHECK_EQUAL(KEYS - 1, fixture_count(&self));
    fixture_free(&self);
}

TEST(a_segment_that_is_gone_is_a_damage_for_each_value)
{
    fixture self = closed();
    char name[32];
    CHECK(fixture_files(&self, ".val", name) > 0);
    fixture_unlink(&self, name);
    pykv_report report = repair(&self);
    CHECK(report.damage_count > 0);
    CHECK_EQUAL(KEYS, report.kept_record_count + report.lost_record_count);
    CHECK(report.lost_record_count > 0);
    fixture_free(&self);
}

TEST_MAIN(CASE(a_repair_keeps_every_value), CASE(a_repair_without_a_manifest_keeps_every_value),
          CASE(a_repair_without_the_codec_of_values_leaves_the_store_as_it_is),
          CASE(a_damaged_value_is_lost_and_the_others_are_kept),
          CASE(a_segment_that_is_gone_is_a_damage_for_each_value))
