/*
 * user_iterator: rows, places, bounds and failures, against a plain rule over a sorted array.
 */
#include "user_operations.h"

enum { ENTRIES = 250, OPERATIONS = 120 };

static void agree(memtable_keys keys, uint64_t seed, bool over_memtables)
{
    static const uint64_t key_counts[] = {5, ENTRIES / 8, ENTRIES};
    user_model model;
    uint8_t *room = malloc(MEMTABLE_KEY_ROOM + 1);
    bool is_backward = false;
    walk_model walk;
    walk_model_open(&walk, seed, keys, ENTRIES, key_counts[seed % 3]);
    walk_model_divide(&walk, 1 + seed % 5, seed % 7 == 0 ? 30 : 2);
    user_model_open(&model, &walk, over_memtables);
    for (size_t i = 0; i < OPERATIONS; i++) {
        CHECK_OK(user_random_operation(&model, &is_backward, room));
        user_model_check_row(&model);
    }
    user_model_close(&model);
    walk_model_close(&walk);
    free(room);
}

TEST(it_agrees_with_the_plain_rule_over_hostile_windows)
{
    uint64_t rounds = check_count("PYKV_ROUNDS", 400);
    for (uint64_t seed = 0; seed < rounds; seed++) {
        memtable_keys keys = seed % 5 == 0 ? KEYS_EDGES : seed % 5 == 1 ? KEYS_HOT : KEYS_PATHS;
        agree(seed % 50 == 7 ? KEYS_LONG : keys, check_seed() + seed, false);
    }
}

TEST(it_agrees_with_the_plain_rule_over_memtables)
{
    uint64_t rounds = check_count("PYKV_ROUNDS", 100);
    for (uint64_t seed = 0; seed < rounds; seed++) {
        memtable_keys keys = (memtable_keys)(seed % KEYS_KINDS);
        agree(keys == KEYS_LONG ? KEYS_EDGES : keys, check_seed() + seed, true);
    }
}

/* ---- stories, over one array of few entries ---- */

typedef struct story {
    array_control control;
    iterator_entry entries[16];
    user_iterator *walk;
} story;

static iterator_entry entry_of(const char *key, uint64_t sequence, uint8_t kind,
                               uint64_t deadline_us)
{
    iterator_entry made = {.key = slice_make(key, strlen(key)),
                           .value = slice_make("value", 5),
                           .sequence = sequence,
                           .deadline_us = deadline_us,
                           .kind = kind};
    return made;
}

/* Requires the entries set. */
static void tell(story *self, size_t count, uint64_t snapshot_sequence, uint64_t now_us)
{
    user_iterator_options options = {.snapshot_sequence = snapshot_sequence, .now_us = now_us};
    self->control = (array_control){.seed = 1, .window_max = 2};
    iterator *source = array_iterator_new(&self->control, self->entries, count);
    CHECK_OK(user_iterator_new(source, &options, &self->walk));
}

static const char *row_key(const story *self)
{
    static char text[16];
    const iterator_entry *row = user_iterator_row(self->walk);
    if (row == NULL) {
        return "none";
    }
    snprintf(text, sizeof text, "%.*s/%d", (int)row->key.size, (const char *)row->key.data,
             (int)row->sequence);
    return text;
}

/* Checks the rows of both directions, as "key/sequence" parted by spaces. */
static void check_rows(story *self, const char *wanted)
{
    char ahead[64] = "";
    char back[64] = "";
    CHECK_OK(user_iterator_seek_first(self->walk));
    while (user_iterator_row(self->walk) != NULL) {
        size_t size = strlen(ahead);
        snprintf(ahead + size, sizeof ahead - size, "%s ", row_key(self));
        CHECK_OK(user_iterator_next(self->walk));
    }
    CHECK_OK(user_iterator_seek_last(self->walk));
    while (user_iterator_row(self->walk) != NULL) {
        char rest[64];
        memcpy(rest, back, sizeof rest);
        snprintf(back, sizeof back, "%s %.40s", row_key(self), rest);
        CHECK_OK(user_iterator_previous(self->walk));
    }
    CHECK(strcmp(wanted, ahead) == 0);
    CHECK(strcmp(wanted, back) == 0);
    user_iterator_free(self->walk);
    CHECK_EQUAL(0, self->control.live);
}

TEST(a_delete_hides_what_is_older)
{
    story self = {.entries = {entry_of("a", 1, RECORD_PUT, 0), entry_of("b", 5, RECORD_DELETE, 0),
                              entry_of("b", 2, RECORD_PUT, 0), entry_of("c", 3, RECORD_PUT, 0)}};
    tell(&self, 4, 5, 0);
    check_rows(&self, "a/1 c/3 ");
    tell(&self, 4, 4, 0);
    check_rows(&self, "a/1 b/2 c/3 ");
}

TEST(a_snapshot_holds_its_own_sequence_and_no_higher_one)
{
    story self = {.entries = {entry_of("a", 3, RECORD_PUT, 0), entry_of("a", 2, RECORD_PUT, 0),
                              entry_of("a", 1, RECORD_PUT, 0)}};
    tell(&self, 3, 3, 0);
    check_rows(&self, "a/3 ");
    tell(&self, 3, 2, 0);
    check_rows(&self, "a/2 ");
    tell(&self, 3, 0, 0);
    check_rows(&self, "");
}

TEST(an_expired_put_hides_what_is_older_and_expires_at_its_deadline)
{
    story self = {.entries = {entry_of("a", 4, RECORD_PUT, 100), entry_of("a", 3, RECORD_PUT, 0),
                              entry_of("b", 2, RECORD_PUT, 200), entry_of("b", 1, RECORD_PUT, 0)}};
    tell(&self, 4, 9, 99);
    check_rows(&self, "a/4 b/2 ");
    tell(&self, 4, 9, 100);
    check_rows(&self, "b/2 ");
    tell(&self, 4, 9, 300);
    check_rows(&self, "");
}

TEST(an_operation_of_an_unknown_kind_is_corruption_unless_it_is_hidden)
{
    story self = {.entries = {entry_of("a", 9, RECORD_PUT, 0), entry_of("a", 8, RECORD_CLEAR, 0),
                              entry_of("b", 7, 9, 5)}};
    tell(&self, 3, 9, 100);
    CHECK_OK(user_iterator_seek_first(self.walk));
    CHECK(strcmp("a/9", row_key(&self)) == 0);
    CHECK_STATUS(PYKV_CORRUPTION, user_iterator_next(self.walk));
    CHECK(user_iterator_row(self.walk) == NULL);
    CHECK(strstr(error_last()->text, "kind 9") != NULL);
    CHECK_STATUS(PYKV_CORRUPTION, user_iterator_seek_last(self.walk));
    CHECK_OK(user_iterator_seek_back(self.walk, slice_make("b", 1)));
    CHECK(strcmp("a/9", row_key(&self)) == 0);
    user_iterator_free(self.walk);
}

TEST(a_failure_is_given_again_with_its_detail_until_the_next_seek)
{
    story self = {.entries = {entry_of("a", 1, RECORD_PUT, 0), entry_of("b", 2, RECORD_PUT, 0)}};
    user_iterator_request request = {.chunk_bytes = 100, .row_limit = 10};
    user_iterator_rows rows = {.count = 0};
    tell(&self, 2, 9, 0);
    self.control.window_max = 1;
    self.control.fail_at = 2;
    CHECK_OK(user_iterator_seek_first(self.walk));
    CHECK_STATUS(PYKV_IO_FAILED, user_iterator_next(self.walk));
    (void)error_set(PYKV_NOT_FOUND, "something else");
    CHECK_STATUS(PYKV_IO_FAILED, user_iterator_next(self.walk));
    CHECK(strstr(error_last()->text, "call 2") != NULL);
    CHECK_STATUS(PYKV_IO_FAILED, user_iterator_previous(self.walk));
    CHECK_STATUS(PYKV_IO_FAILED, user_iterator_fill(self.walk, &request, &rows));
    CHECK(user_iterator_row(self.walk) == NULL);
    CHECK_OK(user_iterator_seek(self.walk, slice_make("b", 1)));
    CHECK(strcmp("b/2", row_key(&self)) == 0);
    user_iterator_rows_reset(&rows);
    user_iterator_free(self.walk);
}

TEST(a_seek_may_be_given_the_key_of_the_row_it_stands_on)
{
    story self = {.entries = {entry_of("aa", 1, RECORD_PUT, 0), entry_of("ab", 2, RECORD_PUT, 0),
                              entry_of("ac", 3, RECORD_PUT, 0)}};
    tell(&self, 3, 9, 0);
    self.control.window_max = 1;
    CHECK_OK(user_iterator_seek_last(self.walk));
    CHECK_OK(user_iterator_previous(self.walk));
    CHECK_OK(user_iterator_seek_back(self.walk, user_iterator_row(self.walk)->key));
    CHECK(strcmp("aa/1", row_key(&self)) == 0);
    CHECK_OK(user_iterator_seek(self.walk, user_iterator_row(self.walk)->key));
    CHECK(strcmp("aa/1", row_key(&self)) == 0);
    user_iterator_free(self.walk);
}

/* Each allocation of a round fails in turn: nothing is lost, and the iterator is usable after. */
TEST(without_memory_calls_fail_and_nothing_leaks)
{
    uint8_t room[128];
    walk_model walk;
    walk_model_open(&walk, check_seed(), KEYS_PATHS, ENTRIES, ENTRIES / 4);
    walk_model_divide(&walk, 3, 2);
    walk.control.fail_at = UINT64_MAX; /* not reached: fills may end early all the same */
    size_t failures = 0;
    for (uint64_t k = 1; k <= 60; k++) {
        user_model model;
        bool is_backward = k % 2 == 0;
        pykv_status status = PYKV_OK;
        user_model_open(&model, &walk, false);
        (void)mem_fail_at(k % 12 + 1, 0);
        for (size_t i = 0; i < 60 && status == PYKV_OK; i++) {
            status = user_random_operation(&model, &is_backward, room);
        }
        (void)mem_fail_at(0, 0);
        CHECK(status == PYKV_OK || status == PYKV_NO_MEMORY);
        failures += status != PYKV_OK;
        user_model_stand(&model, 0, true);
        CHECK_OK(user_iterator_seek_first(model.iterator));
        user_model_check_row(&model);
        user_model_close(&model);
    }
    CHECK(failures > 10);
    walk_model_close(&walk);
}

TEST(without_memory_the_source_stays_the_callers)
{
    walk_model walk;
    walk_model_open(&walk, check_seed(), KEYS_PATHS, 10, 10);
    iterator *source = array_iterator_new(&walk.control, walk.entries, walk.count);
    slice key = slice_make("k", 1);
    user_iterator_options options = {.start = &key, .stop = &key};
    user_iterator *made = NULL;
    for (uint64_t k = 1; k <= 3; k++) {
        (void)mem_fail_at(k, 0);
        pykv_status status = user_iterator_new(source, &options, &made);
        (void)mem_fail_at(0, 0);
        CHECK_STATUS(PYKV_NO_MEMORY, status);
        CHECK_EQUAL(walk.blocks_before, mem_block_count());
        CHECK_EQUAL(1, walk.control.live);
    }
    iterator_free(source);
    user_iterator_free(NULL);
    walk_model_close(&walk);
}

TEST_MAIN(CASE(it_agrees_with_the_plain_rule_over_hostile_windows),
          CASE(it_agrees_with_the_plain_rule_over_memtables), CASE(a_delete_hides_what_is_older),
          CASE(a_snapshot_holds_its_own_sequence_and_no_higher_one),
          CASE(an_expired_put_hides_what_is_older_and_expires_at_its_deadline),
          CASE(an_operation_of_an_unknown_kind_is_corruption_unless_it_is_hidden),
          CASE(a_failure_is_given_again_with_its_detail_until_the_next_seek),
          CASE(a_seek_may_be_given_the_key_of_the_row_it_stands_on),
          CASE(without_memory_calls_fail_and_nothing_leaks),
          CASE(without_memory_the_source_stays_the_callers))
