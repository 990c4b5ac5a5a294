/*
 * fuzz_repair_lsm: makes the manifest of an LSM store fit the files beside it, and its checks right
 * (fuzz_repair.h). Its counts stay: one whose counts do not fit its size is left as it is.
 */
#ifndef PYKV_TESTS_FUZZ_REPAIR_LSM_H
#define PYKV_TESTS_FUZZ_REPAIR_LSM_H

#include "fuzz/fuzz_disk.h"
#include "fuzz/fuzz_repair_table.h"

/* Where the entries of a manifest stand, each part up to the next one's begin. */
typedef struct fuzz_lsm_parts {
    uint8_t *data;
    uint64_t tables, values, ranges, pins, end; /* logs stand from 256 on */
} fuzz_lsm_parts;

/* False: its counts do not fit its size. */
FUZZ_UNUSED static bool fuzz_lsm_find_parts(uint8_t *data, size_t size, fuzz_lsm_parts *out)
{
    if (size < 256) {
        return false;
    }
    uint64_t logs = load_u64(data + 96);
    uint64_t tables = load_u64(data + 104);
    uint64_t values = load_u64(data + 128);
    uint64_t range_bytes = load_u64(data + 136);
    uint64_t pin_count = load_u64(data + 144);
    if (logs > size || tables > size || values > size || range_bytes > size || pin_count > size) {
        return false;
    }
    out->data = data;
    out->tables = 256 + logs * 32;
    out->values = out->tables + tables * 128;
    out->ranges = out->values + values * 48;
    out->pins = out->ranges + range_bytes;
    out->end = out->pins + pin_count * 104;
    return out->end == size;
}

/* Writes what a file tells of itself to its entry, if it has one. Logs and segments tell the id. */
FUZZ_UNUSED static void fuzz_lsm_describe(const fuzz_lsm_parts *self, const char *name,
                                          const uint8_t *file, size_t size)
{
    uint8_t *data = self->data;
    uint32_t number = (uint32_t)strtoul(name, NULL, 16);
    const char *suffix = strlen(name) == 12 ? name + 8 : "";
    for (uint64_t at = 256; at < self->tables && strcmp(suffix, ".log") == 0; at += 32) {
        if (load_u32(data + at) == number && size >= 64) {
            memcpy(data + at + 8, file + 16, 8);
            memcpy(data + at + 16, file + 32, 8);
        }
    }
    for (uint64_t at = self->tables; at < self->values && strcmp(suffix, ".tbl") == 0; at += 128) {
        if (load_u32(data + at) == number) {
            fuzz_describe_table(file, size, data + at);
            uint64_t last = load_u64(data + at + 48);
            store_u64(data + 72, last > load_u64(data + 72) ? last : load_u64(data + 72));
        }
    }
    for (uint64_t at = self->values; at < self->ranges && strcmp(suffix, ".val") == 0; at += 48) {
        if (load_u32(data + at) == number && size >= 64) {
            memcpy(data + at + 8, file + 16, 8);
            store_u64(data + at + 16, size);
        }
    }
}

/* Whether the manifest has an entry for a table or a value segment of this name. */
FUZZ_UNUSED static bool fuzz_lsm_lists(const fuzz_lsm_parts *self, const char *name)
{
    bool is_table = strcmp(name + 8, ".tbl") == 0;
    uint64_t stop = is_table ? self->values : self->ranges;
    bool found = false;
    for (uint64_t at = is_table ? self->tables : self->values; at < stop;
         at += is_table ? 128 : 48) {
        found |= load_u32(self->data + at) == (uint32_t)strtoul(name, NULL, 16);
    }
    return found;
}

FUZZ_UNUSED static void fuzz_lsm_check_entry(uint8_t *data, uint64_t at, uint64_t bytes)
{
    uint32_t crc = crc32c_extend(crc32c_extend(0, data, 252), data + at, bytes - 4);
    store_u32(data + at + bytes - 4, crc);
}

/* The check of a range stands before its keys. */
FUZZ_UNUSED static void fuzz_lsm_check_ranges(const fuzz_lsm_parts *self)
{
    uint8_t *data = self->data;
    for (uint64_t at = self->ranges; at + 24 <= self->pins;) {
        uint64_t keys = (uint64_t)load_u32(data + at + 8) + load_u32(data + at + 12);
        keys = (keys + 7) / 8 * 8;
        if (keys > self->pins - at - 24) {
            return;
        }
        uint32_t crc = crc32c_extend(crc32c_extend(0, data, 252), data + at, 20);
        store_u32(data + at + 20, crc32c_extend(crc, data + at + 24, keys));
        at += 24 + keys;
    }
}

/* Makes all checks right. */
FUZZ_UNUSED static void fuzz_lsm_check_parts(const fuzz_lsm_parts *self)
{
    const uint64_t steps[][3] = {{256, self->tables, 32},
                                 {self->tables, self->values, 128},
                                 {self->values, self->ranges, 48},
                                 {self->pins, self->end, 104}};
    self->data[12] = 2;
    fuzz_repair_frame(self->data, "PYKVMAN\n", 256);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        for (uint64_t at = steps[i][0]; at < steps[i][1]; at += steps[i][2]) {
            fuzz_lsm_check_entry(self->data, at, steps[i][2]);
        }
    }
    fuzz_lsm_check_ranges(self);
}

#endif
