/*
 * compaction_model_check: keys and values by number, reads, and the structure of the version.
 */
#include "compaction_model.h"

#include "base/hash.h"
#include "lsm/merging_iterator.h"

_Noreturn void history_fail(const compaction_history *self, const char *what)
{
    check_failed(__FILE__, __LINE__, "%s (PYKV_HISTORY=%" PRIu64 ", operations %" PRIu64 "): %s",
                 what, self->number, self->sequence, error_last()->text);
}

uint64_t history_roll(compaction_history *self, uint64_t bound)
{
    return check_random(&self->chance, bound);
}

/* ---- keys and values ---- */

size_t history_key(uint8_t index, char out[16])
{
    return index == 0 ? 0 : (size_t)snprintf(out, 16, "key%02u", index);
}

size_t history_value(uint64_t sequence, uint8_t out[HISTORY_VALUE_BYTES])
{
    size_t size = 8 + sequence * 37 % (HISTORY_VALUE_BYTES - 8);
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(sequence >> (i / 4 % 8 * 8)); /* in runs, which a codec makes short */
    }
    return size;
}

uint64_t history_hash(slice key)
{
    return hash_murmur3(key.data, key.size, JOB_SEED_LOW, JOB_SEED_HIGH).low;
}

/* ---- reads ---- */

history_view history_view_now(const compaction_history *self)
{
    history_view view = {
        .table_count = self->table_count, .of = self->of, .sequence = self->visible_sequence};
    memcpy(view.tables, self->tables, sizeof view.tables);
    return view;
}

uint64_t history_expected(const compaction_history *self, uint8_t key, uint64_t sequence)
{
    while (sequence > 0 && self->operations[sequence - 1].key != key) {
        sequence--;
    }
    if (sequence == 0) {
        return 0;
    }
    const history_operation *found = &self->operations[sequence - 1];
    bool expired = found->deadline_us != 0 && found->deadline_us <= self->now_us;
    return found->deletes || expired ? 0 : sequence;
}

static void check_found(const compaction_history *self, uint64_t expected, uint64_t sequence,
                        slice found)
{
    uint8_t value[HISTORY_VALUE_BYTES];
    if (expected == 0) {
        history_fail(self, "a key that is gone is read");
    }
    if (sequence != expected ||
        !slice_equal(found, slice_make(value, history_value(expected, value)))) {
        history_fail(self, "a key has an older value, or another one");
    }
}

/* True if a found operation is a live record. */
static bool is_live(const compaction_history *self, uint8_t kind, uint64_t deadline_us)
{
    return kind == TABLE_PUT && (deadline_us == 0 || deadline_us > self->now_us);
}

/* Reads a key in the memtables. False if none has it. */
static bool check_in_memory(const compaction_history *self, const history_view *view, slice key,
                            uint64_t expected)
{
    iterator_entry entry;
    bool found = false;
    for (size_t i = 0; i < view->table_count && !found; i++) {
        found = memtable_get(view->tables[i], key, history_hash(key), view->sequence, &entry);
    }
    if (found && is_live(self, entry.kind, entry.deadline_us)) {
        check_found(self, expected, entry.sequence, entry.value);
    } else if (found && expected != 0) {
        history_fail(self, "a key is lost in memory");
    }
    return found;
}

static void check_in_tables(const compaction_history *self, const history_view *view, slice key,
                            uint64_t expected)
{
    table_found found;
    block_source *source = block_source_direct();
    pykv_status status =
        version_get(view->of, source, key, view->sequence, history_hash(key), &found);
    if (status != PYKV_OK && status != PYKV_NOT_FOUND) {
        history_fail(self, "a key cannot be read");
    }
    bool live = status == PYKV_OK && is_live(self, found.kind, found.deadline_us);
    if (live) {
        check_found(self, expected, found.sequence, found.value);
    } else if (expected != 0) {
        history_fail(self, "a key is lost");
    }
    if (status == PYKV_OK) {
        table_release(source, &found);
    }
}

static void check_view(const compaction_history *self, const history_view *view)
{
    for (uint8_t index = 0; index < HISTORY_KEY_COUNT; index++) {
        char text[16];
        slice key = slice_make(text, history_key(index, text));
        uint64_t expected = history_expected(self, index, view->sequence);
        if (!check_in_memory(self, view, key, expected)) {
            check_in_tables(self, view, key, expected);
        }
    }
}

void history_check_reads(compaction_history *self)
{
    history_view now = history_view_now(self);
    check_view(self, &now);
    for (size_t i = 0; i < HISTORY_PIN_COUNT; i++) {
        if (self->pins[i].of != NULL) {
            check_view(self, &self->pins[i]);
        }
    }
}

/* ---- structure ---- */

static uint8_t index_of(const compaction_history *self, slice key)
{
    char text[16];
    for (uint8_t index = 0; index < HISTORY_KEY_COUNT; index++) {
        if (slice_equal(key, slice_make(text, history_key(index, text)))) {
            return index;
        }
    }
    history_fail(self, "a table has a key that was never written");
}

/* Checks the entries of a table against the lowest sequence that each key has in newer tables, and
 * lowers it. */
static void check_table(const compaction_history *self, table_file *file,
                        uint64_t lowest[HISTORY_KEY_COUNT])
{
    iterator *walk;
    uint64_t count = 0;
    CHECK_OK(table_iterator_new(file->table, block_source_direct(), &walk));
    for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk)) {
        const iterator_entry *entry = iterator_current(walk);
        uint8_t index = index_of(self, entry->key);
        if (entry->sequence >= lowest[index]) {
            history_fail(self, "a version stands below an older one of its key");
        }
        if (self->operations[entry->sequence - 1].key != index) {
            history_fail(self, "a version is of another key");
        }
        lowest[index] = entry->sequence;
        count++;
    }
    CHECK_OK(walk->status);
    CHECK_EQUAL(file->facts.entry_count, count);
    iterator_free(walk);
}

void history_check_structure(compaction_history *self)
{
    uint64_t lowest[HISTORY_KEY_COUNT];
    for (size_t i = 0; i < HISTORY_KEY_COUNT; i++) {
        lowest[i] = UINT64_MAX;
    }
    for (uint8_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        const level *at = &self->of->levels[i];
        uint64_t bytes = 0;
        for (uint32_t j = 0; j < at->count; j++) {
            check_table(self, at->files[j], lowest);
            bytes += at->files[j]->facts.file_bytes;
        }
        CHECK_EQUAL(bytes, at->bytes);
    }
}
