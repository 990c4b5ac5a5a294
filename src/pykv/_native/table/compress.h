/*
 * compress: the codecs that blocks of a table may be stored with.
 *
 * A codec has a number, which stands in the file, a name, and three functions. A codec table says
 * which codec serves which number: a table is read with whatever provider of its number is there,
 * so a file written with one provider reads with every other. Only "none" is built in.
 *
 * Thread-safety: codecs are constant; their functions are called from any thread at once. A codec
 * table is filled before it is shared.
 */
#ifndef PYKV_TABLE_COMPRESS_H
#define PYKV_TABLE_COMPRESS_H

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

    /* Restores exactly raw_size bytes at out. PYKV_CORRUPTION if data does not hold that; safe on
     * arbitrary bytes, and nothing is written beyond out + raw_size. */
    pykv_status (*decompress)(void *context, const uint8_t *data, size_t size, uint8_t *out,
                              size_t raw_size);
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

#endif
