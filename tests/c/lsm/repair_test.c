/*
 * repair_test: whatever repair can do yet, a store that was closed stays as it is.
 */
#include "lsm_fixture.h"

TEST(a_closed_store_is_as_usable_after_a_repair_as_before)
{
    pykv_report report = {0};
    fixture self = fixture_new();
    fixture_fill(&self, 0, 50, 100);
    fixture_close(&self);
    pykv_status status = lsm_repair(self.disk, FIXTURE_PATH, &report);
    CHECK(status == PYKV_OK || status == PYKV_NOT_SUPPORTED);
    CHECK_EQUAL(0, report.damage_count);
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(50, fixture_count(&self));
    fixture_free(&self);
}

TEST_MAIN(CASE(a_closed_store_is_as_usable_after_a_repair_as_before))
