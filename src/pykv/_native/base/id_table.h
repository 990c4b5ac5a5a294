/*
 * id_table: rows of one size, each with an id of its own, in an array by rising id: few, and looked
 * up more often than they change.
 *
 * A row is a struct whose first member is its id, an uint32_t. Not thread-safe.
 */
#ifndef PYKV_BASE_ID_TABLE_H
#define PYKV_BASE_ID_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"

/* Zeros: empty. */
typedef struct id_table {
    void *rows; /* owned */
    size_t row_bytes;
    size_t count;
    size_t capacity;
} id_table;

/* The row at a place, below count. */
static inline void *id_table_at(const id_table *self, size_t place)
{
    return (uint8_t *)self->rows + place * self->row_bytes;
}

/* The row of an id; NULL: there is none. Valid until the next call that changes the table. */
void *id_table_find(const id_table *self, uint32_t id);

/* The same, and makes it, of row_bytes, which are the same in every call, and zeros behind the id.
 * PYKV_NO_MEMORY, nothing changed. */
PYKV_NODISCARD pykv_status id_table_meet(id_table *self, uint32_t id, size_t row_bytes,
                                         void **row_out);

/* Removes a row of the table. */
void id_table_remove(id_table *self, const void *row);

/* Frees all. */
void id_table_reset(id_table *self);

#endif
