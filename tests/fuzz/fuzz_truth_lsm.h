/*
 * fuzz_truth_lsm: the rows that an LSM store may show beside those of its logs: puts in blocks of
 * its tables and records of its value segments that have right checks. Keys are stored keys. Header
 * only.
 */
#ifndef PYKV_TESTS_FUZZ_TRUTH_LSM_H
#define PYKV_TESTS_FUZZ_TRUTH_LSM_H

#include "fuzz/fuzz_disk.h"
#include "fuzz/fuzz_truth_packed.h"

#include "table/table_reader.h"

/* ---- tables ---- */

static inline void fuzz_truth_add_block(fuzz_truth *self, const block *from)
{
    for (uint32_t i = 0; i < from->entry_count; i++) {
        block_entry entry;
        block_read(from, i, &entry);
        self->has_deadlines |= entry.deadline_us != 0;
        if (entry.kind == TABLE_PUT) {
            slice head =
                slice_make(entry.shared > 0 ? entry.head : (const uint8_t *)"", entry.shared);
            fuzz_truth_copy(self, head, entry.suffix, entry.value);
        }
    }
}

/* Adds what stands in the table of this name, in blocks that can be read. */
static inline void fuzz_truth_add_table(fuzz_truth *self, env_directory *home, const char *name)
{
    table *opened;
    block_source *source = block_source_direct();
    codec_table codecs = codec_table_make();
    table_open_options options = {.codecs = &codecs};
    codec_table_add(&codecs, &codec_runs);
    if (table_open(home, name, &options, &opened) != PYKV_OK) {
        return;
    }
    for (uint32_t i = 0; i < opened->index.block_count; i++) {
        block_hold hold = {0};
        if (source->acquire(source, opened, i, BLOCK_FOR_STEP, &hold) == PYKV_OK) {
            fuzz_truth_add_block(self, hold.block);
            source->release(source, hold);
        }
    }
    table_close(opened);
}

/* ---- value segments ---- */

/* Adds the valid puts at every granule of a value segment. */
static inline void fuzz_truth_add_values(fuzz_truth *self, const uint8_t *data, size_t size)
{
    static uint8_t room[FUZZ_UNPACKED_BYTES_MAX];
    uint32_t seed = size >= 64 ? record_seed(load_u64(data + 16)) : 0;
    for (size_t at = 64; at + RECORD_HEADER_BYTES <= size; at += RECORD_GRANULE_BYTES) {
        record found;
        if (record_decode(data + at, size - at, seed, at, true, &found) != RECORD_VALID ||
            found.kind != RECORD_PUT) {
            continue;
        }
        slice value = found.value;
        if ((found.flags & RECORD_FLAG_CODEC) != 0) {
            size_t bytes = fuzz_unpacked_bytes(value);
            if (runs_decompress(NULL, value.data, value.size, room, bytes) != PYKV_OK) {
                continue;
            }
            value = slice_make(room, bytes);
        }
        fuzz_truth_copy(self, found.key, slice_make("", 0), value);
    }
}

#endif
