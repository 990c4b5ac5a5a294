/*
 * table_many: each of many requests gets its own answer, also where blocks cannot be read.
 */
#include "table_shapes.h"

enum { KEY_COUNT = 200, MANY = 150 };

static table_request requests[MANY];
static table_request *pointers[MANY];
static char keys[MANY][8];

/* Keys 0000, 0002, ... with their numbers as values, in blocks of a few. */
static fixture even_numbers(void)
{
    char key[8];
    fixture self = fixture_new();
    table_builder_options options = fixture_build_options(128);
    for (int i = 0; i < KEY_COUNT; i++) {
        snprintf(key, sizeof key, "%04d", 2 * i);
        fixture_put(&self, fixture_text(key), 7, fixture_text(key));
    }
    fixture_build(&self, &options);
    return self;
}

/* Asks for the numbers from first on, those of which that are odd are in no table. */
static void ask(int first, int step)
{
    for (int i = 0; i < MANY; i++) {
        snprintf(keys[i], sizeof keys[i], "%04d", first + step * i);
        requests[i] = (table_request){.key = fixture_text(keys[i]),
                                      .hash = fixture_hash(fixture_text(keys[i]))};
        pointers[i] = &requests[i];
    }
}

TEST(every_request_gets_the_answer_to_its_own_key)
{
    int64_t blocks = mem_block_count();
    fixture self = even_numbers();
    block_source *source = block_source_direct();
    static const int steps[] = {1, 2, 3, -1};
    for (size_t s = 0; s < 4; s++) {
        ask(steps[s] < 0 ? 300 : 50, steps[s]);
        table_get_many(self.opened, source, UINT64_MAX, pointers, MANY);
        for (int i = 0; i < MANY; i++) {
            int number = atoi(keys[i]);
            bool is_there = number % 2 == 0 && number < 2 * KEY_COUNT;
            CHECK_EQUAL(is_there ? PYKV_OK : PYKV_NOT_FOUND, requests[i].status);
            if (is_there) {
                CHECK(slice_equal(requests[i].key, requests[i].found.value));
                table_release(source, &requests[i].found);
            }
        }
    }
    table_get_many(self.opened, source, 6, pointers, MANY);
    for (int i = 0; i < MANY; i++) {
        CHECK_EQUAL(PYKV_NOT_FOUND, requests[i].status);
    }
    table_get_many(self.opened, source, 6, pointers, 0);
    fixture_free(&self);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST(a_block_that_cannot_be_read_fails_its_own_requests_alone)
{
    fixture self = even_numbers();
    block_source *source = block_source_direct();
    uint64_t size;
    uint8_t *data = fixture_bytes(&self, &size);
    uint32_t damaged =
        table_index_find(&self.opened->index, table_position_make(fixture_text("0100"), 7));
    data[self.opened->index.offsets[damaged]] ^= 1;
    ask(0, 2);
    table_get_many(self.opened, source, UINT64_MAX, pointers, MANY);
    int refused = 0;
    for (int i = 0; i < MANY; i++) {
        uint32_t index =
            table_index_find(&self.opened->index, table_position_make(requests[i].key, 7));
        CHECK_EQUAL(index == damaged ? PYKV_CORRUPTION : PYKV_OK, requests[i].status);
        refused += requests[i].status != PYKV_OK;
        if (requests[i].status == PYKV_OK) {
            table_release(source, &requests[i].found);
        }
    }
    CHECK(refused > 1);
    fixture_free(&self);
}

TEST(a_block_is_read_once_for_neighbours)
{
    fixture self = even_numbers();
    block_source *source = block_source_direct();
    ask(0, 2);
    uint64_t distinct = 0;
    uint32_t before = UINT32_MAX;
    for (int i = 0; i < 32; i++) { /* a chunk */
        uint32_t index =
            table_index_find(&self.opened->index, table_position_make(requests[i].key, 7));
        distinct += index != before;
        before = index;
    }
    (void)mem_fail_at(0, 0);
    table_get_many(self.opened, source, UINT64_MAX, pointers, 32);
    CHECK_EQUAL(distinct, mem_fail_at(0, 0)); /* one allocation a block */
    CHECK(distinct < 32);
    for (int i = 0; i < 32; i++) {
        CHECK_EQUAL(PYKV_OK, requests[i].status);
        table_release(source, &requests[i].found);
    }
    fixture_free(&self);
}

TEST_MAIN(CASE(every_request_gets_the_answer_to_its_own_key),
          CASE(a_block_that_cannot_be_read_fails_its_own_requests_alone),
          CASE(a_block_is_read_once_for_neighbours))
