/*
 * keydir_list: walking the slots, bucket by bucket.
 */
#include "bitcask/keydir_list.h"

#include "bitcask/keydir_layout.h"

static pykv_status list_line(const keydir *self, const keydir_bucket *bucket, uint32_t line,
                             buffer *addresses)
{
    keydir_slot *slots = keydir_line_at(self, bucket, line);
    pykv_status status = PYKV_OK;
    for (uint32_t i = 0; i < KEYDIR_LINE_SLOTS && status == PYKV_OK; i++) {
        uint64_t word = atomic_load_explicit(&slots[i], memory_order_relaxed);
        if (word != KEYDIR_EMPTY && word != KEYDIR_DELETED) {
            uint64_t address = word >> KEYDIR_ADDRESS_SHIFT;
            status = buffer_append(addresses, &address, sizeof address);
        }
    }
    return status;
}

pykv_status keydir_list(const keydir *self, buffer *addresses)
{
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < self->bucket_count && status == PYKV_OK; i++) {
        const keydir_bucket *bucket = keydir_bucket_at(self, i);
        uint32_t line_count = keydir_line_count(bucket);
        for (uint32_t line = 0; line < line_count && status == PYKV_OK; line++) {
            status = list_line(self, bucket, line, addresses);
        }
    }
    return status;
}
