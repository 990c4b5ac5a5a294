/*
 * space_stats: what stats tell of the keys of one namespace.
 */
#include "base/invariant.h"
#include "lsm/approximate.h"
#include "lsm/names.h"
#include "lsm/space.h"
#include "lsm/store.h"

enum { WALKED_MAX = 1000 };

/* Counts the keys up to WALKED_MAX + 1 of them, and their bytes. */
static pykv_status walk(lsm *self, uint32_t space, uint64_t *count_out, uint64_t *bytes_out)
{
    const pykv_range range = {.keys_only = 1, .limit = WALKED_MAX + 1};
    lsm_scan *scan;
    pykv_rows rows = {.count = 1};
    *count_out = 0;
    *bytes_out = 0;
    pykv_status status = lsm_scan_open_in(self, space, NULL, &range, &scan);
    if (status != PYKV_OK) {
        return status;
    }
    while (status == PYKV_OK && rows.count > 0) {
        status = lsm_scan_next(scan, 0, &rows);
        if (status == PYKV_OK && rows.count > 0) {
            *count_out += rows.count;
            *bytes_out += rows.offsets[2 * rows.count] - rows.offsets[0];
        }
    }
    lsm_scan_free(self, scan);
    return status;
}

static pykv_status measure(lsm *self, uint32_t space, uint64_t *keys_out, uint64_t *bytes_out)
{
    uint64_t walked = 0;
    uint64_t walked_bytes = 0;
    stored_range all;
    pykv_status status = walk(self, space, &walked, &walked_bytes);
    if (status == PYKV_OK) {
        status = stored_range_make(space, NULL, &all);
    }
    if (status != PYKV_OK) {
        return status;
    }
    *keys_out = walked;
    status = lsm_approximate_size(self, &all.range, bytes_out);
    if (status == PYKV_OK && walked > WALKED_MAX && !PYKV_PLANTED(198)) {
        status = lsm_approximate_keys(self, &all.range, keys_out);
        *keys_out = *keys_out > walked ? *keys_out : walked;
    }
    *bytes_out = *bytes_out > walked_bytes ? *bytes_out : walked_bytes;
    stored_range_reset(&all);
    return status;
}

void lsm_stats_in(lsm *self, uint32_t space, pykv_stats *out)
{
    uint64_t keys = 0;
    uint64_t bytes = 0;
    lsm_stats(self, out);
    if (space == KEY_SPACE_DEFAULT && !name_book_is_used(&self->names.book)) {
        return;
    }
    if (measure(self, space, &keys, &bytes) != PYKV_OK) {
        keys = 0;
        bytes = 0;
    }
    out->key_count = keys;
    out->live_bytes = bytes;
}
