/*
 * fuzz_database: a directory of arbitrary files is opened, read whole with its change feed,
 * verified, closed, repaired and opened again.
 *
 * Input: a byte of repairs, a byte of options, then a pack of files (fuzz_disk.h). Repairs 1, 2, 4
 * and 8 make the checks of logs, manifest, hints and image right. Options: 1 read-only, 2 the log
 * is cut at damage, 4 no mapped reads, 8 the mapped sink, 16 writes, a flush and a compaction
 * before the store is closed, 32 those under a snapshot and beside a reader, which refreshes then.
 * The codec of codec_runs.h stands for zstd.
 *
 * Promises: every status is one that pykv.h names for the call. An open that fails leaves all files
 * as they were, but for room behind a log; after an unclean close all logs, which may have been set
 * aside. Every row that is shown or fed is a put that stands in one of the logs with right checks.
 * What verify finds sound, a scan reads to its end. Unless checks were made right over false
 * contents, a scan, gets and the count agree, a snapshot shows what there was, and a reader what
 * the writer does. A repair that succeeds leaves a store that opens, is sound, and has as many rows
 * as the repair said.
 */
#include "codec/codec_registry.h"
#include "fuzz/fuzz_disk.h"
#include "fuzz/fuzz_feed.h"
#include "fuzz/fuzz_repair_manifest.h"
#include "fuzz/fuzz_truth_packed.h"

#include "base/memory.h"
#include "bitcask/bitcask.h"
#include "bitcask/named.h"
#include "bitcask/refresh.h"
#include "bitcask/snapshot.h"

enum { REPAIR_LOGS = 1, REPAIR_MANIFEST = 2, REPAIR_HINTS = 4, REPAIR_IMAGE = 8 };
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
    const char *name;
    uint8_t *data;
    size_t size;
} fuzz_file;

typedef struct database {
    env *disk;
    env_directory *home;
    fuzz_file files[FILES_MAX];
    size_t file_count;
    fuzz_truth truth; /* the puts in the logs, and what was put since */
    bool numbers_left;
    bool unclean;    /* the manifest says that the store was not closed cleanly */
    bool consistent; /* nothing was made right under false contents */
    bool reads_only;
} database;

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    return length >= strlen(suffix) && strcmp(name + length - strlen(suffix), suffix) == 0;
}

static void repair_file(const fuzz_file *file, uint8_t wish)
{
    if ((wish & REPAIR_LOGS) != 0 && ends_with(file->name, ".log")) {
        fuzz_repair_log(file->data, file->size);
    } else if ((wish & REPAIR_MANIFEST) != 0 && strcmp(file->name, "MANIFEST") == 0) {
        fuzz_repair_manifest(file->data, file->size);
    } else if ((wish & REPAIR_HINTS) != 0 && ends_with(file->name, ".hint")) {
        fuzz_repair_hint(file->data, file->size);
    } else if ((wish & REPAIR_IMAGE) != 0 && strcmp(file->name, "KEYDIR") == 0) {
        fuzz_repair_image(file->data, file->size);
    }
}

static bool is_there(const database *self, const char *name)
{
    for (size_t i = 0; i < self->file_count; i++) {
        if (strcmp(self->files[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

/* Lays the files of the pack, the first of a name only. */
static void lay_files(database *self, const uint8_t *data, size_t size, uint8_t wish)
{
    uint8_t code;
    slice bytes;
    FUZZ_EXPECT(env_make_directory(self->home, "repairing") == PYKV_OK);
    while (self->file_count < FILES_MAX && fuzz_pack_next(&data, &size, &code, &bytes)) {
        fuzz_file *file = &self->files[self->file_count];
        *file = (fuzz_file){fuzz_pack_name(code), NULL, bytes.size};
        if (!is_there(self, file->name)) {
            file->data = fuzz_copy(bytes.data, bytes.size);
            repair_file(file, wish);
            fuzz_disk_put(self->home, file->name, file->data, file->size);
            self->file_count++;
            self->unclean |=
                strcmp(file->name, "MANIFEST") == 0 && file->size > 13 && file->data[13] != 1;
        }
    }
    bool done = is_there(self, "repairing/DONE");
    FUZZ_EXPECT(done || env_remove_directory(self->disk, FUZZ_HOME "/repairing") == PYKV_OK);
    FUZZ_EXPECT(env_directory_sync(self->home) == PYKV_OK);
}

static void add_log(fuzz_truth *truth, const fuzz_file *file, uint64_t file_id)
{
    fuzz_truth_add_log(truth, file->data, file->size, file_id, false);
    fuzz_truth_add_packed(truth, file->data, file->size, file_id);
}

/* Takes the puts of all logs for true, by the file ids of headers and manifest. */
static void find_truth(database *self)
{
    for (size_t i = 0; i < self->file_count; i++) {
        const fuzz_file *file = &self->files[i];
        for (size_t k = 0; ends_with(file->name, ".log") && k < self->file_count; k++) {
            const fuzz_file *other = &self->files[k];
            if (strcmp(other->name, "MANIFEST") == 0) {
                for (size_t at = 264; at + 56 <= other->size; at += 64) {
                    add_log(&self->truth, file, load_u64(other->data + at));
                }
            } else if (k == i && file->size >= 64) {
                add_log(&self->truth, file, load_u64(file->data + 16));
            }
        }
    }
}

/* Cuts off what the mapped sink reserved behind the end of a log: zeros. */
static void cut_room(const database *self, const fuzz_file *file)
{
    uint64_t size = 0;
    const uint8_t *found = fuzz_disk_bytes(self->disk, file->name, &size);
    if (found != NULL && size > file->size && ends_with(file->name, ".log")) {
        FUZZ_EXPECT(memcmp(found, file->data, file->size) == 0);
        for (uint64_t i = file->size; i < size; i++) {
            FUZZ_EXPECT(found[i] == 0);
        }
        fuzz_disk_put(self->home, file->name, file->data, file->size);
    }
}

/* May have reserved room: the open failed behind the log's being made ready. */
static void expect_untouched(const database *self, bool may_have_room)
{
    for (size_t i = 0; i < self->file_count; i++) {
        const fuzz_file *file = &self->files[i];
        if (may_have_room) {
            cut_room(self, file);
        }
        fuzz_disk_expect(self->disk, file->name, file->data, file->size);
    }
}

/* The recovery of an unclean close may have replaced the manifest and set logs aside before the
 * open failed; their bytes are all there. */
static void expect_logs(const database *self)
{
    for (size_t i = 0; i < self->file_count; i++) {
        const fuzz_file *file = &self->files[i];
        char torn[32];
        uint64_t size;
        snprintf(torn, sizeof torn, "%.8s.torn", file->name);
        if (ends_with(file->name, ".log")) {
            bool aside = fuzz_disk_bytes(self->disk, file->name, &size) == NULL;
            fuzz_disk_expect(self->disk, aside ? torn : file->name, file->data, file->size);
        }
    }
}

/* ---- reading ---- */

/* moment NULL: now. wanted: what a scan showed; NULL: it is not known. */
static void check_get(const database *self, bitcask *store, const store_moment *moment, slice key,
                      const slice *wanted)
{
    pykv_pinned pinned = {0};
    pykv_status status = moment != NULL ? bitcask_get_at(moment, key, 0, &pinned)
                                        : bitcask_get(store, key, 0, &pinned);
    pykv_status contains = moment != NULL ? status : bitcask_contains(store, key, 0);
    FUZZ_EXPECT(fuzz_is_read_status(status) || status == PYKV_NOT_FOUND);
    FUZZ_EXPECT(fuzz_is_read_status(contains) || contains == PYKV_NOT_FOUND);
    if (status == PYKV_OK) {
        slice value = slice_make(pinned.data, pinned.length);
        FUZZ_EXPECT(fuzz_truth_has(&self->truth, key, value));
        FUZZ_EXPECT(wanted == NULL || !self->consistent || slice_equal(*wanted, value));
        FUZZ_EXPECT(contains == PYKV_OK);
        mem_free(pinned.owned);
    }
    FUZZ_EXPECT(wanted == NULL || !self->consistent || status == PYKV_OK);
}

/* Reads all rows, of now or of a moment; true if none was refused, with their number. */
static bool check_scan(const database *self, bitcask *store, const store_moment *moment,
                       uint64_t *count_out)
{
    scan *all;
    pykv_rows rows = {.count = 1};
    pykv_status status =
        moment != NULL ? scan_open_at(moment, false, &all) : scan_open(store, false, &all);
    *count_out = 0;
    FUZZ_EXPECT(fuzz_is_read_status(status));
    if (status != PYKV_OK) {
        return false;
    }
    while (status == PYKV_OK && rows.count > 0) {
        status = scan_next(all, 500, &rows);
        FUZZ_EXPECT(fuzz_is_read_status(status));
        for (size_t i = 0; status == PYKV_OK && i < rows.count; i++) {
            const uint64_t *at = rows.offsets + 2 * i;
            const uint8_t *bytes = rows.data != NULL ? rows.data : (const uint8_t *)"";
            slice key = slice_make(bytes + at[0], at[1] - at[0]);
            slice value = slice_make(bytes + at[1], at[2] - at[1]);
            FUZZ_EXPECT(fuzz_truth_has(&self->truth, key, value));
            check_get(self, store, moment, key, &value);
            (*count_out)++;
        }
    }
    scan_free(all);
    return status == PYKV_OK;
}

static bool verify(bitcask *store)
{
    static pykv_report report;
    FUZZ_EXPECT(bitcask_verify(store, NULL, &report) == PYKV_OK);
    return report.damage_count == 0;
}

static bool may_tell(const void *context, const pykv_change *put)
{
    const database *self = context;
    return fuzz_truth_has(&self->truth, slice_make(put->key, put->key_length),
                          slice_make(put->value, put->value_length));
}

static void read_feed(const database *self, bitcask *store)
{
    change_feed *feed;
    pykv_status status =
        bitcask_changes_open(store, &(pykv_position){.sequence = 0}, PYKV_CHANGES_UNSYNCED, &feed);
    FUZZ_EXPECT(status == PYKV_OK);
    if (status == PYKV_OK) {
        fuzz_feed_read(feed, self, may_tell);
        bitcask_changes_free(store, feed);
    }
}

static void read_all(const database *self, bitcask *store)
{
    uint64_t rows;
    for (size_t i = 0; i < self->truth.count; i++) {
        check_get(self, store, NULL, self->truth.rows[i].key, NULL);
    }
    bool whole = check_scan(self, store, NULL, &rows);
    FUZZ_EXPECT(!whole || !self->consistent || rows == bitcask_count(store));
    bool is_strange = !whole && error_last()->status == PYKV_NOT_SUPPORTED;
    FUZZ_EXPECT(whole || is_strange || !verify(store));
    read_feed(self, store);
}

/* ---- writing ---- */

static bool is_write_status(const database *self, pykv_status status)
{
    return fuzz_is_read_status(status) || (status == PYKV_READ_ONLY && self->reads_only) ||
           (status == PYKV_NO_SPACE && !self->numbers_left);
}

static void write_some(database *self, bitcask *store)
{
    slice value = slice_make("a value", 7);
    int32_t existed;
    for (size_t i = 0; i < 2; i++) {
        slice key = i < self->truth.count ? self->truth.rows[i].key : slice_make("key", 3);
        fuzz_truth_add(&self->truth, key, value);
        FUZZ_EXPECT(is_write_status(self, bitcask_put(store, key, value, 0)));
    }
    if (self->truth.count > 2) {
        pykv_status status = bitcask_delete(store, self->truth.rows[2].key, 0, &existed);
        FUZZ_EXPECT(is_write_status(self, status));
    }
    FUZZ_EXPECT(is_write_status(self, bitcask_flush(store)));
    FUZZ_EXPECT(is_write_status(self, bitcask_compact(store, NULL)));
    read_all(self, store);
}

/* ---- beside the writer ---- */

/* Moves the reader to what the writer shows. */
static void refresh(const database *self, bitcask *reader, bitcask *store)
{
    uint64_t sequence;
    uint64_t shown;
    uint64_t written;
    bool moved;
    pykv_status status = bitcask_refresh(reader, &sequence, &moved);
    FUZZ_EXPECT(fuzz_is_reader_status(status));
    bool whole = check_scan(self, reader, NULL, &shown);
    whole &= check_scan(self, store, NULL, &written) && status == PYKV_OK;
    FUZZ_EXPECT(!whole || !self->consistent || shown == written);
}

/* Writes under a snapshot, which goes on to show what there was, and beside a reader. */
static void write_beside(database *self, bitcask *store, pykv_options options)
{
    bitcask *reader;
    store_moment *kept = NULL;
    uint64_t before;
    uint64_t behind;
    bool whole = check_scan(self, store, NULL, &before);
    options.read_only = 1;
    pykv_status status = bitcask_open(self->disk, FUZZ_HOME, &options, &reader);
    FUZZ_EXPECT(fuzz_is_reader_status(status));
    FUZZ_EXPECT(fuzz_is_read_status(bitcask_snapshot_new(store, &kept)));
    write_some(self, store);
    if (kept != NULL) {
        whole &= check_scan(self, store, kept, &behind);
        FUZZ_EXPECT(!whole || !self->consistent || before == behind);
        bitcask_snapshot_free(kept);
    }
    if (status == PYKV_OK) {
        refresh(self, reader, store);
        bitcask_free(reader);
    }
}

/* ---- the life of a store ---- */

static void use_as_it_is(database *self, uint8_t wish)
{
    pykv_options options = {.segment_bytes = 4096,
                            .read_only = (wish & READ_ONLY) != 0,
                            .recover_point_in_time = (wish & POINT_IN_TIME) != 0,
                            .no_mapped_reads = (wish & NO_MAPPED_READS) != 0,
                            .log_sink =
                                (wish & MAPPED_LOG) != 0 ? PYKV_LOG_MAPPED : PYKV_LOG_PWRITE};
    bitcask *store;
    pykv_status status = bitcask_open(self->disk, FUZZ_HOME, &options, &store);
    self->reads_only = (wish & READ_ONLY) != 0;
    if (status != PYKV_OK) {
        FUZZ_EXPECT(fuzz_is_read_status(status) || status == PYKV_FORMAT ||
                    (status == PYKV_PATH_NOT_FOUND && self->reads_only) ||
                    (status == PYKV_NO_SPACE && !self->numbers_left));
        if (self->unclean && !self->reads_only) {
            expect_logs(self);
        } else {
            expect_untouched(self, !self->reads_only && (wish & MAPPED_LOG) != 0);
        }
        return;
    }
    read_all(self, store);
    if ((wish & BESIDE) != 0 && !self->reads_only) {
        write_beside(self, store, options);
    } else if ((wish & WRITES) != 0) {
        write_some(self, store);
    }
    FUZZ_EXPECT(is_write_status(self, bitcask_close(store, -1)));
    bitcask_free(store);
    if (self->reads_only) {
        expect_untouched(self, false);
    }
}

/* Keys of all namespaces, without the rows of names. */
static uint64_t count_all(bitcask *store)
{
    uint64_t count = bitcask_count(store);
    mutex_lock(&store->writer);
    for (size_t i = 0; i < store->spaces.list.count; i++) {
        const listed_space *row = id_table_at(&store->spaces.list, i);
        count += row->id != NAMESPACE_NAMES ? bitcask_count_in(row->space) : 0;
    }
    mutex_unlock(&store->writer);
    return count;
}

static void repair_and_use(database *self)
{
    static pykv_report report;
    bitcask *store;
    uint64_t rows;
    pykv_status status = bitcask_repair(self->disk, FUZZ_HOME, &report);
    if (status != PYKV_OK) {
        FUZZ_EXPECT(fuzz_is_read_status(status) || status == PYKV_FORMAT ||
                    status == PYKV_PATH_NOT_FOUND ||
                    (status == PYKV_NO_SPACE && !self->numbers_left));
        return;
    }
    pykv_options options = {.must_exist = !is_there(self, "repairing/DONE")};
    status = bitcask_open(self->disk, FUZZ_HOME, &options, &store);
    if (is_there(self, "repairing/DONE")) {
        /* The end of a repair that the files say was interrupted: of what, they do not tell. */
        FUZZ_EXPECT(status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_FORMAT);
    } else {
        self->consistent = true;
        FUZZ_EXPECT(status == PYKV_OK);
        FUZZ_EXPECT(check_scan(self, store, NULL, &rows) && rows == bitcask_count(store));
        FUZZ_EXPECT(count_all(store) == report.kept_record_count && verify(store));
    }
    if (status == PYKV_OK) {
        bitcask_free(store);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static database self;
    pykv_codec runs = runs_given();
    if (size < PREFIX_BYTES) {
        return 0;
    }
    FUZZ_EXPECT(codec_registry_set(&runs) == PYKV_OK);
    self = (database){.consistent = data[0] == 0};
    self.disk = fuzz_disk_new(&self.home);
    lay_files(&self, data + PREFIX_BYTES, size - PREFIX_BYTES, data[0]);
    self.numbers_left = !is_there(&self, "ffffffff.log") && (data[0] & REPAIR_MANIFEST) == 0;
    find_truth(&self);
    use_as_it_is(&self, data[1]);
    repair_and_use(&self);
    fuzz_truth_reset(&self.truth);
    fuzz_disk_free(self.disk, self.home);
    for (size_t i = 0; i < self.file_count; i++) {
        free(self.files[i].data);
    }
    return 0;
}
