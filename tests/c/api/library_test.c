/*
 * library: the version, the names of statuses and the last error of a thread.
 */
#include <pthread.h>

#include "api_fixture.h"

TEST(every_status_has_a_name_of_its_own)
{
    for (int32_t i = PYKV_OK; i <= PYKV_SNAPSHOT_GONE; i++) {
        const char *name = pykv_status_name(i);
        CHECK(name != NULL && name[0] != '\0');
        CHECK(strcmp(name, "unknown status") != 0);
        for (int32_t j = PYKV_OK; j < i; j++) {
            CHECK(strcmp(name, pykv_status_name(j)) != 0);
        }
    }
    CHECK(strcmp("not found", pykv_status_name(PYKV_NOT_FOUND)) == 0);
    CHECK(strcmp("history gone", pykv_status_name(PYKV_HISTORY_GONE)) == 0);
    CHECK(strcmp("snapshot gone", pykv_status_name(PYKV_SNAPSHOT_GONE)) == 0);
}

TEST(a_number_that_is_no_status_is_called_unknown)
{
    static const int32_t numbers[] = {-1, PYKV_SNAPSHOT_GONE + 1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        CHECK(strcmp("unknown status", pykv_status_name(numbers[i])) == 0);
    }
}

TEST(the_version_is_three_numbers)
{
    unsigned major;
    unsigned minor;
    unsigned patch;
    char rest;
    CHECK_EQUAL(3, sscanf(pykv_version(), "%u.%u.%u%c", &major, &minor, &patch, &rest));
}

TEST(a_check_may_be_made_piece_by_piece)
{
    CHECK_EQUAL(UINT32_C(0xE3069283), pykv_crc32c(0, "123456789", 9));
    CHECK_EQUAL(UINT32_C(0xE3069283), pykv_crc32c(pykv_crc32c(0, "1234", 4), "56789", 5));
    CHECK_EQUAL(0, pykv_crc32c(0, NULL, 0));
}

static void *fail_elsewhere(void *context)
{
    pykv_store *store;
    pykv_options options = {.segment_bytes = 1};
    pykv_status *seen = context;
    if (pykv_open("/nowhere", &options, &store) == PYKV_INVALID_ARGUMENT) {
        *seen = pykv_last_error()->status;
    }
    return NULL;
}

TEST(the_last_error_tells_what_failed_in_this_thread)
{
    pthread_t thread;
    pykv_status elsewhere = PYKV_OK;
    api_fixture f = api_new();
    f.options.must_not_exist = 1;
    CHECK_OK(pykv_close(f.store, -1));
    pykv_store *second = NULL;
    CHECK_EQUAL(PYKV_PATH_EXISTS, pykv_open(f.path, &f.options, &second));
    CHECK(second == NULL);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, fail_elsewhere, &elsewhere));
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    CHECK_EQUAL(PYKV_INVALID_ARGUMENT, elsewhere);
    CHECK_EQUAL(PYKV_PATH_EXISTS, pykv_last_error()->status);
    CHECK(strstr(pykv_last_error()->text, f.path) != NULL);
    api_free(&f);
}

TEST_MAIN(CASE(every_status_has_a_name_of_its_own),
          CASE(a_number_that_is_no_status_is_called_unknown), CASE(the_version_is_three_numbers),
          CASE(a_check_may_be_made_piece_by_piece),
          CASE(the_last_error_tells_what_failed_in_this_thread))
