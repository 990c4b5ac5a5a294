/*
 * checkpoint_threads: checkpoints beside writers that put pairs in batches, beside merges or
 * compactions, and beside a close; meant for the sanitizers too.
 *
 * A writer's counter rises and stands under two keys, written in one batch with a row of its own.
 * So a copy holds equal counters, not below those that were written before it, and as many rows.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "api_fixture.h"

enum { WRITERS = 2, COPIES = 3, VALUE_BYTES = 300, PATH_BYTES = 600 };

typedef struct writer {
    pykv_store *store;
    int number;
    _Atomic uint64_t written;
    _Atomic bool *stop;
    pthread_t thread;
} writer;

static void put(pykv_batch *batch, const char *key, const void *value, size_t size)
{
    CHECK_OK(pykv_batch_put(batch, key, strlen(key), value, size));
}

static pykv_status write_next(writer *self, pykv_batch *batch)
{
    char key[32];
    static const uint8_t filling[VALUE_BYTES];
    uint64_t counter = atomic_load(&self->written) + 1;
    pykv_batch_clear(batch);
    snprintf(key, sizeof key, "left-%d", self->number);
    put(batch, key, &counter, sizeof counter);
    snprintf(key, sizeof key, "right-%d", self->number);
    put(batch, key, &counter, sizeof counter);
    snprintf(key, sizeof key, "row-%d-%u", self->number, (unsigned)counter);
    put(batch, key, filling, sizeof filling);
    pykv_status status = pykv_write(self->store, batch, 0);
    if (status == PYKV_OK) {
        atomic_store(&self->written, counter);
    }
    return status;
}

static void *write_pairs(void *context)
{
    writer *self = context;
    pykv_batch *batch;
    CHECK_OK(pykv_batch_new(&batch));
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && !atomic_load(self->stop)) {
        status = write_next(self, batch);
    }
    CHECK(status == PYKV_OK || status == PYKV_CLOSED);
    pykv_batch_free(batch);
    return NULL;
}

static void *lend_data(void *store)
{
    CHECK_OK(pykv_maintain(store, PYKV_ROLE_DATA));
    return NULL;
}

static uint64_t counter_of(pykv_store *store, const char *side, int number)
{
    char key[32];
    uint64_t counter = 0;
    pykv_pinned pinned;
    snprintf(key, sizeof key, "%s-%d", side, number);
    pykv_status status = pykv_get(store, key, strlen(key), 0, &pinned);
    if (status == PYKV_OK) {
        memcpy(&counter, pinned.data, sizeof counter);
        pykv_unpin(store, &pinned);
    }
    CHECK(status == PYKV_OK || status == PYKV_NOT_FOUND);
    return counter;
}

static void check_copy(const char *path, const uint64_t *floors)
{
    pykv_store *copy;
    pykv_options options = {.must_exist = 1};
    uint64_t count;
    uint64_t expected = 0;
    CHECK_OK(pykv_open(path, &options, &copy));
    for (int i = 0; i < WRITERS; i++) {
        uint64_t counter = counter_of(copy, "left", i);
        CHECK_EQUAL(counter, counter_of(copy, "right", i));
        CHECK(counter >= floors[i]);
        expected += counter + (counter > 0 ? 2 : 0);
    }
    CHECK_OK(pykv_count(copy, &count));
    CHECK_EQUAL(expected, count);
    CHECK_OK(pykv_close(copy, -1));
    pykv_free(copy);
    CHECK_OK(pykv_destroy(path));
}

static void make_copies(api_fixture *f, writer *writers)
{
    for (int n = 0; n < COPIES; n++) {
        char path[PATH_BYTES];
        uint64_t floors[WRITERS];
        snprintf(path, sizeof path, "%s-copy-%d", f->path, n);
        for (int i = 0; i < WRITERS; i++) {
            floors[i] = atomic_load(&writers[i].written);
        }
        CHECK_OK(pykv_checkpoint(f->store, path));
        check_copy(path, floors);
    }
}

static void copy_beside_writers(int32_t engine)
{
    api_fixture f = {.options = {.engine = engine}};
    _Atomic bool stop = false;
    writer writers[WRITERS];
    pthread_t data;
    f.path = check_temporary_directory();
    f.options.segment_bytes = engine == PYKV_ENGINE_BITCASK ? 65536 : 0;
    f.options.memtable_bytes = engine == PYKV_ENGINE_LSM ? 65536 : 0;
    CHECK_OK(api_open(&f));
    CHECK_EQUAL(0, pthread_create(&data, NULL, lend_data, f.store));
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.store = f.store, .number = i, .stop = &stop};
        CHECK_EQUAL(0, pthread_create(&writers[i].thread, NULL, write_pairs, &writers[i]));
    }
    make_copies(&f, writers);
    CHECK_OK(pykv_close(f.store, -1));
    CHECK_STATUS(PYKV_CLOSED, pykv_checkpoint(f.store, "closed"));
    for (int i = 0; i < WRITERS; i++) {
        CHECK_EQUAL(0, pthread_join(writers[i].thread, NULL));
    }
    CHECK_EQUAL(0, pthread_join(data, NULL));
    api_free(&f);
}

TEST(a_bitcask_is_copied_at_one_moment_beside_writers_and_merges)
{
    copy_beside_writers(PYKV_ENGINE_BITCASK);
}

TEST(an_lsm_store_is_copied_at_one_moment_beside_writers_and_compactions)
{
    copy_beside_writers(PYKV_ENGINE_LSM);
}

TEST_MAIN(CASE(a_bitcask_is_copied_at_one_moment_beside_writers_and_merges),
          CASE(an_lsm_store_is_copied_at_one_moment_beside_writers_and_compactions))
