/*
 * space_list_test: namespaces in memory: found, held, let go.
 */
#include "bitcask/bitcask_fixture.h"
#include "bitcask/named_fixture.h"

enum { SPACES = 30 };

static space *add(bitcask *store, uint32_t id)
{
    space *made = NULL;
    mutex_lock(&store->writer);
    CHECK_OK(bitcask_add_space(store, id, &made));
    mutex_unlock(&store->writer);
    return made;
}

static space *find(bitcask *store, uint32_t id)
{
    mutex_lock(&store->writer);
    space *found = bitcask_find_space(store, id);
    mutex_unlock(&store->writer);
    return found;
}

static void take_off(bitcask *store, space *target)
{
    mutex_lock(&store->writer);
    bitcask_remove_space(store, target);
    mutex_unlock(&store->writer);
}

TEST(each_id_has_one_namespace_which_is_in_use_when_it_is_said_to_be)
{
    fixture self = fixture_new();
    space *made[SPACES + 1];
    CHECK(find(self.store, 0) == &self.store->spaces.main);
    for (uint32_t i = 0; i < SPACES; i++) {
        uint32_t id = 1 + i * 7 % SPACES;
        CHECK(find(self.store, id) == NULL);
        made[id] = add(self.store, id);
        CHECK_EQUAL(id, made[id]->id);
        CHECK(!made[id]->in_use);
    }
    for (uint32_t id = 1; id <= SPACES; id++) {
        space *used = NULL;
        CHECK(find(self.store, id) == made[id]);
        CHECK(add(self.store, id) == made[id]);
        mutex_lock(&self.store->writer);
        CHECK_OK(bitcask_use_space(self.store, id, &used));
        mutex_unlock(&self.store->writer);
        CHECK(used == made[id] && used->in_use);
    }
    CHECK_EQUAL(SPACES, self.store->spaces.list.count);
    fixture_free(&self);
}

TEST(one_that_is_held_outlives_the_list_and_the_close)
{
    fixture self = fixture_new();
    space *held;
    space *stranger;
    add(self.store, 1);
    CHECK_OK(bitcask_hold_space(self.store, 1, &held));
    CHECK_OK(bitcask_hold_space(self.store, 9, &stranger));
    CHECK(find(self.store, 9) == NULL);
    CHECK(!stranger->in_use);
    take_off(self.store, held);
    CHECK(find(self.store, 1) == NULL);
    named_expect(&self, held, "a", NULL);
    named_expect(&self, stranger, "a", NULL);
    bitcask_let_space_go(self.store, held);
    add(self.store, 2);
    CHECK_OK(bitcask_hold_space(self.store, 2, &held));
    CHECK_OK(bitcask_close(self.store, -1));
    bitcask_let_space_go(self.store, held);
    bitcask_let_space_go(self.store, stranger);
    fixture_free(&self);
}

TEST(the_directory_of_one_that_is_gone_waits_for_its_moments)
{
    fixture self = fixture_new();
    store_moment at;
    space *users = named_make(&self, "users");
    named_put(&self, users, "a", "1");
    CHECK_OK(moment_open_in(self.store, users, MOMENT_SNAPSHOT, &at));
    named_drop(&self, "users");
    CHECK_EQUAL(0, bitcask_count_in(users));
    named_let_go(&self, users);
    uint64_t count = 0;
    CHECK_OK(bitcask_count_at(&at, &count));
    CHECK_EQUAL(1, count);
    moment_free(&at);
    fixture_free(&self);
}

TEST(what_is_forgotten_leaves_the_counts_of_segments)
{
    fixture self = fixture_new();
    space *users = named_make(&self, "users");
    fixture_fill(&self, 0, 10, 100);
    const segment *active = self.store->active;
    uint64_t before = active->live_bytes;
    named_fill(&self, users, 0, 10, 100);
    uint64_t named = named_live_bytes(&self, users);
    mutex_lock(&self.store->writer);
    CHECK_EQUAL(before + named, active->live_bytes);
    bitcask_forget_live(self.store, users->id);
    CHECK_EQUAL(before, active->live_bytes);
    bitcask_forget_live(self.store, NAMESPACE_DEFAULT);
    CHECK_EQUAL(2, active->live_count); /* the rows of the name */
    mutex_unlock(&self.store->writer);
    named_let_go(&self, users);
    fixture_free(&self);
}

TEST_MAIN(CASE(each_id_has_one_namespace_which_is_in_use_when_it_is_said_to_be),
          CASE(one_that_is_held_outlives_the_list_and_the_close),
          CASE(the_directory_of_one_that_is_gone_waits_for_its_moments),
          CASE(what_is_forgotten_leaves_the_counts_of_segments))
