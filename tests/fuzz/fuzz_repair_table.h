/*
 * fuzz_repair_table: makes the checks of a damaged table right again, and what a manifest says of
 * it (fuzz_repair.h). Header only.
 */
#ifndef PYKV_TESTS_FUZZ_REPAIR_TABLE_H
#define PYKV_TESTS_FUZZ_REPAIR_TABLE_H

#include "fuzz/fuzz_repair.h"

/* The seeds of hashes of the example in docs/format/table.md. */
#define FUZZ_SEED_LOW  UINT64_C(0x0123456789abcdef)
#define FUZZ_SEED_HIGH UINT64_C(0xfedcba9876543210)

/* What is to be made right: header, footer and the blocks that the footer names; data blocks, and
 * with them those others. */
enum { FUZZ_REPAIR_TABLE = 1, FUZZ_REPAIR_TABLE_DATA = 2, FUZZ_RAW_BYTES_MAX = 1 << 20 };

/* The check of size bytes that stand at offset of the file, whose id stands in its header. */
FUZZ_UNUSED static uint32_t fuzz_table_crc(const uint8_t *file, uint64_t offset, uint64_t size)
{
    uint8_t place[8];
    store_u64(place, offset);
    uint32_t crc = crc32c_extend(0, file + 16, 8);
    crc = crc32c_extend(crc, place, sizeof place);
    return crc32c_extend(crc, file + offset, size);
}

/* Makes the check of the block right, if it lies before end. */
FUZZ_UNUSED static void fuzz_repair_block(uint8_t *file, uint64_t end, uint64_t offset,
                                          uint64_t size)
{
    if (offset < end && size + 12 <= end - offset) {
        store_u32(file + offset + size + 8, fuzz_table_crc(file, offset, size + 8));
    }
}

/* True if this looks like the trailer of a data block of stored bytes: as they are, or compressed
 * by codec 2. */
FUZZ_UNUSED static bool fuzz_is_data_trailer(const uint8_t *at, uint64_t stored)
{
    static const uint8_t plain[4] = {1, 1, 0, 0};
    static const uint8_t packed[4] = {1, 2, 0, 0};
    uint32_t raw_bytes = load_u32(at);
    return (raw_bytes == stored && memcmp(at + 4, plain, 4) == 0) ||
           (raw_bytes > stored && raw_bytes < FUZZ_RAW_BYTES_MAX && memcmp(at + 4, packed, 4) == 0);
}

FUZZ_UNUSED static void fuzz_repair_data(uint8_t *file, uint64_t end)
{
    uint64_t offset = 32;
    for (uint64_t at = offset; at + 12 <= end; at++) {
        if (fuzz_is_data_trailer(file + at, at - offset)) {
            fuzz_repair_block(file, end, offset, at - offset);
            offset = at + 12;
            at = offset - 1;
        }
    }
}

/* As far as the wishes say. */
FUZZ_UNUSED static void fuzz_repair_table(uint8_t *file, size_t size, uint8_t wishes)
{
    if (size < 96 || (wishes & (FUZZ_REPAIR_TABLE | FUZZ_REPAIR_TABLE_DATA)) == 0) {
        return;
    }
    uint64_t footer = size - 64;
    memcpy(file, "PYKVTBL\n\1\0\0\0\0\0\0\0", 16);
    memset(file + 24, 0, 4);
    store_u32(file + 28, crc32c_extend(0, file, 28));
    if ((wishes & FUZZ_REPAIR_TABLE_DATA) != 0) {
        fuzz_repair_data(file, footer);
    }
    for (uint64_t i = 0; i < 3; i++) {
        fuzz_repair_block(file, footer, load_u64(file + footer + 8 * i),
                          load_u32(file + footer + 24 + 4 * i));
    }
    store_u32(file + footer + 36, 1);
    memcpy(file + footer + 40, file + 16, 8);
    store_u32(file + footer + 48, 0);
    store_u32(file + footer + 52, fuzz_table_crc(file, footer, 52));
    memcpy(file + footer + 56, "PYKVEND\n", 8);
}

/* Writes what the file says of itself to the entry of a table in a manifest. The sequences of an
 * ingested table are those of the manifest. */
FUZZ_UNUSED static void fuzz_describe_table(const uint8_t *file, size_t size, uint8_t *entry)
{
    static const uint8_t fields[][2] = {{0, 24}, {8, 32}, {56, 56}, {64, 64}, {32, 72}};
    if (size < 96) {
        return;
    }
    memcpy(entry + 8, file + 16, 8);
    store_u64(entry + 16, size);
    store_u32(entry + 80, crc32c_extend(0, file, size));
    uint64_t at = load_u64(file + size - 48);
    if (at > size || size - at < 104) {
        return;
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        memcpy(entry + fields[i][1], file + at + fields[i][0], 8);
    }
    bool foreign = load_u64(file + at + 40) == 1 && load_u64(file + at + 48) == 1;
    if (!foreign || load_u64(entry + 40) != load_u64(entry + 48)) {
        memcpy(entry + 40, file + at + 40, 16);
    }
}

#endif
