/*
 * name_repair_test: namespaces without a name get one, and ids are not given again.
 */
#include "harness/check.h"

#include "base/coding.h"
#include "log/name_repair.h"

enum { NAMES_MAX = 8, NAME_BYTES = 32 };

/* The names of the store that is made. */
typedef struct made {
    char names[NAMES_MAX][NAME_BYTES];
    uint32_t ids[NAMES_MAX];
    size_t count;
} made;

static pykv_status contains(void *owner, slice name)
{
    made *self = owner;
    for (size_t i = 0; i < self->count; i++) {
        if (slice_equal(name, slice_make(self->names[i], strlen(self->names[i])))) {
            return PYKV_OK;
        }
    }
    return PYKV_NOT_FOUND;
}

static pykv_status put(void *owner, slice name, uint32_t id)
{
    made *self = owner;
    CHECK(self->count < NAMES_MAX && name.size < NAME_BYTES);
    if (name.size > 0) {
        memcpy(self->names[self->count], name.data, name.size);
    }
    self->ids[self->count++] = id;
    return PYKV_OK;
}

static bool note_name(name_repair *self, const char *name, uint32_t id)
{
    uint8_t value[NAME_ID_BYTES];
    bool is_legal;
    store_u32(value, id);
    CHECK_OK(name_repair_note_name(self, slice_make(name, strlen(name)),
                                   slice_make(value, sizeof value), &is_legal));
    return is_legal;
}

TEST(rows_in_any_order_get_the_names_that_are_missing)
{
    static pykv_report report;
    name_repair noted = {.given_id = 0};
    made target = {.count = 0};
    const name_repair_target store = {&target, "/store", contains, put};
    const uint32_t rows[] = {7, 3, 7, 0, 9, 3, NAMESPACE_NAMES, 5};
    CHECK(note_name(&noted, "users", 3));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHECK_OK(name_repair_note_row(&noted, rows[i]));
    }
    CHECK(note_name(&noted, "items", 9));
    CHECK(note_name(&noted, "", 8));
    CHECK_OK(put(&target, slice_make("recovered-7", 11), 2));
    CHECK_OK(name_repair_finish(&noted, &store, &report));
    CHECK_EQUAL(4, target.count);
    CHECK_BYTES("recovered-5", target.names[1], 12);
    CHECK_EQUAL(5, target.ids[1]);
    CHECK_BYTES("recovered-7-2", target.names[2], 14);
    CHECK_EQUAL(7, target.ids[2]);
    CHECK_BYTES("", target.names[3], 1);
    CHECK_EQUAL(9, target.ids[3]);
    CHECK_EQUAL(2, report.damage_count);
    name_repair_reset(&noted);
}

TEST(a_sound_store_gets_nothing)
{
    static pykv_report report;
    name_repair noted = {.given_id = 0};
    made target = {.count = 0};
    const name_repair_target store = {&target, "/store", contains, put};
    CHECK(note_name(&noted, "empty", 1));
    CHECK(note_name(&noted, "", 4));
    CHECK_OK(name_repair_finish(&noted, &store, &report));
    CHECK_EQUAL(0, target.count);
    CHECK_EQUAL(0, report.damage_count);
    name_repair_reset(&noted);
}

TEST(a_name_without_an_id_is_not_legal)
{
    name_repair noted = {.given_id = 0};
    bool is_legal = true;
    CHECK(!note_name(&noted, "users", 0));
    CHECK(!note_name(&noted, "users", NAMESPACE_NAMES));
    CHECK_OK(name_repair_note_name(&noted, slice_make("a", 1), slice_make("abc", 3), &is_legal));
    CHECK(!is_legal);
    CHECK_EQUAL(0, noted.spaces.count);
    name_repair_reset(&noted);
}

TEST_MAIN(CASE(rows_in_any_order_get_the_names_that_are_missing), CASE(a_sound_store_gets_nothing),
          CASE(a_name_without_an_id_is_not_legal))
