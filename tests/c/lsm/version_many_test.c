/*
 * version_many: many gets at once find what a sorted map says, and each tells its own failure.
 */
#include "lsm/version_history.h"

enum { REQUESTS_MAX = 700 };

/* Requests, their keys, and the pointers that version_get_many puts into another order. */
typedef struct many {
    table_request requests[REQUESTS_MAX];
    table_request *order[REQUESTS_MAX];
    size_t count;
} many;

static void add(many *self, slice key)
{
    uint8_t *copy = malloc(key.size + 1);
    CHECK(copy != NULL && self->count < REQUESTS_MAX);
    if (key.size > 0) {
        memcpy(copy, key.data, key.size);
    }
    table_request *request = &self->requests[self->count];
    *request = (table_request){.key = slice_make(copy, key.size)};
    request->hash = version_hash(request->key);
    self->order[self->count++] = request;
}

static void release(many *self, block_source *source)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->requests[i].status == PYKV_OK) {
            table_release(source, &self->requests[i].found);
        }
    }
}

static void drop(many *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free((void *)(uintptr_t)self->requests[i].key.data);
    }
    self->count = 0;
}

/* Each request is still pointed to once. */
static void check_permutation(const many *self)
{
    bool seen[REQUESTS_MAX] = {false};
    for (size_t i = 0; i < self->count; i++) {
        size_t at = (size_t)(self->order[i] - self->requests);
        CHECK(at < self->count && !seen[at]);
        seen[at] = true;
    }
}

static void check_many(version_model *model, many *self, uint64_t sequence)
{
    block_source *sources[] = {&model->disk->cached.face, block_source_direct()};
    for (size_t i = 0; i < 2; i++) {
        epoch_token token = epoch_enter(&model->disk->entered);
        version_get_many(model->made, sources[i], sequence, self->order, self->count);
        check_permutation(self);
        for (size_t j = 0; j < self->count; j++) {
            const table_request *request = &self->requests[j];
            model_check(model, request->key, sequence, request->status, &request->found);
        }
        release(self, sources[i]);
        epoch_leave(&model->disk->entered, token);
    }
}

TEST(many_gets_agree_with_a_sorted_map)
{
    uint8_t *room = malloc(MEMTABLE_KEY_ROOM);
    many *self = calloc(1, sizeof *self);
    CHECK(room != NULL && self != NULL);
    for (uint32_t round = 0; round < 3 * KEYS_KINDS; round++) {
        version_fixture *disk = version_fixture_open();
        uint64_t seed = check_seed() + round;
        uint8_t depth = (uint8_t)(1 + check_random(&seed, LSM_LEVEL_COUNT));
        version_model model = model_open(disk, (memtable_keys)(round % KEYS_KINDS),
                                         1 + check_random(&seed, 600), depth, seed);
        for (uint32_t i = 0; i < 8; i++) {
            uint64_t sequence = 0;
            size_t count = check_random(&seed, i == 0 ? REQUESTS_MAX : 60);
            for (size_t j = 0; j < count; j++) {
                add(self, model_ask(&model, room, &sequence));
            }
            check_many(&model, self, i % 2 == 0 ? UINT64_MAX : sequence);
            drop(self);
        }
        model_close(&model);
        version_fixture_close(disk);
    }
    free(self);
    free(room);
}

/* Two tables of a level, and an older one below; the first is damaged. */
TEST(a_failure_is_that_of_its_requests_alone_and_no_older_entry_takes_its_place)
{
    version_fixture *disk = version_fixture_open();
    table_file *files[] = {version_table_of(disk, "a b c", 10), version_table_of(disk, "m n", 20),
                           version_table_of(disk, "a b m z", 1)};
    uint8_t levels[] = {1, 1, 2};
    version *made;
    uint8_t *data;
    uint64_t size;
    many *self = calloc(1, sizeof *self);
    CHECK(self != NULL);
    CHECK_OK(version_from_tables(files, levels, 3, &made));
    CHECK_OK(env_memory_file_bytes(disk->disk, VERSION_HOME "/00000001.tbl", &data, &size));
    data[TABLE_HEADER_BYTES + 3] ^= 0x40;
    add(self, version_text("z"));
    add(self, version_text("a"));
    add(self, version_text("m"));
    add(self, version_text("b"));
    version_get_many(made, block_source_direct(), UINT64_MAX, self->order, self->count);
    CHECK_EQUAL(PYKV_OK, self->requests[0].status);
    CHECK_EQUAL(4, self->requests[0].found.sequence);
    CHECK_EQUAL(PYKV_CORRUPTION, self->requests[1].status);
    CHECK_EQUAL(PYKV_OK, self->requests[2].status);
    CHECK_EQUAL(20, self->requests[2].found.sequence);
    CHECK_EQUAL(PYKV_CORRUPTION, self->requests[3].status);
    release(self, block_source_direct());
    drop(self);
    free(self);
    for (size_t i = 0; i < 3; i++) {
        table_file_release(files[i]);
    }
    version_release(made);
    version_fixture_close(disk);
}

/* The first table of a level that reads from its file has the blocks of the others asked for. */
TEST(the_tables_of_a_level_are_read_side_by_side)
{
    version_fixture *disk = version_fixture_open();
    table_file *files[] = {version_table_of(disk, "a b c", 10), version_table_of(disk, "m n", 20),
                           version_table_of(disk, "r s", 30), version_table_of(disk, "x y", 40)};
    uint8_t levels[] = {1, 1, 1, 1};
    version *made;
    uint64_t counts[2];
    uint64_t bytes;
    many *self = calloc(1, sizeof *self);
    CHECK(self != NULL);
    CHECK_OK(version_from_tables(files, levels, 4, &made));
    add(self, version_text("x"));
    add(self, version_text("a"));
    add(self, version_text("n"));
    add(self, version_text("m"));
    for (size_t round = 0; round < 2; round++) {
        epoch_token token = epoch_enter(&disk->entered);
        version_get_many(made, &disk->cached.face, UINT64_MAX, self->order, self->count);
        for (size_t i = 0; i < self->count; i++) {
            CHECK_EQUAL(PYKV_OK, self->requests[i].status);
        }
        release(self, &disk->cached.face);
        epoch_leave(&disk->entered, token);
        env_memory_asked(disk->disk, &counts[round], &bytes);
    }
    CHECK_EQUAL(2, counts[0]); /* the one block of m and n, that of x; that of a is read at once */
    CHECK_EQUAL(counts[0], counts[1]);
    drop(self);
    free(self);
    for (size_t i = 0; i < 4; i++) {
        table_file_release(files[i]);
    }
    version_release(made);
    version_fixture_close(disk);
}

TEST(no_requests_are_no_work)
{
    version_fixture *disk = version_fixture_open();
    version *made;
    CHECK_OK(version_new_empty(&made));
    version_get_many(made, block_source_direct(), 1, NULL, 0);
    table_request one = {.key = version_text("a"), .status = PYKV_INTERNAL};
    table_request *order = &one;
    version_get_many(made, block_source_direct(), 1, &order, 1);
    CHECK_EQUAL(PYKV_NOT_FOUND, one.status);
    version_release(made);
    version_fixture_close(disk);
}

TEST_MAIN(CASE(many_gets_agree_with_a_sorted_map),
          CASE(a_failure_is_that_of_its_requests_alone_and_no_older_entry_takes_its_place),
          CASE(the_tables_of_a_level_are_read_side_by_side), CASE(no_requests_are_no_work))
