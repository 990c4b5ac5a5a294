/*
 * table_file: a table opens as the manifest describes it or not at all, lives as long as somebody
 * refers to it, and is closed and unlinked by the graveyard alone.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lsm/version_tables.h"

TEST(names_and_numbers_belong_to_each_other)
{
    static const char *const strange[] = {"",
                                          "0000001.tbl",
                                          "000000001.tbl",
                                          "00000001.log",
                                          "00000001.tbl.tmp",
                                          "0000000A.tbl",
                                          "0000000g.tbl",
                                          "+0000001.tbl",
                                          "00000000.tbl",
                                          "00000001xtbl",
                                          "MANIFEST"};
    char name[TABLE_FILE_NAME_BYTES];
    table_file_name(0xABCDEF01, name);
    CHECK(strcmp("abcdef01.tbl", name) == 0);
    CHECK_EQUAL(0xABCDEF01, table_file_number(name));
    table_file_name(1, name);
    CHECK(strcmp("00000001.tbl", name) == 0);
    CHECK_EQUAL(1, table_file_number(name));
    for (size_t i = 0; i < sizeof strange / sizeof strange[0]; i++) {
        CHECK_EQUAL(0, table_file_number(strange[i]));
    }
}

TEST(an_open_table_knows_its_facts_and_bounds)
{
    version_fixture *disk = version_fixture_open();
    table_file *file = version_table_of(disk, "apple pear plum", 40);
    CHECK_EQUAL(1, file->facts.number);
    CHECK_EQUAL(40, file->facts.sequence_min);
    CHECK_EQUAL(42, file->facts.sequence_max);
    CHECK(slice_equal(version_text("apple"), file->smallest));
    CHECK(slice_equal(version_text("plum"), file->largest));
    table_file_release(file);
    version_fixture_close(disk);
}

TEST(a_table_is_closed_by_the_graveyard_after_its_last_reference)
{
    version_fixture *disk = version_fixture_open();
    table_file *file = version_table_of(disk, "apple", 1);
    table_file *other = version_table_of(disk, "pear", 2);
    table_file_acquire(file);
    table_file_release(file);
    CHECK_EQUAL(0, table_graveyard_empty(&disk->graves));
    CHECK(slice_equal(version_text("apple"), file->largest));
    table_file_release(file);
    table_file_release(other);
    CHECK_EQUAL(2, table_graveyard_empty(&disk->graves));
    CHECK_EQUAL(0, table_graveyard_empty(&disk->graves));
    CHECK(version_has_file(disk, 1) && version_has_file(disk, 2));
    version_fixture_close(disk);
}

TEST(only_an_obsolete_table_is_unlinked_and_only_when_it_is_closed)
{
    version_fixture *disk = version_fixture_open();
    table_file *kept = version_table_of(disk, "apple", 1);
    table_file *gone = version_table_of(disk, "pear", 2);
    table_file_mark_obsolete(gone);
    table_file_release(kept);
    CHECK_EQUAL(1, table_graveyard_empty(&disk->graves));
    CHECK(version_has_file(disk, 1) && version_has_file(disk, 2));
    table_file_release(gone);
    CHECK(version_has_file(disk, 2));
    CHECK_EQUAL(1, table_graveyard_empty(&disk->graves));
    CHECK(version_has_file(disk, 1) && !version_has_file(disk, 2));
    version_fixture_close(disk);
}

/* The file was unlinked by hand; the failure must not hide what the caller's last error says. */
TEST(a_file_that_cannot_be_unlinked_is_left)
{
    version_fixture *disk = version_fixture_open();
    table_file *file = version_table_of(disk, "apple", 1);
    CHECK_OK(env_unlink(disk->home, "00000001.tbl"));
    table_file_mark_obsolete(file);
    table_file_release(file);
    (void)error_set(PYKV_NO_SPACE, "before");
    CHECK_EQUAL(1, table_graveyard_empty(&disk->graves));
    CHECK_EQUAL(PYKV_NO_SPACE, error_last()->status);
    version_fixture_close(disk);
}

TEST(cached_blocks_go_with_their_table)
{
    version_fixture *disk = version_fixture_open();
    table_file *file = version_table_of(disk, "apple", 1);
    table_found found;
    block_cache_counters counters;
    slice key = version_text("apple");
    epoch_token token = epoch_enter(&disk->entered);
    CHECK_OK(table_get(file->table, &disk->cached.face, table_position_make(key, 9),
                       version_hash(key), &found));
    table_release(&disk->cached.face, &found);
    epoch_leave(&disk->entered, token);
    block_cache_get_counters(disk->cache, &counters);
    CHECK(counters.block_bytes > 0);
    table_file_release(file);
    table_graveyard_empty(&disk->graves);
    CHECK(!reclaimer_sweep(&disk->readers));
    block_cache_get_counters(disk->cache, &counters);
    CHECK_EQUAL(0, counters.block_bytes);
    version_fixture_close(disk);
}

/* ---- damage ---- */

/* Facts of a table that is not open, and the status of opening it by facts that were changed. */
static manifest_table write_example(version_fixture *disk)
{
    table_builder_options options = version_build_options();
    table_entry entries[] = {
        {.key = version_text("apple"), .sequence = 5, .kind = TABLE_PUT, .deadline_us = 1000},
        {.key = version_text("pear"), .sequence = 9, .kind = TABLE_DELETE},
    };
    return version_write_table(disk, 7, &options, entries, 2);
}

static pykv_status open_by(version_fixture *disk, manifest_table facts)
{
    table_file *file;
    table_open_options options = version_open_options(disk);
    pykv_status status = table_file_open(&disk->graves, &facts, &options, &file);
    if (status == PYKV_OK) {
        table_file_release(file);
    }
    return status;
}

static void check_refused(version_fixture *disk, manifest_table facts)
{
    CHECK_STATUS(PYKV_CORRUPTION, open_by(disk, facts));
    CHECK(strstr(error_last()->text, VERSION_HOME "/00000007.tbl") != NULL);
}

TEST(a_table_that_is_missing_is_corruption_that_names_it)
{
    version_fixture *disk = version_fixture_open();
    manifest_table facts = write_example(disk);
    CHECK_OK(open_by(disk, facts));
    CHECK_OK(env_unlink(disk->home, "00000007.tbl"));
    check_refused(disk, facts);
    CHECK(strstr(error_last()->text, "missing") != NULL);
    version_fixture_close(disk);
}

TEST(a_table_that_was_cut_is_corruption)
{
    version_fixture *disk = version_fixture_open();
    manifest_table facts = write_example(disk);
    env_file *file;
    CHECK_OK(env_file_open(disk->home, "00000007.tbl", ENV_WRITE, &file));
    for (uint64_t size = facts.file_bytes; size > 0;) {
        CHECK_OK(env_file_truncate(file, --size));
        check_refused(disk, facts);
    }
    env_file_close(file);
    version_fixture_close(disk);
}

/* A table with the number of another one, as a copy from a backup would leave it: every check of
 * the file is right. */
TEST(another_table_in_the_file_is_corruption)
{
    version_fixture *disk = version_fixture_open();
    manifest_table facts = write_example(disk);
    CHECK_OK(env_unlink(disk->home, "00000007.tbl"));
    manifest_table other = write_example(disk);
    CHECK_EQUAL(facts.file_bytes, other.file_bytes);
    CHECK_OK(open_by(disk, other));
    check_refused(disk, facts);
    version_fixture_close(disk);
}

TEST(a_table_that_is_not_as_the_manifest_says_is_corruption)
{
    version_fixture *disk = version_fixture_open();
    manifest_table facts = write_example(disk);
    manifest_table wrong[8];
    for (size_t i = 0; i < 8; i++) {
        wrong[i] = facts;
    }
    wrong[0].file_bytes++;
    wrong[1].entry_count++;
    wrong[2].tombstone_count++;
    wrong[3].sequence_min--;
    wrong[4].sequence_max++;
    wrong[5].deadline_min_us++;
    wrong[6].deadline_max_us++;
    wrong[7].raw_bytes--;
    for (size_t i = 0; i < 8; i++) {
        check_refused(disk, wrong[i]);
    }
    version_fixture_close(disk);
}

TEST(a_failed_allocation_is_no_memory)
{
    version_fixture *disk = version_fixture_open();
    manifest_table facts = write_example(disk);
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        mem_fail_at(at, 0);
        status = open_by(disk, facts);
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
    }
    version_fixture_close(disk);
}

/* ---- threads ---- */

enum { RELEASERS = 3, ROUNDS = 300 };

typedef struct burial {
    version_fixture *disk;
    table_file *files[RELEASERS];
    _Atomic uint32_t left;
} burial;

typedef struct releaser {
    burial *shared;
    size_t first;
    pthread_t thread;
} releaser;

/* Takes and drops references of every table, and at the end the one it was given. */
static void *release_all(void *context)
{
    releaser *self = context;
    for (size_t round = 0; round < ROUNDS; round++) {
        table_file *file = self->shared->files[self->first];
        table_file_acquire(file);
        table_file_release(file);
    }
    for (size_t i = 0; i < RELEASERS; i++) {
        table_file_release(self->shared->files[(self->first + i) % RELEASERS]);
    }
    atomic_fetch_sub(&self->shared->left, 1);
    return NULL;
}

TEST(every_table_is_buried_once_whoever_drops_the_last_reference)
{
    version_fixture *disk = version_fixture_open();
    burial shared = {.disk = disk};
    releaser releasers[RELEASERS];
    uint64_t buried = 0;
    atomic_init(&shared.left, RELEASERS);
    for (size_t i = 0; i < RELEASERS; i++) {
        shared.files[i] = version_table_of(disk, "apple", 1);
        for (size_t more = 1; more < RELEASERS; more++) {
            table_file_acquire(shared.files[i]);
        }
    }
    for (size_t i = 0; i < RELEASERS; i++) {
        releasers[i] = (releaser){.shared = &shared, .first = i};
        CHECK_EQUAL(0, pthread_create(&releasers[i].thread, NULL, release_all, &releasers[i]));
    }
    while (atomic_load(&shared.left) > 0) {
        buried += table_graveyard_empty(&disk->graves);
    }
    for (size_t i = 0; i < RELEASERS; i++) {
        CHECK_EQUAL(0, pthread_join(releasers[i].thread, NULL));
    }
    buried += table_graveyard_empty(&disk->graves);
    CHECK_EQUAL(RELEASERS, buried);
    version_fixture_close(disk);
}

TEST_MAIN(CASE(names_and_numbers_belong_to_each_other),
          CASE(an_open_table_knows_its_facts_and_bounds),
          CASE(a_table_is_closed_by_the_graveyard_after_its_last_reference),
          CASE(only_an_obsolete_table_is_unlinked_and_only_when_it_is_closed),
          CASE(a_file_that_cannot_be_unlinked_is_left), CASE(cached_blocks_go_with_their_table),
          CASE(a_table_that_is_missing_is_corruption_that_names_it),
          CASE(a_table_that_was_cut_is_corruption), CASE(another_table_in_the_file_is_corruption),
          CASE(a_table_that_is_not_as_the_manifest_says_is_corruption),
          CASE(a_failed_allocation_is_no_memory),
          CASE(every_table_is_buried_once_whoever_drops_the_last_reference))
