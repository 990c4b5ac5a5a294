/*
 * repair: saves every readable record of a closed database into a fresh one.
 *
 *   1. the segments that the manifest lists, or where it cannot be read all that are found, are
 *      read; valid records are looked for at every granule
 *   2. for each key the record with the highest sequence wins, tombstones and clears included, and
 *      the clear that the manifest knows
 *   3. a fresh store in repairing/ gets the winners; its segment numbers begin above all old ones
 *   4. repairing/DONE says that it is whole; repair_swap then puts it in place of the old files
 *
 * A repair that is interrupted begins again from the start, unless the swap has begun: then that is
 * finished. After a swap that only was not cleaned up behind, the next repair cleans and repairs.
 * Single members of a batch that was damaged elsewhere are saved too: repair keeps what can be
 * read.
 */
#include <stdlib.h>
#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/report.h"
#include "bitcask/bitcask.h"
#include "bitcask/repair_expect.h"
#include "bitcask/repair_save.h"
#include "bitcask/repair_state.h"
#include "bitcask/repair_unpack.h"
#include "bitcask/segment.h"
#include "bitcask/store.h"
#include "bitcask/unpack.h"
#include "log/repair_swap.h"

/* ---- reading ---- */

static pykv_status load(repair *self, const char *name, repair_source *out)
{
    env_file *file;
    uint64_t size = 0;
    size_t got = 0;
    pykv_status status = env_file_open(self->home, name, ENV_READ, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_size(file, &size);
    if (status == PYKV_OK) {
        out->data = mem_alloc(size);
        status = out->data == NULL ? error_set_no_memory(size)
                                   : env_file_read(file, 0, out->data, size, &got);
    }
    out->size = got;
    env_file_close(file);
    return status;
}

/* Kind and file id by the header, else by the manifest. False: nothing tells them, or the file is
 * of another store. */
static bool identify(repair *self, const char *name, repair_source *source)
{
    log_segment_header header;
    const manifest_segment *entry = repair_find_listed(self, source->number);
    source->whole = log_segment_decode(source->data, source->size, name, &header) == PYKV_OK;
    if (source->whole) {
        source->kind = header.kind;
        source->file_id = header.file_id;
        source->store_id = header.store_id;
    } else {
        report_add_last_error(self->report, name);
    }
    if (!source->whole && entry != NULL) {
        source->kind = entry->kind;
        source->file_id = entry->file_id;
        source->store_id = self->listed.store_id;
    }
    source->seed = record_seed(source->file_id);
    bool strange = self->listed.store_id != 0 && source->store_id != self->listed.store_id;
    return (source->whole || entry != NULL) && !(strange && entry == NULL);
}

static pykv_status add_entry(repair *self, size_t source, const record *found, uint64_t offset)
{
    repair_entry entry = {.hash = hash_murmur3(found->key.data, found->key.size, 0, 0).low,
                          .sequence = found->sequence,
                          .offset = offset,
                          .source = (uint32_t)source,
                          .space_id = found->namespace_id,
                          .kind = found->kind};
    repair_source *holder = &self->sources[source];
    self->report->record_count++;
    if (found->kind == RECORD_DICTIONARY) {
        return PYKV_OK; /* it is no write; who needs it looks for it */
    }
    holder->record_count++;
    if (holder->first_sequence == 0 || found->sequence < holder->first_sequence) {
        holder->first_sequence = found->sequence;
    }
    if (found->sequence > holder->last_sequence) {
        holder->last_sequence = found->sequence;
    }
    pykv_status status = repair_lost_found(&self->lost, found->sequence);
    if (status != PYKV_OK) {
        return status;
    }
    if (found->kind == RECORD_CLEAR) {
        repair_clear clear = {.sequence = found->sequence, .space_id = found->namespace_id};
        return buffer_append(&self->clears, &clear, sizeof clear);
    }
    if (found->kind == RECORD_RANGE_DELETE || found->kind == RECORD_INGEST) {
        return PYKV_OK; /* it has no meaning here */
    }
    return buffer_append(&self->entries, &entry, sizeof entry);
}

/* Where the records of a segment end by the manifest; 0: it does not know. */
static uint64_t known_length(const repair *self, const repair_source *source)
{
    const manifest_segment *entry = repair_find_listed(self, source->number);
    return entry != NULL ? entry->length : 0;
}

/* Zeros are blocks that were reserved, or pad a sector. */
static void note_damage(repair *self, repair_source *source, const char *name, uint64_t from,
                        uint64_t to)
{
    if (from == 0) {
        return;
    }
    bool may_be_zero = to - from < LOG_SECTOR_BYTES || to > known_length(self, source);
    if (!may_be_zero || !all_zero(source->data + from, to - from)) {
        source->whole = false;
        report_add(self->report, name, from, to, 0, "bytes that are no valid record");
    }
}

static pykv_status read_records(repair *self, size_t index, const char *name)
{
    repair_source *source = &self->sources[index];
    uint64_t at = LOG_SEGMENT_HEADER_BYTES;
    uint64_t bad_from = 0;
    pykv_status status = PYKV_OK;
    while (at + RECORD_HEADER_BYTES <= source->size && status == PYKV_OK) {
        record found;
        if (record_decode(source->data + at, source->size - at, source->seed, at, true, &found) !=
            RECORD_VALID) {
            bad_from = bad_from == 0 ? at : bad_from;
            at += RECORD_GRANULE_BYTES;
            continue;
        }
        note_damage(self, source, name, bad_from, at);
        bad_from = 0;
        status = add_entry(self, index, &found, at);
        at += record_bytes_of(&found);
    }
    note_damage(self, source, name, bad_from, source->size);
    uint64_t length = known_length(self, source);
    if (source->size < length && !PYKV_PLANTED(108)) {
        source->whole = false;
        report_add(self->report, name, source->size, length, source->size,
                   "the segment ends before its last record");
    }
    return status;
}

static pykv_status read_segment(repair *self, const char *name, uint32_t number)
{
    size_t index = self->source_count++;
    repair_source *source = &self->sources[index];
    source->number = number;
    pykv_status status = load(self, name, source);
    if (status == PYKV_NO_MEMORY) {
        return status;
    }
    if (status != PYKV_OK) {
        report_add_last_error(self->report, name);
        return PYKV_OK;
    }
    self->report->file_count++;
    self->report->byte_count += source->size;
    return identify(self, name, source) ? read_records(self, index, name) : PYKV_OK;
}

/* A file from before the manifest that it does not list has no row that a listed segment lacked:
 * the file of an acknowledged record was listed before it. But it may have keys that were deleted
 * since: history, and inputs of a merge that dropped their tombstones, if they are still there.
 * Files from after it are read: it may be an older manifest that was put beside newer files. */
static bool is_passed_over(const repair *self, uint32_t number)
{
    return self->listed.store_id != 0 && number < self->listed.next_number &&
           repair_find_listed(self, number) == NULL && !PYKV_PLANTED(202);
}

static pykv_status read_all(repair *self)
{
    env_names names;
    pykv_status status = env_directory_list(self->home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    self->sources = mem_alloc_zeroed(names.count + 1, sizeof *self->sources);
    if (self->sources == NULL) {
        env_names_free(&names);
        return error_set_no_memory(names.count * sizeof *self->sources);
    }
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        bool hint;
        uint32_t number = segment_number(names.names[i], &hint);
        self->number_max = number > self->number_max ? number : self->number_max;
        if (number != 0 && !hint && !is_passed_over(self, number)) {
            status = read_segment(self, names.names[i], number);
        }
    }
    env_names_free(&names);
    return status;
}

/* ---- choosing ---- */

static int compare_entries(const void *left, const void *right)
{
    const repair_entry *a = left;
    const repair_entry *b = right;
    if (a->hash != b->hash) {
        return a->hash < b->hash ? -1 : 1;
    }
    return (a->sequence < b->sequence) - (a->sequence > b->sequence);
}

static void record_of(const repair *self, const repair_entry *entry, record *out)
{
    const repair_source *source = &self->sources[entry->source];
    if (record_decode(source->data + entry->offset, source->size - entry->offset, source->seed,
                      entry->offset, false, out) != RECORD_VALID) {
        *out = (record){0};
    }
}

/* Merges drop the record of a clear that the manifest knows, and not all that it cleared. */
static pykv_status add_listed_clear(repair *self)
{
    repair_clear clear = {.sequence = PYKV_PLANTED(253) ? 0 : self->listed.clear_sequence,
                          .space_id = NAMESPACE_DEFAULT};
    return buffer_append(&self->clears, &clear, sizeof clear);
}

/* By namespace, the last one of each first. */
static int compare_clears(const void *left, const void *right)
{
    const repair_clear *a = left;
    const repair_clear *b = right;
    if (a->space_id != b->space_id) {
        return a->space_id < b->space_id ? -1 : 1;
    }
    return (a->sequence < b->sequence) - (a->sequence > b->sequence);
}

/* True if a clear of its namespace came behind an entry. clears are sorted. */
static bool is_cleared(const repair *self, const repair_entry *entry)
{
    const repair_clear *clears = (const repair_clear *)(const void *)self->clears.data;
    size_t low = 0;
    size_t high = self->clears.size / sizeof *clears;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (clears[middle].space_id < entry->space_id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < self->clears.size / sizeof *clears && clears[low].space_id == entry->space_id &&
           clears[low].sequence > entry->sequence;
}

/* True if an entry of the group before index, that is a newer one, is of the same key. */
static bool is_superseded(const repair *self, const repair_entry *group, size_t index, slice key)
{
    for (size_t i = 0; i < index; i++) {
        record newer;
        record_of(self, &group[i], &newer);
        if (group[i].space_id == group[index].space_id && slice_equal(newer.key, key)) {
            return true;
        }
    }
    return false;
}

/* Puts what won. A packed value that does not decompress is lost; if nobody provides its codec, the
 * repair ends. */
static pykv_status save_entry(repair *self, const repair_entry *entry, record *found,
                              bitcask *target)
{
    char name[SEGMENT_NAME_BYTES];
    buffer room = BUFFER_EMPTY;
    pykv_status status = PYKV_OK;
    if (record_is_packed(found)) {
        repair_source *source = &self->sources[entry->source];
        segment_name(source->number, false, name);
        status = repair_unpack(source, &target->codecs, name, entry->offset, found, &room);
    }
    if (status == PYKV_CORRUPTION) {
        report_add_last_error(self->report, name);
        self->report->lost_record_count++;
        status = PYKV_OK;
    } else if (status == PYKV_OK) {
        status = repair_save(self, found, target);
    }
    buffer_reset(&room);
    return status;
}

static pykv_status save_group(repair *self, const repair_entry *group, size_t count,
                              bitcask *target)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        record found;
        record_of(self, &group[i], &found);
        if (group[i].kind == RECORD_PUT && !is_cleared(self, &group[i]) &&
            !is_superseded(self, group, i, found.key)) {
            status = save_entry(self, &group[i], &found, target);
        }
    }
    return status;
}

static pykv_status save_all(repair *self, bitcask *target)
{
    repair_entry *entries = (repair_entry *)(void *)self->entries.data;
    size_t count = self->entries.size / sizeof *entries;
    pykv_status status = PYKV_OK;
    if (count > 0) {
        qsort(entries, count, sizeof *entries, compare_entries);
    }
    if (self->clears.size > 0) {
        qsort(self->clears.data, self->clears.size / sizeof(repair_clear), sizeof(repair_clear),
              compare_clears);
    }
    for (size_t i = 0; i < count && status == PYKV_OK;) {
        size_t end = i + 1;
        while (end < count && entries[end].hash == entries[i].hash) {
            end++;
        }
        status = save_group(self, &entries[i], end - i, target);
        i = end;
    }
    return status == PYKV_OK ? repair_save_names(self, target) : status;
}

/* What the damaged store hands on. */
static pykv_status inherit(const repair *self, bitcask *target) SINGLE_THREADED
{
    target->next_number = (uint64_t)self->number_max + 1;
    store_clock_init(&target->clock, self->env, self->listed.wall_high_us);
    return repair_epoch(self->env, self->listed.epoch, &target->epoch_number);
}

/* An empty store in repairing/, whatever was there. */
static pykv_status open_fresh(const repair *self, bitcask **target_out) SINGLE_THREADED
{
    char *path = NULL;
    pykv_status status = env_unlink(self->home, REPAIR_DIRECTORY "/" REPAIR_DONE_NAME);
    if (status == PYKV_OK || status == PYKV_PATH_NOT_FOUND) {
        status = repair_path(self->home, &path);
    }
    if (status == PYKV_OK) {
        status = bitcask_destroy(self->env, path);
    }
    if (status == PYKV_OK || status == PYKV_PATH_NOT_FOUND) {
        status = bitcask_open(self->env, path, NULL, target_out);
    }
    mem_free(path);
    return status;
}

static pykv_status build_fresh(repair *self) SINGLE_THREADED
{
    bitcask *target;
    pykv_status status = open_fresh(self, &target);
    if (status != PYKV_OK) {
        return status;
    }
    status = inherit(self, target);
    if (status == PYKV_OK) {
        status = save_all(self, target);
    }
    if (status == PYKV_OK) {
        status = bitcask_close(target, -1);
    }
    bitcask_free(target);
    return status == PYKV_OK ? repair_mark_done(self->home, self->number_max + 1, self->report)
                             : status;
}

static void release(repair *self)
{
    for (size_t i = 0; i < self->source_count; i++) {
        mem_free(self->sources[i].data);
        packed_dictionary_close(self->sources[i].dictionary);
    }
    mem_free(self->sources);
    buffer_reset(&self->entries);
    buffer_reset(&self->clears);
    name_repair_reset(&self->names);
    repair_lost_reset(&self->lost);
    manifest_reset(&self->listed);
}

/* Makes the repaired store in repairing/. */
static pykv_status save(env *environment, env_directory *home, pykv_report *report)
{
    repair work = {.env = environment, .home = home, .report = report};
    pykv_status status = manifest_read(home, &work.listed);
    if (status == PYKV_FORMAT) {
        return status; /* another engine's, or of a newer pykv: nothing of ours to repair */
    }
    if (status != PYKV_OK) {
        report_add_last_error(report, MANIFEST_NAME);
    }
    status = add_listed_clear(&work);
    if (status == PYKV_OK) {
        status = read_all(&work);
    }
    if (status == PYKV_OK && work.number_max == UINT32_MAX) {
        status = error_set(PYKV_NO_SPACE,
                           "%s has a file ffffffff.log, which leaves no number for a "
                           "new segment: move it away if it is not the store's",
                           env_directory_path(home));
    }
    if (status == PYKV_OK && work.source_count == 0 && work.listed.store_id == 0) {
        status = error_set_at(PYKV_PATH_NOT_FOUND, env_directory_path(home),
                              "there is no database in this directory");
    }
    if (status == PYKV_OK) {
        status = repair_count_lost(&work);
    }
    if (status == PYKV_OK) {
        status = build_fresh(&work);
    }
    release(&work);
    return status;
}

static pykv_status repair_home(env *environment, env_directory *home, pykv_report *report)
{
    repair_stage stage;
    pykv_status status = repair_find_stage(home, &stage);
    if (status == PYKV_OK && stage == REPAIR_MOVING) {
        return repair_swap(environment, home, &bitcask_home, report);
    }
    if (status == PYKV_OK && stage == REPAIR_SWAPPED) {
        status = repair_clean(environment, home);
    }
    if (status == PYKV_OK) {
        status = save(environment, home, report);
    }
    return status == PYKV_OK ? repair_swap(environment, home, &bitcask_home, NULL) : status;
}

/* Not even a lock is made where there is no store. */
static pykv_status check_home(env_directory *home)
{
    int32_t engine = PYKV_ENGINE_ANY;
    pykv_status status = home_check(home, &bitcask_home);
    if (status == PYKV_OK) {
        status = bitcask_detect(home, &engine);
    }
    if (status == PYKV_OK && engine == PYKV_ENGINE_ANY) {
        return error_set_at(PYKV_PATH_NOT_FOUND, env_directory_path(home),
                            "there is no database in this directory");
    }
    return status == PYKV_FORMAT ? status : PYKV_OK;
}

pykv_status bitcask_repair(env *environment, const char *path, pykv_report *report_out)
{
    env_directory *home;
    env_lock *lock;
    memset(report_out, 0, sizeof *report_out);
    pykv_status status = env_directory_open(environment, path, false, &home);
    if (status != PYKV_OK) {
        return status;
    }
    status = check_home(home);
    if (status == PYKV_OK) {
        status = env_lock_take(home, BITCASK_LOCK_NAME, &lock);
    }
    if (status == PYKV_OK) {
        status = repair_home(environment, home, report_out);
        env_lock_release(lock);
    }
    env_directory_close(home);
    return status;
}
