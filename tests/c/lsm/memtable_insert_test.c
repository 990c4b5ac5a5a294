/*
 * memtable_insert: the shape that a tree takes, for keys in every order.
 */
#include "base/memory.h"
#include "lsm/memtable_records.h"

static memtable_records *fill(memtable_keys keys, uint64_t count)
{
    memtable_records *made = memtable_records_open();
    for (uint64_t i = 0; i < count; i++) {
        (void)memtable_records_insert(made, memtable_key(keys, i, made->room));
        if (i % 97 == 0) {
            CHECK_EQUAL(i + 1, memtable_records_check(memtable_tree_root(&made->tree)));
        }
    }
    CHECK_EQUAL(count, memtable_records_check(memtable_tree_root(&made->tree)));
    return made;
}

TEST(every_set_of_keys_makes_a_sound_tree)
{
    for (int keys = 0; keys < KEYS_KINDS; keys++) {
        memtable_records_close(fill((memtable_keys)keys, keys == KEYS_LONG ? 300 : 4000));
    }
}

TEST(keys_in_order_fill_their_leaves)
{
    for (int keys = KEYS_ASCENDING; keys <= KEYS_DESCENDING; keys++) {
        memtable_records *made = fill((memtable_keys)keys, 6400);
        CHECK(made->tree.leaf_count <= 6400 / 60);
        memtable_records_close(made);
    }
}

TEST(random_keys_fill_their_leaves_by_half_at_least)
{
    memtable_records *made = fill(KEYS_RANDOM, 6400);
    CHECK(made->tree.leaf_count <= 6400 / 32);
    memtable_records_close(made);
}

/* New versions of one key go in front of the older ones, at the right end of a leaf that is full.
 * If such an insert opened a leaf of its own, every version would take one. */
TEST(versions_of_one_key_fill_their_leaves_by_half_at_least)
{
    memtable_records *made = memtable_records_open();
    for (uint64_t i = 0; i < 640; i++) {
        (void)memtable_records_insert(made, memtable_key(KEYS_ASCENDING, i, made->room));
    }
    for (uint64_t i = 0; i < 6400; i++) {
        (void)memtable_records_insert(made, memtable_key(KEYS_ASCENDING, 320, made->room));
    }
    CHECK_EQUAL(7040, memtable_records_check(memtable_tree_root(&made->tree)));
    CHECK(made->tree.leaf_count <= 7040 / 28);
    memtable_records_close(made);
}

/* All keys share 24 bytes, which every node of a tree of three levels leaves out; then come keys
 * that share fewer and fewer, on either side. */
TEST(a_common_prefix_shrinks_in_every_node_on_the_way)
{
    static const char letters[] = {'A', 'z'};
    uint8_t key[40];
    memtable_records *made = memtable_records_open();
    for (uint64_t i = 0; i < 6000; i++) {
        memset(key, 'm', 24);
        (void)memtable_key(KEYS_RANDOM, i, key + 24);
        (void)memtable_records_insert(made, slice_make(key, sizeof key));
    }
    memtable_node *root = memtable_tree_root(&made->tree);
    CHECK_EQUAL(2, root->level);
    CHECK_EQUAL(24, root->common_length);
    for (uint32_t shared = 24; shared-- > 0;) {
        for (uint32_t side = 0; side < 2; side++) {
            memset(key, 'm', sizeof key);
            key[shared] = (uint8_t)letters[side];
            const memtable_record *added =
                memtable_records_insert(made, slice_make(key, sizeof key));
            root = memtable_tree_root(&made->tree);
            CHECK(root->common_length <= shared);
            internal_key place = internal_key_place(slice_make(key, sizeof key), UINT64_MAX);
            CHECK(memtable_find(root, &place) == added);
            CHECK(added == (side == 0 ? memtable_first_record(root) : memtable_last_record(root)));
        }
        CHECK_EQUAL(made->count, memtable_records_check(root));
    }
    memtable_records_close(made);
}

static int in_order(const void *left, const void *right)
{
    const memtable_record *const *first = left;
    const memtable_record *const *second = right;
    return memtable_record_compare(*first, *second, 0);
}

/* Inserts the next count keys by one call, in order or as they come. */
static void insert_batch(memtable_records *made, memtable_keys keys, size_t count, bool ordered)
{
    size_t first = made->count;
    for (size_t i = 0; i < count; i++) {
        (void)memtable_records_make(made, memtable_key(keys, first + i, made->room));
    }
    memtable_record **added = made->records + first;
    if (ordered) {
        qsort(added, count, sizeof *added, in_order);
    }
    CHECK_OK(memtable_tree_reserve(&made->tree, count));
    memtable_insert_many(&made->tree, (const memtable_record *const *)added, count);
}

TEST(batches_in_any_order_make_a_sound_tree_that_has_all_of_them)
{
    uint64_t seed = check_seed();
    for (int keys = 0; keys < KEYS_KINDS; keys++) {
        memtable_records *made = memtable_records_open();
        size_t limit = keys == KEYS_LONG ? 300 : 4000;
        while (made->count < limit) {
            insert_batch(made, (memtable_keys)keys, 1 + check_random(&seed, 300),
                         check_random(&seed, 3) != 0);
        }
        memtable_node *root = memtable_tree_root(&made->tree);
        CHECK_EQUAL(made->count, memtable_records_check(root));
        for (size_t i = 0; i < made->count; i++) {
            internal_key place = {memtable_record_key(made->records[i]), made->records[i]->trailer};
            CHECK(memtable_find(root, &place) == made->records[i]);
        }
        memtable_records_close(made);
    }
}

TEST(a_tree_without_memory_is_not_made)
{
    memtable_tree tree;
    epoch entered;
    reclaimer readers;
    int64_t blocks = mem_block_count();
    epoch_init(&entered);
    reclaimer_init(&readers, &entered);
    for (uint64_t countdown = 1; countdown <= 2; countdown++) {
        mem_fail_at(countdown, 0);
        CHECK_STATUS(PYKV_NO_MEMORY, memtable_tree_init(&tree, &readers, NULL));
        CHECK_EQUAL(blocks, mem_block_count());
    }
    mem_fail_at(0, 0);
    reclaimer_destroy(&readers);
}

/* Takes the nodes away that the pool has to spare. */
static void drain(memtable_pool *pool)
{
    (void)reclaimer_sweep(pool->readers);
    memtable_pool_supply(pool, pool->free_count + pool->fresh_count + pool->waiting_count);
    while (pool->free_count + pool->fresh_count > 0) {
        (void)memtable_pool_take(pool, 0);
    }
}

/* Every insert of this batch goes to another full leaf, so each splits one. */
TEST(a_reserved_batch_that_splits_every_leaf_needs_no_memory)
{
    memtable_records *made = fill(KEYS_ASCENDING, 64 * 300);
    CHECK_EQUAL(300, made->tree.leaf_count);
    drain(made->tree.pool);
    CHECK_OK(memtable_tree_reserve(&made->tree, 300));
    mem_fail_at(1, 1);
    for (uint64_t i = 0; i < 300; i++) {
        slice key = memtable_key(KEYS_ASCENDING, 64 * i + 31, made->room);
        memtable_insert(&made->tree, memtable_records_make(made, key));
    }
    mem_fail_at(0, 0);
    CHECK(made->tree.leaf_count >= 599);
    CHECK_EQUAL(19500, memtable_records_check(memtable_tree_root(&made->tree)));
    memtable_records_close(made);
}

TEST_MAIN(CASE(every_set_of_keys_makes_a_sound_tree), CASE(keys_in_order_fill_their_leaves),
          CASE(random_keys_fill_their_leaves_by_half_at_least),
          CASE(versions_of_one_key_fill_their_leaves_by_half_at_least),
          CASE(a_common_prefix_shrinks_in_every_node_on_the_way),
          CASE(batches_in_any_order_make_a_sound_tree_that_has_all_of_them),
          CASE(a_tree_without_memory_is_not_made),
          CASE(a_reserved_batch_that_splits_every_leaf_needs_no_memory))
