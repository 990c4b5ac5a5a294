/*
 * version_get: gets one key: the path that decides what a get costs.
 *
 * Tables are asked from the newest to the oldest, and the first hit is the newest entry. Few tables
 * pass their filter without having the key; while the line of one filter is on its way, the
 * processor goes ahead to the next ones, so their waits overlap.
 */
#include "base/invariant.h"
#include "lsm/version.h"

/* A table whose filter knows nothing of hash: its first and last key tell whether it is worth a
 * block. */
static pykv_status ask_without_filter(table *from, block_source *source, slice key,
                                      uint64_t sequence, uint64_t hash, table_found *out)
{
    if (slice_compare(key, from->properties.first_key) < 0 ||
        slice_compare(key, from->properties.last_key) > 0) {
        return PYKV_NOT_FOUND;
    }
    return table_get(from, source, table_position_make(key, sequence), hash, out);
}

/* A table that cannot be read ends the search: what older ones say must not count then. */
static inline pykv_status ask(table *from, block_source *source, slice key, uint64_t sequence,
                              uint64_t hash, table_found *out)
{
    pykv_status status = PYKV_NOT_FOUND;
    if (PYKV_UNLIKELY(!from->has_filter || from->hashes_itself)) {
        status = ask_without_filter(from, source, key, sequence, hash, out);
    } else if (filter_may_contain(&from->filter, hash)) {
        status = table_find(from, source, key, sequence, hash, out);
    }
    return PYKV_PLANTED(74) && status == PYKV_CORRUPTION ? PYKV_NOT_FOUND : status;
}

static pykv_status get_fresh(const level *fresh, block_source *source, slice key, uint64_t sequence,
                             uint64_t hash, table_found *out)
{
    pykv_status status = PYKV_NOT_FOUND;
    for (uint32_t i = 0; i < fresh->count && status == PYKV_NOT_FOUND; i++) {
        table *from = fresh->tables[PYKV_PLANTED(75) ? fresh->count - 1 - i : i];
        status = ask(from, source, key, sequence, hash, out);
    }
    return status;
}

pykv_status version_get(const version *self, block_source *source, slice key, uint64_t sequence,
                        uint64_t hash, table_found *out)
{
    pykv_status status = PYKV_NOT_FOUND;
    if (self->levels[0].count > 0) {
        status = get_fresh(&self->levels[0], source, key, sequence, hash, out);
    }
    for (uint32_t i = 0; i < self->deeper_count && status == PYKV_NOT_FOUND; i++) {
        const level *deeper = &self->levels[self->deeper[i]];
        uint32_t index = level_find(deeper, key);
        if (index < deeper->count) {
            status = ask(deeper->tables[index], source, key, sequence, hash, out);
        }
    }
    return status;
}
