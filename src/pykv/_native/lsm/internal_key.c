/*
 * internal_key: the limits of internal keys, and how far two keys agree. See internal_key.h.
 */
#include "lsm/internal_key.h"

#include <inttypes.h>

#include "base/error.h"

pykv_status internal_key_check(size_t key_size, uint64_t value_size, uint64_t sequence,
                               uint8_t kind)
{
    if (key_size > STORED_KEY_BYTES_MAX) {
        return error_set(PYKV_KEY_TOO_LARGE, "a key of %zu bytes; at most %d", key_size,
                         STORED_KEY_BYTES_MAX);
    }
    if (value_size > PYKV_VALUE_BYTES_MAX) {
        return error_set(PYKV_VALUE_TOO_LARGE, "a value of %" PRIu64 " bytes; at most %d",
                         value_size, PYKV_VALUE_BYTES_MAX);
    }
    if (sequence == 0 || sequence > INTERNAL_SEQUENCE_MAX) {
        return error_set(PYKV_CORRUPTION, "sequence %" PRIu64 " is not from 1 to 2^56 - 1",
                         sequence);
    }
    if (kind == 0 || kind == INTERNAL_KIND_SEEK) {
        return error_set(PYKV_CORRUPTION, "kind %d is that of no operation", kind);
    }
    return PYKV_OK;
}

size_t key_shared_length(slice left, slice right)
{
    size_t limit = left.size < right.size ? left.size : right.size;
    size_t shared = 0;
    for (; shared + 8 <= limit; shared += 8) {
        uint64_t different = load_u64(left.data + shared) ^ load_u64(right.data + shared);
        if (different != 0) {
            return shared + (size_t)__builtin_ctzll(different) / 8;
        }
    }
    while (shared < limit && left.data[shared] == right.data[shared]) {
        shared++;
    }
    return shared;
}
