/*
 * store_workload_check: comparing a store with a history.
 */
#include "store_workload.h"
#include "store_workload_parts.h"

#include "base/epoch.h"
#include "base/memory.h"

const char workload_unreadable[] = "a read failed";

/* The number of the value that data is, of those that key had in the history; UINT32_MAX: none. */
static uint32_t number_of(const store_history *history, uint32_t key, size_t to, slice data)
{
    uint8_t value[WORKLOAD_VALUE_BYTES];
    uint32_t tried = 0;
    for (size_t n = to + 1; n-- > 0;) {
        uint32_t number = history->states[n].values[key];
        if (number == 0 || number == tried || data.size != workload_value_length(number)) {
            continue;
        }
        tried = number;
        workload_value(number, value);
        if (data.size == 0 || memcmp(data.data, value, data.size) == 0) {
            return number;
        }
    }
    return UINT32_MAX;
}

static bool state_fits(const key_values *left, const key_values *right)
{
    uint8_t one[WORKLOAD_VALUE_BYTES];
    uint8_t other[WORKLOAD_VALUE_BYTES];
    for (uint32_t key = 0; key < WORKLOAD_ROW_COUNT; key++) {
        uint32_t a = left->values[key];
        uint32_t b = right->values[key];
        if (a == b) {
            continue;
        }
        if (a == 0 || b == 0) {
            return false;
        }
        size_t length = workload_value_length(a);
        if (length != workload_value_length(b)) {
            return false;
        }
        workload_value(a, one);
        workload_value(b, other);
        if (memcmp(one, other, length) != 0) {
            return false;
        }
    }
    return true;
}

static const char *read_key(const store_driver *self, const store_door *door, uint32_t key,
                            size_t to, uint32_t *out)
{
    const engine_ops *engine = door->ops;
    char name[WORKLOAD_KEY_BYTES];
    pykv_pinned pinned = {0};
    slice bytes = slice_make(name, workload_key(key, name));
    pykv_status status = engine->get(door->engine, bytes, 0, &pinned);
    if (status == PYKV_NOT_FOUND) {
        *out = 0;
    } else if (status == PYKV_OK) {
        *out = number_of(self->history, key, to, slice_make(pinned.data, pinned.length));
        mem_free(pinned.owned);
    } else {
        return workload_unreadable;
    }
    if (*out == UINT32_MAX) {
        return "get gave a value that was never put";
    }
    pykv_status there = engine->contains(door->engine, NULL, bytes, 0);
    if (there != PYKV_OK && there != PYKV_NOT_FOUND) {
        return workload_unreadable;
    }
    return (there == PYKV_OK) == (*out != 0) ? NULL : "contains and get disagree";
}

/* The deadline of key, which is there. */
static const char *read_deadline(const store_door *door, uint32_t key, uint64_t *out)
{
    char name[WORKLOAD_KEY_BYTES];
    slice bytes = slice_make(name, workload_key(key, name));
    pykv_status status = door->ops->expires_at(door->engine, NULL, bytes, 0, out);
    if (status != PYKV_OK && status != PYKV_NOT_FOUND) {
        return workload_unreadable;
    }
    return status == PYKV_OK ? NULL : "a key that is there has no deadline to tell";
}

/* As the API does, inside the epoch. */
static const char *read_by_get(const store_driver *self, const store_door *door, size_t to,
                               key_values *out)
{
    const char *wrong = NULL;
    epoch *readers = &self->plan->engine->gate(self->store)->readers;
    uint32_t end = door->first + door->count;
    for (uint32_t key = door->first; key < end && wrong == NULL; key++) {
        epoch_token token = epoch_enter(readers);
        wrong = read_key(self, door, key, to, &out->values[key]);
        if (wrong == NULL && out->values[key] != 0) {
            wrong = read_deadline(door, key, &out->deadlines[key]);
        }
        epoch_leave(readers, token);
    }
    return wrong;
}

static const char *read_many(const store_driver *self, const store_door *door, void *many,
                             size_t to, key_values *out)
{
    static char names[WORKLOAD_KEY_COUNT][WORKLOAD_KEY_BYTES];
    const void *keys[WORKLOAD_KEY_COUNT];
    size_t lengths[WORKLOAD_KEY_COUNT];
    const engine_ops *engine = door->ops;
    for (uint32_t i = 0; i < door->count; i++) {
        keys[i] = names[i];
        lengths[i] = workload_key(door->first + i, names[i]);
    }
    if (engine->many_get(many, NULL, door->count, keys, lengths, 0) != PYKV_OK) {
        return workload_unreadable;
    }
    const uint8_t *const *values = engine->many_values(many);
    const size_t *value_lengths = engine->many_lengths(many);
    for (uint32_t i = 0; i < door->count; i++) {
        uint32_t key = door->first + i;
        slice value = slice_make(values[i], value_lengths[i]);
        out->values[key] = values[i] == NULL ? 0 : number_of(self->history, key, to, value);
        if (out->values[key] == UINT32_MAX) {
            return "get_many gave a value that was never put";
        }
    }
    return NULL;
}

static const char *read_by_get_many(const store_driver *self, const store_door *door, size_t to,
                                    key_values *out)
{
    const engine_ops *engine = door->ops;
    epoch *readers = &self->plan->engine->gate(self->store)->readers;
    void *many;
    if (engine->many_new(door->engine, &many) != PYKV_OK) {
        return workload_unreadable;
    }
    epoch_token token = epoch_enter(readers);
    const char *wrong = read_many(self, door, many, to, out);
    engine->many_release(many);
    epoch_leave(readers, token);
    engine->many_free(many);
    return wrong;
}

/* The row with these bytes as its key, WORKLOAD_ROW_COUNT if there is none. */
static uint32_t key_of(const store_door *door, slice bytes)
{
    for (uint32_t key = door->first; key < door->first + door->count; key++) {
        char name[WORKLOAD_KEY_BYTES];
        if (slice_equal(bytes, slice_make(name, workload_key(key, name)))) {
            return key;
        }
    }
    return WORKLOAD_ROW_COUNT;
}

static const char *add_rows(const store_history *history, const store_door *door, size_t to,
                            const pykv_rows *rows, key_values *out)
{
    for (size_t i = 0; i < rows->count; i++) {
        const uint64_t *at = rows->offsets + 2 * i;
        uint32_t key = key_of(door, slice_make(rows->data + at[0], at[1] - at[0]));
        if (key == WORKLOAD_ROW_COUNT) {
            return "the scan gave a key that was never put";
        }
        if (out->values[key] != 0) {
            return "the scan gave a key twice";
        }
        out->values[key] =
            number_of(history, key, to, slice_make(rows->data + at[1], at[2] - at[1]));
        if (out->values[key] == UINT32_MAX) {
            return "the scan gave a value that was never put";
        }
    }
    return NULL;
}

static const char *read_by_scan(const store_driver *self, const store_door *door, size_t to,
                                key_values *out)
{
    const engine_ops *engine = door->ops;
    const pykv_range all = {.limit = 0};
    void *rows_of;
    const char *wrong = NULL;
    if (engine->scan_open(door->engine, NULL, &all, &rows_of) != PYKV_OK) {
        return workload_unreadable;
    }
    pykv_rows rows = {.count = 1};
    while (wrong == NULL && rows.count > 0) {
        pykv_status status = engine->scan_next(rows_of, 512, &rows);
        if (status != PYKV_OK) {
            wrong = workload_unreadable;
        } else {
            wrong = add_rows(self->history, door, to, &rows, out);
        }
    }
    engine->scan_free(door->engine, rows_of);
    return wrong;
}

static uint64_t count_of(const key_values *state)
{
    uint64_t count = 0;
    for (uint32_t key = 0; key < WORKLOAD_ROW_COUNT; key++) {
        count += state->values[key] != 0;
    }
    return count;
}

/* Reads some rows in each way; *out is what was found. */
static const char *read_rows(const store_driver *self, const store_door *door, size_t to,
                             key_values *out)
{
    key_values others = {.values = {0}};
    uint64_t count;
    const char *wrong = read_by_get(self, door, to, out);
    if (wrong == NULL) {
        wrong = read_by_get_many(self, door, to, &others);
    }
    if (wrong == NULL && !state_fits(out, &others)) {
        wrong = "get_many and get disagree";
    }
    others = (key_values){.values = {0}};
    if (wrong == NULL) {
        wrong = read_by_scan(self, door, to, &others);
    }
    if (wrong == NULL && !state_fits(out, &others)) {
        wrong = "scan and get disagree";
    }
    if (wrong == NULL && door->ops->count(door->engine, NULL, NULL, &count) != PYKV_OK) {
        return workload_unreadable;
    }
    /* A Bitcask counts what has expired until it is merged. */
    bool is_bitcask = door->ops->home == engine_bitcask.home;
    bool fits = is_bitcask ? count >= count_of(out) : count == count_of(out);
    return wrong == NULL && !fits ? "count is not the number of keys" : wrong;
}

/* Adds the rows of a namespace. */
static const char *read_space(const store_driver *self, size_t space, size_t to, key_values *out)
{
    key_values found = {.values = {0}};
    uint32_t first = workload_first_row(space);
    store_door door = {self->plan->engine->named, NULL, first, WORKLOAD_SPACE_KEYS};
    if (self->plan->engine->named_new(self->store, out->ids[space], &door.engine) != PYKV_OK) {
        return workload_unreadable;
    }
    const char *wrong = read_rows(self, &door, to, &found);
    door.ops->free(door.engine);
    memcpy(out->values + first, found.values + first, door.count * sizeof *out->values);
    memcpy(out->deadlines + first, found.deadlines + first, door.count * sizeof *out->deadlines);
    return wrong;
}

/* Reads everything; *out is what was found. */
static const char *read_all(const store_driver *self, size_t to, key_values *out)
{
    const store_door door = {self->plan->engine, self->store, 0, WORKLOAD_KEY_COUNT};
    const char *wrong = read_rows(self, &door, to, out);
    if (wrong == NULL && self->plan->engine->named != NULL) {
        wrong = workload_read_names(self, out);
    }
    for (size_t i = 0; i < WORKLOAD_SPACE_COUNT && wrong == NULL; i++) {
        wrong = out->ids[i] != 0 ? read_space(self, i, to, out) : NULL;
    }
    return wrong;
}

/* True if what was read is the state after commit n at this moment. */
static bool is_state(const store_driver *self, const key_values *got, size_t n)
{
    key_values alive = driver_alive(self, &self->history->states[n]);
    return state_fits(got, &alive) &&
           memcmp(got->deadlines, alive.deadlines, sizeof alive.deadlines) == 0 &&
           memcmp(got->ids, alive.ids, sizeof alive.ids) == 0 && got->last_id == alive.last_id;
}

/* Where a call failed, history that could not be synced may be gone. */
static const char *check_history(const store_driver *self, size_t commit)
{
    pykv_stats stats;
    if (!self->plan->keeps_history) {
        return NULL;
    }
    self->plan->engine->stats(self->store, &stats);
    if (stats.history_floor != 1) {
        return self->plan->clock != NULL ? NULL : "history is lost";
    }
    return driver_check_feed(self, 0, 0, commit);
}

const char *driver_check(const store_driver *self, size_t from, size_t to, size_t *commit_out)
{
    key_values got = {.values = {0}};
    const char *wrong = read_all(self, to, &got);
    if (wrong != NULL) {
        return wrong;
    }
    for (size_t n = to + 1; n-- > from;) {
        if (is_state(self, &got, n)) {
            *commit_out = n;
            wrong = self->plan->pins ? driver_check_pin(self, n) : NULL;
            return wrong == NULL ? check_history(self, n) : wrong;
        }
    }
    for (size_t n = 0; n < from; n++) {
        if (is_state(self, &got, n)) {
            return "a write that was acknowledged as durable is lost";
        }
    }
    return "the content is that of no moment: a hole, or half a batch";
}
