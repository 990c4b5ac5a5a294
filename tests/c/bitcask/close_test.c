/*
 * close: waiting for the calls inside, the clean state on disk, and what is left when it fails.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "bitcask_fixture.h"

#include "bitcask/manifest.h"
#include "bitcask/merge.h"
#include "bitcask/merge_pick.h"
#include "env/env_fault.h"

/* The manifest that is on disk now. Free with manifest_reset. */
static manifest read_manifest(fixture *f)
{
    manifest listed = {0};
    env_directory *home;
    CHECK_OK(env_directory_open(f->disk, FIXTURE_PATH, false, &home));
    CHECK_OK(manifest_read(home, &listed));
    env_directory_close(home);
    return listed;
}

static uint64_t count_logs(fixture *f)
{
    env_names names;
    uint64_t count = 0;
    CHECK_OK(env_memory_paths(f->disk, &names));
    for (size_t i = 0; i < names.count; i++) {
        size_t length = strlen(names.names[i]);
        count += length > 4 && strcmp(names.names[i] + length - 4, ".log") == 0;
    }
    env_names_free(&names);
    return count;
}

TEST(a_clean_close_leaves_a_clean_manifest_an_image_and_a_log_cut_to_its_length)
{
    fixture f = fixture_new();
    int32_t more;
    uint64_t size;
    fixture_fill(&f, 0, 100, 300);
    CHECK_OK(bitcask_maintain_step(f.store, PYKV_ROLE_LOG, &more));
    CHECK(f.store->prepared != NULL);
    manifest before = read_manifest(&f);
    CHECK(!before.clean);
    CHECK_OK(bitcask_close(f.store, -1));
    manifest after = read_manifest(&f);
    CHECK(after.clean && after.edit > before.edit);
    CHECK_EQUAL(100, after.last_sequence);
    CHECK_EQUAL(before.segment_count - 1, after.segment_count); /* the prepared one is gone */
    for (uint64_t i = 0; i < after.segment_count; i++) {
        char name[SEGMENT_NAME_BYTES];
        CHECK_EQUAL(i + 1 < after.segment_count, after.segments[i].sealed);
        segment_name(after.segments[i].number, false, name);
        fixture_bytes(&f, name, &size);
        CHECK_EQUAL(size, after.segments[i].length);
    }
    CHECK_EQUAL(after.segment_count, count_logs(&f)); /* its file, too, which once stayed */
    CHECK(fixture_has(&f, BITCASK_IMAGE_NAME));
    CHECK(!fixture_has(&f, MANIFEST_NAME BITCASK_TEMPORARY_SUFFIX));
    manifest_reset(&before);
    manifest_reset(&after);
    fixture_free(&f);
}

TEST(what_a_clean_close_left_survives_a_power_cut_right_after_it)
{
    fixture f = fixture_new();
    env *booted;
    fixture_fill(&f, 0, 100, 300);
    fixture_close(&f);
    CHECK_OK(env_memory_crash(f.disk, check_seed(), ENV_CRASH_DROP_ALL, &booted));
    env_memory_free(f.disk);
    f.disk = booted;
    CHECK_OK(fixture_open(&f));
    CHECK(f.store->clean_open && f.store->recovered_from_image);
    CHECK_EQUAL(100, bitcask_count(f.store));
    CHECK_EQUAL(0, f.store->recovered_record_count);
    fixture_free(&f);
}

/* The time that a close took, by the clock of the system: the one of the fixture stands still. */
static uint64_t close_us(fixture *f, int64_t timeout_us, pykv_status expected)
{
    uint64_t began = env_monotonic_us(env_posix());
    CHECK_EQUAL(expected, bitcask_close(f->store, timeout_us));
    return env_monotonic_us(env_posix()) - began;
}

/* With a clock that stood still, a close with a timeout once waited for ever. */
TEST(a_timeout_ends_where_the_clock_stands_still)
{
    fixture f = fixture_new();
    epoch_token inside = epoch_enter(&f.store->gate.others);
    CHECK(close_us(&f, 20000, PYKV_TIMED_OUT) >= 20000);
    epoch_leave(&f.store->gate.others, inside);
    CHECK_OK(bitcask_close(f.store, 20000));
    fixture_free(&f);
}

/* It once waited for a first look, 200 us at least, at what the call inside was doing. */
TEST(a_timeout_of_nothing_does_not_wait_for_a_call)
{
    fixture f = fixture_new();
    uint64_t shortest = UINT64_MAX;
    epoch_token inside = epoch_enter(&f.store->gate.others);
    for (int i = 0; i < 50; i++) {
        uint64_t took = close_us(&f, 0, PYKV_TIMED_OUT);
        shortest = took < shortest ? took : shortest;
    }
    CHECK(shortest < 100);
    epoch_leave(&f.store->gate.others, inside);
    fixture_free(&f);
}

static void *lend(void *context)
{
    bitcask *store = context;
    return bitcask_maintain(store, PYKV_ROLE_DATA) == PYKV_OK ? context : NULL;
}

TEST(a_timeout_of_nothing_is_enough_for_a_lent_thread_that_sleeps)
{
    fixture f = fixture_new();
    pthread_t thread;
    void *result;
    CHECK_EQUAL(0, pthread_create(&thread, NULL, lend, f.store));
    while (f.store->gate.lent.thread_count[PYKV_ROLE_DATA] == 0) {
        usleep(100);
    }
    CHECK_OK(bitcask_close(f.store, 0));
    CHECK_EQUAL(0, f.store->gate.lent.thread_count[PYKV_ROLE_DATA]);
    CHECK_EQUAL(0, pthread_join(thread, &result));
    CHECK(result == f.store);
    fixture_free(&f);
}

TEST(a_close_that_times_out_has_changed_nothing_and_may_be_called_again)
{
    fixture f = fixture_new();
    fixture_put(&f, "a", "1");
    epoch_token token = epoch_enter(&f.store->gate.readers);
    CHECK_STATUS(PYKV_TIMED_OUT, bitcask_close(f.store, 20000));
    CHECK_EQUAL(1, f.store->gate.closing);
    fixture_expect(&f, "a", "1"); /* for the call that is inside */
    manifest listed = read_manifest(&f);
    CHECK(!listed.clean);
    manifest_reset(&listed);
    epoch_leave(&f.store->gate.readers, token);
    token = epoch_enter(&f.store->gate.others);
    CHECK_STATUS(PYKV_TIMED_OUT, bitcask_close(f.store, 0));
    epoch_leave(&f.store->gate.others, token);
    CHECK_OK(bitcask_close(f.store, 0));
    listed = read_manifest(&f);
    CHECK(listed.clean);
    manifest_reset(&listed);
    CHECK_OK(bitcask_close(f.store, 0)); /* closed already */
    fixture_free(&f);
}

/* Where a background sync had failed, a close once said that all was well, and the writer never
 * knew: power cuts of a real file system showed it. */
TEST(the_close_of_a_store_whose_sync_failed_says_so)
{
    fixture f = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    env *inner;
    env *booted;
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &inner));
    CHECK_OK(env_fault_new(inner, &f.disk));
    CHECK_OK(fixture_open(&f));
    fixture_put(&f, "a", "1");
    env_fault_plan plan = {.at = 1,
                           .system_errno = EIO,
                           .call_mask = 1U << ENV_CALL_SYNC,
                           .name_part = ".log",
                           .seed = check_seed()};
    env_fault_set(f.disk, &plan);
    CHECK_STATUS(PYKV_COMMIT_UNKNOWN, bitcask_sync(f.store)); /* as another thread may call it */
    CHECK_STATUS(PYKV_STORE_FAILED, bitcask_close(f.store, -1));
    CHECK(strstr(error_last()->text, "may be lost") != NULL);
    CHECK_OK(bitcask_close(f.store, -1)); /* closed already */
    fixture_kill(&f);
    env_fault_free(f.disk);
    CHECK_OK(env_memory_crash(inner, check_seed(), ENV_CRASH_DROP_ALL, &booted));
    env_memory_free(inner);
    f.disk = booted;
    CHECK_OK(fixture_open(&f));
    CHECK_EQUAL(0, bitcask_count(f.store));
    fixture_free(&f);
}

typedef struct long_call {
    bitcask *store;
    epoch_token token;
} long_call;

static void *leave_later(void *context)
{
    long_call *inside = context;
    usleep(20000);
    epoch_leave(&inside->store->gate.others, inside->token);
    return NULL;
}

TEST(a_close_without_a_timeout_waits_for_the_last_call)
{
    fixture f = fixture_new();
    pthread_t thread;
    fixture_put(&f, "a", "1");
    long_call inside = {f.store, epoch_enter(&f.store->gate.others)};
    CHECK_EQUAL(0, pthread_create(&thread, NULL, leave_later, &inside));
    CHECK_OK(bitcask_close(f.store, -1));
    CHECK_EQUAL(0, epoch_reader_count(&f.store->gate.others));
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    fixture_free(&f);
}

TEST(closing_a_store_that_was_only_read_changes_nothing_on_disk)
{
    for (int32_t read_only = 0; read_only < 2; read_only++) {
        fixture f = fixture_new();
        fixture_fill(&f, 0, 100, 10);
        f.options.read_only = read_only;
        fixture_reopen(&f);
        fixture_expect(&f, "key-7", "vvvvvvvvvv");
        manifest before = read_manifest(&f);
        fixture_close(&f);
        manifest after = read_manifest(&f);
        CHECK_EQUAL(before.edit, after.edit);
        CHECK(after.clean);
        manifest_reset(&before);
        manifest_reset(&after);
        fixture_free(&f);
    }
}

TEST(a_merge_that_runs_is_given_up_and_loses_nothing)
{
    fixture f = fixture_new();
    segment *inputs[MERGE_INPUTS_MAX];
    bool more;
    fixture_fill(&f, 0, 100, 300);
    fixture_fill(&f, 0, 50, 10);
    CHECK_OK(bitcask_flush(f.store));
    mutex_lock(&f.store->merge_lock);
    mutex_lock(&f.store->writer);
    size_t picked = merge_pick(f.store, true, inputs);
    mutex_unlock(&f.store->writer);
    CHECK(picked > 0);
    CHECK_OK(merge_begin(f.store, inputs, picked));
    CHECK_OK(merge_step(f.store, &more));
    mutex_unlock(&f.store->merge_lock);
    CHECK(more && f.store->merge != NULL);
    fixture_reopen(&f);
    CHECK(f.store->clean_open);
    CHECK_EQUAL(100, bitcask_count(f.store));
    fixture_expect(&f, "key-49", "vvvvvvvvvv");
    fixture_free(&f);
}

TEST(a_store_on_a_full_disk_is_closed_cleanly_and_keeps_no_room)
{
    fixture f = fixture_new();
    fixture_fill(&f, 0, 100, 10);
    CHECK(fixture_has(&f, MANIFEST_SPARE_NAME));
    env_memory_set_capacity(f.disk, 1);
    fixture_close(&f);
    CHECK(!fixture_has(&f, MANIFEST_SPARE_NAME));
    CHECK(!fixture_has(&f, MANIFEST_NAME ".tmp"));
    env_memory_set_capacity(f.disk, UINT64_MAX);
    CHECK_OK(fixture_open(&f));
    CHECK(f.store->clean_open);
    CHECK_EQUAL(100, bitcask_count(f.store));
    fixture_free(&f);
}

TEST(a_close_that_cannot_write_the_clean_state_says_so_and_loses_nothing)
{
    fixture f = fixture_new();
    fixture_fill(&f, 0, 100, 10);
    fixture_unlink(&f, MANIFEST_SPARE_NAME);
    env_memory_set_capacity(f.disk, 1);
    CHECK_STATUS(PYKV_NO_SPACE, bitcask_close(f.store, -1));
    CHECK_EQUAL(PYKV_NO_SPACE, error_last()->status);
    CHECK_OK(bitcask_close(f.store, -1)); /* it is closed all the same */
    fixture_kill(&f);
    env_memory_set_capacity(f.disk, UINT64_MAX);
    CHECK_OK(fixture_open(&f));
    CHECK(!f.store->clean_open);
    CHECK_EQUAL(100, bitcask_count(f.store));
    fixture_expect(&f, "key-99", "vvvvvvvvvv");
    fixture_free(&f);
}

TEST_MAIN(CASE(a_clean_close_leaves_a_clean_manifest_an_image_and_a_log_cut_to_its_length),
          CASE(what_a_clean_close_left_survives_a_power_cut_right_after_it),
          CASE(a_timeout_ends_where_the_clock_stands_still),
          CASE(a_timeout_of_nothing_does_not_wait_for_a_call),
          CASE(a_timeout_of_nothing_is_enough_for_a_lent_thread_that_sleeps),
          CASE(a_close_that_times_out_has_changed_nothing_and_may_be_called_again),
          CASE(the_close_of_a_store_whose_sync_failed_says_so),
          CASE(a_close_without_a_timeout_waits_for_the_last_call),
          CASE(closing_a_store_that_was_only_read_changes_nothing_on_disk),
          CASE(a_merge_that_runs_is_given_up_and_loses_nothing),
          CASE(a_store_on_a_full_disk_is_closed_cleanly_and_keeps_no_room),
          CASE(a_close_that_cannot_write_the_clean_state_says_so_and_loses_nothing))
