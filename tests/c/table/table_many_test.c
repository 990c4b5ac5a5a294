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
        table_get_many(self.opened, source, UINT64_MAX, pointers, MANY, &(bool){false});
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
    table_get_many(self.opened, source, 6, pointers, MANY, &(bool){false});
    for (int i = 0; i < MANY; i++) {
        CHECK_EQUAL(PYKV_NOT_FOUND, requests[i].status);
    }
    table_get_many(self.opened, source, 6, pointers, 0, &(bool){false});
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
    table_get_many(self.opened, source, UINT64_MAX, pointers, MANY, &(bool){false});
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
    table_get_many(self.opened, source, UINT64_MAX, pointers, 32, &(bool){false});
    CHECK_EQUAL(distinct, mem_fail_at(0, 0)); /* one allocation a block */
    CHECK(distinct < 32);
    for (int i = 0; i < 32; i++) {
        CHECK_EQUAL(PYKV_OK, requests[i].status);
        table_release(source, &requests[i].found);
    }
    fixture_free(&self);
}

/* The direct source, which knows what was asked for when the first block was read. */
typedef struct noting {
    block_source face;
    env *disk;
    uint64_t read_count;
    uint64_t asked_bytes;
} noting;

static pykv_status note_and_acquire(block_source *face, table *from, uint32_t block_index,
                                    block_use use, block_hold *hold_out)
{
    noting *self = (noting *)face;
    uint64_t count;
    if (self->read_count++ == 0) {
        env_memory_asked(self->disk, &count, &self->asked_bytes);
    }
    return block_source_direct()->acquire(block_source_direct(), from, block_index, use, hold_out);
}

static void get_noted(fixture *self, noting *source, bool may_read, size_t count)
{
    *source = (noting){.face = *block_source_direct(), .disk = self->disk};
    source->face.acquire = note_and_acquire;
    source->face.may_read = may_read;
    table_get_many(self->opened, &source->face, UINT64_MAX, pointers, count, &(bool){false});
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(PYKV_OK, requests[i].status);
        table_release(&source->face, &requests[i].found);
    }
}

/* Blocks were once read one after another, each when the one before it had come. */
TEST(the_system_is_asked_for_all_blocks_before_the_first_is_read)
{
    fixture self = even_numbers();
    noting source;
    const uint64_t *offsets = self.opened->index.offsets;
    ask(0, 2);
    get_noted(&self, &source, true, MANY);
    uint32_t last =
        table_index_find(&self.opened->index, table_position_make(requests[MANY - 1].key, 7));
    CHECK(source.read_count > last);
    CHECK_EQUAL(offsets[last + 1] - offsets[0], source.asked_bytes);
    fixture_free(&self);
}

TEST(the_system_is_not_asked_where_one_block_is_read_or_none_may_be)
{
    fixture self = even_numbers();
    noting source;
    uint64_t count;
    ask(0, 2);
    get_noted(&self, &source, true, 1);
    CHECK_EQUAL(1, source.read_count);
    get_noted(&self, &source, false, MANY);
    env_memory_asked(self.disk, &count, &source.asked_bytes);
    CHECK_EQUAL(0, count);
    fixture_free(&self);
}

TEST(who_asked_for_the_blocks_before_does_not_do_it_again)
{
    fixture self = even_numbers();
    uint64_t count;
    uint64_t again;
    uint64_t bytes;
    bool asked = true;
    ask(0, 2);
    table_ask_for_many(self.opened, UINT64_MAX, pointers, MANY);
    env_memory_asked(self.disk, &count, &bytes);
    CHECK(count > 0);
    table_get_many(self.opened, block_source_direct(), UINT64_MAX, pointers, MANY, &asked);
    env_memory_asked(self.disk, &again, &bytes);
    CHECK_EQUAL(count, again);
    for (int i = 0; i < MANY; i++) {
        CHECK_EQUAL(PYKV_OK, requests[i].status);
        table_release(block_source_direct(), &requests[i].found);
    }
    fixture_free(&self);
}

TEST_MAIN(CASE(every_request_gets_the_answer_to_its_own_key),
          CASE(a_block_that_cannot_be_read_fails_its_own_requests_alone),
          CASE(a_block_is_read_once_for_neighbours),
          CASE(the_system_is_asked_for_all_blocks_before_the_first_is_read),
          CASE(the_system_is_not_asked_where_one_block_is_read_or_none_may_be),
          CASE(who_asked_for_the_blocks_before_does_not_do_it_again))
