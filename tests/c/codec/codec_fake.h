/*
 * codec_fake: a libzstd that stores its frames as they are, and counts its contexts.
 *
 * A frame is the magic "FAKE", the size as one byte, and the bytes. The constant frame of the trial
 * in codec_zstd.c is known to it too.
 */
#ifndef PYKV_TESTS_TABLE_CODEC_FAKE_H
#define PYKV_TESTS_TABLE_CODEC_FAKE_H

#include <stdatomic.h>

#include "harness/check.h"

enum { FAKE_HEAD_BYTES = 5, FAKE_RAW_MAX = 255 };

static _Atomic int fake_contexts;        /* alive */
static _Atomic int fake_created;         /* since the start */
static _Atomic bool fake_has_no_context; /* creating fails */
static unsigned fake_version = 10500;

#define FAKE_ERROR(code) ((size_t)0 - (code))

static inline unsigned fake_version_number(void)
{
    return fake_version;
}

static inline unsigned fake_is_error(size_t code)
{
    return code > FAKE_ERROR(120) ? 1 : 0;
}

static inline const char *fake_error_name(size_t code)
{
    return code == FAKE_ERROR(64) ? "no memory" : "not a frame";
}

static inline size_t fake_bound(size_t size)
{
    return size + FAKE_HEAD_BYTES;
}

static inline void *fake_create(void)
{
    if (atomic_load(&fake_has_no_context)) {
        return NULL;
    }
    atomic_fetch_add(&fake_contexts, 1);
    atomic_fetch_add(&fake_created, 1);
    return malloc(1);
}

static inline size_t fake_free(void *context)
{
    atomic_fetch_sub(&fake_contexts, 1);
    free(context);
    return 0;
}

static inline size_t fake_compress(void *context, void *out, size_t capacity, const void *data,
                                   size_t size, int level)
{
    uint8_t *frame = out;
    if (context == NULL || size > FAKE_RAW_MAX || capacity < size + FAKE_HEAD_BYTES) {
        return FAKE_ERROR(level == 22 ? 64 : 70);
    }
    memcpy(frame, "FAKE", 4);
    frame[4] = (uint8_t)size;
    memcpy(frame + FAKE_HEAD_BYTES, data, size);
    return size + FAKE_HEAD_BYTES;
}

static inline bool fake_is_trial(const uint8_t *frame, size_t size)
{
    return size == 21 && frame[0] == 0x28 && frame[1] == 0xb5;
}

static inline unsigned long long fake_content_size(const void *data, size_t size)
{
    const uint8_t *frame = data;
    if (fake_is_trial(frame, size)) {
        return 30;
    }
    return size < FAKE_HEAD_BYTES || memcmp(frame, "FAKE", 4) != 0 ? 0ULL - 2 : frame[4];
}

static inline size_t fake_decompress(void *context, void *out, size_t capacity, const void *data,
                                     size_t size)
{
    const uint8_t *frame = data;
    if (fake_is_trial(frame, size)) {
        memcpy(out, "pykv pykv pykv pykv pykv pykv!", 30);
        return 30;
    }
    if (context == NULL || size < FAKE_HEAD_BYTES || size != frame[4] + (size_t)FAKE_HEAD_BYTES ||
        capacity < frame[4]) {
        return FAKE_ERROR(20);
    }
    if (frame[4] > 0) {
        memcpy(out, frame + FAKE_HEAD_BYTES, frame[4]);
    }
    return frame[4];
}

static inline pykv_zstd fake_zstd(void)
{
    return (pykv_zstd){.version_number = fake_version_number,
                       .is_error = fake_is_error,
                       .get_error_name = fake_error_name,
                       .compress_bound = fake_bound,
                       .create_cctx = fake_create,
                       .free_cctx = fake_free,
                       .compress_cctx = fake_compress,
                       .create_dctx = fake_create,
                       .free_dctx = fake_free,
                       .decompress_dctx = fake_decompress,
                       .get_frame_content_size = fake_content_size};
}

#endif
