/*
 * write_seeds_lsm: writes the seeds that come from LSM stores, and those of their tables and values
 * (write_seeds.h). The codec of codec_runs.h stands for zstd.
 */
#include "codec/codec_registry.h"
#include "codec/codec_runs.h"
#include "codec/packed_value.h"
#include "fuzz/fuzz_repair_table.h"
#include "fuzz/write_seeds.h"

#include "lsm/ingest_writer.h"
#include "lsm/lsm_fixture.h"
#include "lsm/names.h"
#include "lsm/space.h"
#include "lsm/value_pointer.h"
#include "lsm/value_refs.h"
#include "lsm/version_edit.h"
#include "lsm/wal.h"
#include "table/table_builder.h"

enum { LSM_PREFIX_BYTES = 2, LSM_REPAIRS = 31, LSM_CODES = 160, FLIPS = 6 };

static void save_file(fixture *store, const char *file_name, size_t prefix, const char *target,
                      const char *name)
{
    seed one = {.size = prefix};
    uint64_t size;
    const uint8_t *data = fixture_bytes(store, file_name, &size);
    add(&one, data, size);
    save_variants(&one, prefix, 1, target, name);
}

/* ---- manifests and tables ---- */

/* First of all: the codec of the process. */
TEST(the_codec_is_set)
{
    pykv_codec runs = runs_given();
    CHECK_OK(codec_registry_set(&runs));
}

TEST(a_manifest_of_an_lsm_store)
{
    static manifest_log logs[] = {{7, 0x1122334455667788, 2501, 1024, 2},
                                  {9, 0x99aabbccddeeff00, 2600, 0, 3}};
    static manifest_table tables[] = {
        {6, 0, 0x1234, 65624, 0xe3069283, 1000, 17, 1501, 2500, 5, 0, 118000, 0, {6, 6, 7}},
        {3, 1, 0x5678, 65625, 0x82f63b78, 900, 0, 601, 1500, 0, 0, 118001, 0, {0}},
        {5,
         1,
         0x9abc,
         65626,
         0x01020304,
         800,
         3,
         601,
         1499,
         7,
         9,
         118002,
         0,
         {8, 8, 8, 8, 8, 9, 9}},
        {4, 6, 0xdef0, 65627, 0x05060708, 1500, 0, 1, 600, 0, 0, 118003, 0, {0}}};
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
    env_memory_free(store.disk);
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

/* fuzz_table knows no seeds of these hashes, so the tables have no filters. */
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
    env_memory_free(store.disk);
}

/* With a filter of the hashes that fuzz_table knows, and with blocks that are compressed. */
TEST(a_table_with_a_filter_and_compressed_blocks)
{
    static const table_builder_options options = {.hash_seed_low = FUZZ_SEED_LOW,
                                                  .hash_seed_high = FUZZ_SEED_HIGH,
                                                  .file_id = 0x5eed,
                                                  .filter_bits_per_key = 10,
                                                  .codec = &codec_runs,
                                                  .block_bytes = 200};
    fixture store = {.store = NULL};
    env_directory *home;
    table_builder *builder;
    table_summary summary;
    char key[16];
    uint8_t dots[120];
    memset(dots, '.', sizeof dots);
    CHECK_OK(env_memory_new(1, FIXTURE_FILE_MAX, &store.disk));
    CHECK_OK(env_directory_open(store.disk, FIXTURE_PATH, true, &home));
    CHECK_OK(table_builder_open(store.disk, home, "packed", &options, &builder));
    for (uint32_t i = 0; i < 20; i++) {
        table_entry entry = {.key = fixture_key(i, key),
                             .value = slice_make(dots, sizeof dots),
                             .sequence = 100 + i,
                             .deadline_us = i == 7 ? 1 << 30 : 0,
                             .kind = i % 5 == 3 ? TABLE_DELETE : TABLE_PUT};
        entry.value.size = entry.kind == TABLE_PUT ? sizeof dots : 0;
        CHECK_OK(table_builder_add(builder, &entry));
    }
    CHECK_OK(table_builder_finish(builder, &summary));
    CHECK(summary.file_bytes < summary.raw_bytes);
    table_builder_free(builder);
    save_file(&store, "packed", 1, "table", "packed");
    seed one = {.data = {FUZZ_REPAIR_TABLE_DATA}, .size = 1};
    uint64_t size;
    const uint8_t *data = fixture_bytes(&store, "packed", &size);
    add(&one, data, size);
    for (size_t i = 0; i < FLIPS; i++) {
        char variant[16];
        snprintf(variant, sizeof variant, "_data_%zu", i);
        one.data[50 + 37 * i] ^= 0x10;
        save(&one, "table", "packed", variant);
        one.data[50 + 37 * i] ^= 0x10;
    }
    env_directory_close(home);
    env_memory_free(store.disk);
}

/* ---- ingests ---- */

static void save_ingest(fixture *store, const char *path, const char *name)
{
    static const uint8_t wishes[] = {1, 2, 3, 4 | 8, 1 | 2 | 4};
    char variant[16];
    seed one = {.size = LSM_PREFIX_BYTES};
    uint64_t size;
    const uint8_t *data = fixture_bytes(store, path, &size);
    add(&one, data, size);
    for (size_t i = 0; i < sizeof wishes; i++) {
        one.data[1] = wishes[i];
        snprintf(variant, sizeof variant, "_%u", (unsigned)wishes[i]);
        save(&one, "ingest", name, variant);
    }
    save_variants(&one, LSM_PREFIX_BYTES, 3, "ingest", name);
}

TEST(files_that_are_ingested)
{
    fixture store = fixture_new();
    write_table(store.disk, FIXTURE_PATH "/plain", &store.options);
    save_ingest(&store, "plain", "plain");
    pykv_options options = {.compression = PYKV_CODEC_ZSTD, .block_bytes = 1024};
    ingest_writer *writer;
    char key[16];
    CHECK_OK(ingest_writer_open(store.disk, FIXTURE_PATH "/packed", &options, &writer));
    for (uint32_t i = 0; i < 60; i++) {
        slice value = slice_make("................................", 32);
        CHECK_OK(ingest_writer_add(writer, fixture_key(i, key), value, 0));
    }
    CHECK_OK(ingest_writer_finish(writer));
    ingest_writer_free(writer);
    save_ingest(&store, "packed", "packed");
    fixture_free(&store);
}

/* Of keys that no store has, before one that is legal. */
TEST(a_file_of_strange_keys)
{
    static const slice keys[] = {{(const uint8_t *)"a", 1},
                                 {(const uint8_t *)"\xff", 1},
                                 {(const uint8_t *)"\xff\0a", 3},
                                 {(const uint8_t *)"\xff\0\xff", 3}};
    fixture store = fixture_new();
    ingest_writer *writer;
    CHECK_OK(ingest_writer_open(store.disk, FIXTURE_PATH "/strange", &store.options, &writer));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        CHECK_OK(ingest_writer_add(writer, keys[i], fixture_text("value"), 0));
    }
    CHECK_OK(ingest_writer_finish(writer));
    ingest_writer_free(writer);
    save_ingest(&store, "strange", "strange");
    fixture_free(&store);
}

/* A table of a store is refused, unless its sequences are made those of a file for an ingest. */
TEST(a_table_of_a_store_that_is_ingested)
{
    fixture store = fixture_new();
    char name[32];
    fixture_fill(&store, 0, 5, 20);
    CHECK_OK(lsm_flush(store.store));
    CHECK_EQUAL(1, fixture_files(&store, ".tbl", name));
    seed one = {.data = {4 | 3, 0}, .size = LSM_PREFIX_BYTES};
    uint64_t size;
    const uint8_t *data = fixture_bytes(&store, name, &size);
    add(&one, data, size);
    save(&one, "ingest", "of_a_store", "_repaired");
    one.data[0] = 0;
    save(&one, "ingest", "of_a_store", "");
    fixture_free(&store);
}

/* ---- values ---- */

static void save_value(const char *name, uint8_t kind, uint8_t own, const void *data, size_t size)
{
    seed one = {.data = {kind, own}, .size = LSM_PREFIX_BYTES};
    add(&one, data, size);
    save(&one, "value", name, "");
    one.data[LSM_PREFIX_BYTES + size / 2] ^= 0x10;
    save(&one, "value", name, "_flipped");
    one.data[LSM_PREFIX_BYTES + size / 2] ^= 0x10;
    one.size -= size / 3;
    save(&one, "value", name, "_cut");
}

TEST(references_and_pointers)
{
    uint8_t bytes[VALUE_POINTER_BYTES_MAX];
    buffer refs = BUFFER_EMPTY;
    const value_pointer plain = {3, 4096, 4200, 4096};
    const value_pointer packed = {3, 8192, 12400, 4101};
    for (uint32_t i = 0; i < 9; i++) {
        CHECK_OK(value_refs_add(&refs, 1 + i * i % 7, 100));
    }
    save_value("refs", 1, 0, refs.data, refs.size);
    save_value("pointer", 2, 0, bytes, value_pointer_encode(&plain, bytes));
    save_value("pointer_packed", 2, 0, bytes, value_pointer_encode(&packed, bytes));
    buffer_reset(&refs);
}

TEST(packed_values)
{
    static const char text[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    codec_table codecs = codec_registry_table();
    const codec *with = codec_table_find(&codecs, CODEC_ZSTD);
    const slice value = slice_make(text, sizeof text - 1);
    buffer room = BUFFER_EMPTY;
    buffer both = BUFFER_EMPTY;
    packed_dictionary *dictionary;
    bool pays;
    CHECK_OK(packed_value_make(with, 0, NULL, value, &room, &pays));
    save_value("packed", 3, 0, room.data, room.size);
    CHECK_OK(packed_dictionary_open(with, true, 0, slice_make(text, 30), &dictionary));
    CHECK_OK(packed_value_make(with, 0, dictionary, value, &room, &pays));
    CHECK_OK(buffer_append(&both, text, 30));
    CHECK_OK(buffer_append(&both, room.data, room.size));
    save_value("packed_with_dictionary", 4, 30, both.data, both.size);
    packed_dictionary_close(dictionary);
    buffer_reset(&room);
    buffer_reset(&both);
}

/* ---- stores ---- */

static size_t add_files(seed *self, fixture *store)
{
    size_t count = 0;
    for (uint8_t code = 0; code < LSM_CODES; code++) {
        char name[FUZZ_NAME_BYTES];
        fuzz_lsm_name(code, name);
        bool is_new = code >= FUZZ_LSM_NUMBERS || code < 2;
        count += is_new && add_file(self, store->disk, FIXTURE_PATH, name, code);
    }
    return count;
}

static void save_store(fixture *store, const char *name)
{
    static const struct {
        const char *variant;
        uint8_t wishes;
    } ways[] = {{"_written", 16},
                {"_read_only", 1 | 4},
                {"_mapped", 8 | 16},
                {"_in_time", 2},
                {"_beside", 32}};
    seed all = {.size = LSM_PREFIX_BYTES};
    CHECK(add_files(&all, store) > 1);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        all.data[1] = ways[i].wishes;
        save(&all, "lsm", name, ways[i].variant);
    }
    for (size_t i = 1; i < FLIPS; i++) {
        char variant[24];
        size_t at = LSM_PREFIX_BYTES + i * (all.size - LSM_PREFIX_BYTES) / FLIPS;
        snprintf(variant, sizeof variant, "_flipped_%zu", i);
        all.data[0] = i % 2 == 0 ? LSM_REPAIRS : 0;
        all.data[1] = i % 3 == 0 ? 16 : 0;
        all.data[at] ^= 0x04;
        save(&all, "lsm", name, variant);
        all.data[at] ^= 0x04;
    }
    all.data[0] = all.data[1] = 0;
    save_variants(&all, LSM_PREFIX_BYTES, LSM_REPAIRS, "lsm", name);
}

/* The next records go to another log. */
static void roll_log(fixture *store)
{
    CHECK_OK(wal_prepare_next(store->store->log));
    mutex_lock(&store->store->writer);
    CHECK_OK(wal_roll(store->store->log));
    mutex_unlock(&store->store->writer);
}

/* Two tables, whose blocks are compressed, with filters and a value segment, of puts, deletes, a
 * batch and a range delete. */
static fixture new_store(void)
{
    fixture self = fixture_blank();
    self.options.compression = PYKV_CODEC_ZSTD;
    self.options.value_log_bytes_min = 64;
    self.options.log_sink = PYKV_LOG_PWRITE;
    CHECK_OK(fixture_open(&self));
    fixture_fill(&self, 0, 12, 20);
    fixture_fill(&self, 3, 6, 80);
    CHECK_OK(lsm_put(self.store, slice_make("", 0), fixture_text("of the empty key"), 0));
    CHECK_OK(lsm_flush(self.store));
    fixture_put(&self, "b", "1");
    fixture_put(&self, "c", "2");
    fixture_delete(&self, "key-00004");
    fixture_put(&self, "key-00001",
                "a value that is longer than the least one, and has no runs in it");
    CHECK_OK(lsm_flush(self.store));
    return self;
}

/* Two logs that no table has. */
static void write_logs(fixture *store)
{
    record batch[2] = {{.kind = RECORD_PUT, .key = fixture_text("d"), .value = fixture_text("3")},
                       {.kind = RECORD_DELETE, .key = fixture_text("b")}};
    fixture_put(store, "key-00002", "in the first log");
    CHECK_OK(lsm_write(store->store, batch, 2, 0));
    CHECK_OK(
        lsm_delete_range(store->store, fixture_text("key-00008"), fixture_text("key-0001"), 0));
    CHECK_OK(lsm_sync(store->store));
    roll_log(store);
    fixture_fill(store, 6, 8, 90);
    fixture_put(store, "e", "in the second log");
}

TEST(a_store_that_was_closed)
{
    fixture store = new_store();
    char name[32];
    fixture_close(&store);
    save_store(&store, "closed");
    CHECK(fixture_files(&store, ".val", name) > 0);
    uint64_t size;
    const uint8_t *data = fixture_bytes(&store, name, &size);
    save_value("segment", 5, 0, data, size);
    save_value("segment_repaired", 5, 1, data, size);
    fixture_free(&store);
}

TEST(a_store_that_was_killed_with_two_logs)
{
    fixture store = new_store();
    write_logs(&store);
    fixture_kill(&store);
    save_store(&store, "killed");
    CHECK_EQUAL(PYKV_OK, fixture_open(&store));
    fixture_put(&store, "f", "after the recovery");
    fixture_kill(&store);
    save_store(&store, "recovered");
    fixture_free(&store);
}

TEST(a_store_that_was_compacted)
{
    fixture store = new_store();
    CHECK_OK(lsm_compact(store.store, NULL));
    write_logs(&store);
    fixture_close(&store);
    save_store(&store, "compacted");
    fixture_free(&store);
}

TEST(a_store_that_was_cleared)
{
    fixture store = new_store();
    CHECK_OK(lsm_clear(store.store, 0));
    write_logs(&store);
    fixture_kill(&store);
    save_store(&store, "cleared");
    fixture_free(&store);
}

TEST(a_store_with_namespaces_history_and_ingested_rows)
{
    static const char path[] = FIXTURE_PATH "/rows";
    const char *paths[] = {path};
    fixture store = fixture_blank();
    store.options.history_bytes = 1 << 20;
    store.options.log_sink = PYKV_LOG_PWRITE;
    CHECK_OK(fixture_open(&store));
    write_namespaces(store.store);
    fixture_kill(&store);
    save_store(&store, "named");
    CHECK_OK(fixture_open(&store));
    write_table(store.disk, path, &store.options);
    CHECK_OK(lsm_ingest(store.store, paths, 1, true));
    fixture_close(&store);
    save_store(&store, "ingested");
    fixture_free(&store);
}

TEST_MAIN(CASE(the_codec_is_set), CASE(a_manifest_of_an_lsm_store),
          CASE(files_of_a_store_with_namespaces_pins_and_ingested_rows),
          CASE(a_table_with_a_filter_and_compressed_blocks), CASE(files_that_are_ingested),
          CASE(a_file_of_strange_keys), CASE(a_table_of_a_store_that_is_ingested),
          CASE(references_and_pointers), CASE(packed_values), CASE(a_store_that_was_closed),
          CASE(a_store_that_was_killed_with_two_logs), CASE(a_store_that_was_compacted),
          CASE(a_store_that_was_cleared), CASE(a_store_with_namespaces_history_and_ingested_rows))
