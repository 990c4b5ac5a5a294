/*
 * fuzz_lsm_rows: reads rows of an LSM store, by gets and by scans, and checks them against those
 * that it may show (fuzz_truth_lsm.h). Header only.
 */
#ifndef PYKV_TESTS_FUZZ_LSM_ROWS_H
#define PYKV_TESTS_FUZZ_LSM_ROWS_H

#include "fuzz/fuzz_truth_lsm.h"

#include "base/memory.h"
#include "lsm/names.h"
#include "lsm/space.h"
#include "lsm/store.h"

typedef struct fuzz_lsm_rows {
    fuzz_truth truth; /* by stored keys */
    bool consistent;  /* nothing was made right under false contents */
    bool renamed;     /* a repair may have given names to namespaces */
} fuzz_lsm_rows;

/* True of the rows of users, false of those of names. */
FUZZ_UNUSED static bool fuzz_is_user_row(slice stored)
{
    uint32_t space;
    slice user_key;
    return key_space_split(stored, &space, &user_key);
}

FUZZ_UNUSED static bool fuzz_may_show(const fuzz_lsm_rows *self, slice stored, slice value)
{
    return (self->renamed && !fuzz_is_user_row(stored)) ||
           fuzz_truth_has(&self->truth, stored, value);
}

/* ---- one row ---- */

/* at NULL: now. wanted: what a scan showed; NULL: it is not known. */
FUZZ_UNUSED static void fuzz_lsm_check_get(const fuzz_lsm_rows *self, lsm *store,
                                           const lsm_snapshot *at, slice stored,
                                           const slice *wanted)
{
    pykv_pinned pinned = {0};
    epoch_token token = epoch_enter(&lsm_gate(store)->readers);
    pykv_status status = lsm_get_at(store, at, stored, 0, &pinned);
    pykv_status contains = at != NULL ? status : lsm_contains(store, stored, 0);
    FUZZ_EXPECT(fuzz_is_read_status(status) || status == PYKV_NOT_FOUND);
    FUZZ_EXPECT(fuzz_is_read_status(contains) || contains == PYKV_NOT_FOUND);
    if (status == PYKV_OK) {
        slice value = slice_make(pinned.data, pinned.length);
        FUZZ_EXPECT(fuzz_may_show(self, stored, value));
        FUZZ_EXPECT(wanted == NULL || !self->consistent || slice_equal(*wanted, value));
        FUZZ_EXPECT(contains == PYKV_OK);
        mem_free(pinned.owned);
    }
    FUZZ_EXPECT(wanted == NULL || !self->consistent || status == PYKV_OK);
    epoch_leave(&lsm_gate(store)->readers, token);
}

/* ---- scans ---- */

/* Ends the scan. True: none of its rows was refused. use gets each of them. */
FUZZ_UNUSED static bool fuzz_lsm_walk(lsm *store, lsm_scan *all, void *context,
                                      void (*use)(void *context, slice key, slice value))
{
    pykv_rows rows = {.count = 1};
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && rows.count > 0) {
        status = lsm_scan_next(all, 500, &rows);
        FUZZ_EXPECT(fuzz_is_read_status(status));
        for (size_t i = 0; status == PYKV_OK && i < rows.count; i++) {
            const uint64_t *at = rows.offsets + 2 * i;
            const uint8_t *bytes = rows.data != NULL ? rows.data : (const uint8_t *)"";
            use(context, slice_make(bytes + at[0], at[1] - at[0]),
                slice_make(bytes + at[1], at[2] - at[1]));
        }
    }
    lsm_scan_free(store, all);
    return status == PYKV_OK;
}

/* A scan of everything, or of one namespace. */
typedef struct fuzz_lsm_reading {
    const fuzz_lsm_rows *rows;
    lsm *store;
    const lsm_snapshot *at; /* NULL: now */
    uint32_t space;
    uint64_t user_count;
    bool whole; /* namespaces were read to their ends */
} fuzz_lsm_reading;

FUZZ_UNUSED static void fuzz_lsm_use_row(void *context, slice key, slice value)
{
    fuzz_lsm_reading *self = context;
    stored_key stored;
    FUZZ_EXPECT(stored_key_make(self->space, key, &stored) == PYKV_OK);
    FUZZ_EXPECT(fuzz_may_show(self->rows, stored.key, value));
    fuzz_lsm_check_get(self->rows, self->store, self->at, stored.key, &value);
    self->user_count += fuzz_is_user_row(stored.key);
    stored_key_reset(&stored);
}

/* Scans a space, KEY_SPACE_STORED for everything, now or at a snapshot, and counts the rows of
 * users; false: one was refused. */
FUZZ_UNUSED static bool fuzz_lsm_scan_at(const fuzz_lsm_rows *self, lsm *store,
                                         const lsm_snapshot *at, uint32_t space,
                                         uint64_t *count_out)
{
    lsm_scan *all;
    fuzz_lsm_reading reading = {.rows = self, .store = store, .at = at, .space = space};
    pykv_status status = lsm_scan_open_in(store, space, at, NULL, &all);
    FUZZ_EXPECT(fuzz_is_read_status(status));
    bool whole = status == PYKV_OK && fuzz_lsm_walk(store, all, &reading, fuzz_lsm_use_row);
    *count_out = reading.user_count;
    return whole;
}

FUZZ_UNUSED static bool fuzz_lsm_scan_space(const fuzz_lsm_rows *self, lsm *store, uint32_t space,
                                            uint64_t *count_out)
{
    return fuzz_lsm_scan_at(self, store, NULL, space, count_out);
}

FUZZ_UNUSED static bool fuzz_lsm_scan(const fuzz_lsm_rows *self, lsm *store, uint64_t *count_out)
{
    return fuzz_lsm_scan_space(self, store, KEY_SPACE_STORED, count_out);
}

#endif
