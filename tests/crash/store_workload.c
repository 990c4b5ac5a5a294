/*
 * store_workload: the operations.
 */
#include "store_workload.h"

#include <stdio.h>

#include "harness/check.h"
#include "store_workload_parts.h"

#include "base/memory.h"

enum { OPERATION_BYTES_MAX = 256 };

size_t workload_key(uint32_t index, char out[WORKLOAD_KEY_BYTES])
{
    /* Those of namespaces are keys of the default one too. */
    static const uint32_t shared[WORKLOAD_SPACE_KEYS] = {3, 7, 11, 12, 18};
    static const char marked[] = "\xff\x01\0\0\0\x01"; /* as in the stored key of a namespace */
    uint32_t key = index;
    size_t begin = 0;
    if (index >= WORKLOAD_KEY_COUNT) {
        key = shared[(index - WORKLOAD_KEY_COUNT) % WORKLOAD_SPACE_KEYS];
    }
    if (key == 7) {
        return 0;
    }
    if (key == 11) {
        begin = sizeof marked - 1;
        memcpy(out, marked, begin);
    }
    int length = snprintf(out + begin, WORKLOAD_KEY_BYTES - begin, "%.*skey-%u", (int)(key % 5) * 4,
                          "a/long/common/prefix", key);
    return begin + (size_t)length;
}

size_t workload_value_length(uint32_t number)
{
    if ((number & WORKLOAD_LARGE) != 0) {
        return 8000 + (number - WORKLOAD_LARGE) * 997 % 12000;
    }
    return number % 37 == 0 ? 3000 + number % 3000 : number * 7 % 300;
}

size_t workload_value(uint32_t number, uint8_t out[WORKLOAD_VALUE_BYTES])
{
    uint64_t chance = number * UINT64_C(0x9E3779B97F4A7C15);
    size_t length = workload_value_length(number);
    size_t run = number % 2 == 0 ? 1 : 16;    /* a half of them can be compressed, */
    size_t common = number % 4 == 1 ? 0 : 60; /* and three of four much better with a dictionary */
    for (size_t i = 0; i < length; i++) {
        size_t at = i / run;
        out[i] = (uint8_t)(i < common ? i * 37 : (chance >> (at % 8 * 8)) ^ at);
    }
    return length;
}

static void cut_pin(store_pin *self, size_t commit)
{
    self->commit = self->commit > commit ? SIZE_MAX : self->commit;
}

void history_cut(store_history *self, size_t commit)
{
    self->tried = commit;
    self->finished = commit;
    self->durable = commit;
    cut_pin(&self->pin_tried, commit);
    cut_pin(&self->pin_held, commit);
}

/* ---- writes ---- */

key_values *workload_begin_commit(store_history *history)
{
    key_values *next = &history->states[history->tried + 1];
    *next = history->states[history->tried];
    history->tried++;
    return next;
}

key_values driver_alive(const store_driver *self, const key_values *state)
{
    uint64_t now = env_wall_us(self->disk);
    key_values alive = *state;
    for (uint32_t key = 0; key < WORKLOAD_ROW_COUNT; key++) {
        if (alive.deadlines[key] != 0 && alive.deadlines[key] <= now) {
            alive.values[key] = 0;
        }
        if (alive.values[key] == 0) {
            alive.deadlines[key] = 0;
        }
    }
    return alive;
}

/* The number of key's value now. */
static uint32_t number_now(const store_driver *self, uint32_t key)
{
    return driver_alive(self, &self->history->states[self->history->tried]).values[key];
}

/* For ever, or for some of the time that the workload takes. */
uint64_t workload_choose_deadline(store_driver *self)
{
    if (check_random(&self->chance, 3) != 0) {
        return 0;
    }
    return env_wall_us(self->disk) + 1 + check_random(&self->chance, 60000000);
}

void workload_end_commit(store_driver *self, pykv_status status, bool durable)
{
    if (status == PYKV_OK) {
        self->history->finished = self->history->tried;
        if (durable) {
            self->history->durable = self->history->finished;
        }
    }
}

bool workload_is_durable(const store_driver *self, int32_t flags)
{
    return (flags & PYKV_SYNC) != 0 ||
           (self->plan->durability == PYKV_DURABILITY_SYNC && (flags & PYKV_NO_SYNC) == 0);
}

int32_t workload_choose_flags(store_driver *self)
{
    uint64_t roll = check_random(&self->chance, 10);
    return roll == 0 ? PYKV_SYNC : roll == 1 ? PYKV_NO_SYNC : 0;
}

/* A number that no value had before. An LSM store gets large ones too, to fill its memtables. */
uint32_t workload_next_number(store_driver *self)
{
    uint32_t number = ++self->history->last_value;
    bool large = self->plan->engine == &engine_lsm && check_random(&self->chance, 8) == 0;
    return large ? number | WORKLOAD_LARGE : number;
}

static pykv_status put_one(store_driver *self)
{
    char key[WORKLOAD_KEY_BYTES];
    uint8_t value[WORKLOAD_VALUE_BYTES];
    uint32_t index = workload_choose_row(self);
    store_door door = workload_door(self, index);
    uint32_t number = workload_next_number(self);
    int32_t flags = workload_choose_flags(self);
    uint64_t deadline = workload_choose_deadline(self);
    size_t key_length = workload_key(index, key);
    size_t value_length = workload_value(number, value);
    key_values *next = workload_begin_commit(self->history);
    next->values[index] = number;
    next->deadlines[index] = deadline;
    pykv_status status = door.ops->put(door.engine, slice_make(key, key_length),
                                       slice_make(value, value_length), deadline, flags);
    workload_end_commit(self, status, workload_is_durable(self, flags));
    return status;
}

static pykv_status delete_one(store_driver *self)
{
    char key[WORKLOAD_KEY_BYTES];
    int32_t existed;
    uint32_t index = workload_choose_row(self);
    store_door door = workload_door(self, index);
    int32_t flags = workload_choose_flags(self);
    bool there = number_now(self, index) != 0;
    workload_begin_commit(self->history)->values[index] = 0;
    pykv_status status =
        door.ops->remove(door.engine, slice_make(key, workload_key(index, key)), flags, &existed);
    if (status == PYKV_OK && (existed != 0) != there) {
        check_failed(__FILE__, __LINE__, "delete of key %u saw existed=%d", index, existed);
    }
    workload_end_commit(self, status, workload_is_durable(self, flags));
    return status;
}

/* Swaps a value for another one, or gives it another deadline alone, as pykv_touch does. */
static pykv_status swap_one(store_driver *self, bool touches)
{
    char key[WORKLOAD_KEY_BYTES];
    uint8_t old_value[WORKLOAD_VALUE_BYTES];
    uint8_t new_value[WORKLOAD_VALUE_BYTES];
    int32_t swapped;
    uint32_t index = workload_choose_row(self);
    store_door door = workload_door(self, index);
    uint32_t old_number = number_now(self, index);
    uint32_t number = touches && old_number != 0 ? old_number : workload_next_number(self);
    uint64_t deadline = workload_choose_deadline(self);
    slice expected = slice_make(old_value, workload_value(old_number, old_value));
    slice wanted = slice_make(new_value, workload_value(number, new_value));
    key_values *next = workload_begin_commit(self->history);
    next->values[index] = number;
    next->deadlines[index] = deadline;
    pykv_status status = door.ops->compare_and_set(
        door.engine, slice_make(key, workload_key(index, key)), old_number == 0 ? NULL : &expected,
        &wanted, deadline, 0, &swapped);
    if (status == PYKV_OK && swapped == 0) {
        check_failed(__FILE__, __LINE__, "compare_and_set of key %u did not swap", index);
    }
    workload_end_commit(self, status, workload_is_durable(self, 0));
    return status;
}

/* Whether key index has a place in a range. stop empty: it has no end. */
static bool is_in_range(uint32_t index, slice start, slice stop)
{
    char name[WORKLOAD_KEY_BYTES];
    slice key = slice_make(name, workload_key(index, name));
    return slice_compare(start, key) <= 0 && (stop.size == 0 || slice_compare(key, stop) < 0);
}

/* Fills the delete of a range from one key to another, now and then without an end. */
static store_door choose_range(store_driver *self, char bounds[2][WORKLOAD_KEY_BYTES], record *out)
{
    uint32_t first = workload_choose_row(self);
    store_door door = workload_door(self, first);
    uint32_t second = door.first + (uint32_t)check_random(&self->chance, door.count);
    slice start = slice_make(bounds[0], workload_key(first, bounds[0]));
    slice stop = slice_make(bounds[1], workload_key(second, bounds[1]));
    bool swaps = slice_compare(start, stop) > 0;
    out->kind = RECORD_RANGE_DELETE;
    out->deadline_us = 0;
    out->key = swaps ? stop : start;
    out->value = swaps ? start : stop;
    if (first == second || check_random(&self->chance, 8) == 0) {
        out->value = slice_make("", 0);
    }
    return door;
}

static void delete_keys(key_values *state, const store_door *door, const record *range)
{
    for (uint32_t i = door->first; i < door->first + door->count; i++) {
        if (is_in_range(i, range->key, range->value)) {
            state->values[i] = 0;
        }
    }
}

static uint32_t id_of(const key_values *state, uint32_t row)
{
    size_t space = workload_space(row);
    return space == WORKLOAD_SPACE_COUNT ? 0 : state->ids[space];
}

static pykv_status write_batch(store_driver *self)
{
    char keys[WORKLOAD_BATCH_MAX][WORKLOAD_KEY_BYTES];
    char bounds[WORKLOAD_BATCH_MAX][2][WORKLOAD_KEY_BYTES];
    static uint8_t values[WORKLOAD_BATCH_MAX][WORKLOAD_VALUE_BYTES];
    static _Alignas(16) uint8_t operations[WORKLOAD_BATCH_MAX * OPERATION_BYTES_MAX];
    size_t operation_bytes = self->plan->engine->operation_bytes;
    size_t count = 1 + check_random(&self->chance, WORKLOAD_BATCH_MAX);
    int32_t flags = workload_choose_flags(self);
    key_values *next = workload_begin_commit(self->history);
    CHECK(operation_bytes <= OPERATION_BYTES_MAX);
    for (size_t i = 0; i < count; i++) {
        record *member = (record *)(void *)(operations + i * operation_bytes);
        if (self->plan->engine->delete_range != NULL && check_random(&self->chance, 10) == 0) {
            store_door door = choose_range(self, bounds[i], member);
            member->namespace_id = id_of(next, door.first);
            delete_keys(next, &door, member);
            continue;
        }
        uint32_t index = workload_choose_row(self);
        bool deletes = check_random(&self->chance, 4) == 0;
        uint32_t number = deletes ? 0 : workload_next_number(self);
        member->kind = deletes ? RECORD_DELETE : RECORD_PUT;
        member->key = slice_make(keys[i], workload_key(index, keys[i]));
        member->value = deletes ? slice_make(NULL, 0)
                                : slice_make(values[i], workload_value(number, values[i]));
        member->deadline_us = deletes ? 0 : workload_choose_deadline(self);
        member->namespace_id = id_of(next, index);
        next->values[index] = number;
        next->deadlines[index] = member->deadline_us;
    }
    pykv_status status = self->plan->engine->write(self->store, operations, count, flags);
    workload_end_commit(self, status, workload_is_durable(self, flags));
    return status;
}

static pykv_status delete_range(store_driver *self)
{
    char bounds[2][WORKLOAD_KEY_BYTES];
    record range;
    int32_t flags = workload_choose_flags(self);
    store_door door = choose_range(self, bounds, &range);
    delete_keys(workload_begin_commit(self->history), &door, &range);
    pykv_status status = door.ops->delete_range(door.engine, range.key, range.value, flags);
    workload_end_commit(self, status, workload_is_durable(self, flags));
    return status;
}

static pykv_status clear_all(store_driver *self)
{
    int32_t flags = workload_choose_flags(self);
    store_door door = workload_door(self, workload_choose_row(self));
    key_values *next = workload_begin_commit(self->history);
    memset(next->values + door.first, 0, door.count * sizeof *next->values);
    memset(next->deadlines + door.first, 0, door.count * sizeof *next->deadlines);
    self->clear_commit = door.first == 0 ? self->history->tried : self->clear_commit;
    pykv_status status = door.ops->clear(door.engine, flags);
    workload_end_commit(self, status, workload_is_durable(self, flags));
    return status;
}

/* ---- the rest ---- */

static pykv_status maintain(store_driver *self)
{
    int32_t more;
    int32_t role = check_random(&self->chance, 3) == 0 ? PYKV_ROLE_LOG : PYKV_ROLE_DATA;
    int64_t passed_us = (int64_t)check_random(&self->chance, 20000000);
    env_memory_advance(self->plan->clock != NULL ? self->plan->clock : self->disk, passed_us,
                       passed_us);
    return self->plan->engine->maintain_step(self->store, role, &more);
}

static pykv_status sync_all(store_driver *self)
{
    pykv_status status = self->plan->engine->sync(self->store);
    if (status == PYKV_OK) {
        self->history->durable = self->history->finished;
    }
    return status;
}

/* Everything, or in a store with order the keys from some key on. */
static pykv_status compact_some(store_driver *self)
{
    char start[WORKLOAD_KEY_BYTES];
    uint32_t first = (uint32_t)check_random(&self->chance, WORKLOAD_KEY_COUNT);
    pykv_range range = {.start = start, .has_start = 1};
    range.start_length = workload_key(first, start);
    bool some = self->plan->engine == &engine_lsm && first % 2 == 0;
    return self->plan->engine->compact(self->store, some ? &range : NULL, NULL);
}

static pykv_status flush_all(store_driver *self)
{
    pykv_status status = self->plan->engine->flush(self->store);
    if (status == PYKV_OK) {
        self->history->durable = self->history->finished;
    }
    return status;
}

static pykv_status reopen(store_driver *self)
{
    store_driver before = *self;
    self->reader = NULL;
    pykv_status status = driver_close(self);
    if (status == PYKV_OK) {
        status = driver_open(self, self->disk, self->plan, self->history);
        self->chance = before.chance;
    }
    self->reader = before.reader;
    self->reader_commit = before.reader_commit;
    return status;
}

static pykv_status look(store_driver *self)
{
    size_t commit;
    size_t now = self->history->tried;
    const char *wrong = driver_check(self, now, now, &commit);
    if (wrong == workload_unreadable) {
        return error_last()->status;
    }
    if (wrong != NULL) {
        check_failed(__FILE__, __LINE__, "%s (before any crash)", wrong);
    }
    return PYKV_OK;
}

static pykv_status step(store_driver *self)
{
    uint64_t roll = check_random(&self->chance, 100);
    pykv_status status = workload_open_names(self);
    if (status == PYKV_OK && check_random(&self->view_chance, 4) == 0) {
        status = driver_view(self);
    }
    status = status == PYKV_OK ? driver_snapshot(self) : status;
    if (status != PYKV_OK) {
        return status;
    }
    if (roll < 3 && self->plan->makes_names && self->plan->engine->named != NULL) {
        return driver_change_names(self);
    }
    if (roll == 3 && self->plan->pins) {
        return driver_pin(self);
    }
    if (roll < 38) {
        return put_one(self);
    }
    if (roll < 50) {
        bool ranges = self->plan->engine->delete_range != NULL;
        return ranges && roll >= 46 ? delete_range(self) : delete_one(self);
    }
    if (roll < 62) {
        return write_batch(self);
    }
    if (roll < 66) {
        return swap_one(self, roll == 65);
    }
    if (roll < 68 && self->plan->clears) {
        return clear_all(self);
    }
    if (roll < 72) {
        return sync_all(self);
    }
    if (roll < 75) {
        return flush_all(self);
    }
    if (roll < 89) {
        return maintain(self);
    }
    if (roll < 90) {
        return driver_copy(self);
    }
    if (roll < 93 && self->plan->engine->ingest != NULL) {
        return driver_ingest(self);
    }
    if (roll < 95) {
        return compact_some(self);
    }
    return roll < 97 ? look(self) : reopen(self);
}

/* The reader looks at every third commit, with no chance of its own: steps are the same with it. */
pykv_status driver_step(store_driver *self)
{
    pykv_status status = step(self);
    bool looks = self->plan->has_reader && self->history->tried % 3 == 0;
    return status == PYKV_OK && looks ? driver_refresh(self) : status;
}
