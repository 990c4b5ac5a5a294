/*
 * handle: who may call a store: not after close, not from a forked child, not beside another
 * opener.
 */
#include <pthread.h>

#include "api_fixture.h"

#include "api/handle.h"
#include "base/child.h"

TEST(every_call_after_close_is_refused_and_closing_again_is_fine)
{
    api_fixture f = api_new();
    pykv_pinned pinned = {.length = 77};
    pykv_scan *rows = NULL;
    pykv_stats stats;
    uint64_t count = 77;
    int32_t more;
    CHECK_OK(api_put(&f, "a", "1"));
    CHECK_EQUAL(PYKV_STATE_OPEN, pykv_state(f.store));
    CHECK_OK(pykv_check_open(f.store));
    CHECK_OK(pykv_close(f.store, -1));
    CHECK_STATUS(PYKV_CLOSED, pykv_check_open(f.store));
    CHECK_STATUS(PYKV_CLOSED, pykv_get(f.store, "a", 1, 0, &pinned));
    CHECK_EQUAL(77, pinned.length);
    CHECK_EQUAL(PYKV_CLOSED, pykv_last_error()->status);
    CHECK_STATUS(PYKV_CLOSED, api_put(&f, "b", "2"));
    CHECK_STATUS(PYKV_CLOSED, pykv_count(f.store, &count));
    CHECK_EQUAL(77, count);
    CHECK_STATUS(PYKV_CLOSED, pykv_scan_open(f.store, NULL, &rows));
    CHECK(rows == NULL);
    CHECK_STATUS(PYKV_CLOSED, pykv_get_stats(f.store, &stats));
    CHECK_STATUS(PYKV_CLOSED, pykv_compact(f.store, NULL, NULL));
    CHECK_STATUS(PYKV_CLOSED, pykv_maintain_step(f.store, PYKV_ROLE_DATA, &more));
    CHECK_EQUAL(PYKV_STATE_CLOSED, pykv_state(f.store));
    CHECK_OK(pykv_close(f.store, 0));
    api_free(&f);
}

static api_fixture inherited;
static pid_t opener;

/* Runs in the child. The number tells which expectation failed. */
static int use_inherited_store(void)
{
    pykv_pinned pinned;
    pykv_store *own = NULL;
    if (pykv_get(inherited.store, "a", 1, 0, &pinned) != PYKV_FORKED ||
        api_put(&inherited, "a", "child") != PYKV_FORKED) {
        return 1;
    }
    if (pykv_compact(inherited.store, NULL, NULL) != PYKV_FORKED ||
        pykv_check_open(inherited.store) != PYKV_FORKED ||
        pykv_state(inherited.store) != PYKV_STATE_CLOSED) {
        return 2;
    }
    if (pykv_close(inherited.store, -1) != PYKV_OK) {
        return 3;
    }
    pykv_free(inherited.store);
    if (pykv_open(inherited.path, NULL, &own) != PYKV_LOCKED ||
        pykv_last_error()->owner_pid != opener) {
        return 4;
    }
    inherited.options.read_only = 1;
    return api_open(&inherited) == PYKV_OK ? 0 : 5;
}

TEST(a_forked_child_is_refused_and_its_close_does_nothing_to_the_parent)
{
    inherited = api_new();
    opener = getpid();
    CHECK_OK(api_put(&inherited, "a", "parent"));
    CHECK_EQUAL(0, child_run(use_inherited_store));
    api_expect(&inherited, "a", "parent");
    CHECK_OK(api_put(&inherited, "b", "later"));
    api_reopen(&inherited);
    CHECK_EQUAL(1, api_stats(&inherited).clean_open);
    api_expect(&inherited, "b", "later");
    api_free(&inherited);
}

TEST(a_store_is_opened_once_at_a_time_and_not_by_another_engine)
{
    api_fixture f = api_new();
    pykv_store *second = NULL;
    pykv_options other = {.engine = PYKV_ENGINE_LSM};
    CHECK_STATUS(PYKV_LOCKED, pykv_open(f.path, NULL, &second));
    CHECK_EQUAL(getpid(), pykv_last_error()->owner_pid);
    CHECK_STATUS(PYKV_LOCKED, pykv_destroy(f.path));
    CHECK_OK(pykv_close(f.store, -1));
    CHECK_STATUS(PYKV_FORMAT, pykv_open(f.path, &other, &second));
    CHECK(second == NULL);
    CHECK_OK(pykv_open(f.path, NULL, &second));
    pykv_free(second);
    api_free(&f);
}

TEST(a_close_that_times_out_refuses_new_calls_and_may_be_called_again)
{
    api_fixture f = api_new();
    pykv_pinned pinned;
    pykv_pinned other;
    CHECK_OK(api_put(&f, "a", "1"));
    CHECK_OK(pykv_get(f.store, "a", 1, 0, &pinned));
    CHECK_STATUS(PYKV_TIMED_OUT, pykv_close(f.store, 1000));
    CHECK_STATUS(PYKV_CLOSED, pykv_get(f.store, "a", 1, 0, &other));
    CHECK_STATUS(PYKV_CLOSED, pykv_check_open(f.store));
    CHECK_EQUAL(1, pinned.length);
    CHECK_BYTES("1", pinned.data, 1);
    CHECK_STATUS(PYKV_TIMED_OUT, pykv_close(f.store, 0));
    pykv_unpin(f.store, &pinned);
    CHECK_OK(pykv_close(f.store, 0));
    pykv_free(f.store);
    CHECK_OK(api_open(&f));
    CHECK_EQUAL(1, api_stats(&f).clean_open);
    api_free(&f);
}

static void *close_patiently(void *context)
{
    pykv_store *store = context;
    return pykv_close(store, -1) == PYKV_OK ? context : NULL;
}

TEST(threads_that_close_take_turns_and_a_timeout_counts_for_the_turn_too)
{
    api_fixture f = api_new();
    pthread_t closer;
    void *result;
    bool inside = false;
    pykv_pinned pinned;
    CHECK_OK(api_put(&f, "a", "1"));
    CHECK_OK(pykv_get(f.store, "a", 1, 0, &pinned));
    CHECK_EQUAL(0, pthread_create(&closer, NULL, close_patiently, f.store));
    for (int i = 0; i < 10000 && !inside; i++) {
        usleep(1000);
        mutex_lock(&f.store->closer_lock);
        inside = f.store->closer_inside;
        mutex_unlock(&f.store->closer_lock);
    }
    CHECK(inside);
    CHECK_STATUS(PYKV_TIMED_OUT, pykv_close(f.store, 1000));
    CHECK(strstr(pykv_last_error()->text, "another thread") != NULL);
    pykv_unpin(f.store, &pinned);
    CHECK_EQUAL(0, pthread_join(closer, &result));
    CHECK(result == f.store);
    CHECK_OK(pykv_close(f.store, 0));
    api_free(&f);
}

/* Takes the manifest away. */
static void unlink_manifest(const char *path)
{
    char name[600];
    snprintf(name, sizeof name, "%s/MANIFEST", path);
    CHECK(unlink(name) == 0);
}

TEST(detect_tells_the_engine_and_destroy_takes_the_directory_away)
{
    int32_t engine = 77;
    char *path = check_temporary_directory();
    pykv_store *store;
    CHECK_OK(pykv_detect(path, &engine));
    CHECK_EQUAL(PYKV_ENGINE_ANY, engine);
    CHECK_OK(pykv_open(path, NULL, &store));
    CHECK_OK(pykv_put(store, "a", 1, "1", 1, 0));
    pykv_free(store);
    CHECK_OK(pykv_detect(path, &engine));
    CHECK_EQUAL(PYKV_ENGINE_LSM, engine);
    unlink_manifest(path);
    CHECK_OK(pykv_detect(path, &engine)); /* by the mark beside its logs */
    CHECK_EQUAL(PYKV_ENGINE_LSM, engine);
    CHECK_OK(pykv_repair(path, NULL));
    CHECK_OK(pykv_open(path, NULL, &store));
    CHECK_OK(pykv_contains(store, "a", 1, 0));
    pykv_free(store);
    CHECK_OK(pykv_destroy(path));
    CHECK_OK(pykv_detect(path, &engine)); /* the directory keeps what repair set aside */
    CHECK_EQUAL(PYKV_ENGINE_ANY, engine);
    free(path);
    path = check_temporary_directory();
    CHECK_OK(pykv_open(path, NULL, &store));
    pykv_free(store);
    CHECK_OK(pykv_destroy(path));
    CHECK(access(path, F_OK) != 0);
    CHECK_STATUS(PYKV_PATH_NOT_FOUND, pykv_detect(path, &engine));
    free(path);
}

TEST_MAIN(CASE(every_call_after_close_is_refused_and_closing_again_is_fine),
          CASE(a_forked_child_is_refused_and_its_close_does_nothing_to_the_parent),
          CASE(a_store_is_opened_once_at_a_time_and_not_by_another_engine),
          CASE(a_close_that_times_out_refuses_new_calls_and_may_be_called_again),
          CASE(threads_that_close_take_turns_and_a_timeout_counts_for_the_turn_too),
          CASE(detect_tells_the_engine_and_destroy_takes_the_directory_away))
