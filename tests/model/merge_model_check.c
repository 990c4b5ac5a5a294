/*
 * merge_model_check: keys and values by number, scans, and comparing the store with the model.
 */
#include "harness/check.h"
#include "merge_model.h"

#include "base/memory.h"
#include "bitcask/scan.h"
#include "bitcask/snapshot.h"
#include "bitcask/store.h"

_Noreturn void model_fail(const merge_model *self, const char *what)
{
    check_failed(__FILE__, __LINE__, "%s (PYKV_HISTORY=%" PRIu64 ", commits %zu, durable %zu): %s",
                 what, self->number, self->tried, self->durable, error_last()->text);
}

uint64_t model_roll(merge_model *self, uint64_t bound)
{
    return check_random(&self->chance, bound);
}

/* ---- keys and values ---- */

size_t model_key(uint32_t index, char out[16])
{
    return index == 0 ? 0 : (size_t)snprintf(out, 16, "key-%u", index);
}

/* Of two of three the rest is one run, which packing makes short. */
size_t model_value(uint32_t number, uint8_t out[MODEL_VALUE_BYTES])
{
    size_t length = 4 + (number % 11 == 0 ? 1600 : number * 37 % 400);
    bool is_run = number % 3 != 0;
    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)(number >> (is_run && i >= 4 ? 0 : i % 4 * 8));
    }
    return length;
}

/* The number in a value; fails the case if the value is not that of its number. */
static uint32_t number_of(const merge_model *self, const uint8_t *data, size_t length)
{
    uint8_t wanted[MODEL_VALUE_BYTES];
    uint32_t number = 0;
    for (size_t i = 0; i < 4 && i < length; i++) {
        number |= (uint32_t)data[i] << (i * 8);
    }
    if (number == 0 || model_value(number, wanted) != length || memcmp(wanted, data, length) != 0) {
        model_fail(self, "a value is not one that was put");
    }
    return number;
}

static uint32_t index_of(const merge_model *self, const uint8_t *data, size_t length)
{
    char key[16];
    for (uint32_t index = 0; index < MODEL_KEY_COUNT; index++) {
        if (model_key(index, key) == length && memcmp(key, data, length) == 0) {
            return index;
        }
    }
    model_fail(self, "a scan gave a key that was never put");
}

static bool same_values(const model_state *left, const model_state *right)
{
    return memcmp(left->values, right->values, sizeof left->values) == 0;
}

model_state model_alive(const merge_model *self, const model_state *state)
{
    model_state alive = *state;
    for (uint32_t index = 0; index < MODEL_KEY_COUNT; index++) {
        uint64_t deadline_us = state->deadlines[index];
        if (deadline_us != 0 && deadline_us <= bitcask_now(self->store)) {
            alive.values[index] = 0;
            alive.deadlines[index] = 0;
        }
    }
    return alive;
}

/* ---- scans ---- */

static void add_rows(merge_model *self, model_scan *which, const pykv_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        const uint64_t *at = rows->offsets + 2 * i;
        uint32_t index = index_of(self, rows->data + at[0], at[1] - at[0]);
        if (which->seen.values[index] != 0) {
            model_fail(self, "a scan gave a key twice");
        }
        which->seen.values[index] = which->keys_only
                                        ? which->expected.values[index]
                                        : number_of(self, rows->data + at[1], at[2] - at[1]);
        if (which->seen.values[index] == 0) {
            model_fail(self, "a scan gave a key that was absent when it was opened");
        }
    }
}

static pykv_status open_scan(merge_model *self, model_scan *which)
{
    *which = (model_scan){.keys_only = model_roll(self, 4) == 0,
                          .expected = model_alive(self, &self->states[self->tried])};
    if (model_roll(self, 2) == 0) {
        return scan_open(self->store, which->keys_only, &which->rows);
    }
    pykv_status status = bitcask_snapshot_new(self->store, &which->kept);
    return status == PYKV_OK ? scan_open_at(which->kept, which->keys_only, &which->rows) : status;
}

static pykv_status get_at(merge_model *self, const model_scan *which, uint32_t index)
{
    char key[16];
    pykv_pinned pinned = {0};
    slice wanted = slice_make(key, model_key(index, key));
    pykv_status status = bitcask_get_at(which->kept, wanted, 0, &pinned);
    uint32_t found = 0;
    if (status == PYKV_OK) {
        found = number_of(self, pinned.data, pinned.length);
        mem_free(pinned.owned);
    }
    if (status != PYKV_OK && status != PYKV_NOT_FOUND) {
        return status;
    }
    if (found != which->expected.values[index]) {
        model_fail(self, "a snapshot does not hold what a key had when it was made");
    }
    return PYKV_OK;
}

static pykv_status get_all_at(merge_model *self, const model_scan *which)
{
    pykv_status status = PYKV_OK;
    for (uint32_t index = 0; index < MODEL_KEY_COUNT && status == PYKV_OK; index++) {
        status = get_at(self, which, index);
    }
    return status;
}

static void drop_scan(model_scan *which)
{
    if (which->rows != NULL) {
        scan_free(which->rows);
        which->rows = NULL;
    }
    if (which->kept != NULL) {
        bitcask_snapshot_free(which->kept);
        which->kept = NULL;
    }
}

static pykv_status read_on(merge_model *self, model_scan *which, bool *ended)
{
    pykv_rows rows = {0};
    pykv_status status = scan_next(which->rows, 1, &rows);
    *ended = status == PYKV_OK && rows.count == 0;
    add_rows(self, which, &rows);
    return status;
}

pykv_status model_scan_finish(merge_model *self, model_scan *which)
{
    bool ended = false;
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && !ended) {
        status = read_on(self, which, &ended);
    }
    if (status == PYKV_OK && !same_values(&which->seen, &which->expected)) {
        model_fail(self, "a scan did not show the moment at which it was opened");
    }
    if (status == PYKV_OK && which->kept != NULL) {
        status = get_all_at(self, which);
    }
    drop_scan(which);
    return status;
}

pykv_status model_scan_some(merge_model *self)
{
    bool ended;
    model_scan *which = &self->scans[model_roll(self, MODEL_SCAN_COUNT)];
    if (which->rows == NULL) {
        drop_scan(which);
        return open_scan(self, which);
    }
    if (which->kept != NULL) {
        pykv_status status = get_at(self, which, (uint32_t)model_roll(self, MODEL_KEY_COUNT));
        if (status != PYKV_OK) {
            return status;
        }
    }
    if (model_roll(self, 2) == 0) {
        return read_on(self, which, &ended);
    }
    return model_scan_finish(self, which);
}

void model_scan_drop_all(merge_model *self)
{
    for (size_t i = 0; i < MODEL_SCAN_COUNT; i++) {
        drop_scan(&self->scans[i]);
    }
}

/* ---- comparing ---- */

static void read_by_get(merge_model *self, model_state *out)
{
    for (uint32_t index = 0; index < MODEL_KEY_COUNT; index++) {
        char key[16];
        pykv_pinned pinned = {0};
        slice wanted = slice_make(key, model_key(index, key));
        pykv_status status = bitcask_get(self->store, wanted, 0, &pinned);
        out->values[index] = 0;
        if (status == PYKV_OK) {
            out->values[index] = number_of(self, pinned.data, pinned.length);
            mem_free(pinned.owned);
        } else if (status != PYKV_NOT_FOUND) {
            model_fail(self, "a key cannot be read");
        }
        if (bitcask_contains(self->store, wanted, 0) != status) {
            model_fail(self, "contains and get disagree");
        }
    }
}

/* Fails the case unless the store knows the deadlines of the rows that it has. */
static void check_deadlines(const merge_model *self, const model_state *state)
{
    for (uint32_t index = 0; index < MODEL_KEY_COUNT; index++) {
        char key[16];
        uint64_t deadline_us = 0;
        slice wanted = slice_make(key, model_key(index, key));
        pykv_status status = bitcask_expires_at(self->store, wanted, 0, &deadline_us);
        bool there = state->values[index] != 0;
        if (status != (there ? PYKV_OK : PYKV_NOT_FOUND) ||
            deadline_us != (there ? state->deadlines[index] : 0)) {
            model_fail(self, "a row has another deadline");
        }
    }
}

/* The books that steer merging: live records by segment are those that the directory leads to. What
 * has expired counts until it is merged away. */
static void check_books(merge_model *self, const model_state *state)
{
    uint64_t wanted = 0;
    uint64_t live = 0;
    for (uint32_t index = 0; index < MODEL_KEY_COUNT; index++) {
        wanted += state->values[index] != 0;
    }
    mutex_lock(&self->store->writer);
    for (size_t i = 0; i < self->store->segment_count; i++) {
        live += self->store->segments[i]->live_count;
    }
    mutex_unlock(&self->store->writer);
    uint64_t count = bitcask_count(self->store);
    if (count < wanted || count > (self->expires ? MODEL_KEY_COUNT : wanted)) {
        model_fail(self, "the count is not the number of keys");
    }
    if (live != count) {
        model_fail(self, "the live records of the segments are not the keys");
    }
}

static void check_sound(merge_model *self)
{
    static pykv_report report;
    if (bitcask_verify(self->store, NULL, &report) != PYKV_OK || report.damage_count != 0) {
        model_fail(self,
                   report.damage_count != 0 ? report.damages[0].text : "the store has no answer");
    }
}

void model_compare(merge_model *self, size_t from, size_t to)
{
    model_state found;
    model_scan all = {.rows = NULL};
    read_by_get(self, &found);
    size_t commit = to + 1;
    model_state alive = model_alive(self, &self->states[to]);
    while (commit > from && !same_values(&found, &alive)) {
        commit--;
        alive = model_alive(self, &self->states[commit > from ? commit - 1 : from]);
    }
    if (commit == from) {
        model_fail(self, "the content is not that after a commit that may be the last");
    }
    self->tried = commit - 1;
    self->finished = self->tried;
    check_deadlines(self, &alive);
    check_books(self, &alive);
    all.expected = alive;
    if (scan_open(self->store, false, &all.rows) != PYKV_OK ||
        model_scan_finish(self, &all) != PYKV_OK) {
        model_fail(self, "a scan of the whole store fails");
    }
    if (model_roll(self, MODEL_VERIFY_ONE_IN) == 0) {
        check_sound(self);
    }
}
