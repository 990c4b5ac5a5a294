/*
 * value_pointer: encoding and checking.
 */
#include "lsm/value_pointer.h"

#include "base/coding.h"
#include "base/error.h"
#include "log/log_format.h"
#include "log/log_segment.h"

size_t value_pointer_encode(const value_pointer *self, uint8_t out[VALUE_POINTER_BYTES_MAX])
{
    store_u32(out, self->number);
    store_u32(out + 4, self->value_bytes);
    store_u64(out + 8, self->offset);
    if (!value_pointer_is_packed(self)) {
        return VALUE_POINTER_BYTES;
    }
    store_u32(out + 16, self->stored_bytes);
    return VALUE_POINTER_BYTES_MAX;
}

pykv_status value_pointer_decode(slice data, value_pointer *out)
{
    if (data.size != VALUE_POINTER_BYTES && data.size != VALUE_POINTER_BYTES_MAX) {
        return error_set(PYKV_CORRUPTION, "a pointer to a value has %zu bytes, not %d or %d",
                         data.size, VALUE_POINTER_BYTES, VALUE_POINTER_BYTES_MAX);
    }
    bool is_packed = data.size == VALUE_POINTER_BYTES_MAX;
    value_pointer found = {load_u32(data.data), load_u32(data.data + 4), load_u64(data.data + 8),
                           load_u32(data.data + (is_packed ? 16 : 4))};
    if (found.number == 0 || found.value_bytes > PYKV_VALUE_BYTES_MAX ||
        found.offset < LOG_SEGMENT_HEADER_BYTES || found.offset % RECORD_GRANULE_BYTES != 0) {
        return error_set(PYKV_CORRUPTION, "a pointer to a value names segment %u, offset %llu",
                         (unsigned)found.number, (unsigned long long)found.offset);
    }
    if (is_packed && found.stored_bytes >= found.value_bytes) {
        return error_set(PYKV_CORRUPTION, "a pointer says that %u bytes are compressed to %u",
                         (unsigned)found.value_bytes, (unsigned)found.stored_bytes);
    }
    *out = found;
    return PYKV_OK;
}
