/*
 * moment_room: undo_bytes_max: which moments end when more changes beside them than memory may
 * hold, and what those who read at one see then.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "bitcask_fixture.h"
#include "named_fixture.h"
#include "operation_fixture.h"

#include "bitcask/key_hash.h"
#include "bitcask/many.h"
#include "bitcask/scan.h"
#include "bitcask/snapshot.h"
#include "env/env_ops.h"

/* Room for 1,024 displaced records, and for no more by twice as much. */
enum { ROOM_BYTES = 64 << 10, ROOM_ENTRIES = 1024, ROOM_KEYS = 3000 };

static fixture filled(uint32_t count)
{
    fixture f = {.options = {.segment_bytes = 1 << 20,
                             .undo_bytes_max = ROOM_BYTES,
                             .space_amplification_max = 1000}};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &f.disk));
    CHECK_OK(fixture_open(&f));
    fixture_fill(&f, 0, count, 100);
    return f;
}

/* What a moment says of key-0. */
static pykv_status get_first(const store_moment *at, size_t *length_out)
{
    pykv_pinned pinned = {0};
    pykv_status status = bitcask_get_at(at, fixture_text("key-0"), 0, &pinned);
    *length_out = pinned.length;
    mem_free(pinned.owned);
    return status;
}

static void expect_first(const store_moment *at, size_t value_bytes)
{
    size_t length;
    CHECK_OK(get_first(at, &length));
    CHECK_EQUAL(value_bytes, length);
}

static void expect_gone(const store_moment *at)
{
    size_t length;
    store_moment shared;
    CHECK_STATUS(PYKV_SNAPSHOT_GONE, get_first(at, &length));
    CHECK(strstr(error_last()->text, "more than undo_bytes_max") != NULL);
    CHECK_STATUS(PYKV_SNAPSHOT_GONE, moment_share(at, &shared));
    CHECK_STATUS(PYKV_SNAPSHOT_GONE, moment_check(at));
    moment_free(&shared);
}

static void expect_bounded(fixture *f, uint64_t ended)
{
    CHECK(fixture_stats(f).undo_bytes <= ROOM_BYTES);
    CHECK_EQUAL(ended, fixture_stats(f).outgrown_snapshot_count);
}

TEST(a_snapshot_that_outgrows_its_memory_ends_and_no_write_is_refused)
{
    fixture f = filled(ROOM_KEYS);
    store_moment kept;
    store_moment next;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &kept));
    fixture_fill(&f, 0, ROOM_ENTRIES, 10);
    expect_first(&kept, 100);
    expect_bounded(&f, 0);
    fixture_fill(&f, ROOM_ENTRIES, ROOM_ENTRIES + 1, 10);
    expect_gone(&kept);
    expect_bounded(&f, 1);
    CHECK_EQUAL(0, fixture_stats(&f).undo_bytes);
    CHECK_EQUAL(0, fixture_stats(&f).open_snapshot_count);
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &next));
    fixture_fill(&f, 0, ROOM_KEYS, 1);
    expect_gone(&next);
    expect_bounded(&f, 2);
    moment_free(&next);
    moment_free(&kept);
    fixture_reopen(&f);
    CHECK_EQUAL(ROOM_KEYS, fixture_count(&f));
    fixture_free(&f);
}

/* Entries that only the oldest needed go with it, and those that are left take less room. */
TEST(the_oldest_ends_first_and_the_others_go_on)
{
    fixture f = filled(ROOM_KEYS);
    store_moment first;
    store_moment second;
    store_moment third;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &first));
    fixture_fill(&f, 0, ROOM_ENTRIES / 2, 10);
    CHECK_OK(moment_open(f.store, MOMENT_SCAN, &second));
    fixture_fill(&f, 0, ROOM_ENTRIES / 2, 20);
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &third));
    expect_bounded(&f, 0);
    fixture_fill(&f, 0, ROOM_ENTRIES / 4, 30);
    expect_gone(&first);
    expect_first(&second, 10);
    expect_first(&third, 20);
    expect_bounded(&f, 1);
    fixture_fill(&f, 0, ROOM_KEYS, 40);
    expect_gone(&second);
    expect_gone(&third);
    expect_bounded(&f, 3);
    moment_free(&first);
    moment_free(&second);
    moment_free(&third);
    fixture_free(&f);
}

/* A merge displaces every row that it copies. */
TEST(a_merge_ends_what_has_no_room_for_it)
{
    fixture f = filled(ROOM_KEYS);
    store_moment kept;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &kept));
    for (uint32_t i = 0; i < ROOM_KEYS; i += 4) {
        fixture_fill(&f, i, i + 1, 10);
    }
    expect_bounded(&f, 0);
    CHECK_OK(bitcask_compact(f.store, NULL));
    expect_gone(&kept);
    expect_bounded(&f, 1);
    CHECK_EQUAL(ROOM_KEYS, fixture_count(&f));
    moment_free(&kept);
    fixture_free(&f);
}

/* Puts the keys from..to of a namespace into a batch. */
static void add_puts(operation *writes, const space *within, uint32_t from, uint32_t to)
{
    static char text[ROOM_KEYS][16];
    for (uint32_t i = from; i < to; i++) {
        snprintf(text[i], sizeof text[i], "key-%u", i);
        writes[i] = operation_make(RECORD_PUT, text[i], "new");
        writes[i].record.namespace_id = within->id;
    }
}

/* The second namespace of the batch has no room beside the first one's, so a moment of the first
 * ends, and with it room that was there for the batch. */
TEST(a_batch_across_namespaces_has_room_in_each_where_moments_end_for_it)
{
    enum { FIRST = 150, ALL = 750 };
    static operation writes[ALL];
    fixture f = filled(1);
    store_moment old;
    store_moment kept;
    store_moment other;
    space *users = named_make(&f, "users");
    space *items = named_make(&f, "items");
    named_fill(&f, users, 0, 300, 100);
    named_fill(&f, items, 0, ALL, 100);
    CHECK_OK(moment_open_in(f.store, users, MOMENT_SNAPSHOT, &old));
    named_fill(&f, users, 0, 300, 10);
    CHECK_OK(moment_open_in(f.store, users, MOMENT_SNAPSHOT, &kept));
    CHECK_OK(moment_open_in(f.store, items, MOMENT_SNAPSHOT, &other));
    add_puts(writes, users, 0, FIRST);
    add_puts(writes, items, FIRST, ALL);
    CHECK_OK(bitcask_write(f.store, writes, ALL, 0));
    expect_gone(&old);
    expect_first(&kept, 10);
    expect_first(&other, 100);
    expect_bounded(&f, 1);
    moment_free(&old);
    moment_free(&kept);
    moment_free(&other);
    CHECK_EQUAL(0, fixture_stats(&f).undo_bytes);
    named_let_go(&f, users);
    named_let_go(&f, items);
    fixture_free(&f);
}

/* Reads a scan to its end. */
static pykv_status count_rows(scan *walk, uint64_t *count_out)
{
    pykv_rows rows = {.count = 1};
    pykv_status status = PYKV_OK;
    *count_out = 0;
    while (status == PYKV_OK && rows.count > 0) {
        status = scan_next(walk, 0, &rows);
        *count_out += status == PYKV_OK ? rows.count : 0;
    }
    return status;
}

/* Room is made for what is displaced: it was made for all of a batch, and snapshots ended for new
 * keys, and for those that had changed before. */
TEST(a_batch_ends_nothing_for_rows_that_no_moment_shows)
{
    static operation writes[ROOM_KEYS];
    fixture f = filled(ROOM_ENTRIES);
    store_moment kept;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &kept));
    for (int round = 0; round < 3; round++) {
        add_puts(writes, &f.store->spaces.main, 0, ROOM_KEYS);
        CHECK_OK(bitcask_write(f.store, writes, ROOM_KEYS, 0));
        CHECK_EQUAL(ROOM_KEYS, fixture_count(&f));
        expect_first(&kept, 100);
        expect_bounded(&f, 0);
    }
    moment_free(&kept);
    fixture_free(&f);
}

/* Who closes it hears of a closed one from then on. */
TEST(one_that_outgrew_its_memory_is_closed_by_its_close)
{
    size_t length;
    fixture f = filled(ROOM_KEYS);
    store_moment kept;
    CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &kept));
    fixture_fill(&f, 0, ROOM_KEYS, 10);
    expect_gone(&kept);
    moment_give_up(&kept);
    CHECK_STATUS(PYKV_CLOSED, get_first(&kept, &length));
    CHECK_EQUAL(0, fixture_stats(&f).open_snapshot_count);
    moment_free(&kept);
    fixture_free(&f);
}

static env_ops hooked_ops;
static const env_ops *plain_ops;
static fixture *changed; /* NULL: nothing is written when a file is read */

static pykv_status change_and_read(env_file *file, uint64_t offset, void *data, size_t size,
                                   size_t *size_out)
{
    fixture *f = changed;
    changed = NULL;
    if (f != NULL) {
        fixture_fill(f, 0, ROOM_KEYS, 10);
    }
    return plain_ops->file_read(file, offset, data, size, size_out);
}

/* The rows of a chunk would be those that did not change. */
TEST(a_scan_whose_rows_change_while_they_are_looked_up_gives_no_chunk_with_holes)
{
    fixture f = filled(ROOM_KEYS);
    scan *walk;
    pykv_rows rows;
    f.options.no_mapped_reads = 1;
    fixture_reopen(&f);
    fixture_fill(&f, 0, 1, 100);
    CHECK_OK(scan_open(f.store, false, &walk));
    plain_ops = f.disk->ops;
    hooked_ops = *plain_ops;
    hooked_ops.file_read = change_and_read;
    f.disk->ops = &hooked_ops;
    changed = &f;
    CHECK_STATUS(PYKV_SNAPSHOT_GONE, scan_next(walk, 0, &rows));
    CHECK(changed == NULL);
    CHECK_STATUS(PYKV_SNAPSHOT_GONE, scan_next(walk, 0, &rows));
    f.disk->ops = plain_ops;
    scan_free(walk);
    fixture_free(&f);
}

/* ---- beside writers ---- */

static _Atomic bool is_over;

/* So slowly that a read at a moment ends before it, or does not. */
static void *overwrite(void *argument)
{
    fixture *f = argument;
    const struct timespec rest = {.tv_nsec = 1000000};
    for (uint32_t round = 0; !atomic_load(&is_over); round++) {
        uint32_t from = round * 100 % ROOM_KEYS;
        fixture_fill(f, from, from + 100, 1 + round % 50);
        nanosleep(&rest, NULL);
    }
    return NULL;
}

/* Checks that all keys have values of one size at the moment, or that it ended. */
static pykv_status look_up_all(many *results, const store_moment *at)
{
    static char text[ROOM_KEYS][16];
    static const void *keys[ROOM_KEYS];
    static size_t lengths[ROOM_KEYS];
    for (uint32_t i = 0; i < ROOM_KEYS; i++) {
        lengths[i] = (size_t)snprintf(text[i], sizeof text[i], "key-%u", i);
        keys[i] = text[i];
    }
    pykv_status status = many_get_at(results, at, ROOM_KEYS, keys, lengths, 0);
    for (size_t i = 0; i < ROOM_KEYS && status == PYKV_OK; i++) {
        CHECK(many_values(results)[i] != NULL);
    }
    many_release(results);
    return status;
}

static pykv_status scan_all(const store_moment *at)
{
    scan *walk;
    uint64_t count = 0;
    pykv_status status = scan_open_at(at, false, &walk);
    if (status == PYKV_OK) {
        status = count_rows(walk, &count);
        CHECK(status != PYKV_OK || count == ROOM_KEYS);
        scan_free(walk);
    }
    return status;
}

/* Each read shows all rows of its moment, or says that the moment has gone. */
TEST(beside_a_writer_reads_at_moments_are_whole_or_say_that_they_have_gone)
{
    enum { WANTED = 10 };
    fixture f = filled(ROOM_KEYS);
    many *results;
    pthread_t thread;
    uint32_t whole = 0;
    uint32_t gone = 0;
    CHECK_OK(many_new(f.store, &results));
    atomic_store(&is_over, false);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, overwrite, &f));
    for (int i = 0; i < 100000 && (whole < WANTED || gone < WANTED); i++) {
        store_moment at;
        CHECK_OK(moment_open(f.store, MOMENT_SNAPSHOT, &at));
        pykv_status status = i % 2 == 0 ? scan_all(&at) : look_up_all(results, &at);
        CHECK(status == PYKV_OK || status == PYKV_SNAPSHOT_GONE);
        whole += status == PYKV_OK;
        while (status == PYKV_OK && gone < WANTED) {
            status = look_up_all(results, &at);
        }
        CHECK(status == PYKV_OK || status == PYKV_SNAPSHOT_GONE);
        gone += status == PYKV_SNAPSHOT_GONE;
        moment_free(&at);
    }
    CHECK(whole >= WANTED && gone >= WANTED);
    atomic_store(&is_over, true);
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    many_free(results);
    fixture_free(&f);
}

TEST_MAIN(CASE(a_snapshot_that_outgrows_its_memory_ends_and_no_write_is_refused),
          CASE(the_oldest_ends_first_and_the_others_go_on),
          CASE(a_merge_ends_what_has_no_room_for_it),
          CASE(a_batch_across_namespaces_has_room_in_each_where_moments_end_for_it),
          CASE(a_batch_ends_nothing_for_rows_that_no_moment_shows),
          CASE(one_that_outgrew_its_memory_is_closed_by_its_close),
          CASE(a_scan_whose_rows_change_while_they_are_looked_up_gives_no_chunk_with_holes),
          CASE(beside_a_writer_reads_at_moments_are_whole_or_say_that_they_have_gone))
