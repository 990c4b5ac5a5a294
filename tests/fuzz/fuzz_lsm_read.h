/*
 * fuzz_lsm_read: reads all rows of an LSM store, by every way there is (fuzz_lsm_rows.h), and
 * verifies it. Header only.
 */
#ifndef PYKV_TESTS_FUZZ_LSM_READ_H
#define PYKV_TESTS_FUZZ_LSM_READ_H

#include "fuzz/fuzz_lsm_rows.h"

/* ---- namespaces ---- */

FUZZ_UNUSED static void fuzz_lsm_use_name(void *context, slice name, slice value)
{
    fuzz_lsm_reading *self = context;
    uint32_t space = 0;
    uint64_t rows = 0;
    pykv_status status = name_book_find(lsm_name_book(self->store), name, &space);
    (void)value;
    FUZZ_EXPECT(fuzz_is_read_status(status) || status == PYKV_NOT_FOUND);
    FUZZ_EXPECT(!self->rows->consistent || status == PYKV_OK);
    if (status == PYKV_OK) {
        FUZZ_EXPECT(space > 0 && space <= KEY_SPACE_ID_MAX);
        self->whole &= fuzz_lsm_scan_space(self->rows, self->store, space, &rows);
        self->user_count += rows;
    }
}

/* Scans the default namespace and all that have names. *count_out: their rows. */
FUZZ_UNUSED static bool fuzz_lsm_scan_spaces(const fuzz_lsm_rows *self, lsm *store,
                                             uint64_t *count_out)
{
    lsm_scan *names;
    fuzz_lsm_reading reading = {.rows = self, .store = store, .whole = true};
    pykv_status status = lsm_names_scan(store, &names);
    FUZZ_EXPECT(fuzz_is_read_status(status));
    *count_out = 0;
    if (status != PYKV_OK || !fuzz_lsm_walk(store, names, &reading, fuzz_lsm_use_name)) {
        return false;
    }
    bool whole = fuzz_lsm_scan_space(self, store, KEY_SPACE_DEFAULT, count_out);
    *count_out += reading.user_count;
    return whole && reading.whole;
}

/* ---- the whole ---- */

FUZZ_UNUSED static bool fuzz_lsm_is_sound(lsm *store)
{
    static pykv_report report;
    FUZZ_EXPECT(lsm_verify(store, NULL, &report) == PYKV_OK);
    return report.damage_count == 0;
}

/* Reads all rows, and verifies; true: none was refused. */
FUZZ_UNUSED static bool fuzz_lsm_read_all(const fuzz_lsm_rows *self, lsm *store)
{
    uint64_t rows;
    uint64_t in_spaces;
    uint64_t count = 0;
    for (size_t i = 0; i < self->truth.count; i++) {
        fuzz_lsm_check_get(self, store, NULL, self->truth.rows[i].key, NULL);
    }
    bool whole = fuzz_lsm_scan(self, store, &rows);
    bool spaces_whole = fuzz_lsm_scan_spaces(self, store, &in_spaces);
    pykv_status status = lsm_count_in(store, KEY_SPACE_DEFAULT, NULL, NULL, &count);
    FUZZ_EXPECT(fuzz_is_read_status(status));
    bool sound = fuzz_lsm_is_sound(store);
    if (self->consistent) {
        FUZZ_EXPECT(!whole || (spaces_whole && rows >= count));
        FUZZ_EXPECT(!whole || self->renamed || rows == in_spaces);
        FUZZ_EXPECT(whole || !sound);
    }
    return whole && spaces_whole;
}

#endif
