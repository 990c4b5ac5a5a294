/*
 * report_test: damages are listed while there is room, and counted without end.
 */
#include "harness/check.h"

#include "base/error.h"
#include "base/report.h"

TEST(a_damage_is_listed_with_its_place)
{
    static pykv_report report;
    memset(&report, 0, sizeof report);
    report_add(&report, "/store/a.log", 7, 8, 9, "broken");
    CHECK_EQUAL(1, report.damage_count);
    const pykv_damage *damage = &report.damages[0];
    CHECK(strcmp("/store/a.log", damage->path) == 0 && strcmp("broken", damage->text) == 0);
    CHECK_EQUAL(7, damage->offset);
    CHECK_EQUAL(8, damage->expected);
    CHECK_EQUAL(9, damage->got);
}

TEST(damages_beyond_the_list_are_counted)
{
    static pykv_report report;
    memset(&report, 0, sizeof report);
    for (uint64_t i = 0; i < PYKV_DAMAGE_COUNT_MAX + 10; i++) {
        report_add(&report, "path", i, 0, 0, "text");
    }
    CHECK_EQUAL(PYKV_DAMAGE_COUNT_MAX + 10, report.damage_count);
    CHECK_EQUAL(PYKV_DAMAGE_COUNT_MAX - 1, report.damages[PYKV_DAMAGE_COUNT_MAX - 1].offset);
}

TEST(a_failed_check_is_a_damage_and_want_of_memory_is_none)
{
    static pykv_report report;
    memset(&report, 0, sizeof report);
    CHECK_OK(report_outcome(&report, "/store/a.log", PYKV_OK));
    CHECK_STATUS(PYKV_NO_MEMORY, report_outcome(&report, "/store/a.log", error_set_no_memory(100)));
    CHECK_EQUAL(0, report.damage_count);
    CHECK_OK(
        report_outcome(&report, "/store/a.log", error_set_corruption("", 7, "a bad byte", 1, 2)));
    CHECK_EQUAL(1, report.damage_count);
    CHECK(strcmp("/store/a.log", report.damages[0].path) == 0);
}

TEST(long_texts_are_cut_and_end)
{
    static pykv_report report;
    char text[1000];
    memset(&report, 0, sizeof report);
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    report_add(&report, text, 0, 0, 0, text);
    CHECK_EQUAL(sizeof report.damages[0].path - 1, strlen(report.damages[0].path));
    CHECK_EQUAL(sizeof report.damages[0].text - 1, strlen(report.damages[0].text));
}

TEST(the_last_error_is_listed_under_its_own_path_or_the_one_given)
{
    static pykv_report report;
    memset(&report, 0, sizeof report);
    CHECK_EQUAL(PYKV_CORRUPTION, error_set_corruption("/store/b.tbl", 1, "bad", 2, 3));
    report_add_last_error(&report, "other");
    CHECK(strcmp("/store/b.tbl", report.damages[0].path) == 0);
    CHECK_EQUAL(1, report.damages[0].offset);
    CHECK_EQUAL(3, report.damages[0].got);
    CHECK_EQUAL(PYKV_FORMAT, error_set(PYKV_FORMAT, "no path"));
    report_add_last_error(&report, "other");
    CHECK(strcmp("other", report.damages[1].path) == 0);
    CHECK(strcmp("no path", report.damages[1].text) == 0);
}

TEST_MAIN(CASE(a_damage_is_listed_with_its_place), CASE(damages_beyond_the_list_are_counted),
          CASE(a_failed_check_is_a_damage_and_want_of_memory_is_none),
          CASE(long_texts_are_cut_and_end),
          CASE(the_last_error_is_listed_under_its_own_path_or_the_one_given))
