/*
 * fuzz_record: record_decode on arbitrary bytes.
 *
 * Input: one byte of repairs, one byte for the offset of the record in its file (in granules of 8
 * bytes), then the bytes of the record. Repair 1 makes the header check right, repair 2 the body
 * check as well, so that fuzzing reaches what stands behind them. The file id is that of the
 * examples in docs/format/record.md.
 *
 * Promises: no read beyond the input; lengths and borrowed slices lie inside it; a check of the
 * header alone finds the same as one with the body, but for damage of the body; and a valid record
 * encodes again to the same bytes.
 */
#include <string.h>

#include "fuzz/fuzz_target.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "log/log_format.h"

enum { REPAIR_HEADER = 1, REPAIR_BODY = 2, PREFIX_BYTES = 2, FLAGS_AT = 15 };

static const uint64_t file_id = UINT64_C(0x0123456789abcdef);

/* Makes the header check right for the bytes it covers, if they are there. Written out here,
 * because a repair by the encoder would hide a mistake that it shares with the decoder. */
static void repair_header(uint8_t *data, size_t size, uint32_t seed, uint64_t offset)
{
    if (size < RECORD_HEADER_BYTES || size < record_head_bytes(data[FLAGS_AT])) {
        return;
    }
    uint8_t place[8];
    store_u64(place, offset);
    uint32_t crc = crc32c_extend(seed, place, sizeof place);
    store_u32(data, crc32c_extend(crc, data + 4, record_head_bytes(data[FLAGS_AT]) - 4));
}

/* Makes the body check right for the body it covers, if that is there. */
static void repair_body(uint8_t *data, size_t size, uint32_t seed, uint64_t offset)
{
    record found;
    record_check check = record_decode(data, size, seed, offset, false, &found);
    if (check == RECORD_VALID) {
        store_u32(data + 4, record_body_crc(&found));
        repair_header(data, size, seed, offset);
    }
}

/* What must hold whatever the bytes are. */
static void check_promises(const uint8_t *data, size_t size, uint32_t seed, uint64_t offset)
{
    record bare;
    record whole;
    record_check by_header = record_decode(data, size, seed, offset, false, &bare);
    record_check by_all = record_decode(data, size, seed, offset, true, &whole);
    FUZZ_EXPECT(by_header != RECORD_BODY_INVALID);
    FUZZ_EXPECT(by_all == by_header ||
                (by_all == RECORD_BODY_INVALID && by_header == RECORD_VALID));
    if (by_all == RECORD_HEADER_INVALID) {
        return;
    }
    uint64_t total = record_bytes(whole.flags, whole.key.size, whole.value.size);
    FUZZ_EXPECT(whole.key.size <= PYKV_KEY_BYTES_MAX);
    FUZZ_EXPECT(whole.value.size <= PYKV_VALUE_BYTES_MAX);
    FUZZ_EXPECT((by_all == RECORD_CUT_OFF) == (total > size));
    if (by_all == RECORD_CUT_OFF) {
        FUZZ_EXPECT(whole.key.data == NULL && whole.value.data == NULL);
        return;
    }
    FUZZ_EXPECT(whole.key.data == data + record_head_bytes(whole.flags));
    FUZZ_EXPECT(whole.value.data == whole.key.data + whole.key.size);
    FUZZ_EXPECT(whole.value.data + whole.value.size <= data + total);
    if (by_all == RECORD_VALID) {
        uint8_t *again = malloc(total);
        FUZZ_EXPECT(again != NULL);
        FUZZ_EXPECT(record_body_crc(&whole) == whole.body_crc);
        record_encode(&whole, seed, offset, again);
        FUZZ_EXPECT(memcmp(again, data, total) == 0);
        free(again);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PREFIX_BYTES) {
        return 0;
    }
    uint8_t repairs = data[0];
    uint64_t offset = (uint64_t)data[1] * RECORD_GRANULE_BYTES;
    uint32_t seed = record_seed(file_id);
    size -= PREFIX_BYTES;
    /* A block of exactly this size, so that a read beyond it is reported. */
    uint8_t *copy = malloc(size > 0 ? size : 1);
    FUZZ_EXPECT(copy != NULL);
    memcpy(copy, data + PREFIX_BYTES, size);
    if ((repairs & (REPAIR_HEADER | REPAIR_BODY)) != 0) {
        repair_header(copy, size, seed, offset);
    }
    if ((repairs & REPAIR_BODY) != 0) {
        repair_body(copy, size, seed, offset);
    }
    check_promises(copy, size, seed, offset);
    free(copy);
    return 0;
}
