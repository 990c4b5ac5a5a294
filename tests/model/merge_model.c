/*
 * merge_model: the operations. What they lead to is compared in merge_model_check.c.
 */
#include "merge_model.h"

#include "harness/check.h"

#include "base/memory.h"
#include "bitcask/merge.h"
#include "bitcask/merge_state.h"

#define MODEL_PATH "/store"

enum { MODEL_TTL_US_MAX = 60000000, MODEL_PAUSE_US_MAX = 20000000 };
enum { MODEL_FILE_BYTES_MAX = 1 << 20, MODEL_CALLS_UNTIL_CUT = 40, MODEL_OUTPUT_BYTES = 300 };

/* ---- opening ---- */

/* In half of the histories merges go on in a second output, and in more; in some of these each
 * record has an output of its own. */
static void open_store(merge_model *self)
{
    bool packs = self->packs && model_roll(self, 3) > 0;
    self->options.compression = packs ? PYKV_CODEC_ZSTD : PYKV_CODEC_NONE;
    if (bitcask_open(self->disk, MODEL_PATH, &self->options, &self->store) != PYKV_OK) {
        model_fail(self, "the store does not open");
    }
    if (self->number % 2 == 0) {
        self->store->output_bytes_max = MODEL_OUTPUT_BYTES * (self->number / 2 % 3);
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
    self->expires = model_roll(self, 2) == 0;
    self->packs = model_roll(self, 3) == 0;
    self->options = (pykv_options){
        .segment_bytes = 4096,
        .batch_bytes_max = 1 << 16,
        .space_amplification_max = 1.2,
        .durability = model_roll(self, 4) == 0 ? PYKV_DURABILITY_SYNC : PYKV_DURABILITY_OS,
        .log_sink = model_roll(self, 2) == 0 ? PYKV_LOG_PWRITE : PYKV_LOG_MAPPED,
        .log_sector_padding = model_roll(self, 4) == 0,
        .no_mapped_reads = model_roll(self, 4) == 0};
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
    uint64_t chosen = model_roll(self, 8);
    return chosen == 0 ? PYKV_SYNC : chosen < 3 ? PYKV_NO_SYNC : 0;
}

/* When a value expires that is put now. */
static uint64_t choose_deadline(merge_model *self)
{
    bool expires = self->expires && model_roll(self, 3) == 0;
    return expires ? bitcask_now(self->store) + 1 + model_roll(self, MODEL_TTL_US_MAX) : 0;
}

static pykv_status put_one(merge_model *self, uint32_t index, int32_t flags)
{
    char key[16];
    uint8_t value[MODEL_VALUE_BYTES];
    uint32_t number = ++self->last_number;
    uint64_t deadline_us = choose_deadline(self);
    model_state *next = begin_commit(self);
    next->values[index] = number;
    next->deadlines[index] = deadline_us;
    slice name = slice_make(key, model_key(index, key));
    slice whole = slice_make(value, model_value(number, value));
    return end_commit(self, bitcask_put_until(self->store, name, whole, deadline_us, flags), flags);
}

static pykv_status delete_one(merge_model *self, uint32_t index, int32_t flags)
{
    char key[16];
    int32_t existed = 0;
    bool there = model_alive(self, &self->states[self->tried]).values[index] != 0;
    model_state *next = begin_commit(self);
    next->values[index] = 0;
    next->deadlines[index] = 0;
    pykv_status status =
        bitcask_delete(self->store, slice_make(key, model_key(index, key)), flags, &existed);
    if (status == PYKV_OK && (existed != 0) != there) {
        model_fail(self, "delete told wrongly whether the key was there");
    }
    return end_commit(self, status, flags);
}

static pykv_status write_batch(merge_model *self, int32_t flags)
{
    char keys[MODEL_BATCH_MAX][16];
    uint8_t values[MODEL_BATCH_MAX][MODEL_VALUE_BYTES];
    operation operations[MODEL_BATCH_MAX] = {{.record = {0}}};
    size_t count = 1 + model_roll(self, MODEL_BATCH_MAX);
    model_state *next = begin_commit(self);
    for (size_t i = 0; i < count; i++) {
        uint32_t index = (uint32_t)model_roll(self, MODEL_KEY_COUNT);
        bool deletes = model_roll(self, 3) == 0;
        uint32_t number = deletes ? 0 : ++self->last_number;
        size_t length = deletes ? 0 : model_value(number, values[i]);
        operations[i].record.kind = deletes ? RECORD_DELETE : RECORD_PUT;
        operations[i].record.deadline_us = deletes ? 0 : choose_deadline(self);
        operations[i].record.key = slice_make(keys[i], model_key(index, keys[i]));
        operations[i].record.value = slice_make(values[i], length);
        next->values[index] = number;
        next->deadlines[index] = operations[i].record.deadline_us;
    }
    return end_commit(self, bitcask_write(self->store, operations, count, flags), flags);
}

pykv_status model_write(merge_model *self)
{
    uint32_t index = (uint32_t)model_roll(self, MODEL_KEY_COUNT);
    int32_t flags = choose_flags(self);
    uint64_t chosen = model_roll(self, 100);
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
    *begin_commit(self) = (model_state){{0}, {0}};
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
    size_t wanted = count == 0 ? 0 : 1 + model_roll(self, count);
    for (size_t i = 0; i < wanted; i++) {
        size_t other = i + model_roll(self, count - i);
        segment *moved = inputs[i];
        inputs[i] = inputs[other];
        inputs[other] = moved;
    }
    return wanted == 0 ? PYKV_OK : merge_begin(self->store, inputs, wanted);
}

/* Makes a step of the merge that runs, and counts the merge if that was its last. */
static pykv_status step_merge(merge_model *self)
{
    bool more;
    bool is_beyond_first = self->store->merge->finished_bytes > 0;
    pykv_status status = merge_step(self->store, &more);
    bool ended = status == PYKV_OK && !more;
    self->merged_count += ended;
    self->several_count += ended && is_beyond_first;
    return status;
}

pykv_status model_merge(merge_model *self)
{
    pykv_status status = PYKV_OK;
    mutex_lock(&self->store->merge_lock);
    if (self->store->merge == NULL) {
        status = begin_merge(self);
    } else {
        status = step_merge(self);
    }
    mutex_unlock(&self->store->merge_lock);
    return status;
}

/* ---- reopening ---- */

static void reopen_cleanly(merge_model *self)
{
    if (bitcask_close(self->store, -1) != PYKV_OK) {
        model_fail(self, "the store does not close");
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
    uint64_t chosen = model_roll(self, 10);
    if (chosen < 4) {
        return model_write(self);
    }
    return chosen < 8 ? model_merge(self)
                      : bitcask_maintain_step(self->store, PYKV_ROLE_DATA, &more);
}

/* The power goes, or the process dies, somewhere in a call. */
static void cut_power(merge_model *self)
{
    /* A device that garbles whole sectors is one for padded logs only. */
    uint64_t policy_count =
        self->options.log_sector_padding != 0 ? ENV_CRASH_TORN_SECTOR : ENV_CRASH_TORN;
    env_crash_policy policy = (env_crash_policy)(1 + model_roll(self, policy_count));
    env *after;
    env_memory_power_off_at(self->disk, env_memory_call_count(self->disk) + 1 +
                                            model_roll(self, MODEL_CALLS_UNTIL_CUT));
    pykv_status status = PYKV_OK;
    for (int i = 0; i < MODEL_CALLS_UNTIL_CUT && status == PYKV_OK; i++) {
        status = any_call(self);
    }
    if (status != PYKV_OK && !env_memory_is_off(self->disk)) {
        model_fail(self, "a call fails with power on");
    }
    CHECK_OK(env_memory_crash(self->disk, model_roll(self, UINT32_MAX), policy, &after));
    drop_store(self);
    env_memory_free(self->disk);
    self->disk = after;
    open_store(self);
    model_compare(self, policy == ENV_CRASH_KEEP_ALL ? self->finished : self->durable, self->tried);
    self->durable = self->finished;
}

/* ---- the stream ---- */

static void let_time_pass(merge_model *self)
{
    int64_t time_us = (int64_t)model_roll(self, MODEL_PAUSE_US_MAX);
    env_memory_advance(self->disk, time_us, time_us);
}

static pykv_status keep_up(merge_model *self)
{
    int32_t more;
    pykv_status status = PYKV_OK;
    switch (model_roll(self, 6)) {
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
        let_time_pass(self);
        return bitcask_maintain_step(
            self->store, model_roll(self, 2) == 0 ? PYKV_ROLE_LOG : PYKV_ROLE_DATA, &more);
    }
    if (status == PYKV_OK) {
        self->durable = self->finished;
    }
    return status;
}

void model_step(merge_model *self)
{
    uint64_t chosen = model_roll(self, 100);
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
        model_fail(self, "an operation fails");
    }
}
