/*
 * codec_zstd: the codec "zstd" made of the functions of some libzstd.
 *
 * Making a compression context costs more than compressing a block, so contexts are kept: one of
 * each kind for each number of thread_hint. A thread takes the one there, or makes one, and puts it
 * back. Thread-safe.
 */
#ifndef PYKV_CODEC_CODEC_ZSTD_H
#define PYKV_CODEC_CODEC_ZSTD_H

#include "codec/compress.h"
#include "pykv.h"

#include "base/annotate.h"
#include "base/thread_hint.h"

enum { CODEC_ZSTD_LEVEL_DEFAULT = 1 };

typedef struct codec_zstd {
    /* constant */
    codec face;
    pykv_zstd functions;
    /* own synchronisation: contexts that nobody uses now, or NULL */
    _Atomic(void *) compressors[THREAD_HINT_COUNT];
    _Atomic(void *) decompressors[THREAD_HINT_COUNT];
} codec_zstd;

/* Makes a codec of functions, all of which must be there, and tries it. name is borrowed.
 * PYKV_NOT_SUPPORTED: the version is not served, or the trial failed. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status codec_zstd_init(codec_zstd *self, const pykv_zstd *functions,
                                           const char *name);

/* Frees the contexts that are kept. Requires that no call is running. */
void codec_zstd_reset(codec_zstd *self);

#endif
