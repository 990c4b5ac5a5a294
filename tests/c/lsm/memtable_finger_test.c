/*
 * memtable_finger: it leads where a descent from the root leads, in whatever order it is moved.
 */
#include "lsm/memtable_finger.h"
#include "lsm/memtable_records.h"

enum { KEYS_EACH = 3000, MOVES = 9000 };

static int in_order(const void *left, const void *right)
{
    const memtable_record *const *first = left;
    const memtable_record *const *second = right;
    return memtable_record_compare(*first, *second, 0);
}

/* Moves the finger and compares with a descent. */
static void check_move(memtable_finger *finger, memtable_node *root, slice key)
{
    memtable_descent way;
    internal_key place = internal_key_place(key, UINT64_MAX);
    memtable_descend(root, place, &way);
    bool leaves_common_bytes = way.side != 0 && way.side_level > 0;
    CHECK_EQUAL(!leaves_common_bytes, memtable_finger_move(finger, root, &place));
    CHECK_EQUAL(!leaves_common_bytes, finger->placed);
    if (finger->placed) {
        CHECK(finger->leaf == way.nodes[0]);
        CHECK_BYTES(key.data, memtable_node_sample(finger->leaf)->bytes, finger->known);
    }
}

static memtable_records *made_of(memtable_keys keys)
{
    memtable_records *made = memtable_records_open();
    size_t count = keys == KEYS_LONG ? 300 : KEYS_EACH;
    for (uint64_t i = 0; i < count; i++) {
        (void)memtable_records_insert(made, memtable_key(keys, i, made->room));
    }
    return made;
}

TEST(it_leads_through_all_records_in_order)
{
    for (int keys = 0; keys < KEYS_KINDS; keys++) {
        memtable_records *made = made_of((memtable_keys)keys);
        memtable_finger finger = {.leaf = NULL};
        qsort(made->records, made->count, sizeof made->records[0], in_order);
        for (size_t i = 0; i < made->count; i++) {
            check_move(&finger, memtable_tree_root(&made->tree),
                       memtable_record_key(made->records[i]));
        }
        memtable_records_close(made);
    }
}

TEST(it_leads_to_keys_at_random_that_are_there_or_not)
{
    uint64_t seed = check_seed();
    for (int keys = 0; keys < KEYS_KINDS; keys++) {
        memtable_records *made = made_of((memtable_keys)keys);
        memtable_finger finger = {.leaf = NULL};
        for (size_t i = 0; i < MOVES; i++) {
            memtable_keys other =
                (memtable_keys)(check_random(&seed, 4) == 0 ? check_random(&seed, KEYS_KINDS)
                                                            : (uint64_t)keys);
            slice key = memtable_key(other, check_random(&seed, KEYS_EACH * 2), made->room);
            check_move(&finger, memtable_tree_root(&made->tree), key);
        }
        memtable_records_close(made);
    }
}

TEST_MAIN(CASE(it_leads_through_all_records_in_order),
          CASE(it_leads_to_keys_at_random_that_are_there_or_not))
