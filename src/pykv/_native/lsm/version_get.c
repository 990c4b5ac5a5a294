/*
 * version_get: gets one key: the path that decides what a get costs.
 *
 * First the tables that may hold the key are gathered, newest first, and the lines of their filters
 * are fetched side by side; then they are asked in that order. Few tables pass their filter without
 * having the key, and the first hit is the newest entry.
 */
#include "base/invariant.h"
#include "lsm/version.h"

enum { GATHER_MAX = 16 };

/* Tables to ask, newest first. */
typedef struct candidates {
    size_t count;
    table *tables[GATHER_MAX];
} candidates;

/* What is looked for. */
typedef struct question {
    block_source *source;
    table_position position;
    uint64_t hash;
} question;

/* A table whose filter knows nothing of hash: its first and last key tell whether it is worth a
 * block. */
static pykv_status ask_without_filter(table *from, const question *asked, table_found *out)
{
    slice key = asked->position.key;
    if (slice_compare(key, from->properties.first_key) < 0 ||
        slice_compare(key, from->properties.last_key) > 0) {
        return PYKV_NOT_FOUND;
    }
    return table_get(from, asked->source, asked->position, asked->hash, out);
}

static inline pykv_status ask(table *from, const question *asked, table_found *out)
{
    if (PYKV_UNLIKELY(!from->has_filter || from->hashes_itself)) {
        return ask_without_filter(from, asked, out);
    }
    if (!filter_may_contain(&from->filter, asked->hash)) {
        return PYKV_NOT_FOUND;
    }
    return table_find(from, asked->source, asked->position, asked->hash, out);
}

/* Asks the gathered tables and drops them. A table that cannot be read ends the search: what older
 * ones say is not to be known then. */
static inline pykv_status ask_all(candidates *self, const question *asked, table_found *out)
{
    pykv_status status = PYKV_NOT_FOUND;
    for (size_t i = 0; i < self->count && status == PYKV_NOT_FOUND; i++) {
        status = ask(self->tables[i], asked, out);
        if (PYKV_PLANTED(74) && status == PYKV_CORRUPTION) {
            status = PYKV_NOT_FOUND;
        }
    }
    self->count = 0;
    return status;
}

static inline void gather(candidates *self, table *from, uint64_t hash)
{
    if (PYKV_LIKELY(from->has_filter)) {
        filter_prefetch(&from->filter, hash);
    }
    self->tables[self->count++] = from;
}

pykv_status version_get(const version *self, block_source *source, slice key, uint64_t sequence,
                        uint64_t hash, table_found *out)
{
    question asked = {source, {key, sequence}, hash};
    candidates gathered;
    pykv_status status = PYKV_NOT_FOUND;
    const level *fresh = &self->levels[0];
    gathered.count = 0;
    for (uint32_t i = 0; i < fresh->count; i++) {
        gather(&gathered, fresh->tables[PYKV_PLANTED(75) ? fresh->count - 1 - i : i], hash);
        if (gathered.count == GATHER_MAX) {
            status = ask_all(&gathered, &asked, out);
            if (status != PYKV_NOT_FOUND) {
                return status;
            }
        }
    }
    if (gathered.count > GATHER_MAX - LSM_LEVEL_COUNT) {
        status = ask_all(&gathered, &asked, out);
        if (status != PYKV_NOT_FOUND) {
            return status;
        }
    }
    for (uint32_t i = 1; i < LSM_LEVEL_COUNT; i++) {
        const level *deeper = &self->levels[i];
        uint32_t index = deeper->count == 0 ? 0 : level_find(deeper, key);
        if (index < deeper->count) {
            gather(&gathered, deeper->tables[index], hash);
        }
    }
    return ask_all(&gathered, &asked, out);
}
