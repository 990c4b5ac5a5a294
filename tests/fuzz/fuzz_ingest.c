/*
 * fuzz_ingest: a file of arbitrary bytes is ingested by a store.
 *
 * Input: a byte of repairs, a byte of options, then the bytes of the file. Repair 1 makes the
 * checks of header, footer and of the blocks that the footer names right, repair 2 those of the
 * data blocks too, and repair 4 says in the properties that all sequences are 1. Options: 1 the
 * rows come to a namespace, 2 the store has rows before, 4 it is killed, not closed, 8 the file's
 * own name goes. The codec of codec_runs.h stands for zstd.
 *
 * Promises: the status is PYKV_OK, PYKV_CORRUPTION, PYKV_FORMAT or PYKV_NOT_SUPPORTED. What is
 * refused leaves the store as it was and the file as it is. What is taken shows every row of the
 * table with a legal key, and no other, also after another open and a compaction, and the store is
 * sound.
 */
#include "codec/codec_registry.h"
#include "fuzz/fuzz_lsm_read.h"
#include "fuzz/fuzz_repair_table.h"

enum { REPAIR_TABLE = 3, REPAIR_SEQUENCES = 4 };
enum { NAMED = 1, ROWS_BEFORE = 2, KILLED = 4, MOVES = 8 };
enum { PREFIX_BYTES = 2 };

#define TABLE_NAME "rows"
#define STORE_PATH "/store"

typedef struct ingest_run {
    env *disk;
    env_directory *home; /* of the file */
    lsm *store;
    uint32_t space;
    fuzz_lsm_rows rows;
    uint64_t rows_before;
} ingest_run;

static void open_store(ingest_run *self)
{
    const pykv_options options = {.memory_budget_bytes = 16 << 20,
                                  .memtable_bytes = 64 << 10,
                                  .table_bytes = 64 << 10,
                                  .block_bytes = 1024};
    FUZZ_EXPECT(lsm_open(self->disk, STORE_PATH, &options, &self->store) == PYKV_OK);
}

/* Properties of a table that was made outside of a store. */
static void repair_sequences(uint8_t *file, size_t size)
{
    uint64_t at = size >= 96 ? load_u64(file + size - 48) : size;
    if (at < size && size - at >= 104) {
        store_u64(file + at + 40, 1);
        store_u64(file + at + 48, 1);
    }
}

static void add_row(ingest_run *self, const char *key)
{
    stored_key stored;
    slice name = slice_make(key, strlen(key));
    FUZZ_EXPECT(stored_key_make(self->space, name, &stored) == PYKV_OK);
    FUZZ_EXPECT(lsm_put_in(self->store, self->space, name, name, 0, 0) == PYKV_OK);
    fuzz_truth_copy(&self->rows.truth, stored.key, slice_make("", 0), name);
    stored_key_reset(&stored);
}

static void prepare(ingest_run *self, uint8_t wish)
{
    open_store(self);
    if ((wish & NAMED) != 0) {
        pykv_status status =
            name_book_make(lsm_name_book(self->store), slice_make("named", 5), 0, &self->space);
        FUZZ_EXPECT(status == PYKV_OK);
    }
    if ((wish & ROWS_BEFORE) != 0) {
        add_row(self, "");
        add_row(self, "a");
        add_row(self, "\xff");
        self->rows_before = 3;
    }
}

/* Takes the rows of the table for true, under the keys that they get in the store. */
static void find_truth(ingest_run *self)
{
    fuzz_truth in_file = {.rows = NULL};
    fuzz_truth_add_table(&in_file, self->home, TABLE_NAME);
    for (size_t i = 0; i < in_file.count; i++) {
        stored_key stored;
        const fuzz_row *row = &in_file.rows[i];
        slice key = key_space_strip(row->key, key_space_prefix_bytes(KEY_SPACE_DEFAULT));
        FUZZ_EXPECT(stored_key_make(self->space, key, &stored) == PYKV_OK);
        fuzz_truth_copy(&self->rows.truth, stored.key, slice_make("", 0), row->value);
        stored_key_reset(&stored);
    }
    self->rows.truth.full |= in_file.full;
    self->rows.truth.has_deadlines |= in_file.has_deadlines;
    fuzz_truth_reset(&in_file);
}

/* Rows of the store that has all of the truth. */
static uint64_t count_keys(const fuzz_truth *truth)
{
    uint64_t count = 0;
    for (size_t i = 0; i < truth->count; i++) {
        size_t k = 0;
        while (k < i && !slice_equal(truth->rows[k].key, truth->rows[i].key)) {
            k++;
        }
        count += k == i;
    }
    return count;
}

static uint64_t check_rows(const ingest_run *self)
{
    uint64_t in_space;
    uint64_t everywhere;
    FUZZ_EXPECT(fuzz_lsm_read_all(&self->rows, self->store) && fuzz_lsm_is_sound(self->store));
    FUZZ_EXPECT(fuzz_lsm_scan_space(&self->rows, self->store, self->space, &in_space));
    FUZZ_EXPECT(fuzz_lsm_scan(&self->rows, self->store, &everywhere));
    FUZZ_EXPECT(in_space == everywhere);
    return in_space;
}

static void use_taken(ingest_run *self, uint8_t wish)
{
    uint64_t count = check_rows(self);
    const fuzz_truth *truth = &self->rows.truth;
    FUZZ_EXPECT(truth->has_deadlines || truth->full || count == count_keys(truth));
    FUZZ_EXPECT((wish & KILLED) != 0 || lsm_close(self->store, -1) == PYKV_OK);
    lsm_free(self->store);
    open_store(self);
    FUZZ_EXPECT(check_rows(self) == count);
    FUZZ_EXPECT(lsm_compact(self->store, NULL) == PYKV_OK);
    FUZZ_EXPECT(check_rows(self) == count);
}

static void ingest(ingest_run *self, uint8_t wish, const uint8_t *data, size_t size)
{
    const char *path = FUZZ_HOME "/" TABLE_NAME;
    bool moves = (wish & MOVES) != 0;
    pykv_status status = lsm_ingest_in(self->store, self->space, &path, 1, moves);
    FUZZ_EXPECT(fuzz_is_read_status(status) || status == PYKV_FORMAT);
    if (status != PYKV_OK) {
        FUZZ_EXPECT(strstr(error_last()->text, TABLE_NAME) != NULL);
        FUZZ_EXPECT(check_rows(self) == self->rows_before);
    } else {
        use_taken(self, wish);
    }
    if (status != PYKV_OK || !moves) {
        fuzz_disk_expect(self->disk, TABLE_NAME, data, size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ingest_run self = {.rows = {.consistent = true, .renamed = true}};
    pykv_codec runs = runs_given();
    if (size < PREFIX_BYTES) {
        return 0;
    }
    FUZZ_EXPECT(codec_registry_set(&runs) == PYKV_OK);
    int64_t blocks = mem_block_count();
    size_t rest = size - PREFIX_BYTES;
    uint8_t *copy = fuzz_copy(data + PREFIX_BYTES, rest);
    if ((data[0] & REPAIR_SEQUENCES) != 0) {
        repair_sequences(copy, rest);
    }
    fuzz_repair_table(copy, rest, data[0] & REPAIR_TABLE);
    self.disk = fuzz_disk_new(&self.home);
    fuzz_disk_put(self.home, TABLE_NAME, copy, rest);
    prepare(&self, data[1]);
    find_truth(&self);
    ingest(&self, data[1], copy, rest);
    lsm_free(self.store);
    fuzz_truth_reset(&self.rows.truth);
    fuzz_disk_free(self.disk, self.home);
    free(copy);
    FUZZ_EXPECT(mem_block_count() == blocks);
    return 0;
}
