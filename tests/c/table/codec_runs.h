/*
 * codec_runs: a codec for tests: runs of equal bytes as a count and the byte. It takes the number
 * of zstd. Pure: thread-safe.
 */
#ifndef PYKV_TESTS_TABLE_CODEC_RUNS_H
#define PYKV_TESTS_TABLE_CODEC_RUNS_H

#include "harness/check.h"

#include "table/compress.h"

static inline size_t runs_bound(void *context, size_t size)
{
    (void)context;
    return 2 * size;
}

static inline pykv_status runs_compress(void *context, int level, const uint8_t *data, size_t size,
                                        uint8_t *out, size_t *size_out)
{
    size_t made = 0;
    (void)context;
    (void)level;
    for (size_t at = 0; at < size;) {
        size_t run = 1;
        while (run < 255 && at + run < size && data[at + run] == data[at]) {
            run++;
        }
        out[made++] = (uint8_t)run;
        out[made++] = data[at];
        at += run;
    }
    *size_out = made;
    return PYKV_OK;
}

static inline pykv_status runs_decompress(void *context, const uint8_t *data, size_t size,
                                          uint8_t *out, size_t raw_size)
{
    size_t made = 0;
    (void)context;
    for (size_t at = 0; at + 1 < size; at += 2) {
        if (data[at] > raw_size - made) {
            return error_set(PYKV_CORRUPTION, "runs of more than %zu bytes", raw_size);
        }
        memset(out + made, data[at + 1], data[at]);
        made += data[at];
    }
    return made == raw_size && size % 2 == 0
               ? PYKV_OK
               : error_set(PYKV_CORRUPTION, "runs of %zu bytes, not %zu", made, raw_size);
}

static const codec codec_runs = {CODEC_ZSTD, "runs",        NULL,
                                 runs_bound, runs_compress, runs_decompress};

#endif
