/*
 * write_seeds: writes the seeds that come from Bitcasks (write_seeds.h).
 */
#include "fuzz/write_seeds.h"

#include "bitcask/bitcask_fixture.h"
#include "bitcask/named_fixture.h"
#include "bitcask/operation.h"
#include "bitcask/packing_fixture.h"

enum { LOG_PREFIX_BYTES = 8 };

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    return length >= strlen(suffix) && strcmp(name + length - strlen(suffix), suffix) == 0;
}

/* Adds the files of the store to a pack: those whose name ends so ("": all but the image). */
static size_t add_files(seed *self, fixture *store, const char *suffix, bool image)
{
    size_t count = 0;
    for (uint8_t code = 0; code < FUZZ_PACK_NAMES; code++) {
        const char *name = fuzz_pack_names[code];
        bool wanted = strcmp(name, "KEYDIR") == 0 ? image : ends_with(name, suffix);
        count += wanted && add_file(self, store->disk, FIXTURE_PATH, name, code);
    }
    return count;
}

static void save_database(fixture *store, const char *name)
{
    seed all = {.data = {0, 0}, .size = 2};
    add_files(&all, store, "", false);
    save_variants(&all, 2, 1, "database", name);
    all = (seed){.data = {0, 16}, .size = 2};
    add_files(&all, store, "", false);
    save(&all, "database", name, "_written");
    all.data[1] = 32;
    save(&all, "database", name, "_beside");
    all.data[1] = 1 | 4;
    save(&all, "database", name, "_read_only");
    if (fixture_has(store, BITCASK_IMAGE_NAME)) {
        all = (seed){.data = {0, 0}, .size = 2};
        add_files(&all, store, "", true);
        save(&all, "database", name, "_with_image");
        all.data[0] = 8;
        save(&all, "database", name, "_with_image_repaired");
    }
}

/* The logs of the store as one input, due from sequence 1. */
static void save_logs(fixture *store, const char *name)
{
    seed all = {.size = LOG_PREFIX_BYTES};
    CHECK(add_files(&all, store, ".log", false) > 0);
    save_variants(&all, LOG_PREFIX_BYTES, 1, "log", name);
}

static void save_file(fixture *store, const char *file_name, size_t prefix, const char *target,
                      const char *name)
{
    seed one = {.size = prefix};
    uint64_t size;
    const uint8_t *data = fixture_bytes(store, file_name, &size);
    add(&one, data, size);
    save_variants(&one, prefix, 1, target, name);
}

/* Puts, overwrites, deletes and a batch, in several segments, which nothing merges by itself. */
static fixture new_store(bool padded)
{
    fixture self = {.options = {.segment_bytes = 4096,
                                .space_amplification_max = 1000,
                                .log_sector_padding = padded,
                                .durability = padded ? PYKV_DURABILITY_SYNC : 0}};
    operation batch[3] = {{.record = {.kind = RECORD_PUT}},
                          {.record = {.kind = RECORD_DELETE}},
                          {.record = {.kind = RECORD_PUT}}};
    CHECK_OK(env_memory_new(1, FIXTURE_FILE_MAX, &self.disk));
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 6, 20);
    fixture_put(&self, "", "of the empty key");
    CHECK_OK(bitcask_flush(self.store));
    batch[0].record.key = fixture_text("key-7");
    batch[0].record.value = fixture_text("of a batch");
    batch[1].record.key = fixture_text("key-2");
    batch[2].record.key = fixture_text("key-8");
    CHECK_OK(bitcask_write(self.store, batch, 3, 0));
    fixture_put(&self, "key-3", "");
    fixture_delete(&self, "key-4");
    CHECK_OK(bitcask_flush(self.store));
    fixture_maintain(&self, PYKV_ROLE_LOG, 4);
    fixture_maintain(&self, PYKV_ROLE_DATA, 4);
    fixture_put(&self, "key-5", "newer");
    fixture_put(&self, "key-9", "last");
    return self;
}

TEST(a_store_that_was_closed)
{
    fixture store = new_store(false);
    fixture_close(&store);
    save_database(&store, "closed");
    save_logs(&store, "closed");
    save_file(&store, MANIFEST_NAME, 1, "manifest", "closed");
    save_file(&store, "00000001.hint", 1, "hint", "puts");
    save_file(&store, "00000002.hint", 1, "hint", "deletes");
    save_file(&store, BITCASK_IMAGE_NAME, 2, "keydir_image", "small");
    fixture_free(&store);
}

TEST(a_store_that_was_killed)
{
    fixture store = new_store(false);
    fixture_kill(&store);
    save_database(&store, "killed");
    save_logs(&store, "killed");
    save_file(&store, MANIFEST_NAME, 1, "manifest", "killed");
    fixture_free(&store);
}

TEST(a_store_whose_log_is_padded)
{
    fixture store = new_store(true);
    fixture_kill(&store);
    save_database(&store, "padded");
    save_logs(&store, "padded");
    fixture_free(&store);
}

TEST(a_store_that_was_cleared_and_merged)
{
    fixture store = new_store(false);
    CHECK_OK(bitcask_clear(store.store, 0));
    fixture_fill(&store, 3, 9, 30);
    fixture_delete(&store, "key-5");
    CHECK_OK(bitcask_compact(store.store, NULL));
    fixture_put(&store, "key-6", "after the merge");
    fixture_close(&store);
    save_database(&store, "merged");
    save_logs(&store, "merged");
    save_file(&store, MANIFEST_NAME, 1, "manifest", "merged");
    fixture_free(&store);
}

TEST(a_store_that_keeps_its_history)
{
    fixture store = new_store(false);
    pykv_pin pin = {.name = "copy", .sequence = 1};
    CHECK_OK(bitcask_pin_history(store.store, &pin));
    fixture_fill(&store, 0, 9, 30);
    fixture_kill(&store);
    CHECK_OK(fixture_open(&store));
    fixture_fill(&store, 0, 9, 30);
    CHECK_OK(bitcask_compact(store.store, NULL));
    CHECK(fixture_stats(&store).history_bytes > 0);
    fixture_close(&store);
    save_database(&store, "history");
    save_file(&store, MANIFEST_NAME, 1, "manifest", "history");
    fixture_free(&store);
}

TEST(a_directory_with_a_bucket_of_several_units)
{
    fixture store = {.options = {.segment_bytes = 65536}};
    CHECK_OK(env_memory_new(1, FIXTURE_FILE_MAX, &store.disk));
    CHECK_OK(fixture_open(&store));
    fixture_fill(&store, 0, 1300, 1);
    fixture_close(&store);
    save_file(&store, BITCASK_IMAGE_NAME, 2, "keydir_image", "large");
    fixture_free(&store);
}

/* Rows in two namespaces, of which one is dropped, and in the default one. */
TEST(a_store_with_namespaces)
{
    fixture store = {
        .options = {.segment_bytes = FIXTURE_SEGMENT_BYTES, .space_amplification_max = 1000}};
    CHECK_OK(env_memory_new(1, FIXTURE_FILE_MAX, &store.disk));
    CHECK_OK(fixture_open(&store));
    space *users = named_make(&store, "users");
    space *items = named_make(&store, "items");
    named_fill(&store, users, 0, 5, 20);
    named_fill(&store, items, 0, 3, 20);
    fixture_fill(&store, 0, 3, 20);
    named_drop(&store, "items");
    CHECK_OK(bitcask_clear_in(store.store, users, 0));
    named_put(&store, users, "a", "1");
    named_let_go(&store, users);
    named_let_go(&store, items);
    CHECK_OK(bitcask_flush(store.store));
    fixture_maintain(&store, PYKV_ROLE_LOG, 4);
    fixture_maintain(&store, PYKV_ROLE_DATA, 4);
    fixture_close(&store);
    save_file(&store, BITCASK_IMAGE_NAME, 2, "keydir_image", "named");
    save_database(&store, "named");
    save_logs(&store, "named");
    save_file(&store, "00000001.hint", 1, "hint", "named");
    fixture_free(&store);
}

TEST(a_store_whose_values_are_packed)
{
    fixture store = packing_new();
    fixture_fill(&store, 0, 6, 300);
    CHECK_OK(bitcask_compact(store.store, NULL));
    fixture_put(&store, "key-2", "not packed");
    fixture_close(&store);
    save_database(&store, "packed");
    fixture_free(&store);
    packing_provide(false);
}

TEST(a_store_whose_values_are_packed_with_a_dictionary)
{
    fixture store = packing_trained();
    fixture_close(&store);
    save_database(&store, "trained");
    fixture_free(&store);
    packing_provide(false);
}

TEST_MAIN(CASE(a_store_that_was_closed), CASE(a_store_that_was_killed),
          CASE(a_store_whose_log_is_padded), CASE(a_store_that_was_cleared_and_merged),
          CASE(a_store_that_keeps_its_history), CASE(a_directory_with_a_bucket_of_several_units),
          CASE(a_store_with_namespaces), CASE(a_store_whose_values_are_packed),
          CASE(a_store_whose_values_are_packed_with_a_dictionary))
