/*
 * version_get: a get finds what a sorted map says, at every sequence, however the operations are
 * spread over levels; failures are told and hide nothing.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "lsm/version_history.h"

static pykv_status get(const version *from, block_source *source, slice key, uint64_t sequence,
                       table_found *found)
{
    return version_get(from, source, key, sequence, version_hash(key), found);
}

/* One get of each source, checked. */
static void check_get(version_model *self, slice key, uint64_t sequence)
{
    table_found found;
    block_source *cached = &self->disk->cached.face;
    block_source *direct = block_source_direct();
    epoch_token token = epoch_enter(&self->disk->entered);
    pykv_status status = get(self->made, cached, key, sequence, &found);
    model_check(self, key, sequence, status, &found);
    if (status == PYKV_OK) {
        table_release(cached, &found);
    }
    epoch_leave(&self->disk->entered, token);
    status = get(self->made, direct, key, sequence, &found);
    model_check(self, key, sequence, status, &found);
    if (status == PYKV_OK) {
        table_release(direct, &found);
    }
}

TEST(gets_agree_with_a_sorted_map)
{
    uint8_t *room = malloc(MEMTABLE_KEY_ROOM);
    CHECK(room != NULL);
    for (uint32_t round = 0; round < 3 * KEYS_KINDS; round++) {
        version_fixture *disk = version_fixture_open();
        uint64_t seed = check_seed() + round;
        uint8_t depth = (uint8_t)(1 + check_random(&seed, LSM_LEVEL_COUNT));
        size_t count = 1 + check_random(&seed, 600);
        version_model model =
            model_open(disk, (memtable_keys)(round % KEYS_KINDS), count, depth, seed);
        for (uint32_t i = 0; i < 400; i++) {
            uint64_t sequence;
            slice key = model_ask(&model, room, &sequence);
            check_get(&model, key, sequence);
        }
        model_close(&model);
        version_fixture_close(disk);
    }
    free(room);
}

/* ---- a few tables ---- */

/* Builds a version of tables, whose references it takes over. */
static version *version_of(table_file **files, const uint8_t *levels, size_t count)
{
    version *made;
    CHECK_OK(version_from_tables(files, levels, count, &made));
    for (size_t i = 0; i < count; i++) {
        table_file_release(files[i]);
    }
    return made;
}

static uint64_t found_sequence(const version *from, const char *text, uint64_t sequence)
{
    table_found found;
    slice key = version_text(text);
    block_source *source = block_source_direct();
    pykv_status status = get(from, source, key, sequence, &found);
    CHECK(status == PYKV_OK || status == PYKV_NOT_FOUND);
    if (status == PYKV_NOT_FOUND) {
        return 0;
    }
    table_release(source, &found);
    return found.sequence;
}

/* More tables at level 0 than are gathered at a time. */
TEST(the_newest_of_many_tables_at_level_0_wins)
{
    enum { TABLES = 40 };
    version_fixture *disk = version_fixture_open();
    table_file *files[TABLES + 1];
    uint8_t levels[TABLES + 1] = {0};
    for (size_t i = 0; i < TABLES; i++) {
        files[i] = version_table_of(disk, i % 5 == 0 ? "a b c" : "a c", 10 + 10 * i);
    }
    files[TABLES] = version_table_of(disk, "a b z", 1);
    levels[TABLES] = 6;
    version *made = version_of(files, levels, TABLES + 1);
    CHECK_EQUAL(10 + 10 * (TABLES - 1), found_sequence(made, "a", UINT64_MAX));
    CHECK_EQUAL(11 + 10 * 35, found_sequence(made, "b", UINT64_MAX));
    CHECK_EQUAL(3, found_sequence(made, "z", UINT64_MAX));
    CHECK_EQUAL(2, found_sequence(made, "b", 10));
    CHECK_EQUAL(0, found_sequence(made, "b", 1));
    for (uint64_t i = 0; i < TABLES; i++) {
        CHECK_EQUAL(10 + 10 * i, found_sequence(made, "a", 10 + 10 * i + 5));
    }
    version_release(made);
    version_fixture_close(disk);
}

/* The key is older in the deeper table: what a damaged one hides must not be answered by it. */
TEST(a_table_that_cannot_be_read_is_not_passed_over)
{
    version_fixture *disk = version_fixture_open();
    table_file *files[] = {version_table_of(disk, "a b", 10), version_table_of(disk, "a b", 1)};
    uint8_t levels[] = {0, 1};
    version *made = version_of(files, levels, 2);
    slice key = version_text("a");
    table_found found;
    uint8_t *data;
    uint64_t size;
    CHECK_OK(env_memory_file_bytes(disk->disk, VERSION_HOME "/00000001.tbl", &data, &size));
    data[TABLE_HEADER_BYTES + 3] ^= 0x40;
    CHECK_STATUS(PYKV_CORRUPTION, get(made, block_source_direct(), key, UINT64_MAX, &found));
    CHECK(strstr(error_last()->text, "00000001.tbl") != NULL);
    data[TABLE_HEADER_BYTES + 3] ^= 0x40;
    CHECK_EQUAL(10, found_sequence(made, "a", UINT64_MAX));
    version_release(made);
    version_fixture_close(disk);
}

/* A source that has nothing at hand. */
static pykv_status refuse(block_source *self, table *from, uint32_t block_index, block_use use,
                          block_hold *hold_out)
{
    (void)self;
    (void)from;
    (void)block_index;
    (void)use;
    (void)hold_out;
    return PYKV_WOULD_BLOCK;
}

TEST(a_source_that_would_block_is_asked_only_for_what_a_filter_knows)
{
    version_fixture *disk = version_fixture_open();
    table_file *files[] = {version_table_of(disk, "a b", 10), version_table_of(disk, "a z", 1)};
    uint8_t levels[] = {0, 1};
    version *made = version_of(files, levels, 2);
    block_source refusing = {.acquire = refuse};
    table_found found;
    uint64_t absent = 0;
    CHECK_STATUS(PYKV_WOULD_BLOCK, get(made, &refusing, version_text("b"), UINT64_MAX, &found));
    for (char letter = 'c'; letter < 'z'; letter++) {
        absent += get(made, &refusing, slice_make(&letter, 1), 9, &found) == PYKV_NOT_FOUND;
    }
    CHECK(absent >= 20);
    version_release(made);
    version_fixture_close(disk);
}

/* A table without a filter was read for keys that stand before or behind all of its own. */
TEST(a_table_without_a_filter_is_not_read_for_keys_out_of_its_bounds)
{
    version_fixture *disk = version_fixture_open();
    table_builder_options options = version_build_options();
    table_entry entries[] = {{.key = version_text("f"), .sequence = 5, .kind = TABLE_PUT},
                             {.key = version_text("m"), .sequence = 6, .kind = TABLE_PUT}};
    options.filter_bits_per_key = 0;
    table_file *files[] = {version_table(disk, &options, entries, 2)};
    uint8_t levels[] = {0};
    version *made = version_of(files, levels, 1);
    block_source refusing = {.acquire = refuse};
    table_found found;
    CHECK_STATUS(PYKV_NOT_FOUND, get(made, &refusing, version_text("e"), 9, &found));
    CHECK_STATUS(PYKV_NOT_FOUND, get(made, &refusing, version_text("n"), 9, &found));
    CHECK_STATUS(PYKV_WOULD_BLOCK, get(made, &refusing, version_text("g"), 9, &found));
    CHECK_EQUAL(6, found_sequence(made, "m", 9));
    version_release(made);
    version_fixture_close(disk);
}

/* ---- threads ---- */

enum { READERS = 2, SWAPS = 150 };

/* A store's view in small: readers load the version inside the epoch, the owner swaps it. */
typedef struct crowd {
    version_fixture *disk;
    version *_Atomic current;
    _Atomic bool stopped;
    _Atomic uint64_t failures;
    _Atomic uint64_t gets;
} crowd;

typedef struct retired_version {
    reclaim_item item;
    version *old;
} retired_version;

static void free_version(reclaim_item *item)
{
    retired_version *self = (retired_version *)item;
    version_release(self->old);
    mem_free(self);
}

/* Whatever version it is, a and b have been there since the first one, and b never changes. */
static bool get_both(crowd *self)
{
    table_found found[2];
    pykv_status status[2];
    block_source *source = &self->disk->cached.face;
    epoch_token token = epoch_enter(&self->disk->entered);
    const version *now = atomic_load_explicit(&self->current, memory_order_acquire);
    for (size_t i = 0; i < 2; i++) {
        slice key = version_text(i == 0 ? "a" : "b");
        status[i] = get(now, source, key, UINT64_MAX, &found[i]);
    }
    bool good = status[0] == PYKV_OK && status[1] == PYKV_OK && found[1].sequence == 2 &&
                found[0].value.size == 1 && found[0].value.data[0] == 'a';
    for (size_t i = 0; i < 2; i++) {
        if (status[i] == PYKV_OK) {
            table_release(source, &found[i]);
        }
    }
    epoch_leave(&self->disk->entered, token);
    return good;
}

/* Every few gets a reference of its own, as a scan takes it, that outlives the epoch. */
static void *read_on(void *context)
{
    crowd *self = context;
    for (uint64_t i = 0; !atomic_load_explicit(&self->stopped, memory_order_relaxed); i++) {
        if (!get_both(self)) {
            atomic_fetch_add(&self->failures, 1);
        }
        if (i % 8 == 0) {
            epoch_token token = epoch_enter(&self->disk->entered);
            version *kept =
                version_acquire(atomic_load_explicit(&self->current, memory_order_acquire));
            epoch_leave(&self->disk->entered, token);
            if (found_sequence(kept, "b", UINT64_MAX) != 2) {
                atomic_fetch_add(&self->failures, 1);
            }
            version_release(kept);
        }
        atomic_fetch_add_explicit(&self->gets, 1, memory_order_relaxed);
    }
    return NULL;
}

/* Publishes base with the table at level 0 replaced by one of a higher sequence. */
static void swap(crowd *self, table_file **fresh, uint64_t round)
{
    version *old = atomic_load(&self->current);
    version *next;
    retired_version *retired = mem_alloc(sizeof *retired);
    table_file *file = version_table_of(self->disk, "a c", 10 + 2 * round);
    version_addition added[] = {{file, 0}};
    uint32_t removed = *fresh == NULL ? 0 : (*fresh)->facts.number;
    version_change change = {
        .removed = &removed, .removed_count = *fresh != NULL, .added = added, .added_count = 1};
    CHECK(retired != NULL);
    CHECK_OK(version_apply(old, &change, &next));
    table_file_release(file);
    if (*fresh != NULL) {
        table_file_mark_obsolete(*fresh);
    }
    *fresh = file;
    atomic_store_explicit(&self->current, next, memory_order_release);
    retired->old = old;
    reclaimer_retire(&self->disk->readers, &retired->item, free_version);
    reclaimer_sweep(&self->disk->readers);
    table_graveyard_empty(&self->disk->graves);
}

TEST(gets_go_on_while_versions_are_swapped_and_tables_are_unlinked)
{
    crowd shared = {.disk = version_fixture_open()};
    pthread_t threads[READERS];
    table_file *fresh = NULL;
    table_file *files[] = {version_table_of(shared.disk, "a b", 1)};
    uint8_t levels[] = {3};
    atomic_init(&shared.current, version_of(files, levels, 1));
    for (size_t i = 0; i < READERS; i++) {
        CHECK_EQUAL(0, pthread_create(&threads[i], NULL, read_on, &shared));
    }
    for (uint64_t round = 0; round < SWAPS || atomic_load(&shared.gets) < SWAPS; round++) {
        swap(&shared, &fresh, round);
    }
    atomic_store(&shared.stopped, true);
    for (size_t i = 0; i < READERS; i++) {
        CHECK_EQUAL(0, pthread_join(threads[i], NULL));
    }
    CHECK_EQUAL(0, atomic_load(&shared.failures));
    CHECK(!reclaimer_sweep(&shared.disk->readers));
    version_release(atomic_load(&shared.current));
    table_graveyard_empty(&shared.disk->graves);
    CHECK(version_has_file(shared.disk, 1) && !version_has_file(shared.disk, 2));
    version_fixture_close(shared.disk);
}

TEST_MAIN(CASE(gets_agree_with_a_sorted_map), CASE(the_newest_of_many_tables_at_level_0_wins),
          CASE(a_table_that_cannot_be_read_is_not_passed_over),
          CASE(a_source_that_would_block_is_asked_only_for_what_a_filter_knows),
          CASE(a_table_without_a_filter_is_not_read_for_keys_out_of_its_bounds),
          CASE(gets_go_on_while_versions_are_swapped_and_tables_are_unlinked))
