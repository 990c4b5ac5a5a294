/*
 * snapshot: reads of one key, of many and of all at a kept moment agree, also beside a writer.
 */
#include <pthread.h>

#include "bitcask_fixture.h"

#include "bitcask/many.h"
#include "bitcask/scan.h"
#include "bitcask/snapshot.h"

enum { SNAPSHOT_KEYS = 100, RACE_ROUNDS = 300 };

static void expect_value(const store_moment *at, const char *key, const char *value)
{
    pykv_pinned pinned = {0};
    pykv_status status = bitcask_get_at(at, fixture_text(key), 0, &pinned);
    CHECK_EQUAL(value == NULL ? PYKV_NOT_FOUND : PYKV_OK, status);
    CHECK_EQUAL(status, bitcask_contains_at(at, fixture_text(key), 0));
    if (value != NULL) {
        CHECK_EQUAL(strlen(value), pinned.length);
        CHECK_BYTES(value, pinned.data, pinned.length);
        mem_free(pinned.owned);
    }
}

/* Number of rows that a scan at the moment gives. */
static uint64_t rows_at(const store_moment *at)
{
    scan *rows_of;
    pykv_rows rows;
    uint64_t count = 0;
    CHECK_OK(scan_open_at(at, false, &rows_of));
    do {
        CHECK_OK(scan_next(rows_of, 0, &rows));
        count += rows.count;
    } while (rows.count > 0);
    scan_free(rows_of);
    return count;
}

TEST(one_key_many_keys_all_rows_and_the_count_are_of_one_moment)
{
    static const char *const keys[] = {"a", "gone", "new", "b"};
    const void *names[] = {keys[0], keys[1], keys[2], keys[3]};
    const size_t lengths[] = {1, 4, 3, 1};
    for (int cold = 0; cold < 2; cold++) {
        fixture f = fixture_new();
        f.options.no_mapped_reads = (uint8_t)cold;
        fixture_reopen(&f);
        store_moment *at;
        many *several;
        uint64_t count;
        fixture_put(&f, "a", "one");
        fixture_put(&f, "b", "");
        fixture_put(&f, "gone", "here");
        CHECK_OK(bitcask_snapshot_new(f.store, &at));
        fixture_put(&f, "a", "two");
        fixture_put(&f, "new", "x");
        fixture_delete(&f, "gone");
        CHECK_OK(bitcask_compact(f.store, NULL));
        expect_value(at, "a", "one");
        expect_value(at, "gone", "here");
        expect_value(at, "new", NULL);
        CHECK_OK(many_new(f.store, &several));
        CHECK_OK(many_get_at(several, at, 4, names, lengths, 0));
        CHECK_EQUAL(3, many_lengths(several)[0]);
        CHECK_BYTES("one", many_values(several)[0], 3);
        CHECK_BYTES("here", many_values(several)[1], 4);
        CHECK(many_values(several)[2] == NULL);
        CHECK(many_values(several)[3] != NULL);
        CHECK_EQUAL(0, many_lengths(several)[3]);
        many_free(several);
        CHECK_EQUAL(3, rows_at(at));
        CHECK_OK(bitcask_count_at(at, &count));
        CHECK_EQUAL(3, count);
        bitcask_snapshot_free(at);
        fixture_free(&f);
    }
}

TEST(a_read_that_may_not_wait_says_so_where_it_would)
{
    fixture f = fixture_new();
    store_moment *at;
    pykv_pinned pinned = {0};
    f.options.no_mapped_reads = 1;
    fixture_reopen(&f);
    fixture_put(&f, "a", "one");
    CHECK_OK(bitcask_snapshot_new(f.store, &at));
    CHECK_EQUAL(PYKV_WOULD_BLOCK, bitcask_get_at(at, fixture_text("a"), PYKV_NO_WAIT, &pinned));
    bitcask_snapshot_free(at);
    fixture_free(&f);
}

TEST(a_snapshot_that_was_closed_says_so_and_scans_of_it_go_on)
{
    fixture f = fixture_new();
    store_moment *at;
    scan *rows_of;
    scan *another;
    pykv_rows rows;
    pykv_pinned pinned = {0};
    uint64_t count;
    fixture_fill(&f, 0, SNAPSHOT_KEYS, 100);
    CHECK_OK(bitcask_snapshot_new(f.store, &at));
    CHECK_OK(scan_open_at(at, false, &rows_of));
    moment_give_up(at);
    fixture_fill(&f, 0, SNAPSHOT_KEYS, 50);
    CHECK_OK(bitcask_compact(f.store, NULL));
    CHECK_STATUS(PYKV_CLOSED, bitcask_get_at(at, fixture_text("key-1"), 0, &pinned));
    CHECK_STATUS(PYKV_CLOSED, bitcask_contains_at(at, fixture_text("key-1"), 0));
    CHECK_STATUS(PYKV_CLOSED, bitcask_count_at(at, &count));
    CHECK_STATUS(PYKV_CLOSED, scan_open_at(at, false, &another));
    CHECK_OK(scan_next(rows_of, 1 << 20, &rows));
    CHECK_EQUAL(SNAPSHOT_KEYS, rows.count);
    CHECK_EQUAL(100, rows.offsets[2] - rows.offsets[1]);
    scan_free(rows_of);
    bitcask_snapshot_free(at);
    fixture_free(&f);
}

/* Writes rounds of one value to all keys in batches, merging now and then. */
static void *write_rounds(void *context)
{
    fixture *f = context;
    for (int round = 1; round <= RACE_ROUNDS; round++) {
        operation batch[2];
        uint8_t value = (uint8_t)round;
        memset(batch, 0, sizeof batch);
        for (size_t i = 0; i < 2; i++) {
            batch[i].record.kind = RECORD_PUT;
            batch[i].record.key = fixture_text(i == 0 ? "left" : "right");
            batch[i].record.value = slice_make(&value, 1);
        }
        epoch_token token = epoch_enter(&f->store->gate.readers);
        CHECK_OK(bitcask_write(f->store, batch, 2, 0));
        epoch_leave(&f->store->gate.readers, token);
        if (round % 50 == 0) {
            CHECK_OK(bitcask_compact(f->store, NULL));
        }
    }
    return NULL;
}

static uint8_t first_byte(const store_moment *at, const char *key)
{
    pykv_pinned pinned = {0};
    CHECK_OK(bitcask_get_at(at, fixture_text(key), 0, &pinned));
    CHECK_EQUAL(1, pinned.length);
    uint8_t value = *(const uint8_t *)pinned.data;
    mem_free(pinned.owned);
    return value;
}

TEST(beside_a_writer_every_snapshot_stays_at_one_batch)
{
    fixture f = fixture_new();
    pthread_t writer;
    fixture_put(&f, "left", "0");
    fixture_put(&f, "right", "0");
    CHECK_EQUAL(0, pthread_create(&writer, NULL, write_rounds, &f));
    for (int i = 0; i < RACE_ROUNDS; i++) {
        store_moment *at;
        epoch_token token = epoch_enter(&f.store->gate.readers);
        CHECK_OK(bitcask_snapshot_new(f.store, &at));
        uint8_t left = first_byte(at, "left");
        for (int again = 0; again < 20; again++) {
            CHECK_EQUAL(left, first_byte(at, "right"));
            CHECK_EQUAL(left, first_byte(at, "left"));
        }
        epoch_leave(&f.store->gate.readers, token);
        bitcask_snapshot_free(at);
    }
    CHECK_EQUAL(0, pthread_join(writer, NULL));
    fixture_free(&f);
}

TEST_MAIN(CASE(one_key_many_keys_all_rows_and_the_count_are_of_one_moment),
          CASE(a_read_that_may_not_wait_says_so_where_it_would),
          CASE(a_snapshot_that_was_closed_says_so_and_scans_of_it_go_on),
          CASE(beside_a_writer_every_snapshot_stays_at_one_batch))
