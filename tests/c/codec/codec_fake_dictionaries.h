/*
 * codec_fake_dictionaries: dictionaries of the libzstd of codec_fake.h, which make no difference.
 */
#ifndef PYKV_TESTS_CODEC_CODEC_FAKE_DICTIONARIES_H
#define PYKV_TESTS_CODEC_CODEC_FAKE_DICTIONARIES_H

#include "codec/codec_fake.h"

static inline void *fake_create_cdict(const void *data, size_t size, int level)
{
    (void)data;
    (void)level;
    return size > 0 ? fake_create() : NULL;
}

static inline void *fake_create_ddict(const void *data, size_t size)
{
    return fake_create_cdict(data, size, 1);
}

static inline size_t fake_compress_with(void *context, void *out, size_t capacity, const void *data,
                                        size_t size, const void *dictionary)
{
    return dictionary == NULL ? FAKE_ERROR(70)
                              : fake_compress(context, out, capacity, data, size, 1);
}

static inline size_t fake_decompress_with(void *context, void *out, size_t capacity,
                                          const void *data, size_t size, const void *dictionary)
{
    return dictionary == NULL ? FAKE_ERROR(20)
                              : fake_decompress(context, out, capacity, data, size);
}

static inline size_t fake_train(void *out, size_t capacity, const void *samples,
                                const size_t *sizes, unsigned count)
{
    (void)samples;
    (void)sizes;
    if (count < 2 || capacity < 9) {
        return FAKE_ERROR(70);
    }
    memcpy(out, "FAKE!!!!D", 9);
    return 9;
}

static inline pykv_zstd fake_zstd_with_dictionaries(void)
{
    pykv_zstd made = fake_zstd();
    made.create_cdict = fake_create_cdict;
    made.free_cdict = fake_free;
    made.compress_with_cdict = fake_compress_with;
    made.create_ddict = fake_create_ddict;
    made.free_ddict = fake_free;
    made.decompress_with_ddict = fake_decompress_with;
    made.train = fake_train;
    return made;
}

#endif
