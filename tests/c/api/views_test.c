/*
 * views_test: views of values as a C program has them: they stay through merges, close and free, on
 * every thread, and in a forked child.
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api_fixture.h"

#include "base/memory.h"

enum { VALUE_BYTES = 5000, VIEWS = 200 };

static api_fixture new_store(int32_t engine)
{
    api_fixture self = {.options = {.engine = engine}};
    if (engine == PYKV_ENGINE_LSM) {
        self.options.memtable_bytes = 64 * 1024;
        self.options.memory_budget_bytes = 16 << 20;
    } else {
        self.options.segment_bytes = 64 * 1024;
    }
    self.path = check_temporary_directory();
    CHECK_OK(api_open(&self));
    return self;
}

static const int32_t engines[] = {PYKV_ENGINE_BITCASK, PYKV_ENGINE_LSM};

static void put_filled(pykv_store *store, const char *key, int fill)
{
    uint8_t value[VALUE_BYTES];
    memset(value, fill, sizeof value);
    CHECK_OK(pykv_put(store, key, strlen(key), value, sizeof value, 0));
}

static bool is_filled(const pykv_view *view, int fill)
{
    bool same = view->length == VALUE_BYTES;
    for (size_t i = 0; i < view->length; i++) {
        same = same && view->data[i] == fill;
    }
    return same;
}

static pykv_view *open_view(pykv_store *store, const char *key)
{
    pykv_view *view = NULL;
    CHECK_OK(pykv_view_open(store, NULL, key, strlen(key), 0, &view));
    return view;
}

TEST(a_view_stays_through_overwrites_merges_close_and_free)
{
    for (int i = 0; i < 2; i++) {
        int64_t blocks = mem_block_count();
        api_fixture f = new_store(engines[i]);
        put_filled(f.store, "key", 'a');
        pykv_view *view = open_view(f.store, "key");
        CHECK_EQUAL(0, view->is_copy);
        CHECK_OK(pykv_flush(f.store));
        pykv_view *flushed = open_view(f.store, "key");
        CHECK_EQUAL(0, flushed->is_copy);
        put_filled(f.store, "key", 'b');
        CHECK_OK(pykv_compact(f.store, NULL, NULL));
        CHECK(is_filled(view, 'a'));
        CHECK_EQUAL(2, api_stats(&f).view_count);
        CHECK(api_stats(&f).pinned_bytes >= 2 * VALUE_BYTES);
        CHECK_OK(pykv_close(f.store, -1));
        CHECK(is_filled(view, 'a') && is_filled(flushed, 'a'));
        pykv_free(f.store);
        CHECK(is_filled(view, 'a') && is_filled(flushed, 'a'));
        pykv_view_free(view);
        CHECK(is_filled(flushed, 'a'));
        pykv_view_free(flushed);
        CHECK_EQUAL(blocks, mem_block_count());
        free(f.path);
    }
}

TEST(a_view_of_a_snapshot_shows_its_moment_and_outlives_it)
{
    for (int i = 0; i < 2; i++) {
        api_fixture f = new_store(engines[i]);
        pykv_snapshot *snapshot;
        pykv_view *view = NULL;
        put_filled(f.store, "key", 'a');
        CHECK_OK(pykv_snapshot_new(f.store, &snapshot));
        put_filled(f.store, "key", 'b');
        CHECK_OK(pykv_view_open(f.store, snapshot, "key", 3, 0, &view));
        CHECK_STATUS(PYKV_NOT_FOUND, pykv_view_open(f.store, snapshot, "no", 2, 0, &view));
        pykv_snapshot_free(snapshot);
        CHECK_OK(pykv_compact(f.store, NULL, NULL));
        CHECK(is_filled(view, 'a'));
        pykv_view_free(view);
        CHECK_EQUAL(0, api_stats(&f).view_count);
        api_free(&f);
    }
}

TEST(a_closed_store_gives_no_view_and_a_key_that_is_too_long_neither)
{
    api_fixture f = new_store(PYKV_ENGINE_LSM);
    pykv_view *view = NULL;
    static const char long_key[PYKV_KEY_BYTES_MAX + 1];
    CHECK_STATUS(PYKV_KEY_TOO_LARGE,
                 pykv_view_open(f.store, NULL, long_key, sizeof long_key, 0, &view));
    CHECK_OK(pykv_close(f.store, -1));
    CHECK_STATUS(PYKV_CLOSED, pykv_view_open(f.store, NULL, "key", 3, 0, &view));
    CHECK(view == NULL);
    pykv_view_free(NULL);
    api_free(&f);
}

TEST(a_view_of_a_namespace_outlives_it)
{
    api_fixture f = new_store(PYKV_ENGINE_LSM);
    pykv_store *named;
    CHECK_OK(pykv_namespace_open(f.store, "users", 5, 1, 0, &named));
    put_filled(named, "key", 'n');
    put_filled(f.store, "key", 'd');
    pykv_view *view = open_view(named, "key");
    CHECK_OK(pykv_namespace_drop(f.store, "users", 5, 0));
    pykv_free(named);
    CHECK_OK(pykv_compact(f.store, NULL, NULL));
    api_free(&f);
    CHECK(is_filled(view, 'n'));
    pykv_view_free(view);
}

TEST(a_forked_child_reads_a_view_and_leaves_it_to_its_parent)
{
    for (int i = 0; i < 2; i++) {
        api_fixture f = new_store(engines[i]);
        put_filled(f.store, "key", 'a');
        pykv_view *view = open_view(f.store, "key");
        pid_t child = fork();
        if (child == 0) {
            bool good = is_filled(view, 'a');
            pykv_view_free(view);
            pykv_view *other = NULL;
            good = good && pykv_view_open(f.store, NULL, "key", 3, 0, &other) == PYKV_FORKED;
            _exit(good && is_filled(view, 'a') ? 0 : 1);
        }
        int ended = 1;
        CHECK_EQUAL(child, waitpid(child, &ended, 0));
        CHECK_EQUAL(0, ended);
        CHECK_EQUAL(1, api_stats(&f).view_count);
        pykv_view_free(view);
        CHECK_EQUAL(0, api_stats(&f).view_count);
        api_free(&f);
    }
}

/* ---- threads ---- */

typedef struct reader {
    pykv_store *store;
    _Atomic bool failed;
} reader;

/* Views of keys that are overwritten all the time: each shows one letter, however long it lives. */
static void *view_and_check(void *context)
{
    reader *self = context;
    pykv_view *views[4] = {NULL};
    for (int i = 0; i < VIEWS; i++) {
        pykv_view **view = &views[i % 4];
        if (*view != NULL && !is_filled(*view, (*view)->data[0])) {
            self->failed = true;
        }
        pykv_view_free(*view);
        *view = NULL;
        if (pykv_view_open(self->store, NULL, "key", 3, 0, view) != PYKV_OK) {
            self->failed = true;
        }
    }
    for (int i = 0; i < 4; i++) {
        pykv_view_free(views[i]);
    }
    return NULL;
}

TEST(threads_view_what_others_overwrite_flush_and_merge)
{
    for (int i = 0; i < 2; i++) {
        api_fixture f = new_store(engines[i]);
        pthread_t threads[3];
        reader shared = {.store = f.store};
        put_filled(f.store, "key", 'a');
        for (int t = 0; t < 3; t++) {
            CHECK_EQUAL(0, pthread_create(&threads[t], NULL, view_and_check, &shared));
        }
        for (int round = 0; round < 60; round++) {
            put_filled(f.store, "key", 'a' + round % 26);
            if (round % 15 == 0) {
                CHECK_OK(pykv_compact(f.store, NULL, NULL));
            }
        }
        for (int t = 0; t < 3; t++) {
            CHECK_EQUAL(0, pthread_join(threads[t], NULL));
        }
        CHECK(!shared.failed);
        CHECK_EQUAL(0, api_stats(&f).view_count);
        CHECK_EQUAL(0, api_stats(&f).pinned_bytes);
        api_free(&f);
    }
}

TEST_MAIN(CASE(a_view_stays_through_overwrites_merges_close_and_free),
          CASE(a_view_of_a_snapshot_shows_its_moment_and_outlives_it),
          CASE(a_closed_store_gives_no_view_and_a_key_that_is_too_long_neither),
          CASE(a_view_of_a_namespace_outlives_it),
          CASE(a_forked_child_reads_a_view_and_leaves_it_to_its_parent),
          CASE(threads_view_what_others_overwrite_flush_and_merge))
