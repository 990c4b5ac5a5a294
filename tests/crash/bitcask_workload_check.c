/*
 * bitcask_workload_check: comparing a store with a history.
 */
#include "bitcask_workload.h"
#include "bitcask_workload_parts.h"

#include "base/memory.h"

const char workload_unreadable[] = "a read failed";

/* The number of the value that data is, of those that key had in the history; UINT32_MAX: none. */
static uint32_t number_of(const bitcask_history *history, uint32_t key, size_t to, slice data)
{
    uint8_t value[WORKLOAD_VALUE_BYTES];
    for (size_t n = to + 1; n-- > 0;) {
        uint32_t number = history->states[n].values[key];
        if (number != 0 && data.size == workload_value(number, value) &&
            (data.size == 0 || memcmp(data.data, value, data.size) == 0)) {
            return number;
        }
    }
    return UINT32_MAX;
}

static bool state_fits(const key_values *left, const key_values *right)
{
    uint8_t one[WORKLOAD_VALUE_BYTES];
    uint8_t other[WORKLOAD_VALUE_BYTES];
    for (uint32_t key = 0; key < WORKLOAD_KEY_COUNT; key++) {
        uint32_t a = left->values[key];
        uint32_t b = right->values[key];
        if (a == b) {
            continue;
        }
        if (a == 0 || b == 0) {
            return false;
        }
        size_t length = workload_value(a, one);
        if (length != workload_value(b, other) || memcmp(one, other, length) != 0) {
            return false;
        }
    }
    return true;
}

static const char *read_by_get(bitcask *store, const bitcask_history *history, size_t to,
                               key_values *out)
{
    for (uint32_t key = 0; key < WORKLOAD_KEY_COUNT; key++) {
        char name[WORKLOAD_KEY_BYTES];
        pykv_pinned pinned = {0};
        slice bytes = slice_make(name, workload_key(key, name));
        pykv_status status = bitcask_get(store, bytes, 0, &pinned);
        if (status == PYKV_NOT_FOUND) {
            out->values[key] = 0;
        } else if (status == PYKV_OK) {
            out->values[key] = number_of(history, key, to, slice_make(pinned.data, pinned.length));
            mem_free(pinned.owned);
        } else {
            return workload_unreadable;
        }
        if (out->values[key] == UINT32_MAX) {
            return "get gave a value that was never put";
        }
        pykv_status there = bitcask_contains(store, bytes, 0);
        if (there != PYKV_OK && there != PYKV_NOT_FOUND) {
            return workload_unreadable;
        }
        if ((there == PYKV_OK) != (out->values[key] != 0)) {
            return "contains and get disagree";
        }
    }
    return NULL;
}

/* Index of the key with these bytes, WORKLOAD_KEY_COUNT if there is none. */
static uint32_t key_of(slice bytes)
{
    for (uint32_t key = 0; key < WORKLOAD_KEY_COUNT; key++) {
        char name[WORKLOAD_KEY_BYTES];
        if (slice_equal(bytes, slice_make(name, workload_key(key, name)))) {
            return key;
        }
    }
    return WORKLOAD_KEY_COUNT;
}

static const char *add_rows(const bitcask_history *history, size_t to, const pykv_rows *rows,
                            key_values *out)
{
    for (size_t i = 0; i < rows->count; i++) {
        const uint64_t *at = rows->offsets + 2 * i;
        uint32_t key = key_of(slice_make(rows->data + at[0], at[1] - at[0]));
        if (key == WORKLOAD_KEY_COUNT) {
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

static const char *read_by_scan(bitcask *store, const bitcask_history *history, size_t to,
                                key_values *out)
{
    scan *rows_of;
    const char *wrong = NULL;
    if (scan_open(store, false, &rows_of) != PYKV_OK) {
        return workload_unreadable;
    }
    pykv_rows rows = {.count = 1};
    while (wrong == NULL && rows.count > 0) {
        pykv_status status = scan_next(rows_of, 512, &rows);
        if (status != PYKV_OK) {
            wrong = workload_unreadable;
        } else {
            wrong = add_rows(history, to, &rows, out);
        }
    }
    scan_free(store, rows_of);
    return wrong;
}

static uint64_t count_of(const key_values *state)
{
    uint64_t count = 0;
    for (uint32_t key = 0; key < WORKLOAD_KEY_COUNT; key++) {
        count += state->values[key] != 0;
    }
    return count;
}

const char *driver_check(bitcask *store, const bitcask_history *history, size_t from, size_t to,
                         size_t *commit_out)
{
    key_values got = {{0}};
    key_values scanned = {{0}};
    const char *wrong = read_by_get(store, history, to, &got);
    if (wrong == NULL) {
        wrong = read_by_scan(store, history, to, &scanned);
    }
    if (wrong != NULL) {
        return wrong;
    }
    if (!state_fits(&got, &scanned)) {
        return "scan and get disagree";
    }
    if (bitcask_count(store) != count_of(&got)) {
        return "count is not the number of keys";
    }
    for (size_t n = to + 1; n-- > from;) {
        if (state_fits(&got, &history->states[n])) {
            *commit_out = n;
            return NULL;
        }
    }
    for (size_t n = 0; n < from; n++) {
        if (state_fits(&got, &history->states[n])) {
            return "a write that was acknowledged as durable is lost";
        }
    }
    return "the content is that of no moment: a hole, or half a batch";
}
