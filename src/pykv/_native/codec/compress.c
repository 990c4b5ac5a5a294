/*
 * compress: the codec "none" and the table of codecs.
 */
#include "codec/compress.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"

static size_t none_bound(void *context, size_t size)
{
    (void)context;
    return size;
}

static pykv_status none_compress(void *context, int level, const uint8_t *data, size_t size,
                                 uint8_t *out, size_t *size_out)
{
    (void)context;
    (void)level;
    if (size > 0) {
        memcpy(out, data, size);
    }
    *size_out = size;
    return PYKV_OK;
}

static pykv_status none_decompress(void *context, const uint8_t *data, size_t size, uint8_t *out,
                                   size_t raw_size)
{
    (void)context;
    if (size != raw_size) {
        return error_set(PYKV_CORRUPTION, "%zu bytes are stored of a block of %zu", size, raw_size);
    }
    if (size > 0) {
        memcpy(out, data, size);
    }
    return PYKV_OK;
}

static const codec none = {.id = CODEC_NONE,
                           .name = "none",
                           .context = NULL,
                           .bound = none_bound,
                           .compress = none_compress,
                           .decompress = none_decompress};

const codec *codec_none(void)
{
    return &none;
}

codec_table codec_table_make(void)
{
    codec_table made = {{NULL}};
    made.codecs[CODEC_NONE] = &none;
    return made;
}

void codec_table_add(codec_table *self, const codec *entry)
{
    PYKV_ASSERT(entry->id > 0 && entry->id < CODEC_COUNT);
    self->codecs[entry->id % CODEC_COUNT] = entry;
}

const codec *codec_table_find(const codec_table *self, uint8_t id)
{
    return id < CODEC_COUNT ? self->codecs[id] : NULL;
}

pykv_status codec_table_check(const codec_table *self, pykv_options *options)
{
    if (codec_table_find(self, (uint8_t)options->compression) == NULL) {
        return error_set(PYKV_NOT_SUPPORTED,
                         "codec %d is not there: install the package that provides it, or open "
                         "with compression none",
                         (int)options->compression);
    }
    if (options->compression_level == 0 && options->compression == CODEC_ZSTD) {
        options->compression_level = 1;
    }
    return PYKV_OK;
}
