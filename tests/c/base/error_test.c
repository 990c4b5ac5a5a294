/*
 * error_test: the detail of a failure, field by field, and that each thread has its own.
 */
#include <errno.h>
#include <pthread.h>

#include "child.h"
#include "harness/check.h"

#include "base/error.h"
#include "base/memory.h"

static void check_text(const char *wanted)
{
    if (strcmp(wanted, error_last()->text) != 0) {
        check_failed(__FILE__, __LINE__, "text is \"%s\", not \"%s\"", error_last()->text, wanted);
    }
}

TEST(a_message_is_recorded_with_its_status)
{
    CHECK_STATUS(PYKV_INVALID_ARGUMENT, error_set(PYKV_INVALID_ARGUMENT, "%d is not %s", 3, "x"));
    CHECK_EQUAL(PYKV_INVALID_ARGUMENT, error_last()->status);
    check_text("3 is not x");
    CHECK_EQUAL(0, error_last()->system_errno);
    CHECK_EQUAL('\0', error_last()->path[0]);
}

TEST(a_new_failure_leaves_nothing_of_the_old_one)
{
    error_set_corruption("a/b", 7, "bad checksum", 1, 2);
    error_set(PYKV_CLOSED, "closed");
    CHECK_EQUAL(PYKV_CLOSED, error_last()->status);
    CHECK_EQUAL(0, error_last()->offset);
    CHECK_EQUAL(0, error_last()->expected);
    CHECK_EQUAL(0, error_last()->got);
    CHECK_EQUAL('\0', error_last()->path[0]);
}

TEST(a_system_error_names_the_file_and_the_reason)
{
    CHECK_STATUS(PYKV_PATH_NOT_FOUND,
                 error_set_system(PYKV_PATH_NOT_FOUND, ENOENT, "d/f", "cannot open %s", "it"));
    CHECK_EQUAL(ENOENT, error_last()->system_errno);
    CHECK(strcmp("d/f", error_last()->path) == 0);
    char wanted[256];
    snprintf(wanted, sizeof wanted, "d/f: cannot open it: %s (errno %d)", strerror(ENOENT), ENOENT);
    check_text(wanted);
}

TEST(a_system_error_may_concern_no_file)
{
    error_set_system(PYKV_IO_FAILED, EIO, NULL, "no");
    CHECK_EQUAL('\0', error_last()->path[0]);
    CHECK(strncmp("no: ", error_last()->text, 4) == 0);
}

TEST(corruption_tells_where_and_both_numbers)
{
    CHECK_STATUS(PYKV_CORRUPTION,
                 error_set_corruption("dir/000001.seg", 4096, "record checksum", 0xabcd, 0x12));
    CHECK_EQUAL(4096, error_last()->offset);
    CHECK_EQUAL(0xabcd, error_last()->expected);
    CHECK_EQUAL(0x12, error_last()->got);
    CHECK(strcmp("dir/000001.seg", error_last()->path) == 0);
    check_text("dir/000001.seg: record checksum at offset 4096: expected 0xabcd, got 0x12");
}

TEST(a_message_may_concern_a_path)
{
    CHECK_STATUS(PYKV_FORMAT, error_set_at(PYKV_FORMAT, "some/dir", "it holds %d files", 3));
    CHECK(strcmp("some/dir", error_last()->path) == 0);
    CHECK_EQUAL(0, error_last()->system_errno);
    check_text("some/dir: it holds 3 files");
}

TEST(a_lock_tells_its_owner_where_known)
{
    CHECK_STATUS(PYKV_LOCKED, error_set_locked("d", 41));
    CHECK_EQUAL(41, error_last()->owner_pid);
    CHECK(strcmp("d", error_last()->path) == 0);
    check_text("d: held by process 41");
    error_set_locked("d", 0);
    check_text("d: held by another opener");
}

TEST(no_memory_tells_the_request)
{
    CHECK_STATUS(PYKV_NO_MEMORY, error_set_no_memory(12345));
    CHECK(strstr(error_last()->text, "12345") != NULL);
}

TEST(long_text_and_paths_are_cut_not_overrun)
{
    char path[2000];
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    error_set_system(PYKV_IO_FAILED, EIO, path, "%s", path);
    CHECK_EQUAL(PYKV_ERROR_PATH_BYTES - 1, strlen(error_last()->path));
    CHECK(strlen(error_last()->text) < PYKV_ERROR_TEXT_BYTES);
    CHECK(strstr(error_last()->text, "errno") != NULL);
    error_set_corruption(path, 77, path, 1, 2);
    CHECK(strstr(error_last()->text, "at offset 77: expected 0x1, got 0x2") != NULL);
    error_set_at(PYKV_FORMAT, path, "%s", path);
    CHECK_EQUAL(PYKV_ERROR_PATH_BYTES - 1, strlen(error_last()->path));
    CHECK_EQUAL(502, strlen(error_last()->text));
    error_set_locked(path, 5);
    CHECK(strstr(error_last()->text, "held by process 5") != NULL);
    error_set(PYKV_FORMAT, "%s", path);
    CHECK_EQUAL(PYKV_ERROR_TEXT_BYTES - 1, strlen(error_last()->text));
}

TEST(the_old_detail_may_be_an_argument_of_the_new_one)
{
    error_set_system(PYKV_IO_FAILED, EIO, "file", "inner");
    error_set_system(PYKV_CORRUPTION, 0, error_last()->path, "outer of %s", error_last()->text);
    CHECK(strcmp("file", error_last()->path) == 0);
    CHECK(strncmp("file: outer of file: inner", error_last()->text, 26) == 0);
}

TEST(a_saved_detail_can_be_put_back)
{
    error_set_corruption("f", 9, "kind", 3, 4);
    pykv_error saved = *error_last();
    error_set(PYKV_IO_FAILED, "clean-up failed");
    error_restore(&saved);
    CHECK_EQUAL(PYKV_CORRUPTION, error_last()->status);
    CHECK_EQUAL(9, error_last()->offset);
    check_text("f: kind at offset 9: expected 0x3, got 0x4");
    error_restore(error_last());
    CHECK_EQUAL(PYKV_CORRUPTION, error_last()->status);
}

static void *fail_elsewhere(void *argument)
{
    pykv_status *seen_first = argument;
    *seen_first = error_last()->status;
    error_set(PYKV_NO_SPACE, "elsewhere");
    return NULL;
}

TEST(each_thread_has_its_own_detail)
{
    error_set(PYKV_CLOSED, "here");
    pykv_status seen_first = PYKV_INTERNAL;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, fail_elsewhere, &seen_first) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQUAL(PYKV_OK, seen_first);
    CHECK_EQUAL(PYKV_CLOSED, error_last()->status);
    check_text("here");
}

static void *fail_without_memory(void *argument)
{
    const char **wrong = argument;
    void *block;
    (void)mem_fail_at(1, 1);
    block = mem_alloc(1);
    *wrong = block != NULL ? "there is memory" : NULL;
    error_set_system(PYKV_NO_SPACE, EIO, "file", "no room");
    pykv_error saved = *error_last();
    error_set_no_memory(1);
    if (saved.status != PYKV_NO_SPACE || error_last()->status != PYKV_NO_MEMORY) {
        *wrong = "a status was lost";
    }
    if (strstr(saved.text, "no memory") == NULL || saved.path[0] != '\0') {
        *wrong = "the text does not say what happened";
    }
    error_restore(error_last());
    error_restore(&saved);
    *wrong = error_last()->status == PYKV_NO_SPACE ? *wrong : "nothing was put back";
    (void)mem_fail_at(0, 0);
    error_set(PYKV_FORMAT, "with memory");
    *wrong = strcmp("with memory", error_last()->text) == 0 ? *wrong : "no detail with memory";
    return NULL;
}

/* The detail of a thread is allocated at its first failure, which may be a lack of memory. */
TEST(a_thread_without_memory_for_a_detail_keeps_the_status)
{
    const char *wrong = "not run";
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, fail_without_memory, &wrong) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    if (wrong != NULL) {
        check_failed(__FILE__, __LINE__, "%s", wrong);
    }
}

enum { LATE_ROUNDS = 3 }; /* of the destructors of an ending thread, of which there are four */

static pthread_key_t late_key;
static int late_failures;
static int late_details;

static void fail_late(void *argument)
{
    error_set(PYKV_CLOSED, "late %d", late_failures);
    late_details += strncmp("late ", error_last()->text, 5) == 0;
    late_failures++;
    if (late_failures < LATE_ROUNDS) {
        (void)pthread_setspecific(late_key, argument);
    }
}

static void *fail_and_end(void *argument)
{
    error_set(PYKV_CLOSED, "in time");
    (void)pthread_setspecific(late_key, argument);
    return NULL;
}

/* Another library's destructor closes a store after the detail of its thread was freed. The leak
 * checker tells whether what it then fails with is freed too. */
TEST(a_thread_that_ends_can_fail_until_its_last_destructor)
{
    pthread_t thread;
    CHECK(pthread_key_create(&late_key, fail_late) == 0);
    CHECK(pthread_create(&thread, NULL, fail_and_end, &late_key) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(pthread_key_delete(late_key) == 0);
    CHECK_EQUAL(LATE_ROUNDS, late_failures);
    CHECK_EQUAL(LATE_ROUNDS, late_details);
}

static int look_and_fail(void)
{
    bool inherited = strcmp("of the parent", error_last()->text) == 0;
    error_set(PYKV_FORKED, "of the child");
    return inherited && strcmp("of the child", error_last()->text) == 0 ? 0 : 1;
}

TEST(a_forked_child_inherits_the_detail_and_has_its_own)
{
    error_set(PYKV_CLOSED, "of the parent");
    CHECK_EQUAL(0, child_run(look_and_fail));
    check_text("of the parent");
}

TEST_MAIN(CASE(a_message_is_recorded_with_its_status),
          CASE(a_new_failure_leaves_nothing_of_the_old_one),
          CASE(a_system_error_names_the_file_and_the_reason),
          CASE(a_system_error_may_concern_no_file), CASE(corruption_tells_where_and_both_numbers),
          CASE(a_message_may_concern_a_path), CASE(a_lock_tells_its_owner_where_known),
          CASE(no_memory_tells_the_request), CASE(long_text_and_paths_are_cut_not_overrun),
          CASE(the_old_detail_may_be_an_argument_of_the_new_one),
          CASE(a_saved_detail_can_be_put_back), CASE(each_thread_has_its_own_detail),
          CASE(a_thread_without_memory_for_a_detail_keeps_the_status),
          CASE(a_thread_that_ends_can_fail_until_its_last_destructor),
          CASE(a_forked_child_inherits_the_detail_and_has_its_own))
