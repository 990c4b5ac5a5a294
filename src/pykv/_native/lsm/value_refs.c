/*
 * value_refs: the list as bytes, in place.
 */
#include "lsm/value_refs.h"

#include <string.h>

#include "base/coding.h"
#include "base/error.h"

size_t value_refs_count(slice attached)
{
    return attached.size / VALUE_REF_BYTES;
}

value_ref value_refs_at(slice attached, size_t index)
{
    const uint8_t *at = attached.data + index * VALUE_REF_BYTES;
    return (value_ref){load_u32(at), load_u64(at + 8), load_u64(at + 16)};
}

static void store(uint8_t *at, value_ref entry)
{
    store_u32(at, entry.number);
    store_u32(at + 4, 0);
    store_u64(at + 8, entry.count);
    store_u64(at + 16, entry.bytes);
}

/* The index of the first entry whose number is not below number. */
static size_t find(slice attached, uint32_t number)
{
    size_t low = 0;
    size_t high = value_refs_count(attached);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (value_refs_at(attached, middle).number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

pykv_status value_refs_add(buffer *attached, uint32_t number, uint64_t bytes)
{
    slice now = slice_make(attached->data, attached->size);
    size_t index = find(now, number);
    value_ref entry = {number, 0, 0};
    if (index < value_refs_count(now) && value_refs_at(now, index).number == number) {
        entry = value_refs_at(now, index);
    } else {
        pykv_status status = buffer_append_zeros(attached, VALUE_REF_BYTES);
        if (status != PYKV_OK) {
            return status;
        }
        uint8_t *place = attached->data + index * VALUE_REF_BYTES;
        memmove(place + VALUE_REF_BYTES, place,
                attached->size - (index + 1) * (size_t)VALUE_REF_BYTES);
    }
    entry.count++;
    entry.bytes += bytes;
    store(attached->data + index * VALUE_REF_BYTES, entry);
    return PYKV_OK;
}

pykv_status value_refs_check(slice attached, const char *path)
{
    uint32_t before = 0;
    bool legal = attached.size % VALUE_REF_BYTES == 0;
    for (size_t i = 0; legal && i < value_refs_count(attached); i++) {
        value_ref entry = value_refs_at(attached, i);
        legal = entry.number > before && entry.count > 0 &&
                load_u32(attached.data + i * VALUE_REF_BYTES + 4) == 0;
        before = entry.number;
    }
    return legal ? PYKV_OK
                 : error_set_corruption(path, 0, "what a table points to is no list of segments",
                                        VALUE_REF_BYTES, attached.size);
}
