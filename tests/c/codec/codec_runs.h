/*
 * codec_runs: a codec for tests: runs of equal bytes as a count and the byte. It takes the number
 * of zstd. Pure: thread-safe.
 */
#ifndef PYKV_TESTS_TABLE_CODEC_RUNS_H
#define PYKV_TESTS_TABLE_CODEC_RUNS_H

#include "codec/compress.h"
#include "harness/check.h"

static inline size_t runs_bound(void *context, size_t size)
{
    (void)context;
    return 2 * size + 1;
}

static inline pykv_status runs_compress(void *context, int wanted_level, const uint8_t *data,
                                        size_t size, uint8_t *out, size_t *size_out)
{
    size_t made = 0;
    (void)context;
    (void)wanted_level;
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

/* A dictionary is the first sample. What is compressed with it begins with how many bytes, up to
 * 255, the value has in common with it. */
static inline pykv_status runs_train(void *context, const uint8_t *samples, const size_t *sizes,
                                     uint32_t count, uint8_t *out, size_t capacity,
                                     size_t *size_out)
{
    (void)context;
    if (count == 0 || sizes[0] > capacity) {
        return PYKV_NOT_FOUND;
    }
    memcpy(out, samples, sizes[0]);
    *size_out = sizes[0];
    return PYKV_OK;
}

static inline pykv_status runs_compress_with(void *context, int wanted_level,
                                             const uint8_t *dictionary, size_t dictionary_size,
                                             const uint8_t *data, size_t size, uint8_t *out,
                                             size_t *size_out)
{
    size_t common = 0;
    size_t made = 0;
    while (common < 255 && common < size && common < dictionary_size &&
           data[common] == dictionary[common]) {
        common++;
    }
    out[0] = (uint8_t)common;
    pykv_status status =
        runs_compress(context, wanted_level, data + common, size - common, out + 1, &made);
    *size_out = made + 1;
    return status;
}

static inline pykv_status runs_decompress_with(void *context, const uint8_t *dictionary,
                                               size_t dictionary_size, const uint8_t *data,
                                               size_t size, uint8_t *out, size_t raw_size)
{
    if (size == 0 || data[0] > dictionary_size || data[0] > raw_size) {
        return error_set(PYKV_CORRUPTION, "more in common than there is");
    }
    memcpy(out, dictionary, data[0]);
    return runs_decompress(context, data + 1, size - 1, out + data[0], raw_size - data[0]);
}

/* The same for codec_registry_set and pykv_set_codec. */
static inline pykv_codec runs_given(void)
{
    return (pykv_codec){.id = PYKV_CODEC_ZSTD,
                        .name = "runs",
                        .bound = runs_bound,
                        .compress = runs_compress,
                        .decompress = runs_decompress,
                        .train = runs_train,
                        .compress_with = runs_compress_with,
                        .decompress_with = runs_decompress_with};
}

static const codec codec_runs = {.id = CODEC_ZSTD,
                                 .name = "runs",
                                 .bound = runs_bound,
                                 .compress = runs_compress,
                                 .decompress = runs_decompress};

#endif
