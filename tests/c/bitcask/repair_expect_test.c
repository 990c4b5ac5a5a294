/*
 * repair_expect_test: records that are known to have been there are counted as lost.
 */
#include "base/coding.h"
#include "base/crc32c.h"
#include "bitcask/repair_fixture.h"
#include "log/repair_swap.h"

/* The report once said that nothing was lost, whatever was. */
TEST(records_between_two_others_are_known_to_be_lost_without_the_manifest_too)
{
    repair_fixture self = repair_fixture_closed();
    pykv_report report;
    uint64_t bytes = record_bytes(0, 5, REPAIR_VALUE_BYTES);
    for (uint64_t i = 3; i < 6; i++) {
        repair_flip(&self, "00000001.log", (off_t)(BODY_OF_FIRST + i * bytes));
    }
    repair_unlink(&self, MANIFEST_NAME);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(3, report.lost_record_count);
    repair_free(&self);
}

TEST(the_records_of_a_sealed_segment_that_is_gone_are_known_by_the_manifest)
{
    repair_fixture self = repair_fixture_closed();
    pykv_report report;
    repair_unlink(&self, "00000001.log");
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(1, report.damage_count);
    CHECK(strstr(report.damages[0].text, "not there") != NULL);
    CHECK_EQUAL(REPAIR_KEYS + 2, report.record_count + report.lost_record_count);
    CHECK(report.lost_record_count > 10);
    repair_free(&self);
}

TEST(the_records_of_a_merge_that_are_damaged_are_known_by_its_hint)
{
    repair_fixture self = repair_new();
    pykv_report report;
    char name[SEGMENT_NAME_BYTES] = "";
    fixture_fill(&self.base, 0, 20, REPAIR_VALUE_BYTES);
    fixture_fill(&self.base, 0, 10, REPAIR_VALUE_BYTES);
    CHECK_OK(bitcask_compact(self.base.store, NULL));
    for (size_t i = 0; i < self.base.store->segment_count; i++) {
        const segment *output = self.base.store->segments[i];
        if (output->kind == LOG_SEGMENT_MERGED) {
            segment_name(output->number, false, name);
        }
    }
    fixture_close(&self.base);
    repair_flip(&self, name, BODY_OF_FIRST);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(1, report.damage_count);
    CHECK_EQUAL(19, report.kept_record_count);
    CHECK_EQUAL(1, report.lost_record_count);
    repair_free(&self);
}

TEST_MAIN(CASE(records_between_two_others_are_known_to_be_lost_without_the_manifest_too),
          CASE(the_records_of_a_sealed_segment_that_is_gone_are_known_by_the_manifest),
          CASE(the_records_of_a_merge_that_are_damaged_are_known_by_its_hint))
