/*
 * repair: saves every readable record of a closed store into a fresh one.
 *
 *   1. the tables and logs that the manifest lists, or where it cannot be read all that are found,
 *      are read around their damage (salvage.h); a record in a log that the manifest has in tables
 *      counts there
 *   2. merged by key, the highest sequence wins, deletes, clears and range deletes included
 *   3. a fresh store in repairing/ gets the winners; its file numbers begin above all old ones;
 * rows of a namespace whose name is lost get one (repair_names.h)
 *   4. repairing/DONE says that it is whole; repair_swap then puts it in place of the old files
 *
 * A repair that is interrupted begins again, unless the swap has begun: then that is finished.
 * Single members of a batch that was damaged elsewhere are saved too.
 */
#include "codec/codec_registry.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/report.h"
#include "log/log_file.h"
#include "log/manifest_file.h"
#include "log/repair_swap.h"
#include "lsm/merging_iterator.h"
#include "lsm/repair_names.h"
#include "lsm/salvage.h"
#include "lsm/salvage_values.h"
#include "lsm/store.h"
#include "lsm/table_file.h"
#include "lsm/version_edit.h"
#include "lsm/wal_history.h"
#include "lsm/write.h"

enum { MEMTABLE_BYTES = 64 * 1024 * 1024, CACHE_BYTES = 16 * 1024 * 1024 };

typedef struct repair_table {
    table *opened;
    char name[TABLE_FILE_NAME_BYTES];
} repair_table;

typedef struct repair {
    env *env;
    env_directory *home;
    pykv_report *report;
    lsm_manifest listed; /* of store_id 0 if it cannot be read */
    codec_table codecs;
    gate gate;
    reclaimer reclaimer;
    salvaged_logs logs;
    salvaged_values values;
    name_repair names;
    repair_table *tables;
    size_t table_count;
    size_t file_count;
    uint32_t number_max;
} repair;

/* ---- reading ---- */

static const manifest_table *find_table(const repair *self, uint32_t number)
{
    for (uint64_t i = 0; i < self->listed.table_count; i++) {
        if (self->listed.tables[i].number == number) {
            return &self->listed.tables[i];
        }
    }
    return NULL;
}

static const manifest_log *find_log(const repair *self, uint32_t number)
{
    for (uint64_t i = 0; i < self->listed.log_count; i++) {
        if (self->listed.logs[i].number == number) {
            return &self->listed.logs[i];
        }
    }
    return NULL;
}

static pykv_status read_table(repair *self, const char *name, uint32_t number)
{
    const manifest_table *facts = find_table(self, number);
    repair_table *place = &self->tables[self->table_count];
    table_open_options options = {.codecs = &self->codecs,
                                  .hash_seed_low = self->listed.hash_seed_low,
                                  .hash_seed_high = self->listed.hash_seed_high};
    if (facts != NULL) {
        options.file_id = facts->file_id;
        options.file_bytes = facts->file_bytes;
        options.sequence = facts->sequence_min == facts->sequence_max ? facts->sequence_max : 0;
    } else if (self->listed.store_id != 0) {
        return PYKV_OK; /* an orphan: what a manifest without it replaced */
    }
    self->report->file_count++;
    table_file_name(number, place->name);
    pykv_status status = table_open(self->home, name, &options, &place->opened);
    if (status == PYKV_OK) {
        self->table_count++;
        self->report->byte_count += place->opened->file_bytes;
    } else if (status != PYKV_NO_MEMORY && status != PYKV_NOT_SUPPORTED) {
        report_add_last_error(self->report, name);
        self->report->lost_record_count += facts != NULL ? facts->entry_count : 0;
        status = PYKV_OK;
    }
    return status;
}

static pykv_status read_log(repair *self, const char *name, uint32_t number)
{
    const manifest_log *listed = find_log(self, number);
    if (listed == NULL && self->listed.store_id != 0) {
        return PYKV_OK;
    }
    return salvage_log(self->home, name, listed != NULL ? listed->file_id : 0, self->report,
                       &self->logs);
}

static pykv_status read_values(repair *self, uint32_t number)
{
    const manifest_values *listed = NULL;
    for (uint64_t i = 0; i < self->listed.values_count; i++) {
        if (self->listed.values[i].number == number) {
            listed = &self->listed.values[i];
        }
    }
    if (listed == NULL && self->listed.store_id != 0) {
        return PYKV_OK;
    }
    return salvaged_values_add(&self->values, number, listed, self->listed.store_id, self->report);
}

static pykv_status read_file(repair *self, const char *name)
{
    uint32_t table_number = table_file_number(name);
    uint32_t values_number = log_file_values_number(name);
    uint32_t number = table_number != 0 ? table_number : values_number;
    number = number != 0 ? number : log_file_number(name);
    if (number == 0) {
        return PYKV_OK;
    }
    self->file_count++;
    self->number_max = number > self->number_max ? number : self->number_max;
    if (values_number != 0) {
        return read_values(self, number);
    }
    return table_number != 0 ? read_table(self, name, number) : read_log(self, name, number);
}

static bool has_name(const env_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* What the manifest lists and is not there. */
static void note_missing(repair *self, const env_names *names)
{
    for (uint64_t i = 0; i < self->listed.table_count; i++) {
        char name[TABLE_FILE_NAME_BYTES];
        table_file_name(self->listed.tables[i].number, name);
        if (!has_name(names, name)) {
            report_add(self->report, name, 0, 1, 0, "a table that the manifest lists is missing");
            self->report->lost_record_count += self->listed.tables[i].entry_count;
        }
    }
    for (uint64_t i = 0; i < self->listed.log_count; i++) {
        char name[LOG_FILE_NAME_BYTES];
        log_file_name(self->listed.logs[i].number, name);
        if (!has_name(names, name)) {
            report_add(self->report, name, 0, 1, 0, "a log that the manifest lists is missing");
        }
    }
}

static pykv_status read_all(repair *self)
{
    env_names names;
    pykv_status status = env_directory_list(self->home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    self->tables = mem_alloc_zeroed(names.count + 1, sizeof *self->tables);
    if (self->tables == NULL) {
        status = error_set_no_memory(names.count * sizeof *self->tables);
    }
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        status = read_file(self, names.names[i]);
    }
    if (status == PYKV_OK) {
        note_missing(self, &names);
    }
    env_names_free(&names);
    return status;
}

/* ---- saving ---- */

static pykv_status merge_all(repair *self, iterator **out)
{
    size_t made = 0;
    iterator **children = mem_alloc_zeroed(self->table_count + 1, sizeof *children);
    if (children == NULL) {
        return error_set_no_memory((self->table_count + 1) * sizeof *children);
    }
    pykv_status status = memtable_iterator_new(self->logs.operations, &children[0]);
    made += status == PYKV_OK;
    for (size_t i = 0; i < self->table_count && status == PYKV_OK; i++) {
        status = salvage_table(self->tables[i].opened, self->tables[i].name, self->report,
                               &children[made]);
        made += status == PYKV_OK;
    }
    if (status == PYKV_OK) {
        status = merging_iterator_new(children, made, out);
    }
    for (size_t i = 0; i < made && status != PYKV_OK; i++) {
        iterator_free(children[i]);
    }
    mem_free(children);
    return status;
}

/* What cannot be read is a damage, and the record is lost; but not for want of a codec. */
static pykv_status note_lost(repair *self, pykv_status status)
{
    if (status == PYKV_NO_MEMORY || status == PYKV_NOT_SUPPORTED) {
        return status;
    }
    report_add_last_error(self->report, "a value segment");
    self->report->lost_record_count++;
    return PYKV_OK;
}

static pykv_status save_row(repair *self, const iterator_entry *entry, slice value, lsm *target)
{
    record operation;
    repair_row row;
    pykv_status status = repair_names_note(&self->names, entry->key, value, &row);
    if (status != PYKV_OK) {
        return status;
    }
    if (row == REPAIR_ROW_DAMAGED) {
        (void)error_set_corruption(env_directory_path(self->home), 0,
                                   "the row of a namespace is illegal", 0, value.size);
        return note_lost(self, PYKV_CORRUPTION);
    }
    self->report->kept_record_count += row == REPAIR_ROW_USER;
    lsm_prepare_operation(&operation, RECORD_PUT, entry->key, value, entry->deadline_us);
    return lsm_write_if(target, &operation, 1, PYKV_NO_SYNC, NULL);
}

/* Saves the newest version of a key, unless it is a delete or older than a clear, or than a range
 * delete that covers it. */
static pykv_status save_newest(repair *self, const iterator_entry *entry, lsm *target)
{
    slice value = entry->value;
    if (!kind_is_value(entry->kind) || entry->sequence <= self->logs.clear_sequence) {
        return PYKV_OK;
    }
    if (self->logs.ranges != NULL &&
        range_set_cover(self->logs.ranges, entry->key, UINT64_MAX) > entry->sequence) {
        return PYKV_OK;
    }
    if (entry->kind == INTERNAL_KIND_POINTER) {
        pykv_status status = salvaged_values_read(&self->values, entry, &value);
        if (status != PYKV_OK) {
            return note_lost(self, status);
        }
    }
    return save_row(self, entry, value, target);
}

/* An entry behind a higher key: its table has entries that do not rise, under checks that are
 * right. Which one of a key is the newest is not known then: the first stays. */
static pykv_status save_straggler(repair *self, const iterator_entry *entry, lsm *target)
{
    epoch_token token = epoch_enter(&target->gate.readers);
    pykv_status status = lsm_contains(target, entry->key, 0);
    epoch_leave(&target->gate.readers, token);
    if (status != PYKV_OK && status != PYKV_NOT_FOUND) {
        return status;
    }
    (void)error_set_corruption(env_directory_path(self->home), 0,
                               "the entries of a table do not rise", 0, entry->sequence);
    if (status == PYKV_OK) {
        return note_lost(self, PYKV_CORRUPTION);
    }
    report_add_last_error(self->report, "a table");
    return save_newest(self, entry, target);
}

static pykv_status save_winners(repair *self, iterator *all, lsm *target)
{
    buffer last = BUFFER_EMPTY; /* the highest key */
    bool has_last = false;
    pykv_status status = PYKV_OK;
    for (iterator_seek_first(all); iterator_valid(all) && status == PYKV_OK; iterator_next(all)) {
        const iterator_entry *entry = iterator_current(all);
        self->report->record_count++;
        int order = has_last ? slice_compare(slice_make(last.data, last.size), entry->key) : -1;
        if (order > 0) {
            status = save_straggler(self, entry, target);
        }
        if (order >= 0) {
            continue;
        }
        last.size = 0;
        has_last = true;
        status = buffer_append(&last, entry->key.data, entry->key.size);
        if (status == PYKV_OK) {
            status = save_newest(self, entry, target);
        }
    }
    buffer_reset(&last);
    return status == PYKV_OK ? all->status : status;
}

static pykv_status save_all(repair *self, lsm *target)
{
    iterator *all;
    pykv_status status = merge_all(self, &all);
    if (status == PYKV_OK) {
        status = save_winners(self, all, target);
        iterator_free(all);
    }
    if (status == PYKV_OK) {
        status = repair_names_finish(&self->names, target, self->report);
    }
    return status;
}

/* What the damaged store hands on. */
static pykv_status inherit(const repair *self, lsm *target) SINGLE_THREADED
{
    target->next_number = (uint64_t)self->number_max + 1;
    store_clock_init(&target->clock, self->env, self->listed.wall_high_us);
    pykv_status status = repair_epoch(self->env, self->listed.epoch, &target->epoch_number);
    wal_set_epoch(target->log, target->epoch_number);
    return status;
}

/* An empty store in repairing/, whatever was there. */
static pykv_status open_fresh(const repair *self, lsm **target_out) SINGLE_THREADED
{
    char *path = NULL;
    const pykv_options options = {.log_sink = PYKV_LOG_PWRITE,
                                  .memory_budget_bytes = CACHE_BYTES,
                                  .memtable_bytes = MEMTABLE_BYTES};
    pykv_status status = env_unlink(self->home, REPAIR_DIRECTORY "/" REPAIR_DONE_NAME);
    if (status == PYKV_OK || status == PYKV_PATH_NOT_FOUND) {
        status = repair_path(self->home, &path);
    }
    if (status == PYKV_OK) {
        status = lsm_destroy(self->env, path);
    }
    if (status == PYKV_OK || status == PYKV_PATH_NOT_FOUND) {
        status = lsm_open(self->env, path, &options, target_out);
    }
    mem_free(path);
    return status;
}

static pykv_status build_fresh(repair *self) SINGLE_THREADED
{
    lsm *target;
    pykv_status status = open_fresh(self, &target);
    if (status != PYKV_OK) {
        return status;
    }
    status = inherit(self, target);
    if (status == PYKV_OK) {
        status = save_all(self, target);
    }
    if (status == PYKV_OK) {
        status = lsm_close(target, -1);
    }
    lsm_free(target);
    return status == PYKV_OK ? repair_mark_done(self->home, self->number_max + 1, self->report)
                             : status;
}

/* ---- the whole ---- */

static pykv_status begin(repair *self)
{
    gate_init(&self->gate);
    reclaimer_init(&self->reclaimer, &self->gate.readers);
    self->codecs = codec_registry_table();
    salvaged_values_init(&self->values, self->home, &self->codecs);
    return memtable_create(&self->reclaimer, MEMTABLE_BYTES, &self->logs.operations);
}

static void end(repair *self)
{
    for (size_t i = 0; i < self->table_count; i++) {
        table_close(self->tables[i].opened);
    }
    mem_free(self->tables);
    salvaged_values_reset(&self->values);
    name_repair_reset(&self->names);
    if (self->logs.operations != NULL) {
        memtable_release(self->logs.operations);
    }
    while (reclaimer_sweep(&self->reclaimer)) {
    }
    reclaimer_destroy(&self->reclaimer);
    gate_destroy(&self->gate);
    range_set_release(self->logs.ranges);
    lsm_manifest_reset(&self->listed);
}

static pykv_status check_found(const repair *self)
{
    if (self->number_max == UINT32_MAX) {
        return error_set(PYKV_NO_SPACE,
                         "%s has a file with the number ffffffff, which leaves none for a new "
                         "one: move it away if it is not the store's",
                         env_directory_path(self->home));
    }
    if (self->file_count == 0 && self->listed.store_id == 0) {
        return error_set_at(PYKV_PATH_NOT_FOUND, env_directory_path(self->home),
                            "there is no database in this directory");
    }
    return PYKV_OK;
}

/* Makes the repaired store in repairing/. */
static pykv_status save(env *environment, env_directory *home, pykv_report *report)
{
    repair work = {.env = environment, .home = home, .report = report};
    pykv_status status = lsm_manifest_read(home, &work.listed);
    if (status == PYKV_FORMAT || status == PYKV_NO_MEMORY) {
        return status;
    }
    if (status != PYKV_OK) {
        report_add_last_error(report, MANIFEST_NAME);
        work.listed = (lsm_manifest){0};
    }
    work.logs.after = work.listed.flushed_sequence;
    work.logs.ranges = range_set_acquire(work.listed.ranges);
    status = begin(&work);
    if (status == PYKV_OK) {
        status = read_all(&work);
    }
    if (status == PYKV_OK) {
        status = check_found(&work);
    }
    if (status == PYKV_OK) {
        status = build_fresh(&work);
    }
    end(&work);
    return status;
}

static pykv_status repair_home(env *environment, env_directory *home, pykv_report *report)
{
    repair_stage stage;
    pykv_status status = repair_find_stage(home, &stage);
    if (status == PYKV_OK && stage == REPAIR_MOVING) {
        return repair_swap(environment, home, &lsm_home, report);
    }
    if (status == PYKV_OK && stage == REPAIR_SWAPPED) {
        status = repair_clean(environment, home);
    }
    if (status == PYKV_OK) {
        status = save(environment, home, report);
    }
    return status == PYKV_OK ? repair_swap(environment, home, &lsm_home, NULL) : status;
}

pykv_status lsm_repair(env *environment, const char *path, pykv_report *report_out)
{
    env_directory *home;
    env_lock *lock;
    memset(report_out, 0, sizeof *report_out);
    pykv_status status = env_directory_open(environment, path, false, &home);
    if (status != PYKV_OK) {
        return status;
    }
    status = home_check(home, &lsm_home);
    if (status == PYKV_OK) {
        status = env_lock_take(home, HOME_LOCK_NAME, &lock);
    }
    if (status == PYKV_OK) {
        status = repair_home(environment, home, report_out);
        env_lock_release(lock);
    }
    env_directory_close(home);
    return status;
}
