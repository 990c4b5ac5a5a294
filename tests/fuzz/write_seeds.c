/*
 * write_seeds: writes the seeds of the corpora that come from real stores: tests/fuzz/corpus/NAME/.
 *
 * Small stores are made on the simulated disk, whose chance is seeded: the files are the same each
 * time while the formats and what the store writes are. The seeds of a decoder are the files of its
 * kind, with checks to be repaired and without, and a few damaged copies.
 * Run by make fuzz-seeds, from the root of the repository, and by make fuzz-replay elsewhere.
 */
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz/fuzz_disk.h"

#include "bitcask/bitcask_fixture.h"
#include "bitcask/named_fixture.h"
#include "bitcask/operation.h"
#include "lsm/ingest_writer.h"
#include "lsm/names.h"
#include "lsm/space.h"
#include "lsm/store.h"
#include "lsm/version_edit.h"

enum { SEED_BYTES_MAX = 60000, LOG_PREFIX_BYTES = 8 };

typedef struct seed {
    uint8_t data[SEED_BYTES_MAX];
    size_t size;
} seed;

static void add(seed *self, const void *data, size_t size)
{
    CHECK(self->size + size <= SEED_BYTES_MAX);
    memcpy(self->data + self->size, data, size);
    self->size += size;
}

static void save(const seed *self, const char *target, const char *name, const char *variant)
{
    char path[160];
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s", target);
    (void)mkdir(path, 0777);
    snprintf(path, sizeof path, "tests/fuzz/corpus/%s/%s%s", target, name, variant);
    FILE *file = fopen(path, "wb");
    CHECK(file != NULL);
    CHECK_EQUAL(self->size, fwrite(self->data, 1, self->size, file));
    CHECK_EQUAL(0, fclose(file));
}

/* The seed, with its checks to be repaired, and damaged behind its prefix. */
static void save_variants(seed *self, size_t prefix, uint8_t repairs, const char *target,
                          const char *name)
{
    size_t whole = self->size;
    size_t middle = prefix + (whole - prefix) / 2;
    save(self, target, name, "");
    self->data[0] = repairs;
    save(self, target, name, "_repaired");
    self->data[middle] ^= 0x10;
    save(self, target, name, "_flipped_repaired");
    self->data[0] = 0;
    save(self, target, name, "_flipped");
    self->data[middle] ^= 0x10;
    self->size = middle + 5;
    save(self, target, name, "_cut");
    self->size = whole;
    memset(self->data + middle, 0, (whole - middle) / 2);
    save(self, target, name, "_zeros");
}

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
        if (wanted && fixture_has(store, name)) {
            uint64_t size;
            uint8_t head[FUZZ_PACK_HEAD_BYTES] = {code};
            const uint8_t *data = fixture_bytes(store, name, &size);
            store_u16(head + 1, (uint16_t)size);
            add(self, head, sizeof head);
            add(self, data, size);
            count++;
        }
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

/* What the list of an LSM store may say, which needs no files. */
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
    save_database(&store, "named");
    save_logs(&store, "named");
    save_file(&store, "00000001.hint", 1, "hint", "named");
    fixture_free(&store);
}

TEST(a_manifest_of_an_lsm_store)
{
    static manifest_log logs[] = {{7, 0x1122334455667788, 2501, 1024, 2},
                                  {9, 0x99aabbccddeeff00, 2600, 0, 3}};
    static manifest_table tables[] = {
        {6, 0, 0x1234, 65624, 0xe3069283, 1000, 17, 1501, 2500, 5, 0, 118000, 0},
        {3, 1, 0x5678, 65625, 0x82f63b78, 900, 0, 601, 1500, 0, 0, 118001, 0},
        {5, 1, 0x9abc, 65626, 0x01020304, 800, 3, 601, 1499, 7, 9, 118002, 0},
        {4, 6, 0xdef0, 65627, 0x05060708, 1500, 0, 1, 600, 0, 0, 118003, 0}};
    lsm_manifest list = {.store_id = 0x5eed,
                         .edit = 9,
                         .next_number = 10,
                         .last_sequence = 2700,
                         .flushed_sequence = 2500,
                         .log_count = 2,
                         .table_count = 4,
                         .logs = logs,
                         .tables = tables};
    fixture store = {.store = NULL};
    env_directory *home;
    CHECK_OK(env_memory_new(1, FIXTURE_FILE_MAX, &store.disk));
    CHECK_OK(env_directory_open(store.disk, FIXTURE_PATH, true, &home));
    CHECK_OK(lsm_manifest_replace(home, &list));
    save_file(&store, MANIFEST_NAME, 1, "lsm_manifest", "in_use");
    list = (lsm_manifest){.clean = true, .store_id = 0x5eed, .edit = 1, .next_number = 1};
    CHECK_OK(lsm_manifest_replace(home, &list));
    save_file(&store, MANIFEST_NAME, 1, "lsm_manifest", "new");
    env_directory_close(home);
    fixture_free(&store);
}

/* A few rows in two namespaces, of which one is dropped, with range deletes, and pins. */
static void write_namespaces(lsm *store)
{
    uint32_t users = 0;
    uint32_t items = 0;
    const pykv_pin wanted[] = {
        {.sequence = 3, .name = "follower"},
        {.sequence = 5, .bytes_max = 4096, .until_us = 1 << 30, .name = "other"}};
    CHECK_OK(name_book_make(lsm_name_book(store), slice_make("users", 5), 0, &users));
    CHECK_OK(name_book_make(lsm_name_book(store), slice_make("items", 5), 0, &items));
    for (char key = 'a'; key < 'k'; key++) {
        slice text = slice_make(&key, 1);
        CHECK_OK(lsm_put_in(store, users, text, text, 0, 0));
        CHECK_OK(lsm_put_in(store, items, text, text, 1 << 30, 0));
        CHECK_OK(lsm_put_in(store, KEY_SPACE_DEFAULT, text, text, 0, 0));
    }
    CHECK_OK(lsm_put_in(store, KEY_SPACE_DEFAULT, slice_make("\xff", 1), slice_make("v", 1), 0, 0));
    CHECK_OK(lsm_flush(store));
    CHECK_OK(lsm_delete_range_in(store, users, slice_make("b", 1), slice_make("", 0), 0));
    CHECK_OK(name_book_drop(lsm_name_book(store), slice_make("items", 5), 0, &items));
    CHECK_OK(lsm_put_in(store, users, slice_make("c", 1), slice_make("2", 1), 0, 0));
    CHECK_OK(lsm_flush(store));
    CHECK_OK(lsm_pin_history(store, &wanted[0]));
    CHECK_OK(lsm_pin_history(store, &wanted[1]));
}

/* A table as pykv.TableWriter makes it. */
static void write_table(env *disk, const char *path, const pykv_options *options)
{
    ingest_writer *writer;
    CHECK_OK(ingest_writer_open(disk, path, options, &writer));
    for (char key = 'p'; key < 'z'; key++) {
        slice text = slice_make(&key, 1);
        CHECK_OK(ingest_writer_add(writer, text, text, key == 'q' ? 1 << 30 : 0));
    }
    CHECK_OK(ingest_writer_add(writer, slice_make("\xff\0\xff", 3), slice_make("v", 1), 0));
    CHECK_OK(ingest_writer_finish(writer));
    ingest_writer_free(writer);
}

/* The targets know no seeds of hashes, so the tables have no filters. */
TEST(files_of_a_store_with_namespaces_pins_and_ingested_rows)
{
    static const char path[] = FIXTURE_PATH "/rows";
    const char *paths[] = {path};
    const pykv_options options = {.memory_budget_bytes = 16 << 20,
                                  .memtable_bytes = 64 << 10,
                                  .compression = PYKV_CODEC_NONE,
                                  .filter_bits_per_key = -1,
                                  .history_bytes = 1 << 20};
    fixture store = {.store = NULL};
    lsm *db;
    CHECK_OK(env_memory_new(1, FIXTURE_FILE_MAX, &store.disk));
    CHECK_OK(lsm_open(store.disk, FIXTURE_PATH, &options, &db));
    write_namespaces(db);
    write_table(store.disk, path, &options);
    CHECK_OK(lsm_ingest(db, paths, 1, false));
    save_file(&store, MANIFEST_NAME, 1, "lsm_manifest", "namespaces");
    save_file(&store, "rows", 1, "table", "ingested");
    CHECK_OK(lsm_compact(db, NULL));
    const version *now = lsm_view(db)->version;
    uint32_t number = now->levels[LSM_LEVEL_COUNT - 1].files[0]->facts.number;
    char name[TABLE_FILE_NAME_BYTES];
    table_file_name(number, name);
    save_file(&store, name, 1, "table", "namespaces");
    CHECK_OK(lsm_close(db, -1));
    lsm_free(db);
    fixture_free(&store);
}

TEST_MAIN(CASE(a_store_that_was_closed), CASE(a_store_that_was_killed),
          CASE(a_store_whose_log_is_padded), CASE(a_store_that_was_cleared_and_merged),
          CASE(a_store_that_keeps_its_history), CASE(a_directory_with_a_bucket_of_several_units),
          CASE(a_store_with_namespaces), CASE(a_manifest_of_an_lsm_store),
          CASE(files_of_a_store_with_namespaces_pins_and_ingested_rows))
