/*
 * fuzz_table: opens, reads and verifies a table file of arbitrary bytes.
 *
 * Input: a byte of repairs, then the bytes of the file. Repair 1 makes the checks of header, footer
 * and of the blocks that the footer names right; repair 2 those of the data blocks, whose sizes
 * are taken from a walk over their trailers.
 *
 * Promises: the status is PYKV_OK, PYKV_CORRUPTION, PYKV_FORMAT or PYKV_NOT_SUPPORTED, and nothing
 * is lost. What passes its verification has as many entries as its properties say, in order, the
 * same from both ends, and a get finds each of them, alone and among many.
 */
#include "fuzz/fuzz_disk.h"

#include "base/crc32c.h"
#include "base/hash.h"
#include "base/memory.h"
#include "table/table_iterator.h"
#include "table/table_reader.h"
#include "table/table_verify.h"

#define TABLE_NAME "t"

/* Those of the example in docs/format/table.md. */
#define SEED_LOW  UINT64_C(0x0123456789abcdef)
#define SEED_HIGH UINT64_C(0xfedcba9876543210)

enum { REPAIR = 1, REPAIR_DATA = 2 };

/* The check of size bytes that stand at offset of the file, whose id stands in its header. */
static uint32_t check_at(const uint8_t *file, uint64_t offset, uint64_t size)
{
    uint8_t place[8];
    store_u64(place, offset);
    uint32_t crc = crc32c_extend(0, file + 16, 8);
    crc = crc32c_extend(crc, place, sizeof place);
    return crc32c_extend(crc, file + offset, size);
}

/* Makes the check of the block right, if it lies before end. */
static void repair_block(uint8_t *file, uint64_t end, uint64_t offset, uint64_t size)
{
    if (offset < end && size + 12 <= end - offset) {
        store_u32(file + offset + size + 8, check_at(file, offset, size + 8));
    }
}

/* Makes the check of every block right whose size follows from its trailer: raw_bytes, kind of
 * data, no codec. */
static void repair_data(uint8_t *file, uint64_t end)
{
    static const uint8_t trailer[4] = {1, 1, 0, 0};
    uint64_t offset = 32;
    for (uint64_t at = offset; at + 12 <= end; at++) {
        if (load_u32(file + at) == at - offset && memcmp(file + at + 4, trailer, 4) == 0) {
            repair_block(file, end, offset, at - offset);
            offset = at + 12;
            at = offset - 1;
        }
    }
}

static void repair(uint8_t *file, size_t size, uint8_t repairs)
{
    if (size < 96) {
        return;
    }
    uint64_t footer = size - 64;
    memcpy(file, "PYKVTBL\n\1\0\0\0\0\0\0\0", 16);
    memset(file + 24, 0, 4);
    store_u32(file + 28, crc32c_extend(0, file, 28));
    if ((repairs & REPAIR_DATA) != 0) {
        repair_data(file, footer);
    }
    for (uint64_t i = 0; i < 3; i++) {
        repair_block(file, footer, load_u64(file + footer + 8 * i),
                     load_u32(file + footer + 24 + 4 * i));
    }
    store_u32(file + footer + 36, 1);
    memcpy(file + footer + 40, file + 16, 8);
    store_u32(file + footer + 48, 0);
    store_u32(file + footer + 52, check_at(file, footer, 52));
    memcpy(file + footer + 56, "PYKVEND\n", 8);
}

static bool is_expected(pykv_status status)
{
    return status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_NOT_SUPPORTED;
}

/* Gets the current entry of a walk, alone and as one of many. */
static void check_get(table *opened, const iterator_entry *entry)
{
    block_source *source = block_source_direct();
    uint64_t hash = hash_murmur3(entry->key.data, entry->key.size, SEED_LOW, SEED_HIGH).low;
    table_found found;
    table_request request = {.key = entry->key, .hash = hash};
    table_request *requests[1] = {&request};
    table_position position = table_position_make(entry->key, entry->sequence);
    FUZZ_EXPECT(table_get(opened, source, position, hash, &found) == PYKV_OK);
    FUZZ_EXPECT(found.sequence == entry->sequence && slice_equal(found.value, entry->value));
    table_release(source, &found);
    table_get_many(opened, source, entry->sequence, requests, 1, &(bool){false});
    FUZZ_EXPECT(request.status == PYKV_OK && slice_equal(request.found.value, entry->value));
    table_release(source, &request.found);
}

/* Walks from both ends. intact: the table passed its verification. */
static void check_walks(table *opened, bool intact)
{
    iterator *walk;
    uint64_t ahead = 0;
    uint64_t back = 0;
    FUZZ_EXPECT(table_iterator_new(opened, block_source_direct(), &walk) == PYKV_OK);
    for (iterator_seek_first(walk); iterator_valid(walk); iterator_next(walk)) {
        if (intact) {
            check_get(opened, iterator_current(walk));
        }
        ahead++;
    }
    FUZZ_EXPECT(is_expected(walk->status) && (!intact || walk->status == PYKV_OK));
    for (iterator_seek_last(walk); iterator_valid(walk); iterator_previous(walk)) {
        back++;
    }
    FUZZ_EXPECT(is_expected(walk->status) && (!intact || walk->status == PYKV_OK));
    FUZZ_EXPECT(!intact || (ahead == back && ahead == opened->properties.entry_count));
    iterator_free(walk);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    env_directory *home;
    table *opened;
    codec_table codecs = codec_table_make();
    table_open_options options = {
        .codecs = &codecs, .hash_seed_low = SEED_LOW, .hash_seed_high = SEED_HIGH};
    if (size < 1) {
        return 0;
    }
    int64_t blocks = mem_block_count();
    uint8_t *copy = fuzz_copy(data + 1, size - 1);
    if ((data[0] & (REPAIR | REPAIR_DATA)) != 0) {
        repair(copy, size - 1, data[0]);
    }
    env *disk = fuzz_disk_new(&home);
    fuzz_disk_put(home, TABLE_NAME, copy, size - 1);
    pykv_status status = table_open(home, TABLE_NAME, &options, &opened);
    FUZZ_EXPECT(is_expected(status) || status == PYKV_FORMAT);
    if (status == PYKV_OK) {
        status = table_verify(opened, NULL);
        FUZZ_EXPECT(is_expected(status));
        check_walks(opened, status == PYKV_OK);
        table_close(opened);
    }
    fuzz_disk_free(disk, home);
    free(copy);
    FUZZ_EXPECT(mem_block_count() == blocks);
    return 0;
}
