/*
 * codec: the codecs of the process, set and tried from outside.
 */
#include "codec/codec_registry.h"
#include "pykv.h"

#include "base/error.h"

pykv_status pykv_set_codec(const pykv_codec *given)
{
    if (given == NULL) {
        return error_set(PYKV_INVALID_ARGUMENT, "the codec is NULL");
    }
    return codec_registry_set(given);
}

pykv_status pykv_set_zstd(const pykv_zstd *functions, const char *name)
{
    if (functions == NULL) {
        return error_set(PYKV_INVALID_ARGUMENT, "functions is NULL");
    }
    return codec_registry_set_zstd(functions, name);
}

pykv_status pykv_load_zstd(const char *library)
{
    return codec_registry_load_zstd(library);
}

const char *pykv_codec_provider(int32_t id)
{
    return codec_registry_provider(id);
}

/* The codec of an id that is set now, or NULL with the error set. */
static const codec *find(int32_t id)
{
    codec_table table = codec_registry_table();
    const codec *found =
        id >= 0 && id <= PYKV_CODEC_ID_MAX ? codec_table_find(&table, (uint8_t)id) : NULL;
    if (found == NULL) {
        (void)error_set(PYKV_NOT_SUPPORTED, "no codec serves number %d", (int)id);
    }
    return found;
}

pykv_status pykv_compress(int32_t id, int level, const void *data, size_t size, void *out,
                          size_t capacity, size_t *size_out)
{
    const codec *found = find(id);
    if (found == NULL) {
        return PYKV_NOT_SUPPORTED;
    }
    size_t bound = found->bound(found->context, size);
    if (capacity < bound) {
        return error_set(PYKV_INVALID_ARGUMENT, "compressing %zu bytes needs room for %zu", size,
                         bound);
    }
    return found->compress(found->context, level, data, size, out, size_out);
}

pykv_status pykv_decompress(int32_t id, const void *data, size_t size, void *out, size_t raw_size)
{
    const codec *found = find(id);
    return found == NULL ? PYKV_NOT_SUPPORTED
                         : found->decompress(found->context, data, size, out, raw_size);
}
