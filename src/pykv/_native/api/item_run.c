/*
 * item_run: copying a run of a caller's items. See item_run.h.
 */
#include "api/item_run.h"

#include <string.h>

#include "api/handle.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

pykv_status item_run_init(item_run *self, const pykv_items *items, const char *name,
                          uint64_t length_max, size_t rows_max)
{
    *self = (item_run){.items = items, .name = name, .length_max = length_max};
    size_t bytes = rows_max * (sizeof(void *) + sizeof(size_t)) + (rows_max + 1) * sizeof(int64_t);
    self->memory = mem_alloc(bytes);
    if (self->memory == NULL) {
        return error_set_no_memory(bytes);
    }
    self->pointers = self->memory;
    self->lengths = (size_t *)(void *)(self->pointers + rows_max);
    self->offsets = (int64_t *)(void *)(self->lengths + rows_max);
    return PYKV_OK;
}

void item_run_reset(item_run *self)
{
    mem_free(self->memory);
    buffer_reset(&self->bytes);
    *self = (item_run){.items = NULL};
}

static pykv_status refuse_outside(const item_run *self, uint64_t index, int64_t from, int64_t to)
{
    return error_set(PYKV_INVALID_ARGUMENT,
                     "%s: item %llu goes from byte %lld to byte %lld of %llu", self->name,
                     (unsigned long long)index, (long long)from, (long long)to,
                     (unsigned long long)self->items->data_bytes);
}

static pykv_status refuse_length(const item_run *self, uint64_t length)
{
    bool is_key = self->length_max == PYKV_KEY_BYTES_MAX;
    return handle_refuse_sizes(is_key ? length : 0, is_key ? 0 : length);
}

/* Judges rows offsets and the one behind them; first is the number of the first item. */
static pykv_status judge(const item_run *self, const int64_t *offsets, uint64_t first,
                         uint64_t rows)
{
    uint64_t end = self->items->data_bytes;
    uint64_t longest = 0;
    bool good = true;
    for (uint64_t i = 0; i < rows; i++) {
        uint64_t from = (uint64_t)offsets[i];
        uint64_t to = (uint64_t)offsets[i + 1];
        good &= from <= to && to <= end;
        longest = to - from > longest ? to - from : longest;
    }
    if (PYKV_LIKELY(good && longest <= self->length_max)) {
        return PYKV_OK;
    }
    for (uint64_t i = 0; i < rows; i++) {
        uint64_t from = (uint64_t)offsets[i];
        uint64_t to = (uint64_t)offsets[i + 1];
        if (from > to || to > end) {
            return refuse_outside(self, first + i, offsets[i], offsets[i + 1]);
        }
        if (to - from > self->length_max) {
            return refuse_length(self, to - from);
        }
    }
    return error_set(PYKV_INVALID_ARGUMENT, "%s: the offsets changed during the call", self->name);
}

/* The same where every item has the same width. */
static pykv_status judge_width(const item_run *self, uint64_t end)
{
    uint64_t width = self->items->width;
    if (width > self->length_max) {
        return refuse_length(self, width);
    }
    if (width == 0 || end <= self->items->data_bytes / width) {
        return PYKV_OK;
    }
    return error_set(PYKV_INVALID_ARGUMENT, "%s: %llu items of %llu bytes are not in %llu bytes",
                     self->name, (unsigned long long)end, (unsigned long long)width,
                     (unsigned long long)self->items->data_bytes);
}

pykv_status item_run_check(const item_run *self, uint64_t count)
{
    if (self->items->offsets == NULL) {
        return judge_width(self, count);
    }
    return count > 0 ? judge(self, self->items->offsets, 0, count) : PYKV_OK;
}

pykv_status item_run_measure(item_run *self, uint64_t first, size_t rows)
{
    if (self->items->offsets != NULL) {
        memcpy(self->offsets, self->items->offsets + first, (rows + 1) * sizeof(int64_t));
        return PYKV_PLANTED(148) ? PYKV_OK : judge(self, self->offsets, first, rows);
    }
    pykv_status status = judge_width(self, first + rows);
    for (size_t i = 0; i <= rows && status == PYKV_OK; i++) {
        self->offsets[i] = (int64_t)((first + i) * self->items->width);
    }
    return status;
}

uint64_t item_run_bytes(const item_run *self, size_t rows)
{
    return (uint64_t)(self->offsets[rows] - self->offsets[0]);
}

/* Without the zero bytes at its end. */
static size_t trimmed(const uint8_t *data, size_t length)
{
    while (length > 0 && data[length - 1] == 0) {
        length--;
    }
    return length;
}

pykv_status item_run_copy(item_run *self, size_t rows)
{
    size_t bytes = (size_t)item_run_bytes(self, rows);
    buffer_clear(&self->bytes);
    pykv_status status = buffer_reserve(&self->bytes, bytes + 1); /* never without an address */
    if (status != PYKV_OK) {
        return status;
    }
    if (bytes > 0) {
        memcpy(self->bytes.data, self->items->data + self->offsets[0], bytes);
    }
    for (size_t i = 0; i < rows; i++) {
        self->pointers[i] = self->bytes.data + (self->offsets[i] - self->offsets[0]);
        self->lengths[i] = (size_t)(self->offsets[i + 1] - self->offsets[i]);
    }
    if (self->items->trims != 0) {
        for (size_t i = 0; i < rows; i++) {
            self->lengths[i] = trimmed(self->pointers[i], self->lengths[i]);
        }
    }
    return PYKV_OK;
}
