/*
 * snapshot_test: reads at a snapshot see the moment it was made, whatever happens to the store, and
 * what it keeps is given back when it is closed, beside reads too.
 */
#include <pthread.h>
#include <time.h>

#include "lsm_fixture.h"

#include "lsm/jobs.h"
#include "lsm/snapshot.h"

enum { KEYS = 40 };

static pykv_status get_at(fixture *self, const lsm_snapshot *snapshot, slice key, char *out,
                          size_t room)
{
    pykv_pinned pinned = {0};
    epoch_token token = epoch_enter(&lsm_gate(self->store)->readers);
    pykv_status status = lsm_get_at(self->store, snapshot, key, 0, &pinned);
    if (status == PYKV_OK) {
        CHECK(pinned.length < room);
        memcpy(out, pinned.data, pinned.length);
        out[pinned.length] = '\0';
        mem_free(pinned.owned);
    }
    epoch_leave(&lsm_gate(self->store)->readers, token);
    return status;
}

static void expect_at(fixture *self, const lsm_snapshot *snapshot, const char *key,
                      const char *value)
{
    char found[64] = "";
    pykv_status status = get_at(self, snapshot, fixture_text(key), found, sizeof found);
    CHECK_EQUAL(value != NULL ? PYKV_OK : PYKV_NOT_FOUND, status);
    CHECK(value == NULL || strcmp(value, found) == 0);
}

static uint64_t count_at(fixture *self, const lsm_snapshot *snapshot)
{
    uint64_t count = UINT64_MAX;
    CHECK_OK(lsm_count(self->store, snapshot, NULL, &count));
    return count;
}

/* Rows of round: key i has the value "round-i"; every third is deleted in odd rounds. */
static void write_round(fixture *self, uint32_t round)
{
    char key[16];
    char value[32];
    for (uint32_t i = 0; i < KEYS; i++) {
        int length = snprintf(value, sizeof value, "%u-%u", round, i);
        CHECK_OK(lsm_put(self->store, fixture_key(i, key), slice_make(value, (size_t)length), 0));
        if (round % 2 == 1 && i % 3 == 0) {
            CHECK_OK(lsm_delete(self->store, fixture_key(i, key), 0, NULL));
        }
    }
}

static void expect_many(fixture *self, const lsm_snapshot *snapshot, uint32_t round)
{
    char texts[KEYS][16];
    char wanted[32];
    const void *keys[KEYS];
    size_t lengths[KEYS];
    lsm_many *many;
    for (uint32_t i = 0; i < KEYS; i++) {
        keys[i] = texts[i];
        lengths[i] = fixture_key(i, texts[i]).size;
    }
    CHECK_OK(lsm_many_new(self->store, &many));
    epoch_token token = epoch_enter(&lsm_gate(self->store)->readers);
    CHECK_OK(lsm_many_get(many, snapshot, KEYS, keys, lengths, 0));
    for (uint32_t i = 0; i < KEYS; i++) {
        const uint8_t *value = lsm_many_values(many)[i];
        bool absent = round % 2 == 1 && i % 3 == 0;
        snprintf(wanted, sizeof wanted, "%u-%u", round, i);
        CHECK((value == NULL) == absent);
        CHECK_EQUAL(absent ? 0 : strlen(wanted), lsm_many_lengths(many)[i]);
        CHECK(absent || memcmp(wanted, value, strlen(wanted)) == 0);
    }
    lsm_many_release(many);
    epoch_leave(&lsm_gate(self->store)->readers, token);
    lsm_many_free(many);
}

static void expect_round(fixture *self, const lsm_snapshot *snapshot, uint32_t round)
{
    char wanted[32];
    snprintf(wanted, sizeof wanted, "%u-%u", round, 7);
    expect_at(self, snapshot, "key-00007", wanted);
    snprintf(wanted, sizeof wanted, "%u-%u", round, 9);
    expect_at(self, snapshot, "key-00009", round % 2 == 1 ? NULL : wanted);
    expect_many(self, snapshot, round);
    CHECK_EQUAL(round % 2 == 1 ? KEYS - (KEYS + 2) / 3 : KEYS, count_at(self, snapshot));
}

/* Each round is kept; between them memtables are flushed, or all is compacted, or cleared. */
TEST(snapshots_show_their_moments_through_flushes_compactions_and_a_clear)
{
    enum { ROUNDS = 6 };
    fixture self = fixture_new();
    lsm_snapshot *kept[ROUNDS];
    for (uint32_t round = 0; round < ROUNDS; round++) {
        write_round(&self, round);
        CHECK_OK(lsm_snapshot_new(self.store, &kept[round]));
        if (round % 3 == 1) {
            CHECK_OK(lsm_flush(self.store));
        } else if (round % 3 == 2) {
            CHECK_OK(lsm_compact(self.store, NULL));
        }
        for (uint32_t older = 0; older <= round; older++) {
            expect_round(&self, kept[older], older);
        }
    }
    CHECK_OK(lsm_clear(self.store, 0));
    CHECK_OK(lsm_compact(self.store, NULL));
    CHECK_EQUAL(0, fixture_count(&self));
    CHECK_EQUAL(ROUNDS, fixture_stats(&self).open_snapshot_count);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        expect_round(&self, kept[round], round);
        lsm_snapshot_free(self.store, kept[round]);
        CHECK_EQUAL(ROUNDS - 1 - round, fixture_stats(&self).open_snapshot_count);
    }
    fixture_free(&self);
}

/* RocksDB until 9.10 took a snapshot at sequence 0 for none. */
TEST(a_snapshot_of_an_empty_store_stays_empty)
{
    fixture self = fixture_new();
    lsm_snapshot *snapshot;
    CHECK_OK(lsm_snapshot_new(self.store, &snapshot));
    for (int round = 0; round < 3; round++) {
        fixture_put(&self, "a", "1");
        expect_at(&self, snapshot, "a", NULL);
        CHECK_EQUAL(0, count_at(&self, snapshot));
        CHECK_OK(round == 0 ? lsm_flush(self.store) : lsm_compact(self.store, NULL));
    }
    expect_at(&self, NULL, "a", "1");
    lsm_snapshot_free(self.store, snapshot);
    fixture_free(&self);
}

/* A compaction keeps one version of a key, whatever a snapshot shows: what snapshots show is in the
 * tables that it replaces. */
TEST(a_snapshot_that_closes_on_the_way_of_a_compaction_leaves_the_others_as_they_are)
{
    enum { ROUNDS = 5 };
    static const char *const texts[ROUNDS] = {"0", "1", "2", "3", "4"};
    fixture self = fixture_blank();
    lsm_snapshot *kept[ROUNDS];
    bool worked = true;
    self.options.memtable_bytes = 512 * 1024;
    CHECK_OK(fixture_open(&self));
    for (int round = 0; round < ROUNDS; round++) {
        fixture_fill(&self, 0, 100, 4000);
        fixture_put(&self, "k", texts[round]);
        CHECK_OK(lsm_snapshot_new(self.store, &kept[round]));
        CHECK_OK(lsm_flush(self.store));
    }
    fixture_maintain(&self, PYKV_ROLE_LOG);
    for (int round = 0; round < ROUNDS; round += 2) {
        CHECK_OK(lsm_compaction_step(self.store, &worked));
        CHECK(round > 0 || fixture_compactions(&self) == 1);
        lsm_snapshot_free(self.store, kept[round]);
    }
    CHECK_OK(lsm_compact(self.store, NULL));
    for (int round = 1; round < ROUNDS; round += 2) {
        expect_at(&self, kept[round], "k", texts[round]);
        CHECK_EQUAL(101, count_at(&self, kept[round]));
        lsm_snapshot_free(self.store, kept[round]);
    }
    expect_at(&self, NULL, "k", texts[ROUNDS - 1]);
    fixture_reopen(&self);
    CHECK_EQUAL(101, fixture_count(&self));
    CHECK_EQUAL(fixture_stats(&self).table_count, fixture_files(&self, ".tbl", NULL));
    fixture_free(&self);
}

TEST(a_closed_snapshot_refuses_reads_and_gives_its_files_back)
{
    fixture self = fixture_new();
    lsm_snapshot *snapshot;
    char value[16];
    fixture_fill(&self, 0, 60, 500);
    CHECK_OK(lsm_flush(self.store));
    CHECK_OK(lsm_snapshot_new(self.store, &snapshot));
    fixture_fill(&self, 0, 60, 400);
    CHECK_OK(lsm_compact(self.store, NULL));
    size_t files = fixture_files(&self, ".tbl", NULL);
    lsm_snapshot_close(self.store, snapshot);
    lsm_snapshot_close(self.store, snapshot);
    CHECK_EQUAL(0, fixture_stats(&self).open_snapshot_count);
    fixture_maintain(&self, PYKV_ROLE_DATA);
    CHECK(fixture_files(&self, ".tbl", NULL) < files);
    uint64_t count = 7;
    CHECK_EQUAL(PYKV_CLOSED, get_at(&self, snapshot, fixture_text("a"), value, sizeof value));
    CHECK_STATUS(PYKV_CLOSED, lsm_count(self.store, snapshot, NULL, &count));
    CHECK_EQUAL(7, count);
    lsm_snapshot_free(self.store, snapshot);
    lsm_snapshot_free(self.store, NULL);
    fixture_free(&self);
}

/* A reader that found its value holds it, although the last reference of its memtable goes. */
TEST(what_was_read_stays_until_the_reader_leaves_whoever_closes_the_snapshot)
{
    fixture self = fixture_new();
    lsm_snapshot *snapshot;
    pykv_pinned pinned = {0};
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_snapshot_new(self.store, &snapshot));
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_fill(&self, 0, 300, 1000);
    CHECK_OK(lsm_compact(self.store, NULL));
    uint64_t memtables = fixture_stats(&self).memtable_bytes;
    epoch_token token = epoch_enter(&lsm_gate(self.store)->readers);
    CHECK_OK(lsm_get_at(self.store, snapshot, fixture_text("a"), 0, &pinned));
    lsm_snapshot_free(self.store, snapshot);
    int64_t blocks = mem_block_count();
    CHECK_BYTES("1", pinned.data, 1);
    epoch_leave(&lsm_gate(self.store)->readers, token);
    (void)reclaimer_sweep(&self.store->reclaimer);
    CHECK(mem_block_count() < blocks);
    CHECK(fixture_stats(&self).memtable_bytes <= memtables);
    fixture_free(&self);
}

TEST(the_close_of_the_store_closes_its_snapshots)
{
    fixture self = fixture_new();
    lsm_snapshot *snapshots[3];
    fixture_fill(&self, 0, 30, 100);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(lsm_snapshot_new(self.store, &snapshots[i]));
    }
    lsm_snapshot_free(self.store, snapshots[1]);
    CHECK_OK(lsm_close(self.store, -1));
    lsm_snapshot_close(self.store, snapshots[0]);
    lsm_snapshot_free(self.store, snapshots[0]);
    lsm_snapshot_free(self.store, snapshots[2]);
    fixture_free(&self);
}

TEST(a_moment_has_the_view_the_sequence_and_where_it_is_kept_the_time)
{
    fixture self = fixture_new();
    lsm_snapshot *snapshot;
    lsm_moment moment;
    env_memory_advance(self.disk, 0, 1000);
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_snapshot_new(self.store, &snapshot));
    fixture_put(&self, "a", "2");
    uint64_t now = env_wall_us(self.disk);
    env_memory_advance(self.disk, 0, 5000);
    CHECK_OK(lsm_moment_of(self.store, snapshot, &moment));
    CHECK_EQUAL(1, moment.sequence);
    CHECK_EQUAL(now, moment.now_us);
    CHECK_OK(lsm_moment_of(self.store, NULL, &moment));
    CHECK_EQUAL(2, moment.sequence);
    CHECK_EQUAL(0, moment.now_us);
    CHECK_OK(lsm_moment_acquire(self.store, NULL, &moment));
    CHECK_EQUAL(2, moment.sequence);
    CHECK_EQUAL(now + 5000, moment.now_us);
    CHECK(moment.view == lsm_view(self.store));
    view_release(moment.view);
    lsm_snapshot_close_all(self.store);
    CHECK_STATUS(PYKV_CLOSED, lsm_moment_acquire(self.store, snapshot, &moment));
    lsm_snapshot_free(self.store, snapshot);
    fixture_free(&self);
}

typedef struct opener {
    fixture *self;
    lsm_snapshot *snapshot;
    atomic_bool is_done;
} opener;

static void *open_beside(void *argument)
{
    opener *self = argument;
    CHECK_OK(lsm_snapshot_new(self->self->store, &self->snapshot));
    atomic_store(&self->is_done, true);
    return NULL;
}

/* A snapshot took its view, then its sequence, beside a writer that sealed the memtable in between:
 * it said the sequence of writes that it did not show, and who followed the changes behind it never
 * saw them. Here is what a refresh does while another thread opens one: the sequence goes first. */
TEST(a_snapshot_is_not_taken_in_the_middle_of_what_is_published)
{
    fixture self = fixture_new();
    opener other = {.self = &self};
    pthread_t thread;
    uint64_t sequence;
    fixture_put(&self, "a", "1");
    mutex_lock(&self.store->writer);
    atomic_store(&self.store->visible_sequence, 2);
    CHECK_EQUAL(0, pthread_create(&thread, NULL, open_beside, &other));
    for (int i = 0; i < 50 && !atomic_load(&other.is_done); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    atomic_store(&self.store->visible_sequence, 1);
    mutex_unlock(&self.store->writer);
    CHECK_EQUAL(0, pthread_join(thread, NULL));
    CHECK_OK(lsm_snapshot_sequence(self.store, other.snapshot, &sequence));
    CHECK_EQUAL(1, sequence);
    lsm_snapshot_free(self.store, other.snapshot);
    fixture_free(&self);
}

TEST(without_memory_a_snapshot_is_not_made_and_nothing_is_kept)
{
    fixture self = fixture_new();
    lsm_snapshot *snapshot;
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        int64_t blocks = mem_block_count();
        (void)mem_fail_at(at, 0);
        status = lsm_snapshot_new(self.store, &snapshot);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        CHECK(status == PYKV_OK || blocks == mem_block_count());
    }
    lsm_snapshot_free(self.store, snapshot);
    fixture_free(&self);
}

TEST_MAIN(CASE(snapshots_show_their_moments_through_flushes_compactions_and_a_clear),
          CASE(a_snapshot_of_an_empty_store_stays_empty),
          CASE(a_snapshot_that_closes_on_the_way_of_a_compaction_leaves_the_others_as_they_are),
          CASE(a_closed_snapshot_refuses_reads_and_gives_its_files_back),
          CASE(what_was_read_stays_until_the_reader_leaves_whoever_closes_the_snapshot),
          CASE(the_close_of_the_store_closes_its_snapshots),
          CASE(a_moment_has_the_view_the_sequence_and_where_it_is_kept_the_time),
          CASE(a_snapshot_is_not_taken_in_the_middle_of_what_is_published),
          CASE(without_memory_a_snapshot_is_not_made_and_nothing_is_kept))
