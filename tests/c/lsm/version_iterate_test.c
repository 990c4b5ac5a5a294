/*
 * version_iterate: the iterators of a version together show each of its entries in a range once,
 * and what is out of range is not opened.
 */
#include "lsm/version_history.h"
#include "lsm/version_iterate.h"

/* Marks what a walk shows, from the start of the range to its end or that of the walk. */
static void mark(const version_model *model, iterator *walk, const key_range *range, uint8_t *seen)
{
    for (iterator_seek(walk, range->start, UINT64_MAX); iterator_valid(walk); iterator_next(walk)) {
        const iterator_entry *got = iterator_current(walk);
        if (range->has_stop && slice_compare(got->key, range->stop) >= 0) {
            break;
        }
        size_t rank = model_rank(model, got->key, got->sequence);
        CHECK(rank < model->count);
        CHECK(slice_equal(model->entries[rank].key, got->key));
        CHECK_EQUAL(model->entries[rank].sequence, got->sequence);
        CHECK_EQUAL(model->entries[rank].kind, got->kind);
        CHECK(slice_equal(model->entries[rank].value, got->value));
        seen[rank]++;
    }
    CHECK_OK(walk->status);
}

static bool is_within(const key_range *range, slice key)
{
    return slice_compare(key, range->start) >= 0 &&
           (!range->has_stop || slice_compare(key, range->stop) < 0);
}

static void check_range(version_model *model, const key_range *range)
{
    size_t count;
    iterator **walks = calloc(version_iterator_count(model->made) + 1, sizeof *walks);
    uint8_t *seen = calloc(model->count + 1, 1);
    CHECK(walks != NULL && seen != NULL);
    CHECK_OK(version_iterators(model->made, &model->disk->cached.face, range, walks, &count));
    CHECK(count <= version_iterator_count(model->made));
    for (size_t i = 0; i < count; i++) {
        mark(model, walks[i], range, seen);
        iterator_free(walks[i]);
    }
    for (size_t i = 0; i < model->count; i++) {
        CHECK_EQUAL(is_within(range, model->entries[i].key) ? 1 : 0, seen[i]);
    }
    free(seen);
    free(walks);
}

TEST(every_entry_of_a_range_is_shown_once)
{
    uint8_t *room[] = {malloc(MEMTABLE_KEY_ROOM), malloc(MEMTABLE_KEY_ROOM)};
    CHECK(room[0] != NULL && room[1] != NULL);
    for (uint32_t round = 0; round < 2 * KEYS_KINDS; round++) {
        version_fixture *disk = version_fixture_open();
        uint64_t seed = check_seed() + round;
        uint64_t sequence;
        version_model model = model_open(disk, (memtable_keys)(round % KEYS_KINDS),
                                         1 + check_random(&seed, 500), LSM_LEVEL_COUNT, seed);
        check_range(&model, &(key_range){.has_stop = false});
        for (uint32_t i = 0; i < 15; i++) {
            key_range range = {model_ask(&model, room[0], &sequence),
                               model_ask(&model, room[1], &sequence), i % 3 != 0};
            check_range(&model, &range);
        }
        model_close(&model);
        version_fixture_close(disk);
    }
    free(room[0]);
    free(room[1]);
}

static version *some_tables(version_fixture *disk)
{
    version *made;
    table_file *files[] = {version_table_of(disk, "c e", 30), version_table_of(disk, "a b", 20),
                           version_table_of(disk, "b c", 1), version_table_of(disk, "f h", 5),
                           version_table_of(disk, "k m", 10)};
    uint8_t levels[] = {0, 0, 2, 2, 6};
    CHECK_OK(version_from_tables(files, levels, 5, &made));
    for (size_t i = 0; i < 5; i++) {
        table_file_release(files[i]);
    }
    return made;
}

static size_t count_for(version_fixture *disk, const version *made, const char *start,
                        const char *stop)
{
    iterator *walks[8];
    size_t count;
    key_range range = {version_text(start), version_text(stop == NULL ? "" : stop), stop != NULL};
    CHECK_OK(version_iterators(made, &disk->cached.face, &range, walks, &count));
    for (size_t i = 0; i < count; i++) {
        iterator_free(walks[i]);
    }
    return count;
}

TEST(what_cannot_hold_a_key_of_the_range_has_no_iterator)
{
    version_fixture *disk = version_fixture_open();
    version *made = some_tables(disk);
    CHECK_EQUAL(4, version_iterator_count(made));
    CHECK_EQUAL(4, count_for(disk, made, "", NULL));
    CHECK_EQUAL(1, count_for(disk, made, "", "b"));
    CHECK_EQUAL(1, count_for(disk, made, "", "a") + count_for(disk, made, "a", "ab"));
    CHECK_EQUAL(3, count_for(disk, made, "b", "d"));
    CHECK_EQUAL(0, count_for(disk, made, "i", "k"));
    CHECK_EQUAL(1, count_for(disk, made, "i", "ka"));
    CHECK_EQUAL(1, count_for(disk, made, "m", NULL));
    CHECK_EQUAL(0, count_for(disk, made, "ma", NULL));
    CHECK_EQUAL(0, count_for(disk, made, "h", "b"));
    CHECK_EQUAL(1, count_for(disk, made, "ea", "g"));
    version_release(made);
    version_fixture_close(disk);
}

TEST(a_failed_allocation_is_no_memory_and_leaves_no_iterator)
{
    version_fixture *disk = version_fixture_open();
    version *made = some_tables(disk);
    key_range all = {.has_stop = false};
    iterator *walks[8];
    size_t count = 0;
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t at = 1; status != PYKV_OK; at++) {
        mem_fail_at(at, 0);
        status = version_iterators(made, &disk->cached.face, &all, walks, &count);
        mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
    }
    CHECK_EQUAL(4, count);
    for (size_t i = 0; i < count; i++) {
        iterator_free(walks[i]);
    }
    version_release(made);
    version_fixture_close(disk);
}

TEST_MAIN(CASE(every_entry_of_a_range_is_shown_once),
          CASE(what_cannot_hold_a_key_of_the_range_has_no_iterator),
          CASE(a_failed_allocation_is_no_memory_and_leaves_no_iterator))
