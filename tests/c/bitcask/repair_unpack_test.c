/*
 * repair_unpack_test: packed values are saved by their dictionary, and lost and told without it.
 */
#include "bitcask/packing_fixture.h"
#include "bitcask/repair_fixture.h"

/* A closed store with one merged segment, whose values need its dictionary; its name. */
static repair_fixture closed(char name[SEGMENT_NAME_BYTES])
{
    packing_provide(true);
    repair_fixture self = repair_new();
    fixture_close(&self.base);
    self.base.options.compression = PYKV_CODEC_ZSTD;
    repair_open(&self);
    for (uint32_t i = 0; i < PACKING_TRAINED_KEYS; i++) {
        packing_put_trained(&self.base, i);
    }
    CHECK_OK(bitcask_compact(self.base.store, NULL));
    CHECK(self.base.store->segments[0]->dictionary_bytes > 0);
    segment_name(self.base.store->segments[0]->number, false, name);
    fixture_close(&self.base);
    return self;
}

TEST(values_with_a_dictionary_are_saved)
{
    char name[SEGMENT_NAME_BYTES];
    pykv_report report;
    repair_fixture self = closed(name);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_EQUAL(0, report.lost_record_count);
    CHECK_EQUAL(PACKING_TRAINED_KEYS, report.kept_record_count);
    repair_open(&self);
    packing_expect_trained(&self.base);
    repair_free(&self);
}

TEST(values_whose_dictionary_is_damaged_are_lost_and_told)
{
    char name[SEGMENT_NAME_BYTES];
    pykv_report report;
    repair_fixture self = closed(name);
    repair_flip(&self, name, LOG_SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 9);
    CHECK_OK(bitcask_repair(env_posix(), self.path, &report));
    CHECK_EQUAL(PACKING_TRAINED_KEYS, report.lost_record_count);
    CHECK_EQUAL(0, report.kept_record_count);
    CHECK(strstr(report.damages[0].path, name) != NULL);
    CHECK_EQUAL(LOG_SEGMENT_HEADER_BYTES, report.damages[0].offset);
    repair_free(&self);
}

TEST_MAIN(CASE(values_with_a_dictionary_are_saved),
          CASE(values_whose_dictionary_is_damaged_are_lost_and_told))
