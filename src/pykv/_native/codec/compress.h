/*
 * compress: the codecs that blocks and values may be stored with.
 *
 * A codec has a number, which stands in the file, a name, and its functions. A codec table says
 * which codec serves which number: a table is read with whatever provider of its number is there,
 * so a file written with one provider reads with every other. Only "none" is built in.
 *
 * Thread-safety: codecs are constant; their functions are called from any thread at once. A codec
 * table is filled before it is shared.
 */
#ifndef PYKV_CODEC_COMPRESS_H
#define PYKV_CODEC_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"

/* Numbers of codecs, as they stand in files. 0 is never valid. */
enum { CODEC_NONE = 1, CODEC_ZSTD = 2, CODEC_COUNT = 16 };

typedef struct codec {
    uint8_t id; /* CODEC_* */
    const char *name;
    void *context; /* of the provider; handed to its functions */

    /* The most bytes that compress may make of size bytes. */
    size_t (*bound)(void *context, size_t size);

    /* Compresses size bytes at data to out, which holds bound(size), at level (0: the provider's
     * default). *size_out is the number of bytes made. */
    pykv_status (*compress)(void *context, int level, const uint8_t *data, size_t size,
                            uint8_t *out, size_t *size_out);

    /* The next faster level, or the same one: there is none. NULL: there are no levels. */
    int (*faster)(int level);

    /* Restores exactly raw_size bytes at out. PYKV_CORRUPTION if data does not hold that; safe on
     * arbitrary bytes, and nothing is written beyond out + raw_size. */
    pykv_status (*decompress)(void *context, const uint8_t *data, size_t size, uint8_t *out,
                              size_t raw_size);

    /* Dictionaries: what is like the samples that one was made of compresses better with it. Where
     * a provider has no part in them all five are NULL; one that only restores has no train and no
     * compress_with. */

    /* Makes a dictionary of at most capacity bytes at out from samples, one behind the other, of
     * these sizes. PYKV_NOT_FOUND: they give none. */
    pykv_status (*train)(void *context, const uint8_t *samples, const size_t *sizes, uint32_t count,
                         uint8_t *out, size_t capacity, size_t *size_out);

    /* Makes size bytes of a dictionary ready to restore, and if packs is true to compress at level,
     * into *ready_out, which close_ready frees. Safe on arbitrary bytes: PYKV_CORRUPTION. */
    pykv_status (*make_ready)(void *context, bool packs, int level, const uint8_t *data,
                              size_t size, void **ready_out);
    void (*close_ready)(void *context, void *ready);

    /* As compress and decompress, with what make_ready made; any threads at once. */
    pykv_status (*compress_with)(void *context, void *ready, const uint8_t *data, size_t size,
                                 uint8_t *out, size_t *size_out);
    pykv_status (*decompress_with)(void *context, void *ready, const uint8_t *data, size_t size,
                                   uint8_t *out, size_t raw_size);
} codec;

/* The codecs at hand, by number. Each is borrowed and must outlive the table's users. */
typedef struct codec_table {
    const codec *codecs[CODEC_COUNT];
} codec_table;

/* The codec that stores bytes as they are. */
const codec *codec_none(void);

/* A table with "none" alone. */
codec_table codec_table_make(void);

/* Enters a codec under its number, in place of the one that was there. */
void codec_table_add(codec_table *self, const codec *entry);

/* The codec of a number, or NULL if there is none; any number may be asked for. */
const codec *codec_table_find(const codec_table *self, uint8_t id);

/* Checks that the codec that options ask for is there, and sets its level if they leave it open.
 * Requires compression in range. PYKV_NOT_SUPPORTED: it is not there. */
PYKV_NODISCARD pykv_status codec_table_check(const codec_table *self, pykv_options *options);

#endif
