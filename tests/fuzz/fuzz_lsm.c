/*
 * fuzz_lsm: a directory of arbitrary files is opened as an LSM store, read whole with its change
 * feed, verified, written to, closed, opened again, repaired and opened once more.
 *
 * Input: a byte of repairs, a byte of options, then a pack of files (fuzz_disk.h, names of
 * fuzz_lsm_name). Repairs: 1 the checks of logs and value segments, 2 those of the manifest, 4
 * those of tables but for data blocks, 8 those too, 16 what the manifest says of its files.
 * Options: 1 read-only, 2 the log is cut at damage, 4 no mapped reads, 8 the mapped sink, 16
 * writes, a flush and a compaction before the store is closed, 32 those under a snapshot and beside
 * a reader, which refreshes then. The codec of codec_runs.h stands for zstd.
 *
 * Promises: every status is one that pykv.h names for the call. An open that fails leaves all files
 * that the manifest lists, but itself and the logs, as they were, and after a clean close, or
 * read-only, those too. Every row that is shown or fed, of any namespace, is a put that stands in
 * one of the files with right checks. A store that opened and closed opens again. What verify finds
 * sound, scans read to their end. Unless checks were made right over false contents, scans, gets
 * and the count agree, a snapshot shows what there was, and a reader what the writer does. A repair
 * that succeeds leaves a store that opens, is sound, and has as many rows as the repair said.
 */
#include "codec/codec_registry.h"
#include "fuzz/fuzz_feed.h"
#include "fuzz/fuzz_lsm_read.h"
#include "fuzz/fuzz_repair_lsm.h"

#include "log/manifest_file.h"
#include "lsm/refresh.h"

enum { REPAIR_LOGS = 1, REPAIR_MANIFEST = 2, REPAIR_FACTS = 16 };
enum { REPAIR_TABLE_SHIFT = 2 };
enum {
    READ_ONLY = 1,
    POINT_IN_TIME = 2,
    NO_MAPPED_READS = 4,
    MAPPED_LOG = 8,
    WRITES = 16,
    BESIDE = 32
};
enum { PREFIX_BYTES = 2, FILES_MAX = 16 };

typedef struct fuzz_file {
    char name[FUZZ_NAME_BYTES];
    uint8_t *data;
    size_t size;
} fuzz_file;

typedef struct directory {
    env *disk;
    env_directory *home;
    fuzz_file files[FILES_MAX];
    size_t file_count;
    fuzz_lsm_rows rows;
    bool has_last_number; /* no number is left for a new file */
    bool unclean;         /* the manifest says that the store was not closed cleanly */
    bool reads_only;
} directory;

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    return length >= strlen(suffix) && strcmp(name + length - strlen(suffix), suffix) == 0;
}

static fuzz_file *find_file(directory *self, const char *name)
{
    for (size_t i = 0; i < self->file_count; i++) {
        if (strcmp(self->files[i].name, name) == 0) {
            return &self->files[i];
        }
    }
    return NULL;
}

/* ---- laying the files ---- */

/* Takes the files of the pack, the first of a name only. */
static void unpack(directory *self, const uint8_t *data, size_t size)
{
    uint8_t code;
    slice bytes;
    while (self->file_count < FILES_MAX && fuzz_pack_next(&data, &size, &code, &bytes)) {
        fuzz_file *file = &self->files[self->file_count];
        char name[FUZZ_NAME_BYTES];
        fuzz_lsm_name(code, name);
        if (find_file(self, name) == NULL) {
            memcpy(file->name, name, sizeof name);
            file->data = fuzz_copy(bytes.data, bytes.size);
            file->size = bytes.size;
            self->file_count++;
        }
    }
}

static void repair_manifest(directory *self, uint8_t wish)
{
    fuzz_lsm_parts parts;
    fuzz_file *list = find_file(self, MANIFEST_NAME);
    if (list == NULL || !fuzz_lsm_find_parts(list->data, list->size, &parts)) {
        return;
    }
    for (size_t i = 0; i < self->file_count && (wish & REPAIR_FACTS) != 0; i++) {
        const fuzz_file *file = &self->files[i];
        fuzz_lsm_describe(&parts, file->name, file->data, file->size);
    }
    if ((wish & (REPAIR_MANIFEST | REPAIR_FACTS)) != 0) {
        fuzz_lsm_check_parts(&parts);
    }
}

static void repair_files(directory *self, uint8_t wish)
{
    for (size_t i = 0; i < self->file_count; i++) {
        fuzz_file *file = &self->files[i];
        bool is_log = ends_with(file->name, ".log") || ends_with(file->name, ".val");
        if (is_log && (wish & REPAIR_LOGS) != 0) {
            fuzz_repair_log(file->data, file->size);
        } else if (ends_with(file->name, ".tbl")) {
            fuzz_repair_table(file->data, file->size, wish >> REPAIR_TABLE_SHIFT);
        }
    }
    repair_manifest(self, wish);
}

static void lay_files(directory *self)
{
    for (size_t i = 0; i < self->file_count; i++) {
        const fuzz_file *file = &self->files[i];
        fuzz_disk_put(self->home, file->name, file->data, file->size);
        self->has_last_number |= strncmp(file->name, "ffffffff", 8) == 0;
    }
    FUZZ_EXPECT(env_directory_sync(self->home) == PYKV_OK);
    const fuzz_file *list = find_file(self, MANIFEST_NAME);
    if (list != NULL && list->size >= 256) {
        self->unclean = list->data[13] != 1;
        self->has_last_number |= load_u64(list->data + 64) >= UINT32_MAX - 64;
    }
}

/* Ids of logs stand in their headers and in the manifest. */
static void find_truth(directory *self)
{
    fuzz_truth *truth = &self->rows.truth;
    const fuzz_file *list = find_file(self, MANIFEST_NAME);
    for (size_t i = 0; i < self->file_count; i++) {
        const fuzz_file *file = &self->files[i];
        if (ends_with(file->name, ".tbl")) {
            fuzz_truth_add_table(truth, self->home, file->name);
        } else if (ends_with(file->name, ".val")) {
            fuzz_truth_add_values(truth, file->data, file->size);
        } else if (ends_with(file->name, ".log") && file->size >= 64) {
            fuzz_truth_add_log(truth, file->data, file->size, load_u64(file->data + 16), true);
            for (size_t at = 256; list != NULL && at + 32 <= list->size; at += 32) {
                fuzz_truth_add_log(truth, file->data, file->size, load_u64(list->data + at + 8),
                                   true);
            }
        }
    }
}

/* What is not listed goes before a recovery begins: a crash left it. */
static void expect_untouched(directory *self, bool all)
{
    fuzz_lsm_parts parts;
    const fuzz_file *list = find_file(self, MANIFEST_NAME);
    bool is_list = list != NULL && fuzz_lsm_find_parts(list->data, list->size, &parts);
    for (size_t i = 0; i < self->file_count; i++) {
        const fuzz_file *file = &self->files[i];
        bool has_rows = ends_with(file->name, ".tbl") || ends_with(file->name, ".val");
        if (all || (has_rows && (!is_list || fuzz_lsm_lists(&parts, file->name)))) {
            fuzz_disk_expect(self->disk, file->name, file->data, file->size);
        }
    }
}

/* ---- writing ---- */

static bool is_write_status(const directory *self, pykv_status status)
{
    return fuzz_is_read_status(status) || status == PYKV_STORE_FAILED ||
           (status == PYKV_READ_ONLY && self->reads_only);
}

static void write_some(directory *self, lsm *store)
{
    slice value = slice_make("a value", 7);
    fuzz_truth *truth = &self->rows.truth;
    int32_t existed;
    for (size_t i = 0; i < 2; i++) {
        bool known = i < truth->count && !key_space_is_marked(truth->rows[i].key);
        slice key = known ? truth->rows[i].key : slice_make("key", 3);
        fuzz_truth_copy(truth, key, slice_make("", 0), value);
        FUZZ_EXPECT(is_write_status(self, lsm_put(store, key, value, 0)));
    }
    FUZZ_EXPECT(is_write_status(self, lsm_delete(store, slice_make("b", 1), 0, &existed)));
    pykv_status status = lsm_delete_range(store, slice_make("c", 1), slice_make("d", 1), 0);
    FUZZ_EXPECT(is_write_status(self, status));
    FUZZ_EXPECT(is_write_status(self, lsm_flush(store)));
    FUZZ_EXPECT(is_write_status(self, lsm_compact(store, NULL)));
    fuzz_lsm_read_all(&self->rows, store);
}

/* ---- the change feed ---- */

static bool may_tell(const void *context, const pykv_change *put)
{
    const directory *self = context;
    stored_key stored;
    slice key = slice_make(put->key, put->key_length);
    FUZZ_EXPECT(stored_key_make(put->namespace_id, key, &stored) == PYKV_OK);
    bool told = fuzz_may_show(&self->rows, stored.key, slice_make(put->value, put->value_length));
    stored_key_reset(&stored);
    return told;
}

static void read_feed(const directory *self, lsm *store)
{
    change_feed *feed;
    pykv_status status =
        lsm_changes_open(store, &(pykv_position){.sequence = 0}, PYKV_CHANGES_UNSYNCED, &feed);
    FUZZ_EXPECT(status == PYKV_OK);
    if (status == PYKV_OK) {
        fuzz_feed_read(feed, self, may_tell);
        lsm_changes_free(store, feed);
    }
}

/* ---- the life of a store ---- */

static pykv_status open_store(directory *self, uint8_t wish, lsm **store_out)
{
    pykv_options options = {.memory_budget_bytes = 16 << 20,
                            .memtable_bytes = 64 << 10,
                            .table_bytes = 64 << 10,
                            .block_bytes = 1024,
                            .read_only = (wish & READ_ONLY) != 0,
                            .recover_point_in_time = (wish & POINT_IN_TIME) != 0,
                            .no_mapped_reads = (wish & NO_MAPPED_READS) != 0,
                            .log_sink =
                                (wish & MAPPED_LOG) != 0 ? PYKV_LOG_MAPPED : PYKV_LOG_PWRITE};
    return lsm_open(self->disk, FUZZ_HOME, &options, store_out);
}

/* Moves the reader to what the writer shows. */
static void refresh(const directory *self, lsm *reader, lsm *store)
{
    uint64_t sequence;
    uint64_t shown;
    uint64_t written;
    bool moved;
    pykv_status status = lsm_refresh(reader, &sequence, &moved);
    FUZZ_EXPECT(fuzz_is_reader_status(status));
    bool whole = fuzz_lsm_scan(&self->rows, reader, &shown);
    whole &= fuzz_lsm_scan(&self->rows, store, &written) && status == PYKV_OK;
    FUZZ_EXPECT(!whole || !self->rows.consistent || shown == written);
}

/* Writes under a snapshot, which goes on to show what there was, and beside a reader. */
static void write_beside(directory *self, lsm *store, uint8_t wish)
{
    lsm *reader;
    lsm_snapshot *kept;
    uint64_t before;
    uint64_t behind;
    bool whole = fuzz_lsm_scan(&self->rows, store, &before);
    pykv_status status = open_store(self, wish | READ_ONLY, &reader);
    FUZZ_EXPECT(fuzz_is_reader_status(status));
    FUZZ_EXPECT(lsm_snapshot_new(store, &kept) == PYKV_OK);
    write_some(self, store);
    whole &= fuzz_lsm_scan_at(&self->rows, store, kept, KEY_SPACE_STORED, &behind);
    FUZZ_EXPECT(!whole || !self->rows.consistent || before == behind);
    lsm_snapshot_free(store, kept);
    if (status == PYKV_OK) {
        refresh(self, reader, store);
        lsm_free(reader);
    }
}

static bool close_store(const directory *self, lsm *store)
{
    pykv_status status = lsm_close(store, -1);
    FUZZ_EXPECT(is_write_status(self, status));
    lsm_free(store);
    return status == PYKV_OK;
}

static void use_as_it_is(directory *self, uint8_t wish)
{
    lsm *store;
    uint64_t rows = 0;
    uint64_t again = 0;
    self->reads_only = (wish & READ_ONLY) != 0;
    pykv_status status = open_store(self, wish, &store);
    if (status != PYKV_OK) {
        FUZZ_EXPECT(status == PYKV_CORRUPTION || status == PYKV_FORMAT ||
                    status == PYKV_NOT_SUPPORTED ||
                    (status == PYKV_PATH_NOT_FOUND && self->reads_only));
        expect_untouched(self, self->reads_only || !self->unclean);
        return;
    }
    bool whole = fuzz_lsm_read_all(&self->rows, store);
    if ((wish & BESIDE) != 0 && !self->reads_only) {
        write_beside(self, store, wish);
    } else if ((wish & WRITES) != 0) {
        write_some(self, store);
    }
    read_feed(self, store);
    whole &= fuzz_lsm_scan(&self->rows, store, &rows);
    if (!close_store(self, store)) {
        return;
    }
    if (self->reads_only) {
        expect_untouched(self, true);
    }
    FUZZ_EXPECT(open_store(self, wish, &store) == PYKV_OK);
    bool whole_again = fuzz_lsm_scan(&self->rows, store, &again);
    FUZZ_EXPECT(!self->rows.consistent || (whole == whole_again && (!whole || rows == again)));
    lsm_free(store);
}

static void repair_and_use(directory *self)
{
    static pykv_report report;
    lsm *store;
    uint64_t rows;
    pykv_options options = {.must_exist = 1, .memory_budget_bytes = 16 << 20};
    pykv_status status = lsm_repair(self->disk, FUZZ_HOME, &report);
    if (status != PYKV_OK) {
        FUZZ_EXPECT(status == PYKV_CORRUPTION || status == PYKV_FORMAT ||
                    status == PYKV_NOT_SUPPORTED || status == PYKV_PATH_NOT_FOUND ||
                    (status == PYKV_NO_SPACE && self->has_last_number));
        return;
    }
    self->rows.consistent = true;
    self->rows.renamed = true; /* and rows of illegal namespaces may be there */
    FUZZ_EXPECT(lsm_open(self->disk, FUZZ_HOME, &options, &store) == PYKV_OK);
    FUZZ_EXPECT(fuzz_lsm_scan(&self->rows, store, &rows));
    FUZZ_EXPECT(fuzz_lsm_read_all(&self->rows, store) && fuzz_lsm_is_sound(store));
    FUZZ_EXPECT(rows <= report.kept_record_count);
    FUZZ_EXPECT(self->rows.truth.has_deadlines || rows == report.kept_record_count);
    lsm_free(store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static directory self;
    pykv_codec runs = runs_given();
    if (size < PREFIX_BYTES) {
        return 0;
    }
    FUZZ_EXPECT(codec_registry_set(&runs) == PYKV_OK);
    self = (directory){.rows = {.consistent = data[0] == 0}};
    self.disk = fuzz_disk_new(&self.home);
    unpack(&self, data + PREFIX_BYTES, size - PREFIX_BYTES);
    repair_files(&self, data[0]);
    lay_files(&self);
    find_truth(&self);
    use_as_it_is(&self, data[1]);
    repair_and_use(&self);
    fuzz_truth_reset(&self.rows.truth);
    fuzz_disk_free(self.disk, self.home);
    for (size_t i = 0; i < self.file_count; i++) {
        free(self.files[i].data);
    }
    return 0;
}
