/*
 * fuzz_repair: makes the checks of damaged files right again, so that fuzzing reaches what stands
 * behind them. Written out here from docs/format/: a repair by the encoders would hide a mistake
 * that they share with the decoders. Header only.
 */
#ifndef PYKV_TESTS_FUZZ_REPAIR_H
#define PYKV_TESTS_FUZZ_REPAIR_H

#include <string.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "log/log_format.h"

#define FUZZ_UNUSED __attribute__((unused))

enum { FUZZ_BATCH = 1, FUZZ_BATCH_LAST = 2, FUZZ_SYNCED = 4, FUZZ_PAGE_BYTES = 4096 };

/* A frame of 8 bytes of magic, a version of 1, and a check in the last four bytes. */
FUZZ_UNUSED static void fuzz_repair_frame(uint8_t *data, const char *magic, size_t frame_bytes)
{
    memcpy(data, magic, 8);
    store_u32(data + 8, 1);
    store_u32(data + frame_bytes - 4, crc32c_extend(0, data, frame_bytes - 4));
}

/* Makes the record at offset right, with the batch it is in; returns its bytes, 0 if it does not
 * fit. batch holds the number of members before it and their check. */
FUZZ_UNUSED static uint64_t fuzz_repair_record(uint8_t *data, size_t size, uint64_t offset,
                                               uint32_t seed, uint32_t batch[2])
{
    uint8_t *at = data + offset;
    record found = {.kind = at[14], .flags = at[15]};
    uint32_t head = record_head_bytes(at[15]);
    uint64_t body = load_u16(at + 12) + (uint64_t)load_u32(at + 8);
    uint64_t total = round_up(head + body, 8);
    if (total > size - offset) {
        return 0;
    }
    size_t last_at = (at[15] & FUZZ_SYNCED) != 0 ? 32 : 24;
    if ((at[15] & FUZZ_BATCH_LAST) != 0) {
        store_u32(at + last_at, batch[0] + 1);
        store_u32(at + last_at + 4, batch[1]);
    }
    memset(at + head + body, 0, total - head - body);
    size_t deadline_at = last_at + ((at[15] & FUZZ_BATCH_LAST) != 0 ? 8 : 0);
    found.deadline_us = (at[15] & RECORD_FLAG_DEADLINE) != 0 ? load_u64(at + deadline_at) : 0;
    found.namespace_id =
        (at[15] & RECORD_FLAG_NAMESPACE) != 0
            ? load_u32(at + deadline_at + ((at[15] & RECORD_FLAG_DEADLINE) ? 8 : 0))
            : 0;
    found.key = slice_make(at + head, load_u16(at + 12));
    found.value = slice_make(at + head + found.key.size, load_u32(at + 8));
    store_u32(at + 4, record_body_crc(&found));
    uint8_t place[8];
    store_u64(place, offset);
    store_u32(at, crc32c_extend(crc32c_extend(seed, place, 8), at + 4, head - 4));
    batch[1] = (at[15] & FUZZ_BATCH) != 0 ? record_chain(batch[1], load_u32(at)) : 0;
    batch[0] = (at[15] & FUZZ_BATCH) != 0 ? batch[0] + 1 : 0;
    if ((at[15] & FUZZ_BATCH_LAST) != 0) {
        batch[0] = batch[1] = 0;
    }
    return total;
}

/* A log file: its header, and the records as far as they follow each other. */
FUZZ_UNUSED static void fuzz_repair_log(uint8_t *data, size_t size)
{
    uint32_t batch[2] = {0, 0};
    uint64_t offset = 64;
    if (size < 64) {
        return;
    }
    fuzz_repair_frame(data, "PYKVLOG\n", 64);
    uint32_t seed = crc32c_extend(0, data + 16, 8);
    while (offset + 24 <= size) {
        uint64_t bytes = fuzz_repair_record(data, size, offset, seed, batch);
        offset += bytes > 0 ? bytes : 8;
    }
}

FUZZ_UNUSED static void fuzz_repair_hint(uint8_t *data, size_t size)
{
    if (size < 64) {
        return;
    }
    uint32_t format = load_u32(data + 8) == 2 ? 2 : 1;
    size_t step = format == 2 ? 28 : 24;
    store_u64(data + 40, (size - 64) / step);
    store_u32(data + 48, crc32c_extend(0, data + 64, (size - 64) / step * step));
    fuzz_repair_frame(data, "PYKVHNT\n", 64);
    store_u32(data + 8, format);
    store_u32(data + 60, crc32c_extend(0, data, 60));
}

/* A section of an image whose segment table fits its first page. */
FUZZ_UNUSED static void fuzz_repair_section(uint8_t *data, size_t page_count)
{
    store_u32(data + 12, FUZZ_PAGE_BYTES);
    fuzz_repair_frame(data, "PYKVKEY\n", 256);
    store_u32(data + 8, load_u64(data + 104) != 0 ? 2 : 1);
    store_u32(data + 252, crc32c_extend(0, data, 252));
    size_t table_bytes = load_u64(data + 64) * 32;
    store_u32(data + 256 + table_bytes, crc32c_extend(0, data + 256, table_bytes));
    uint8_t *checks = data + FUZZ_PAGE_BYTES;
    for (size_t i = 2; i < page_count && i < 1024; i++) {
        uint8_t *page = data + i * FUZZ_PAGE_BYTES;
        store_u32(checks + 4 * (i - 2), crc32c_extend(0, page, FUZZ_PAGE_BYTES));
    }
    store_u32(checks + 4 * (page_count - 2), crc32c_extend(0, checks, 4 * (page_count - 2)));
}

/* One section behind the other; the last one goes up to the end. */
FUZZ_UNUSED static void fuzz_repair_image(uint8_t *data, size_t size)
{
    size_t page_count = size / FUZZ_PAGE_BYTES;
    while (page_count >= 4 && load_u64(data + 64) <= 119) {
        uint64_t payload = load_u64(data + 72) / FUZZ_PAGE_BYTES;
        bool last = load_u32(data + 108) == 0 || payload + 2 > page_count;
        size_t section = last ? page_count : (size_t)payload + 2;
        if (section < 3) {
            return;
        }
        fuzz_repair_section(data, section);
        data += section * FUZZ_PAGE_BYTES;
        page_count -= section;
    }
}

#endif
