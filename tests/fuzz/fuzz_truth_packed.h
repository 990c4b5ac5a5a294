/*
 * fuzz_truth_packed: the rows of merged segments of a Bitcask whose values were packed, with a
 * dictionary or without, by the codec of codec_runs.h (fuzz_truth.h). Header only.
 */
#ifndef PYKV_TESTS_FUZZ_TRUTH_PACKED_H
#define PYKV_TESTS_FUZZ_TRUTH_PACKED_H

#include "codec/codec_runs.h"
#include "codec/packed_value.h"
#include "fuzz/fuzz_truth.h"

#include "base/coding.h"

enum { FUZZ_UNPACKED_BYTES_MAX = 1 << 20 };

/* The length that codec_runs.h restores, 0 if it does not. */
static inline size_t fuzz_unpacked_bytes(slice packed)
{
    size_t total = 0;
    for (size_t at = 0; at + 1 < packed.size; at += 2) {
        total += packed.data[at];
    }
    return packed.size % 2 == 0 && total <= FUZZ_UNPACKED_BYTES_MAX ? total : 0;
}

/* Restores a packed value into room, which holds FUZZ_UNPACKED_BYTES_MAX; false: it is damaged. */
static inline bool fuzz_unpack(const record *packed, slice dictionary, uint8_t *room,
                               slice *value_out)
{
    slice stored = packed->value;
    uint32_t bytes = stored.size > PACKED_VALUE_HEAD_BYTES ? load_u32(stored.data) : 0;
    const uint8_t *frame = stored.data + PACKED_VALUE_HEAD_BYTES;
    size_t frame_bytes = stored.size - PACKED_VALUE_HEAD_BYTES;
    if (bytes == 0 || bytes > FUZZ_UNPACKED_BYTES_MAX) {
        return false;
    }
    pykv_status status = PYKV_CORRUPTION;
    if (packed->codec == CODEC_ZSTD) {
        status = runs_decompress(NULL, frame, frame_bytes, room, bytes);
    } else if (packed->codec == (CODEC_ZSTD | PACKED_WITH_DICTIONARY)) {
        status = runs_decompress_with(NULL, dictionary.data, dictionary.size, frame, frame_bytes,
                                      room, bytes);
    }
    *value_out = slice_make(room, bytes);
    return status == PYKV_OK;
}

/* Adds the valid packed puts at every granule of a log file with this id. */
static inline void fuzz_truth_add_packed(fuzz_truth *self, const uint8_t *data, size_t size,
                                         uint64_t file_id)
{
    static uint8_t room[FUZZ_UNPACKED_BYTES_MAX];
    uint32_t seed = record_seed(file_id);
    slice dictionary = slice_make("", 0);
    for (size_t at = 64; at + RECORD_HEADER_BYTES <= size; at += RECORD_GRANULE_BYTES) {
        record found;
        slice value;
        if (record_decode(data + at, size - at, seed, at, true, &found) != RECORD_VALID) {
            continue;
        }
        if (at == 64 && found.kind == RECORD_DICTIONARY) {
            dictionary = found.value;
        } else if (found.kind == RECORD_PUT && (found.flags & RECORD_FLAG_CODEC) != 0 &&
                   fuzz_unpack(&found, dictionary, room, &value)) {
            fuzz_truth_copy(self, found.key, slice_make("", 0), value);
        }
    }
}

#endif
