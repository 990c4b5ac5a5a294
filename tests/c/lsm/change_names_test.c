/*
 * change_names_test: what changes of the log mean to users.
 */
#include "harness/check.h"

#include "lsm/change_names.h"

static pykv_change change(int32_t kind, const char *key, size_t key_length, const char *value,
                          size_t value_length)
{
    return (pykv_change){.kind = kind,
                         .key = (const uint8_t *)key,
                         .key_length = key_length,
                         .value = (const uint8_t *)value,
                         .value_length = value_length,
                         .has_value = value_length != 0};
}

static void expect(const pykv_change *got, int32_t kind, uint32_t id, const char *key,
                   const char *value)
{
    CHECK_EQUAL(kind, got->kind);
    CHECK_EQUAL(id, got->namespace_id);
    CHECK_EQUAL(strlen(key), got->key_length);
    CHECK_BYTES(key, got->key, got->key_length);
    CHECK_EQUAL(value != NULL, got->has_value != 0);
    if (value != NULL) {
        CHECK_EQUAL(strlen(value), got->value_length);
        CHECK_BYTES(value, got->value, got->value_length);
    }
}

TEST(changes_have_the_namespace_and_the_key_of_the_user)
{
    pykv_change all[] = {
        change(PYKV_CHANGE_PUT, "a", 1, "1", 1),
        change(PYKV_CHANGE_PUT, "\xff\0\xff", 3, "2", 1),
        change(PYKV_CHANGE_PUT, "\xff\x02", 2, "\x07\0\0\0", 4),
        change(PYKV_CHANGE_PUT, "\xff\x02users", 7, "\x07\0\0\0", 4),
        change(PYKV_CHANGE_DELETE, "\xff\x01\0\0\0\x07z", 7, "", 0),
        change(PYKV_CHANGE_DELETE_RANGE, "a", 1, "\xff\x01", 2),
        change(PYKV_CHANGE_DELETE_RANGE, "a", 1, "\xff\0\xffz", 4),
        change(PYKV_CHANGE_DELETE, "\xff\x02users", 7, "", 0),
        change(PYKV_CHANGE_DELETE_RANGE, "\xff\x01\0\0\0\x07", 6, "\xff\x01\0\0\0\x08", 6),
        change(PYKV_CHANGE_DELETE_RANGE, "\xff\x01\0\0\0\x07y", 7, "\xff\x01\0\0\0\x07z", 7),
        change(PYKV_CHANGE_INGEST, "a", 1, "\xff\0\xffz", 4),
        change(PYKV_CHANGE_INGEST, "\xff\x01\0\0\0\x07", 6, "\xff\x01\0\0\0\x07z", 7),
    };
    CHECK_EQUAL(11, change_names(all, sizeof all / sizeof all[0]));
    expect(&all[0], PYKV_CHANGE_PUT, 0, "a", "1");
    expect(&all[1], PYKV_CHANGE_PUT, 0, "\xff", "2");
    expect(&all[2], PYKV_CHANGE_NAMESPACE, 7, "users", NULL);
    expect(&all[3], PYKV_CHANGE_DELETE, 7, "z", NULL);
    expect(&all[4], PYKV_CHANGE_DELETE_RANGE, 0, "a", NULL);
    expect(&all[5], PYKV_CHANGE_DELETE_RANGE, 0, "a", "\xffz");
    expect(&all[6], PYKV_CHANGE_DROP, 7, "users", NULL);
    expect(&all[7], PYKV_CHANGE_DELETE_RANGE, 7, "", NULL);
    expect(&all[8], PYKV_CHANGE_DELETE_RANGE, 7, "y", "z");
    expect(&all[9], PYKV_CHANGE_INGEST, 0, "a", "\xffz");
    expect(&all[10], PYKV_CHANGE_INGEST, 7, "", "z");
}

TEST_MAIN(CASE(changes_have_the_namespace_and_the_key_of_the_user))
