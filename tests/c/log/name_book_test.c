/*
 * name_book_test: which ids are given, and when writes are refused, over rows in memory.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "base/error.h"
#include "log/name_book.h"

enum { NAMES_MAX = 8, EVENTS_BYTES = 64 };

/* Rows in memory, and what was asked of them. */
typedef struct shelf {
    char names[NAMES_MAX][8];
    uint32_t ids[NAMES_MAX]; /* of the names; 0: the place is empty */
    uint32_t last_id;
    pykv_status write_status;
    char events[EVENTS_BYTES]; /* u, l, c, d: use, leave, create, drop */
} shelf;

static void note(shelf *self, char event)
{
    size_t length = strlen(self->events);
    CHECK(length + 1 < EVENTS_BYTES);
    self->events[length] = event;
}

static size_t place_of(const shelf *self, slice name)
{
    size_t place = 0;
    while (place < NAMES_MAX &&
           (self->ids[place] == 0 ||
            !slice_equal(name, slice_make(self->names[place], strlen(self->names[place]))))) {
        place++;
    }
    return place;
}

static pykv_status read_id(void *owner, slice name, uint32_t *id_out)
{
    shelf *self = owner;
    size_t place = place_of(self, name);
    uint32_t id = name.size == 0 ? self->last_id : place < NAMES_MAX ? self->ids[place] : 0;
    if (id == 0) {
        return PYKV_NOT_FOUND;
    }
    *id_out = id;
    return PYKV_OK;
}

static pykv_status use_all(void *owner)
{
    note(owner, 'a');
    return PYKV_OK;
}

static pykv_status use_id(void *owner, uint32_t id)
{
    CHECK(id != 0);
    note(owner, 'u');
    return PYKV_OK;
}

static void leave_id(void *owner, uint32_t id)
{
    CHECK(id != 0);
    note(owner, 'l');
}

static pykv_status create(void *owner, slice name, uint32_t id, int32_t flags)
{
    shelf *self = owner;
    note(self, 'c');
    CHECK_EQUAL(0, flags);
    if (self->write_status == PYKV_OK) {
        memcpy(self->names[id - 1], name.data, name.size);
        self->ids[id - 1] = id;
        self->last_id = id;
    }
    return self->write_status;
}

static pykv_status drop(void *owner, slice name, uint32_t id, int32_t flags)
{
    shelf *self = owner;
    note(self, 'd');
    CHECK_EQUAL(PYKV_SYNC, flags);
    CHECK_EQUAL(id, self->ids[place_of(self, name)]);
    if (self->write_status == PYKV_OK) {
        self->ids[id - 1] = 0;
    }
    return self->write_status;
}

static const name_rows rows = {.read = read_id,
                               .use_all = use_all,
                               .use = use_id,
                               .leave = leave_id,
                               .create = create,
                               .drop = drop};

static slice text(const char *data)
{
    return slice_make(data, strlen(data));
}

static void expect_events(shelf *self, const char *events)
{
    CHECK_EQUAL(strlen(events), strlen(self->events));
    CHECK_BYTES(events, self->events, strlen(events));
    memset(self->events, 0, sizeof self->events);
}

TEST(a_name_keeps_its_id_and_a_new_one_gets_the_next)
{
    shelf on = {.last_id = 0};
    name_book book = {.last_id = 0};
    uint32_t id = 0;
    name_book_init(&book, &rows, &on, false);
    CHECK(!name_book_is_used(&book));
    CHECK_STATUS(PYKV_NOT_FOUND, name_book_find(&book, text("a"), &id));
    expect_events(&on, "a");
    CHECK_OK(name_book_make(&book, text("a"), 0, &id));
    CHECK_EQUAL(1, id);
    CHECK_OK(name_book_make(&book, text("b"), 0, &id));
    CHECK_EQUAL(2, id);
    CHECK_OK(name_book_make(&book, text("a"), 0, &id));
    CHECK_EQUAL(1, id);
    expect_events(&on, "ucuc");
    CHECK_OK(name_book_drop(&book, text("b"), PYKV_SYNC, &id));
    CHECK_EQUAL(2, id);
    expect_events(&on, "d");
    CHECK_STATUS(PYKV_NOT_FOUND, name_book_drop(&book, text("b"), PYKV_SYNC, &id));
    CHECK_OK(name_book_make(&book, text("b"), 0, &id));
    CHECK_EQUAL(3, id);
    CHECK(name_book_is_used(&book));
    name_book_destroy(&book);
}

TEST(a_write_that_fails_leaves_all_as_it_was)
{
    shelf on = {.last_id = 0, .write_status = PYKV_NO_SPACE};
    name_book book = {.last_id = 0};
    uint32_t id = 0;
    name_book_init(&book, &rows, &on, false);
    CHECK_STATUS(PYKV_NO_SPACE, name_book_make(&book, text("a"), 0, &id));
    expect_events(&on, "aucl");
    on.write_status = PYKV_OK;
    CHECK_OK(name_book_make(&book, text("a"), 0, &id));
    CHECK_EQUAL(1, id);
    expect_events(&on, "uc");
    on.write_status = PYKV_NO_SPACE;
    CHECK_STATUS(PYKV_NO_SPACE, name_book_drop(&book, text("a"), PYKV_SYNC, &id));
    expect_events(&on, "du"); /* it was left before, and who wrote meanwhile was refused */
    CHECK_STATUS(PYKV_WOULD_BLOCK, name_book_drop(&book, text("a"), PYKV_NO_WAIT, &id));
    expect_events(&on, "");
    name_book_destroy(&book);
}

TEST(a_book_that_is_read_only_makes_none)
{
    shelf on = {.last_id = 0};
    name_book book = {.last_id = 0};
    uint32_t id = 77;
    name_book_init(&book, &rows, &on, true);
    CHECK_STATUS(PYKV_NOT_FOUND, name_book_make(&book, text("a"), 0, &id));
    CHECK_EQUAL(77, id);
    expect_events(&on, "a");
    name_book_destroy(&book);
}

TEST(ids_end)
{
    shelf on = {.last_id = NAMESPACE_ID_MAX};
    name_book book = {.last_id = 0};
    uint32_t id = 0;
    name_book_init(&book, &rows, &on, false);
    CHECK_STATUS(PYKV_NOT_SUPPORTED, name_book_make(&book, text("a"), 0, &id));
    expect_events(&on, "a");
    name_book_destroy(&book);
}

TEST(the_value_of_a_row_is_an_id_and_nothing_else)
{
    uint8_t value[NAME_ID_BYTES + 1] = {0};
    uint32_t id = 0;
    const uint32_t wrong[] = {0, NAMESPACE_ID_MAX + 1, UINT32_MAX};
    store_u32(value, 7);
    CHECK_OK(name_book_decode(slice_make(value, NAME_ID_BYTES), "/store", &id));
    CHECK_EQUAL(7, id);
    CHECK_STATUS(PYKV_CORRUPTION, name_book_decode(slice_make(value, 5), "/store", &id));
    CHECK_STATUS(PYKV_CORRUPTION, name_book_decode(slice_make(value, 3), "/store", &id));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        store_u32(value, wrong[i]);
        CHECK_STATUS(PYKV_CORRUPTION,
                     name_book_decode(slice_make(value, NAME_ID_BYTES), "/store", &id));
    }
}

TEST_MAIN(CASE(a_name_keeps_its_id_and_a_new_one_gets_the_next),
          CASE(a_write_that_fails_leaves_all_as_it_was), CASE(a_book_that_is_read_only_makes_none),
          CASE(ids_end), CASE(the_value_of_a_row_is_an_id_and_nothing_else))
