/*
 * salvage_test: tables and logs are read around their damage.
 */
#include "codec/codec_registry.h"
#include "lsm_fixture.h"

#include "base/gate.h"
#include "log/log_segment.h"
#include "lsm/internal_key.h"
#include "lsm/salvage.h"
#include "lsm/table_file.h"

enum { ROWS = 60, ROW_BYTES = 300 };

/* A store of one table that was closed, and that table open. */
typedef struct scene {
    fixture base;
    env_directory *home;
    codec_table codecs;
    table *opened;
    char name[32];
} scene;

static scene table_scene(void)
{
    scene self = {.base = fixture_new(), .codecs = codec_registry_table()};
    fixture_fill(&self.base, 0, ROWS, ROW_BYTES);
    fixture_close(&self.base);
    CHECK_EQUAL(1, fixture_files(&self.base, ".tbl", self.name));
    CHECK_OK(env_directory_open(self.base.disk, FIXTURE_PATH, false, &self.home));
    return self;
}

static void open_table(scene *self)
{
    table_open_options options = {.codecs = &self->codecs};
    CHECK_OK(table_open(self->home, self->name, &options, &self->opened));
}

static void free_scene(scene *self)
{
    table_close(self->opened);
    env_directory_close(self->home);
    fixture_free(&self->base);
}

/* Rows that a salvage shows, in order. */
static uint64_t walk(const scene *self, pykv_report *report)
{
    iterator *rows;
    char last[16] = "";
    uint64_t count = 0;
    CHECK_OK(salvage_table(self->opened, self->name, report, &rows));
    for (iterator_seek_first(rows); iterator_valid(rows); iterator_next(rows)) {
        slice key = iterator_current(rows)->key;
        CHECK(key.size < sizeof last && slice_compare(fixture_text(last), key) < 0);
        memcpy(last, key.data, key.size);
        last[key.size] = 0;
        count++;
    }
    CHECK_OK(rows->status);
    iterator_free(rows);
    return count;
}

TEST(of_a_sound_table_everything_is_shown_in_order)
{
    static pykv_report report;
    scene self = table_scene();
    open_table(&self);
    CHECK_EQUAL(ROWS, walk(&self, &report));
    CHECK_EQUAL(0, report.damage_count);
    free_scene(&self);
}

TEST(each_block_may_be_damaged_and_the_others_are_shown)
{
    scene self = table_scene();
    open_table(&self);
    uint32_t block_count = self.opened->index.block_count;
    CHECK(block_count > 10);
    for (uint32_t i = 0; i < block_count; i++) {
        static pykv_report report;
        uint64_t size;
        memset(&report, 0, sizeof report);
        table_close(self.opened);
        uint8_t *bytes = fixture_bytes(&self.base, self.name, &size);
        open_table(&self);
        uint64_t offset = self.opened->index.offsets[i];
        table_close(self.opened);
        bytes[offset] ^= 1;
        open_table(&self);
        CHECK_EQUAL(ROWS - self.opened->index.entry_counts[i], walk(&self, &report));
        CHECK_EQUAL(1, report.damage_count);
        CHECK_EQUAL(self.opened->index.entry_counts[i], report.lost_record_count);
        bytes[offset] ^= 1;
    }
    free_scene(&self);
}

/* Logs that are salvaged into a memtable. */
typedef struct log_scene {
    gate calls;
    reclaimer retired;
    env_directory *home;
    salvaged_logs found;
} log_scene;

static void logs_begin(log_scene *self, fixture *store, uint64_t after)
{
    gate_init(&self->calls);
    reclaimer_init(&self->retired, &self->calls.readers);
    self->found = (salvaged_logs){.after = after};
    CHECK_OK(memtable_create(&self->retired, 1 << 20, &self->found.operations));
    CHECK_OK(env_directory_open(store->disk, FIXTURE_PATH, false, &self->home));
}

static void logs_end(log_scene *self)
{
    memtable_release(self->found.operations);
    while (reclaimer_sweep(&self->retired)) {
    }
    reclaimer_destroy(&self->retired);
    gate_destroy(&self->calls);
    env_directory_close(self->home);
}

TEST(a_log_gives_its_records_behind_a_sequence_and_its_clears)
{
    static pykv_report report;
    log_scene logs;
    memtable_stats stats;
    char name[32];
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_put(&self, "b", "2");
    fixture_put(&self, "c", "3");
    fixture_kill(&self);
    CHECK_EQUAL(1, fixture_files(&self, ".log", name));
    logs_begin(&logs, &self, 3);
    CHECK_OK(salvage_log(logs.home, name, 0, &report, &logs.found));
    CHECK_OK(salvage_log(logs.home, name, 0, &report,
                         &logs.found)); /* what is there is not added again */
    memtable_stats_read(logs.found.operations, &stats);
    CHECK_EQUAL(1, stats.count);
    CHECK_EQUAL(4, stats.sequence_max);
    CHECK_EQUAL(0, logs.found.clear_sequence); /* it is not behind that sequence */
    logs.found.after = 0;
    CHECK_OK(salvage_log(logs.home, name, 0, &report, &logs.found));
    CHECK_EQUAL(2, logs.found.clear_sequence);
    memtable_stats_read(logs.found.operations, &stats);
    CHECK_EQUAL(3, stats.count);
    CHECK_EQUAL(0, report.damage_count);
    logs_end(&logs);
    fixture_free(&self);
}

/* A fuzzed log had a record of a sequence that no operation can have, under checks that were right:
 * a repair of its store ended in a broken assertion. */
TEST(a_record_of_a_sequence_above_all_is_a_damage)
{
    static pykv_report report;
    static uint8_t bytes[256];
    log_scene logs;
    memtable_stats stats;
    fixture self = fixture_new();
    log_segment_header header = {.kind = LOG_SEGMENT_APPEND, .number = 9, .file_id = 77};
    uint64_t end = LOG_SEGMENT_HEADER_BYTES;
    log_segment_encode(&header, bytes);
    for (uint64_t i = 0; i < 3; i++) {
        record row = {.kind = i == 1 ? RECORD_CLEAR : RECORD_PUT,
                      .sequence = i == 2 ? 5 : INTERNAL_SEQUENCE_MAX + 1};
        row.key = i == 1 ? slice_make("", 0) : fixture_text("key");
        row.body_crc = record_body_crc(&row);
        record_encode(&row, record_seed(77), end, bytes + end);
        end += record_bytes_of(&row);
    }
    logs_begin(&logs, &self, 0);
    env_file *file;
    slice whole = slice_make(bytes, end);
    CHECK_OK(env_file_open(logs.home, "00000009.log", ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &whole, 1));
    env_file_close(file);
    CHECK_OK(salvage_log(logs.home, "00000009.log", 0, &report, &logs.found));
    memtable_stats_read(logs.found.operations, &stats);
    CHECK_EQUAL(1, stats.count);
    CHECK_EQUAL(0, logs.found.clear_sequence);
    CHECK_EQUAL(2, report.damage_count);
    CHECK_EQUAL(2, report.lost_record_count);
    logs_end(&logs);
    fixture_free(&self);
}

TEST_MAIN(CASE(of_a_sound_table_everything_is_shown_in_order),
          CASE(each_block_may_be_damaged_and_the_others_are_shown),
          CASE(a_log_gives_its_records_behind_a_sequence_and_its_clears),
          CASE(a_record_of_a_sequence_above_all_is_a_damage))
