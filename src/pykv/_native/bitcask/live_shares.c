/*
 * live_shares: a table, as few namespaces write to a segment.
 */
#include "bitcask/live_shares.h"

#include "base/invariant.h"
#include "log/name_book.h"

live_share *live_shares_find(const live_shares *self, uint32_t space_id)
{
    return id_table_find(self, space_id);
}

pykv_status live_shares_reserve(live_shares *self, uint32_t space_id)
{
    void *share;
    return space_id == NAMESPACE_DEFAULT
               ? PYKV_OK
               : id_table_meet(self, space_id, sizeof(live_share), &share);
}

void live_shares_add(live_shares *self, uint32_t space_id, uint64_t bytes)
{
    live_share *share = live_shares_find(self, space_id);
    PYKV_ASSERT(share != NULL);
    if (share != NULL) {
        share->bytes += bytes;
        share->count++;
    }
}

void live_shares_subtract(live_shares *self, uint32_t space_id, uint64_t bytes)
{
    live_share *share = live_shares_find(self, space_id);
    if (share != NULL) {
        share->bytes -= share->bytes < bytes ? share->bytes : bytes;
        share->count -= share->count > 0;
    }
}

live_share live_shares_remove(live_shares *self, uint32_t space_id)
{
    live_share removed = {.space_id = space_id};
    live_share *share = live_shares_find(self, space_id);
    if (share != NULL) {
        removed = *share;
        id_table_remove(self, share);
    }
    return removed;
}

live_share live_shares_sum(const live_shares *self)
{
    live_share sum = {.bytes = 0};
    for (size_t i = 0; i < self->count; i++) {
        const live_share *share = id_table_at(self, i);
        sum.bytes += share->bytes;
        sum.count += share->count;
    }
    return sum;
}
