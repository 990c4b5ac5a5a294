/*
 * merge_model: the operations and the comparison.
 */
#include "merge_model.h"

#include "harness/check.h"

#include "base/memory.h"
#include "bitcask/limbo.h"
#include "bitcask/merge.h"

#define MODEL_PATH "/store"

enum { MODEL_FILE_BYTES_MAX = 1 << 20, MODEL_CALLS_UNTIL_CUT = 40 };

static _Noreturn void fail(const merge_model *self, const char *what)
{
    check_failed(__FILE__, __LINE__, "%s (PYKV_HISTORY=%" PRIu64 ", commits %zu, durable %zu): %s",
                 what, self->number, self->tried, self->durable, error_last()->text);
}

static uint64_t roll(merge_model *self, uint64_t bound)
{
    return check_random(&self->chance, bound);
}

/* ---- keys and values ---- */

size_t model_key(uint32_t index, char out[16])
{
    return index == 0 ? 0 : (size_t)snprintf(out, 16, "key-%u", index);
}

size_t model_value(uint32_t number, uint8_t out[MODEL_VALUE_BYTES])
{
    size_t length = 4 + (number % 11 == 0 ? 1600 : number * 37 % 400);
    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)(number >> (i % 4 * 8));
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
        fail(self, "a value is not one that was put");
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
    fail(self, "a scan gave a key that was never put");
}

static bool same_state(const model_state *left, const model_state *right)
{
    return memcmp(left, right, sizeof *left) == 0;
}

/* ---- opening ---- */

static void open_store(merge_model *self)
{
    if (bitcask_open(self->disk, MODEL_PATH, &self->options, &self->store) != PYKV_OK) {
        fail(self, "the store does not open");
    }
}

static void drop_store(merge_model *self)
{
    model_scan_drop_all(self);
    bitcask_free(self->store);
    self->store = NULL;
}

void model_init(merge_model *self, uint64_t number, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->number = number;
    self->chance = seed;
    self->options =
        (pykv_options){.segment_bytes = 4096,
                       .batch_bytes_max = 1 << 16,
                       .space_amplification_max = 1.2,
                       .durability = roll(self, 4) == 0 ? PYKV_DURABILITY_SYNC : PYKV_DURABILITY_OS,
                       .log_sink = roll(self, 2) == 0 ? PYKV_LOG_PWRITE : PYKV_LOG_MAPPED,
                       .no_mapped_reads = roll(self, 4) == 0};
    CHECK_OK(env_memory_new(seed, MODEL_FILE_BYTES_MAX, &self->disk));
    open_store(self);
}

void model_reset(merge_model *self)
{
    drop_store(self);
    env_memory_free(self->disk);
}

/* ---- writes ---- */

static model_state *begin_commit(merge_model *self)
{
    model_state *next = &self->states[self->tried + 1];
    *next = self->states[self->tried];
    self->tried++;
    return next;
}

static pykv_status end_commit(merge_model *self, pykv_status status, int32_t flags)
{
    if (status == PYKV_OK) {
        bool sync_store = self->options.durability == PYKV_DURABILITY_SYNC;
        self->finished = self->tried;
        if ((flags & PYKV_SYNC) != 0 || (sync_store && (flags & PYKV_NO_SYNC) == 0)) {
            self->durable = self->finished;
        }
    }
    return status;
}

static int32_t choose_flags(merge_model *self)
{
    uint64_t chosen = roll(self, 8);
    return chosen == 0 ? PYKV_SYNC : chosen < 3 ? PYKV_NO_SYNC : 0;
}

static pykv_status put_one(merge_model *self, uint32_t index, int32_t flags)
{
    char key[16];
    uint8_t value[MODEL_VALUE_BYTES];
    uint32_t number = ++self->last_number;
    begin_commit(self)->values[index] = number;
    size_t key_length = model_key(index, key);
    size_t value_length = model_value(number, value);
    return end_commit(self,
                      bitcask_put(self->store, slice_make(key, key_length),
                                  slice_make(value, value_length), flags),
                      flags);
}

static pykv_status delete_one(merge_model *self, uint32_t index, int32_t flags)
{
    char key[16];
    int32_t existed = 0;
    bool there = self->states[self->tried].values[index] != 0;
    begin_commit(self)->values[index] = 0;
    pykv_status status =
        bitcask_delete(self->store, slice_make(key, model_key(index, key)), flags, &existed);
    if (status == PYKV_OK && (existed != 0) != there) {
        fail(self, "delete told wrongly whether the key was there");
    }
    return end_commit(self, status, flags);
}

static pykv_status write_batch(merge_model *self, int32_t flags)
{
    char keys[MODEL_BATCH_MAX][16];
    uint8_t values[MODEL_BATCH_MAX][MODEL_VALUE_BYTES];
    operation operations[MODEL_BATCH_MAX];
    size_t count = 1 + roll(self, MODEL_BATCH_MAX);
    model_state *next = begin_commit(self);
    for (size_t i = 0; i < count; i++) {
        uint32_t index = (uint32_t)roll(self, MODEL_KEY_COUNT);
        bool deletes = roll(self, 3) == 0;
        uint32_t number = deletes ? 0 : ++self->last_number;
        size_t length = deletes ? 0 : model_value(number, values[i]);
        operations[i].record.kind = deletes ? RECORD_DELETE : RECORD_PUT;
        operations[i].record.key = slice_make(keys[i], model_key(index, keys[i]));
        operations[i].record.value = slice_make(values[i], length);
        next->values[index] = number;
    }
    return end_commit(self, bitcask_write(self->store, operations, count, flags), flags);
}

pykv_status model_write(merge_model *self)
{
    uint32_t index = (uint32_t)roll(self, MODEL_KEY_COUNT);
    int32_t flags = choose_flags(self);
    uint64_t chosen = roll(self, 100);
    if (self->tried == MODEL_COMMITS_MAX) {
        return PYKV_OK;
    }
    if (chosen < 50) {
        return put_one(self, index, flags);
    }
    if (chosen < 80) {
        return delete_one(self, index, flags);
    }
    if (chosen < 96) {
        return write_batch(self, flags);
    }
    *begin_commit(self) = (model_state){{0}};
    return end_commit(self, bitcask_clear(self->store, flags), flags);
}

/* ---- merging ---- */

static size_t list_mergeable(bitcask *store, segment **out, size_t out_max)
{
    size_t count = 0;
    mutex_lock(&store->writer);
    for (size_t i = 0; i < store->segment_count && count < out_max; i++) {
        segment *one = store->segments[i];
        if (one->sealed && one->synced && !one->merging && one != store->prepared &&
            one->last_sequence <= store->published_sequence) {
            out[count++] = one;
        }
    }
    mutex_unlock(&store->writer);
    return count;
}

/* Begins a merge of a random subset, in random order. */
static pykv_status begin_merge(merge_model *self)
{
    segment *inputs[MERGE_INPUTS_MAX];
    size_t count = list_mergeable(self->store, inputs, MERGE_INPUTS_MAX);
    size_t wanted = count == 0 ? 0 : 1 + roll(self, count);
    for (size_t i = 0; i < wanted; i++) {
        size_t other = i + roll(self, count - i);
        segment *moved = inputs[i];
        inputs[i] = inputs[other];
        inputs[other] = moved;
    }
    return wanted == 0 ? PYKV_OK : merge_begin(self->store, inputs, wanted);
}

pykv_status model_merge(merge_model *self)
{
    bool more = false;
    pykv_status status = PYKV_OK;
    mutex_lock(&self->store->merge_lock);
    if (self->store->merge == NULL) {
        status = begin_merge(self);
    } else {
        status = merge_step(self->store, &more);
        self->merged_count += status == PYKV_OK && !more;
    }
    mutex_unlock(&self->store->merge_lock);
    return status;
}

/* ---- scans ---- */

static void add_rows(merge_model *self, model_scan *which, const pykv_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        const uint64_t *at = rows->offsets + 2 * i;
        uint32_t index = index_of(self, rows->data + at[0], at[1] - at[0]);
        if (which->seen.values[index] != 0) {
            fail(self, "a scan gave a key twice");
        }
        which->seen.values[index] = which->keys_only
                                        ? which->expected.values[index]
                                        : number_of(self, rows->data + at[1], at[2] - at[1]);
        if (which->seen.values[index] == 0) {
            fail(self, "a scan gave a key that was absent when it was opened");
        }
    }
}

static pykv_status open_scan(merge_model *self, model_scan *which)
{
    *which = (model_scan){.keys_only = roll(self, 4) == 0, .expected = self->states[self->tried]};
    return scan_open(self->store, which->keys_only, &which->rows);
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
    if (status == PYKV_OK && !same_state(&which->seen, &which->expected)) {
        fail(self, "a scan did not show the moment at which it was opened");
    }
    scan_free(self->store, which->rows);
    which->rows = NULL;
    return status;
}

pykv_status model_scan_some(merge_model *self)
{
    bool ended;
    model_scan *which = &self->scans[roll(self, MODEL_SCAN_COUNT)];
    if (which->rows == NULL) {
        return open_scan(self, which);
    }
    if (roll(self, 2) == 0) {
        return read_on(self, which, &ended);
    }
    return model_scan_finish(self, which);
}

void model_scan_drop_all(merge_model *self)
{
    for (size_t i = 0; i < MODEL_SCAN_COUNT; i++) {
        if (self->scans[i].rows != NULL) {
            scan_free(self->store, self->scans[i].rows);
            self->scans[i].rows = NULL;
        }
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
            fail(self, "a key cannot be read");
        }
        if (bitcask_contains(self->store, wanted, 0) != status) {
            fail(self, "contains and get disagree");
        }
    }
}

/* The books that steer merging: live records by segment are those that the directory leads to. */
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
    if (bitcask_count(self->store) != wanted) {
        fail(self, "the count is not the number of keys");
    }
    if (live != wanted) {
        fail(self, "the live records of the segments are not the keys");
    }
}

void model_compare(merge_model *self, size_t from, size_t to)
{
    model_state found;
    model_scan all = {.rows = NULL};
    read_by_get(self, &found);
    size_t commit = to + 1;
    while (commit > from && !same_state(&found, &self->states[commit - 1])) {
        commit--;
    }
    if (commit == from) {
        fail(self, "the content is not that after a commit that may be the last");
    }
    self->tried = commit - 1;
    self->finished = self->tried;
    check_books(self, &found);
    all.expected = found;
    if (scan_open(self->store, false, &all.rows) != PYKV_OK ||
        model_scan_finish(self, &all) != PYKV_OK) {
        fail(self, "a scan of the whole store fails");
    }
}

/* ---- reopening ---- */

static void reopen_cleanly(merge_model *self)
{
    if (bitcask_close(self->store, -1) != PYKV_OK) {
        fail(self, "the store does not close");
    }
    drop_store(self);
    self->durable = self->finished;
    open_store(self);
    model_compare(self, self->finished, self->finished);
}

static void reopen_killed(merge_model *self)
{
    drop_store(self);
    open_store(self);
    model_compare(self, self->finished, self->finished);
    self->durable = self->finished;
}

static pykv_status any_call(merge_model *self)
{
    int32_t more;
    uint64_t chosen = roll(self, 10);
    if (chosen < 4) {
        return model_write(self);
    }
    return chosen < 8 ? model_merge(self)
                      : bitcask_maintain_step(self->store, PYKV_ROLE_DATA, &more);
}

/* The power goes, or the process dies, somewhere in a call. */
static void cut_power(merge_model *self)
{
    static const env_crash_policy policies[] = {ENV_CRASH_DROP_ALL, ENV_CRASH_KEEP_ALL,
                                                ENV_CRASH_PREFIX, ENV_CRASH_SUBSET, ENV_CRASH_TORN};
    env_crash_policy policy = policies[roll(self, sizeof policies / sizeof policies[0])];
    env *after;
    env_memory_power_off_at(self->disk, env_memory_call_count(self->disk) + 1 +
                                            roll(self, MODEL_CALLS_UNTIL_CUT));
    for (int i = 0; i < MODEL_CALLS_UNTIL_CUT && any_call(self) == PYKV_OK; i++) {
    }
    if (!env_memory_is_off(self->disk) && error_last()->status == PYKV_STORE_FAILED) {
        fail(self, "a call failed with power on");
    }
    CHECK_OK(env_memory_crash(self->disk, roll(self, UINT32_MAX), policy, &after));
    drop_store(self);
    env_memory_free(self->disk);
    self->disk = after;
    open_store(self);
    model_compare(self, policy == ENV_CRASH_KEEP_ALL ? self->finished : self->durable, self->tried);
    self->durable = self->finished;
}

/* ---- the stream ---- */

static pykv_status keep_up(merge_model *self)
{
    int32_t more;
    pykv_status status = PYKV_OK;
    switch (roll(self, 6)) {
    case 0:
        status = bitcask_sync(self->store);
        break;
    case 1:
    case 2:
        status = bitcask_flush(self->store);
        break;
    case 3:
        return bitcask_compact(self->store, NULL);
    default:
        env_memory_advance(self->disk, (int64_t)roll(self, 20000000), 0);
        return bitcask_maintain_step(self->store,
                                     roll(self, 2) == 0 ? PYKV_ROLE_LOG : PYKV_ROLE_DATA, &more);
    }
    if (status == PYKV_OK) {
        self->durable = self->finished;
    }
    return status;
}

void model_step(merge_model *self)
{
    uint64_t chosen = roll(self, 100);
    pykv_status status = PYKV_OK;
    if (chosen < 45) {
        status = model_write(self);
    } else if (chosen < 70) {
        status = model_merge(self);
    } else if (chosen < 80) {
        status = model_scan_some(self);
    } else if (chosen < 93) {
        status = keep_up(self);
    } else if (chosen < 95) {
        model_compare(self, self->finished, self->finished);
    } else if (chosen < 97) {
        reopen_cleanly(self);
    } else if (chosen < 99) {
        reopen_killed(self);
    } else {
        cut_power(self);
    }
    if (status != PYKV_OK) {
        fail(self, "an operation fails");
    }
}
