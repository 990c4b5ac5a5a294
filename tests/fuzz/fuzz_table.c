/*
 * fuzz_table: opens, reads and verifies a table file of arbitrary bytes.
 *
 * Input: a byte of repairs, then the bytes of the file. Repair 1 makes the checks of header, footer
 * and of the blocks that the footer names right; repair 2 those of the data blocks, whose sizes
 * are taken from a walk over their trailers. Compressed blocks are restored by the codec of
 * codec_runs.h, which stands for zstd.
 *
 * Promises: the status is PYKV_OK, PYKV_CORRUPTION, PYKV_FORMAT or PYKV_NOT_SUPPORTED, and nothing
 * is lost. What passes its verification has as many entries as its properties say, in order, the
 * same from both ends, and a get finds each of them, alone and among many.
 */
#include "codec/codec_runs.h"
#include "fuzz/fuzz_disk.h"
#include "fuzz/fuzz_repair_table.h"

#include "base/hash.h"
#include "base/memory.h"
#include "table/table_iterator.h"
#include "table/table_reader.h"
#include "table/table_verify.h"

#define TABLE_NAME "t"

static bool is_expected(pykv_status status)
{
    return status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_NOT_SUPPORTED;
}

/* Gets the current entry of a walk, alone and as one of many. */
static void check_get(table *opened, const iterator_entry *entry)
{
    block_source *source = block_source_direct();
    uint64_t hash =
        hash_murmur3(entry->key.data, entry->key.size, FUZZ_SEED_LOW, FUZZ_SEED_HIGH).low;
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
        .codecs = &codecs, .hash_seed_low = FUZZ_SEED_LOW, .hash_seed_high = FUZZ_SEED_HIGH};
    codec_table_add(&codecs, &codec_runs);
    if (size < 1) {
        return 0;
    }
    int64_t blocks = mem_block_count();
    uint8_t *copy = fuzz_copy(data + 1, size - 1);
    fuzz_repair_table(copy, size - 1, data[0]);
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
