/*
 * id_table: binary search, and rows that move up and down.
 */
#include "base/id_table.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

enum { ROWS_FIRST = 4 };

static uint32_t id_at(const id_table *self, size_t place)
{
    return *(const uint32_t *)id_table_at(self, place);
}

/* The place of the first row whose id is not below id. */
static size_t place_of(const id_table *self, uint32_t id)
{
    size_t low = 0;
    size_t high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id_at(self, middle) < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void *id_table_find(const id_table *self, uint32_t id)
{
    size_t place = place_of(self, id);
    bool found = place < self->count && id_at(self, place) == id;
    return found ? id_table_at(self, place) : NULL;
}

/* Makes room for one more. False: there is no memory. */
static bool reserve(id_table *self, size_t row_bytes)
{
    if (self->rows != NULL && self->count < self->capacity) {
        return true;
    }
    size_t capacity = self->capacity == 0 ? ROWS_FIRST : 2 * self->capacity;
    void *grown = mem_resize(self->rows, capacity * row_bytes);
    if (grown == NULL) {
        return false;
    }
    self->rows = grown;
    self->row_bytes = row_bytes;
    self->capacity = capacity;
    return true;
}

static void *insert(id_table *self, uint32_t id)
{
    size_t place = place_of(self, id);
    uint8_t *row = id_table_at(self, place);
    memmove(row + self->row_bytes, row, (self->count - place) * self->row_bytes);
    memset(row, 0, self->row_bytes);
    memcpy(row, &id, sizeof id);
    self->count++;
    return row;
}

pykv_status id_table_meet(id_table *self, uint32_t id, size_t row_bytes, void **row_out)
{
    void *found = id_table_find(self, id);
    if (found == NULL) {
        if (!reserve(self, row_bytes)) {
            return error_set_no_memory((self->count + 1) * row_bytes);
        }
        PYKV_ASSERT(self->row_bytes == row_bytes);
        found = insert(self, id);
    }
    *row_out = found;
    return PYKV_OK;
}

void id_table_remove(id_table *self, const void *row)
{
    size_t offset = (size_t)((const uint8_t *)row - (const uint8_t *)self->rows);
    uint8_t *at = (uint8_t *)self->rows + offset;
    self->count--;
    memmove(at, at + self->row_bytes, self->count * self->row_bytes - offset);
}

void id_table_reset(id_table *self)
{
    mem_free(self->rows);
    *self = (id_table){.rows = NULL};
}
