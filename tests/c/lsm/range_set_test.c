/*
 * range_set_test: joins against a row of keys, each with the deletes that cover it.
 */
#include "range_fixture.h"

#include "base/memory.h"

enum { MODEL_KEYS = 24, MODEL_DELETES = 40 };

static const range_rule EVERYTHING = {UINT64_MAX, false, false};
static const range_rule NEWEST = {UINT64_MAX, true, false};

TEST(fragments_are_cut_where_deletes_begin_and_end)
{
    const range_set *set = NULL;
    range_add(&set, "b", "f", 3, &EVERYTHING);
    CHECK_RANGES("b-f:3", set);
    range_add(&set, "d", "h", 5, &EVERYTHING);
    CHECK_RANGES("b-d:3 d-f:5,3 f-h:5", set);
    range_add(&set, "m", "", 6, &EVERYTHING);
    range_add(&set, "a", "e", 9, &EVERYTHING);
    CHECK_RANGES("a-b:9 b-d:9,3 d-e:9,5,3 e-f:5,3 f-h:5 m-:6", set);
    range_set_release(set);
}

TEST(one_sequence_is_left_of_each_fragment_where_that_says_enough)
{
    const range_set *set = NULL;
    range_add(&set, "b", "f", 3, &NEWEST);
    range_add(&set, "d", "h", 5, &NEWEST);
    CHECK_RANGES("b-d:3 d-h:5", set);
    range_add(&set, "", "", 7, &NEWEST);
    CHECK_RANGES("-:7", set);
    range_set_release(set);
}

TEST(deletes_above_a_snapshot_are_left_out)
{
    const range_set *set = NULL;
    const range_set *seen;
    range_add(&set, "b", "f", 3, &EVERYTHING);
    range_add(&set, "d", "h", 5, &EVERYTHING);
    range_rule at_four = {4, true, true};
    CHECK_OK(range_set_join(set, NULL, &at_four, &seen));
    CHECK_RANGES("b-f:3", seen);
    range_set_release(seen);
    range_rule at_two = {2, true, true};
    CHECK_OK(range_set_join(set, NULL, &at_two, &seen));
    CHECK(seen == NULL);
    range_set_release(set);
}

TEST(a_set_covers_what_lies_in_fragments_that_touch)
{
    const range_set *set = NULL;
    range_add(&set, "b", "f", 3, &EVERYTHING);
    range_add(&set, "f", "h", 5, &EVERYTHING);
    CHECK(range_set_covers(set, range_key("b"), range_key("g"), 2));
    CHECK(!range_set_covers(set, range_key("b"), range_key("g"), 3));
    CHECK(range_set_covers(set, range_key("f"), range_key("g"), 4));
    CHECK(!range_set_covers(set, range_key("b"), range_key("h"), 2));
    CHECK(!range_set_covers(set, range_key("a"), range_key("c"), 2));
    CHECK(!range_set_covers(set, range_key("x"), range_key("y"), 0));
    CHECK_EQUAL(5, range_set_sequence_max(set));
    CHECK_EQUAL(0, range_set_sequence_max(NULL));
    range_set_release(set);
}

TEST(parts_and_those_that_are_kept_are_whole_fragments)
{
    const range_set *set = NULL;
    const range_set *some;
    bool keeps[3] = {true, false, true};
    range_add(&set, "b", "c", 1, &EVERYTHING);
    range_add(&set, "d", "e", 2, &EVERYTHING);
    range_add(&set, "f", "g", 3, &EVERYTHING);
    CHECK_OK(range_set_keep(set, keeps, &some));
    CHECK_RANGES("b-c:1 f-g:3", some);
    range_set_release(some);
    CHECK_OK(range_set_part(set, 1, 2, &some));
    CHECK_RANGES("d-e:2", some);
    range_set_release(some);
    CHECK_OK(range_set_part(set, 1, 1, &some));
    CHECK(some == NULL);
    range_set_release(set);
}

TEST(a_set_that_owns_its_keys_outlives_them)
{
    char start[] = "b";
    char stop[] = "f";
    const range_set *set;
    range_fragment fragment = {slice_make(start, 1), slice_make(stop, 1), 0, 1};
    uint64_t sequence = 4;
    CHECK_OK(range_set_make(&fragment, &sequence, 1, &set));
    start[0] = 'x';
    stop[0] = 'y';
    CHECK_RANGES("b-f:4", set);
    CHECK_EQUAL(2, set->key_bytes);
    range_set_release(set);
}

/* ---- against the model ---- */

typedef struct model_delete {
    uint32_t start;
    uint32_t stop;
} model_delete;

static uint64_t wanted_cover(const model_delete *all, uint64_t snapshot, uint32_t key)
{
    for (uint64_t i = snapshot; i > 0; i--) {
        if (all[i].start <= key && key < all[i].stop) {
            return i;
        }
    }
    return 0;
}

static const char *name_of(uint32_t number)
{
    static char names[MODEL_KEYS + 1][2];
    names[number][0] = number == MODEL_KEYS ? '\0' : (char)('A' + number);
    return names[number];
}

TEST(a_set_knows_for_each_key_and_snapshot_the_newest_delete)
{
    uint64_t state = check_seed();
    for (int round = 0; round < 60; round++) {
        model_delete all[MODEL_DELETES + 1];
        const range_set *set = NULL;
        for (uint64_t i = 1; i <= MODEL_DELETES; i++) {
            uint32_t start = (uint32_t)check_random(&state, MODEL_KEYS);
            uint32_t stop = start + 1 + (uint32_t)check_random(&state, MODEL_KEYS - start);
            all[i] = (model_delete){start, stop};
            range_add(&set, name_of(start), name_of(stop), i, &EVERYTHING);
        }
        for (uint64_t snapshot = 0; snapshot <= MODEL_DELETES; snapshot++) {
            range_rule rule = {snapshot, true, true};
            const range_set *seen;
            CHECK_OK(range_set_join(set, NULL, &rule, &seen));
            for (uint32_t key = 0; key < MODEL_KEYS; key++) {
                uint64_t wanted = wanted_cover(all, snapshot, key);
                slice name = range_key(name_of(key));
                CHECK_EQUAL(wanted, range_set_cover(set, name, snapshot));
                CHECK_EQUAL(wanted, seen == NULL ? 0 : range_set_cover(seen, name, UINT64_MAX));
            }
            range_set_release(seen);
        }
        range_set_release(set);
    }
}

TEST(without_memory_nothing_is_made_and_nothing_leaks)
{
    const range_set *set = NULL;
    range_add(&set, "b", "f", 3, &EVERYTHING);
    int64_t blocks = mem_block_count();
    pykv_status status = PYKV_NO_MEMORY;
    for (uint64_t allowed = 0; status != PYKV_OK; allowed++) {
        const range_set *made = NULL;
        CHECK(allowed < 20);
        (void)mem_fail_at(allowed + 1, 0);
        status = range_set_join(set, set, &NEWEST, &made);
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        if (status == PYKV_OK) {
            range_set_release(made);
        }
        CHECK_EQUAL(blocks, mem_block_count());
    }
    range_set_release(set);
}

TEST_MAIN(CASE(fragments_are_cut_where_deletes_begin_and_end),
          CASE(one_sequence_is_left_of_each_fragment_where_that_says_enough),
          CASE(deletes_above_a_snapshot_are_left_out),
          CASE(a_set_covers_what_lies_in_fragments_that_touch),
          CASE(parts_and_those_that_are_kept_are_whole_fragments),
          CASE(a_set_that_owns_its_keys_outlives_them),
          CASE(a_set_knows_for_each_key_and_snapshot_the_newest_delete),
          CASE(without_memory_nothing_is_made_and_nothing_leaks))
