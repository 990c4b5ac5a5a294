/*
 * publish_waiting_test: what became durable becomes visible, whole batches at a time.
 */
#include <errno.h>

#include "base/error.h"
#include "bitcask/health.h"
#include "bitcask/named_fixture.h"
#include "bitcask/operation_fixture.h"
#include "bitcask/publish_waiting.h"
#include "bitcask/sync.h"
#include "env/env_fault.h"

/* Appends a write that waits for its sync. */
static void append_waiting(fixture *self, operation waiting) REQUIRES(self->store->writer)
{
    uint64_t offset;
    waiting.record.body_crc = record_body_crc(&waiting.record);
    waiting.record.sequence = ++self->store->appended_sequence;
    CHECK_OK(log_writer_append(&self->store->log, &waiting.record, &offset));
    atomic_store(&self->store->active->length, log_sink_tail(self->store->sink));
    waiting.address = self->store->active->address_base + offset / 8;
    CHECK_OK(bitcask_reserve_pending(self->store, 1));
    bitcask_add_pending(self->store, &waiting, 1);
}

TEST(a_write_that_waits_is_resolved_again_when_it_is_published)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "0");
    mutex_lock(&self.store->writer);
    append_waiting(&self, operation_make(RECORD_PUT, "a", "1"));
    append_waiting(&self, operation_make(RECORD_PUT, "a", "22222222"));
    CHECK_OK(bitcask_publish_pending(self.store, 2));
    CHECK_EQUAL(1, self.store->pending_count);
    CHECK_EQUAL(2, self.store->published_sequence);
    CHECK_OK(bitcask_publish_pending(self.store, UINT64_MAX));
    CHECK_EQUAL(0, self.store->pending_count);
    CHECK_EQUAL(40, self.store->active->live_bytes);
    CHECK_EQUAL(1, self.store->active->live_count);
    mutex_unlock(&self.store->writer);
    fixture_expect(&self, "a", "22222222");
    fixture_free(&self);
}

/* A page of the directory's image was damaged: the directory that was made from the segments showed
 * what no sync had made durable, also to snapshots. */
TEST(a_directory_that_is_built_anew_shows_no_write_that_waits)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "0");
    fixture_put(&self, "b", "0");
    mutex_lock(&self.store->writer);
    append_waiting(&self, operation_make(RECORD_PUT, "a", "1"));
    append_waiting(&self, operation_make(RECORD_DELETE, "b", NULL));
    append_waiting(&self, operation_make(RECORD_PUT, "c", "1"));
    CHECK_OK(bitcask_rebuild(self.store));
    mutex_unlock(&self.store->writer);
    fixture_expect(&self, "a", "0");
    fixture_expect(&self, "b", "0");
    fixture_expect(&self, "c", NULL);
    mutex_lock(&self.store->writer);
    CHECK_OK(bitcask_publish_pending(self.store, self.store->published_sequence + 1));
    CHECK_OK(bitcask_rebuild(self.store)); /* one is shown, two wait */
    mutex_unlock(&self.store->writer);
    fixture_expect(&self, "a", "1");
    fixture_expect(&self, "b", "0");
    CHECK_OK(bitcask_sync(self.store));
    fixture_expect(&self, "b", NULL);
    fixture_expect(&self, "c", "1");
    fixture_expect_exact_books(&self);
    fixture_free(&self);
}

/* A put, a delete and a new key that wait, and then fail. */
static void append_failing(fixture *self)
{
    mutex_lock(&self->store->writer);
    append_waiting(self, operation_make(RECORD_PUT, "a", "1"));
    append_waiting(self, operation_make(RECORD_DELETE, "b", NULL));
    append_waiting(self, operation_make(RECORD_PUT, "c", "1"));
    (void)error_set(PYKV_IO_FAILED, "the sync fails");
    bitcask_fail(self->store);
    CHECK_OK(bitcask_rebuild(self->store));
    mutex_unlock(&self->store->writer);
}

/* Nothing waited any more, and so the same directory showed what a sync had failed to make durable;
 * scans missed the rows that these writes were to displace. */
TEST(a_directory_that_is_built_anew_shows_no_write_whose_sync_failed)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "0");
    fixture_put(&self, "b", "0");
    append_failing(&self);
    fixture_expect(&self, "a", "0");
    fixture_expect(&self, "b", "0");
    fixture_expect(&self, "c", NULL);
    CHECK_EQUAL(2, fixture_count(&self));
    fixture_free(&self);
}

/* The directory was built anew between a waiting write's share and its publication. */
TEST(a_write_that_waits_keeps_the_share_of_its_namespace)
{
    fixture self = fixture_new();
    space *within = named_make(&self, "n");
    operation waiting = operation_make(RECORD_PUT, "a", "1");
    waiting.within = within;
    waiting.record.namespace_id = within->id;
    waiting.record.flags = RECORD_FLAG_NAMESPACE;
    mutex_lock(&self.store->writer);
    append_waiting(&self, waiting);
    CHECK_OK(live_shares_reserve(&self.store->active->shares, within->id));
    CHECK_OK(bitcask_rebuild(self.store));
    CHECK(live_shares_find(&self.store->active->shares, within->id) != NULL);
    mutex_unlock(&self.store->writer);
    CHECK_OK(bitcask_sync(self.store));
    named_expect(&self, within, "a", "1");
    named_let_go(&self, within);
    fixture_free(&self);
}

/* The members of a batch come behind each other: each sees what those before it did. */
TEST(a_batch_that_waited_applies_its_operations_in_order)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "0");
    fixture_put(&self, "b", "0");
    fixture_put(&self, "", "0");
    operation batch[] = {
        operation_make(RECORD_PUT, "a", "1"),     operation_make(RECORD_PUT, "a", "22"),
        operation_make(RECORD_DELETE, "b", NULL), operation_make(RECORD_PUT, "c", "1"),
        operation_make(RECORD_DELETE, "c", NULL), operation_make(RECORD_PUT, "b", "333"),
        operation_make(RECORD_PUT, "", "1"),      operation_make(RECORD_PUT, "d", "1")};
    CHECK_OK(bitcask_write(self.store, batch, sizeof batch / sizeof batch[0], PYKV_SYNC));
    fixture_expect(&self, "a", "22");
    fixture_expect(&self, "b", "333");
    fixture_expect(&self, "c", NULL);
    fixture_expect(&self, "", "1");
    fixture_expect(&self, "d", "1");
    CHECK_EQUAL(4, fixture_stats(&self).key_count);
    CHECK_EQUAL(4, self.store->active->live_count);
    fixture_free(&self);
}

/* Their keys take no bytes together, and the place of no bytes was once counted from NULL. */
TEST(a_batch_of_empty_keys_alone_may_wait)
{
    fixture self = fixture_new();
    operation batch[] = {operation_make(RECORD_PUT, "", "1"), operation_make(RECORD_PUT, "", "22")};
    CHECK_OK(bitcask_write(self.store, batch, 2, PYKV_SYNC));
    fixture_expect(&self, "", "22");
    CHECK_EQUAL(1, fixture_stats(&self).key_count);
    fixture_free(&self);
}

enum { FAULTY_BATCH = 40 };

/* A store of "k0" to "k19" on a disk whose calls can fail. */
typedef struct faulty_store {
    env *disk;
    env *faulty;
    bitcask *store;
    pykv_options options;
} faulty_store;

static faulty_store faulty_store_new(void)
{
    faulty_store self = {.options = {.log_sink = PYKV_LOG_PWRITE, .no_mapped_reads = 1}};
    char key[16];
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &self.disk));
    CHECK_OK(env_fault_new(self.disk, &self.faulty));
    CHECK_OK(bitcask_open(self.faulty, FIXTURE_PATH, &self.options, &self.store));
    for (int i = 0; i < FAULTY_BATCH / 2; i++) {
        snprintf(key, sizeof key, "k%d", i);
        CHECK_OK(bitcask_put(self.store, fixture_text(key), fixture_text("old"), 0));
    }
    return self;
}

static void faulty_store_free(faulty_store *self)
{
    bitcask_free(self->store);
    env_fault_free(self->faulty);
    env_memory_free(self->disk);
}

/* The k-th read, or allocation, and all after it fail until stop. */
static void fail_from(faulty_store *self, bool reads, uint64_t k)
{
    env_fault_plan no_reads = {
        .at = k, .sticky = true, .system_errno = EIO, .call_mask = UINT32_C(1) << ENV_CALL_READ};
    if (reads) {
        env_fault_set(self->faulty, &no_reads);
    } else {
        (void)mem_fail_at(k, true);
    }
}

static void stop_failing(faulty_store *self)
{
    env_fault_plan none = {.at = 0};
    env_fault_set(self->faulty, &none);
    mem_fail_at(0, false);
}

static pykv_status write_synced_batch(faulty_store *self)
{
    char keys[FAULTY_BATCH][16];
    operation batch[FAULTY_BATCH];
    for (int i = 0; i < FAULTY_BATCH; i++) {
        snprintf(keys[i], sizeof keys[i], "k%d", i);
        batch[i] = operation_make(RECORD_PUT, keys[i], "new");
    }
    return bitcask_write(self->store, batch, FAULTY_BATCH, PYKV_SYNC);
}

/* Checks that all of the batch is there, or nothing. */
static void expect_batch(faulty_store *self, bool there)
{
    fixture reader = {.disk = self->disk, .store = self->store};
    char key[16];
    for (int i = 0; i < FAULTY_BATCH; i++) {
        const char *before = i < FAULTY_BATCH / 2 ? "old" : NULL;
        snprintf(key, sizeof key, "k%d", i);
        fixture_expect(&reader, key, there ? "new" : before);
    }
    CHECK_EQUAL(there ? FAULTY_BATCH : FAULTY_BATCH / 2, bitcask_count(self->store));
}

/* Such a batch once became visible one by one: the store showed those before the failure. */
static void fail_each(bool reads)
{
    bool failed = true;
    int unknown = 0;
    for (uint64_t k = 1; failed; k++) {
        faulty_store self = faulty_store_new();
        fail_from(&self, reads, k);
        pykv_status status = write_synced_batch(&self);
        stop_failing(&self);
        failed = status != PYKV_OK;
        expect_batch(&self, !failed);
        if (status == PYKV_COMMIT_UNKNOWN) {
            unknown++;
            bitcask_free(self.store);
            CHECK_OK(bitcask_open(self.faulty, FIXTURE_PATH, &self.options, &self.store));
            expect_batch(&self, true);
        }
        faulty_store_free(&self);
    }
    CHECK(unknown > (reads ? FAULTY_BATCH : 2));
}

TEST(a_batch_that_waited_is_invisible_as_a_whole_if_a_read_fails)
{
    fail_each(true);
}

TEST(a_batch_that_waited_is_invisible_as_a_whole_if_an_allocation_fails)
{
    fail_each(false);
}

/* Only who led the round was told: the others, or all where the thread that keeps the log led it,
 * had a success of a write that nobody saw. */
TEST(nobody_is_told_that_a_write_is_done_which_could_not_be_shown)
{
    faulty_store self = faulty_store_new();
    fixture writer = {.disk = self.disk, .store = self.store};
    mutex_lock(&self.store->writer);
    append_waiting(&writer, operation_make(RECORD_PUT, "k0", "new"));
    append_waiting(&writer, operation_make(RECORD_PUT, "k1", "new"));
    uint64_t last = self.store->appended_sequence;
    mutex_unlock(&self.store->writer);
    fail_from(&self, true, 2);
    CHECK(bitcask_sync(self.store) != PYKV_OK);
    stop_failing(&self);
    CHECK_EQUAL(last, self.store->synced_sequence);
    uint64_t shown = self.store->published_sequence;
    CHECK(shown < last);
    CHECK_OK(bitcask_sync_through(self.store, shown));
    CHECK_STATUS(PYKV_COMMIT_UNKNOWN, bitcask_sync_through(self.store, last));
    fixture_expect(&writer, "k1", "old");
    faulty_store_free(&self);
}

TEST_MAIN(CASE(nobody_is_told_that_a_write_is_done_which_could_not_be_shown),
          CASE(a_directory_that_is_built_anew_shows_no_write_whose_sync_failed),
          CASE(a_write_that_waits_keeps_the_share_of_its_namespace),
          CASE(a_write_that_waits_is_resolved_again_when_it_is_published),
          CASE(a_directory_that_is_built_anew_shows_no_write_that_waits),
          CASE(a_batch_that_waited_applies_its_operations_in_order),
          CASE(a_batch_of_empty_keys_alone_may_wait),
          CASE(a_batch_that_waited_is_invisible_as_a_whole_if_a_read_fails),
          CASE(a_batch_that_waited_is_invisible_as_a_whole_if_an_allocation_fails))
