/*
 * index_builder: separators between blocks, each without what it shares with the one before.
 */
#include "table/index_builder.h"

#include "base/coding.h"
#include "base/invariant.h"
#include "table/common_prefix.h"
#include "table/varint.h"

table_position index_separator(table_position last, table_position next)
{
    PYKV_ASSERT(table_position_compare(last, next) < 0);
    if (slice_equal(last.key, next.key)) {
        return last;
    }
    size_t shared = common_prefix(last.key, next.key);
    return table_position_make(slice_make(next.key.data, shared + 1), UINT64_MAX);
}

pykv_status index_builder_add(index_builder *self, const index_entry *entry,
                              table_position separator)
{
    uint8_t fixed[6 * VARINT_BYTES_MAX];
    size_t shared =
        common_prefix(slice_make(self->separator.data, self->separator.size), separator.key);
    uint8_t *at = varint_store(fixed, entry->size);
    at = varint_store(at, entry->raw_bytes);
    at = varint_store(at, entry->entry_count);
    at = varint_store(at, separator.sequence + 1);
    at = varint_store(at, shared);
    at = varint_store(at, separator.key.size - shared);
    pykv_status status = buffer_append(&self->entries, fixed, (size_t)(at - fixed));
    if (status == PYKV_OK && separator.key.size > shared) {
        status =
            buffer_append(&self->entries, separator.key.data + shared, separator.key.size - shared);
    }
    if (status == PYKV_OK) {
        buffer_clear(&self->separator);
        status = buffer_append(&self->separator, separator.key.data, separator.key.size);
        self->count++;
    }
    return status;
}

pykv_status index_builder_finish(const index_builder *self, buffer *out)
{
    uint8_t count[4];
    PYKV_ASSERT(self->count > 0);
    store_u32(count, self->count);
    pykv_status status = buffer_append(out, count, sizeof count);
    return status == PYKV_OK ? buffer_append(out, self->entries.data, self->entries.size) : status;
}

void index_builder_reset(index_builder *self)
{
    buffer_reset(&self->entries);
    buffer_reset(&self->separator);
}
