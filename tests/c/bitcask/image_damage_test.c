/*
 * image_damage_test: a store whose directory image is of another time, or was damaged anywhere,
 * answers as one that read its segments, whatever meets the damage first: a read, a write, a scan
 * or a merge.
 */
#include "bitcask_fixture.h"

#include "bitcask/named_fixture.h"
#include "bitcask/operation_fixture.h"

enum { KEY_COUNT = 300 };

/* A cleanly closed store with overwritten and deleted keys in several segments. */
static fixture closed_store(void)
{
    fixture store = fixture_new();
    fixture_fill(&store, 0, KEY_COUNT, 60);
    fixture_fill(&store, 0, KEY_COUNT / 2, 90);
    for (uint32_t i = 0; i < KEY_COUNT; i += 7) {
        char key[32];
        snprintf(key, sizeof key, "key-%u", i);
        fixture_delete(&store, key);
    }
    fixture_close(&store);
    return store;
}

static uint64_t wanted_count(void)
{
    return KEY_COUNT - (KEY_COUNT + 6) / 7;
}

static size_t wanted_length(uint32_t index)
{
    return index < KEY_COUNT / 2 ? 90 : 60;
}

static void check_by_get(fixture *store)
{
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        char key[32];
        pykv_pinned pinned = {0};
        snprintf(key, sizeof key, "key-%u", i);
        pykv_status status = bitcask_get(store->store, fixture_text(key), 0, &pinned);
        CHECK_EQUAL(i % 7 == 0 ? PYKV_NOT_FOUND : PYKV_OK, status);
        if (status == PYKV_OK) {
            CHECK_EQUAL(wanted_length(i), pinned.length);
            mem_free(pinned.owned);
        }
    }
    CHECK_EQUAL(wanted_count(), bitcask_count(store->store));
}

static void check_by_scan(fixture *store)
{
    scan *all;
    pykv_rows rows = {.count = 1};
    uint64_t count = 0;
    CHECK_OK(scan_open(store->store, false, &all));
    while (rows.count > 0) {
        CHECK_OK(scan_next(all, 500, &rows));
        count += rows.count;
    }
    scan_free(all);
    CHECK_EQUAL(wanted_count(), count);
}

static bool used_image(fixture *store)
{
    return store->store->recovered_from_image;
}

static uint8_t *copy_image(fixture *store, uint64_t *size_out)
{
    uint8_t *data = fixture_bytes(store, BITCASK_IMAGE_NAME, size_out);
    uint8_t *copy = malloc(*size_out);
    CHECK(copy != NULL);
    memcpy(copy, data, *size_out);
    return copy;
}

static void put_image(fixture *store, const uint8_t *data, uint64_t size)
{
    env_directory *home;
    env_file *file;
    slice whole = slice_make(data, size);
    CHECK_OK(env_directory_open(store->disk, FIXTURE_PATH, false, &home));
    CHECK_OK(env_file_open(home, BITCASK_IMAGE_NAME, ENV_WRITE | ENV_CREATE | ENV_TRUNCATE, &file));
    CHECK_OK(env_file_write(file, 0, &whole, 1));
    env_file_close(file);
    env_directory_close(home);
}

TEST(an_image_from_before_later_writes_is_not_used)
{
    uint64_t size;
    fixture store = closed_store();
    uint8_t *old = copy_image(&store, &size);
    CHECK_OK(fixture_open(&store));
    CHECK(used_image(&store));
    fixture_put(&store, "key-1", "new");
    fixture_close(&store);
    put_image(&store, old, size);
    CHECK_OK(fixture_open(&store));
    CHECK(!used_image(&store));
    fixture_expect(&store, "key-1", "new");
    free(old);
    fixture_free(&store);
}

TEST(an_image_from_before_a_merge_is_not_used)
{
    uint64_t size;
    fixture store = closed_store();
    uint8_t *old = copy_image(&store, &size);
    CHECK_OK(fixture_open(&store));
    CHECK_OK(bitcask_compact(store.store, NULL));
    fixture_close(&store);
    put_image(&store, old, size);
    CHECK_OK(fixture_open(&store));
    CHECK(!used_image(&store));
    check_by_get(&store);
    free(old);
    fixture_free(&store);
}

/* Opens a copy of the store, damaged at a byte, with what is done first with it. */
static void damage_and_use(fixture *closed, uint64_t at, void (*use)(fixture *store))
{
    uint64_t size;
    fixture store = *closed;
    CHECK_OK(env_memory_clone(closed->disk, &store.disk));
    fixture_bytes(&store, BITCASK_IMAGE_NAME, &size)[at] ^= 0x40;
    CHECK_OK(fixture_open(&store));
    use(&store);
    check_by_get(&store);
    check_by_scan(&store);
    fixture_close(&store);
    CHECK_OK(fixture_open(&store));
    check_by_get(&store);
    fixture_free(&store);
}

static void damage_everywhere_with(int32_t sink_kind, void (*use)(fixture *store))
{
    uint64_t size;
    uint64_t chance = check_seed();
    fixture store = closed_store();
    store.options.log_sink = sink_kind;
    (void)fixture_bytes(&store, BITCASK_IMAGE_NAME, &size);
    for (uint64_t at = 0; at < size; at += 1 + check_random(&chance, 600)) {
        damage_and_use(&store, at, use);
    }
    fixture_free(&store);
}

static void damage_everywhere(void (*use)(fixture *store))
{
    damage_everywhere_with(PYKV_LOG_AUTO, use);
}

static void use_get(fixture *store)
{
    check_by_get(store);
}

static void use_write(fixture *store)
{
    for (uint32_t i = KEY_COUNT; i-- > 0;) {
        char key[32];
        uint8_t value[90] = {0};
        snprintf(key, sizeof key, "key-%u", i);
        if (i % 7 != 0) {
            CHECK_OK(bitcask_put(store->store, fixture_text(key),
                                 slice_make(value, wanted_length(i)), 0));
        }
    }
}

/* A scan that met a damaged page waited for a directory that never became ready, and broke an
 * invariant: the page was found damaged only when the scan had pinned the directory. */
static void use_scan(fixture *store)
{
    check_by_scan(store);
}

/* A directory that is built anew in the middle of a merge leads to its inputs again: the merge
 * would take them away under it. */
static void use_merge(fixture *store)
{
    CHECK_OK(bitcask_compact(store->store, NULL));
}

static void use_scan_and_get(fixture *store)
{
    scan *all;
    pykv_rows rows = {0};
    CHECK_OK(scan_open(store->store, false, &all));
    check_by_get(store);
    CHECK_OK(scan_next(all, 1 << 20, &rows));
    CHECK_EQUAL(wanted_count(), rows.count);
    scan_free(all);
}

/* The directory is built anew between two writes of a batch, when the namespace of the first has no
 * record in the segment yet. It had its share there already, which was counted away: publishing
 * found none. */
static void use_batch(fixture *store)
{
    char keys[KEY_COUNT][32];
    uint8_t value[90] = {0};
    operation writes[KEY_COUNT + 1] = {operation_make(RECORD_PUT, "row", "named")};
    size_t count = 1;
    space *users = named_make(store, "users");
    writes[0].record.namespace_id = users->id;
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "key-%u", i);
        if (i % 7 != 0) {
            writes[count] = operation_make(RECORD_PUT, keys[i], NULL);
            writes[count].record.value = slice_make(value, wanted_length(i));
            count++;
        }
    }
    CHECK_OK(bitcask_write(store->store, writes, count, 0));
    named_expect(store, users, "row", "named");
    fixture_expect_exact_books(store);
    named_let_go(store, users);
}

TEST(a_damaged_image_is_replaced_when_a_read_meets_the_damage)
{
    damage_everywhere(use_get);
}

TEST(a_damaged_image_is_replaced_when_a_write_meets_the_damage)
{
    damage_everywhere(use_write);
}

TEST(a_damaged_image_is_replaced_when_a_batch_across_namespaces_meets_the_damage)
{
    damage_everywhere_with(PYKV_LOG_AUTO, use_batch);
    damage_everywhere_with(PYKV_LOG_PWRITE, use_batch); /* every batch is appended at once */
}

TEST(a_damaged_image_is_replaced_before_a_scan_begins)
{
    damage_everywhere(use_scan);
    damage_everywhere(use_scan_and_get);
}

TEST(a_damaged_image_is_replaced_before_a_merge_begins)
{
    damage_everywhere(use_merge);
}

/* ---- namespaces ---- */

/* The rows of a store with two namespaces, of which the second has what the first had before. */
static void named_rows(fixture *store, void (*use)(fixture *store, space *within, uint32_t index))
{
    static const char *const names[] = {"users", "items"};
    for (uint32_t i = 0; i < 2; i++) {
        space *within = named_make(store, names[i]);
        use(store, within, i);
        named_let_go(store, within);
    }
}

static void fill_named(fixture *store, space *within, uint32_t index)
{
    char key[32];
    char value[32];
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        snprintf(value, sizeof value, "%u of namespace %u", i, index);
        if (i % 5 != index) {
            named_put(store, within, key, value);
        }
    }
}

static void check_named(fixture *store, space *within, uint32_t index)
{
    char key[32];
    char value[32];
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        snprintf(key, sizeof key, "key-%u", i);
        snprintf(value, sizeof value, "%u of namespace %u", i, index);
        named_expect(store, within, key, i % 5 != index ? value : NULL);
    }
    CHECK_EQUAL(KEY_COUNT - KEY_COUNT / 5, bitcask_count_in(within));
}

static void check_all(fixture *store)
{
    check_by_get(store);
    check_by_scan(store);
    named_rows(store, check_named);
    fixture_expect_exact_books(store);
}

/* A closed store with rows in namespaces and in the default one. */
static fixture closed_named_store(void)
{
    fixture store = closed_store();
    CHECK_OK(fixture_open(&store));
    named_rows(&store, fill_named);
    fixture_close(&store);
    return store;
}

/* Opens a copy of the store with another image. */
static fixture open_with(const fixture *closed, const uint8_t *image, uint64_t size)
{
    fixture store = *closed;
    CHECK_OK(env_memory_clone(closed->disk, &store.disk));
    put_image(&store, image, size);
    CHECK_OK(fixture_open(&store));
    return store;
}

/* All sections are used or none: damage behind the first one is found by the open. */
TEST(a_damaged_image_with_namespaces_costs_only_a_rebuild)
{
    uint64_t size;
    uint64_t chance = check_seed();
    fixture closed = closed_named_store();
    uint8_t *image = copy_image(&closed, &size);
    uint64_t first_bytes = 2 * 4096 + (uint64_t)image[72] + 256 * image[73] + 65536 * image[74];
    CHECK(first_bytes >= 16384 && first_bytes + 3 * 16384 <= size);
    for (uint64_t at = 0; at < size; at += 1 + check_random(&chance, 600)) {
        image[at] ^= (uint8_t)(1U << check_random(&chance, 8));
        fixture store = open_with(&closed, image, size);
        CHECK(at < first_bytes || !used_image(&store));
        check_all(&store);
        CHECK(!used_image(&store));
        fixture_reopen(&store);
        CHECK(used_image(&store));
        check_all(&store);
        fixture_free(&store);
        memcpy(image, fixture_bytes(&closed, BITCASK_IMAGE_NAME, &size), size);
    }
    free(image);
    fixture_free(&closed);
}

TEST(an_image_with_namespaces_that_is_torn_is_not_used)
{
    uint64_t size;
    fixture closed = closed_named_store();
    uint8_t *image = copy_image(&closed, &size);
    for (uint64_t end = 0; end < size; end += 4096) {
        fixture cut = open_with(&closed, image, end);
        CHECK(!used_image(&cut));
        check_all(&cut);
        fixture_free(&cut);
        uint8_t *zeroed = calloc(1, size); /* a file that is as long, of which the rest is lost */
        CHECK(zeroed != NULL);
        memcpy(zeroed, image, end);
        fixture lost = open_with(&closed, zeroed, size);
        CHECK(!used_image(&lost));
        check_all(&lost);
        fixture_free(&lost);
        free(zeroed);
    }
    fixture_unlink(&closed, BITCASK_IMAGE_NAME);
    CHECK_OK(fixture_open(&closed));
    CHECK(!used_image(&closed));
    check_all(&closed);
    free(image);
    fixture_free(&closed);
}

TEST(an_image_from_before_a_namespace_changed_is_not_used)
{
    for (int turn = 0; turn < 4; turn++) {
        uint64_t size;
        uint32_t id;
        fixture store = turn == 0 ? closed_store() : closed_named_store();
        uint8_t *old = copy_image(&store, &size);
        CHECK_OK(fixture_open(&store));
        CHECK(used_image(&store));
        if (turn == 0) {
            named_rows(&store, fill_named);
        } else if (turn == 1) {
            space *users = named_make(&store, "users");
            named_put(&store, users, "key-1", "new");
            named_let_go(&store, users);
        } else if (turn == 2) {
            named_drop(&store, "users");
        } else {
            CHECK_OK(bitcask_compact(store.store, NULL));
        }
        fixture_close(&store);
        put_image(&store, old, size);
        CHECK_OK(fixture_open(&store));
        CHECK(!used_image(&store));
        if (turn == 2) {
            CHECK_STATUS(PYKV_NOT_FOUND, name_book_find(bitcask_name_book(store.store),
                                                        fixture_text("users"), &id));
        } else if (turn == 1) {
            space *users = named_make(&store, "users");
            named_expect(&store, users, "key-1", "new");
            named_let_go(&store, users);
        } else {
            check_all(&store);
        }
        free(old);
        fixture_free(&store);
    }
}

TEST_MAIN(CASE(a_damaged_image_with_namespaces_costs_only_a_rebuild),
          CASE(an_image_with_namespaces_that_is_torn_is_not_used),
          CASE(an_image_from_before_a_namespace_changed_is_not_used),
          CASE(an_image_from_before_later_writes_is_not_used),
          CASE(an_image_from_before_a_merge_is_not_used),
          CASE(a_damaged_image_is_replaced_when_a_read_meets_the_damage),
          CASE(a_damaged_image_is_replaced_when_a_write_meets_the_damage),
          CASE(a_damaged_image_is_replaced_when_a_batch_across_namespaces_meets_the_damage),
          CASE(a_damaged_image_is_replaced_before_a_scan_begins),
          CASE(a_damaged_image_is_replaced_before_a_merge_begins))
