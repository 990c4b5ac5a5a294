/*
 * repair_unpack: packed values and their dictionary, from the bytes of a file.
 */
#include "bitcask/repair_unpack.h"

#include "base/error.h"
#include "bitcask/unpack.h"

/* The dictionary at the beginning of a source, made ready once. */
static pykv_status dictionary_of(repair_source *source, const codec *with, const char *name)
{
    record found = {.kind = 0};
    if (source->dictionary != NULL) {
        return PYKV_OK;
    }
    record_check check = record_decode(source->data + LOG_SEGMENT_HEADER_BYTES,
                                       source->size - LOG_SEGMENT_HEADER_BYTES, source->seed,
                                       LOG_SEGMENT_HEADER_BYTES, true, &found);
    pykv_status status = PYKV_CORRUPTION;
    if (check == RECORD_VALID && found.kind == RECORD_DICTIONARY) {
        status = packed_dictionary_open(with, false, 0, found.value, &source->dictionary);
    }
    return status == PYKV_CORRUPTION
               ? error_set_corruption(name, LOG_SEGMENT_HEADER_BYTES,
                                      "the dictionary of values is damaged", RECORD_VALID, check)
               : status;
}

pykv_status repair_unpack(repair_source *source, const codec_table *codecs, const char *name,
                          uint64_t offset, record *found, buffer *room)
{
    const codec *with = unpack_codec(codecs, name, found);
    bool has_dictionary = record_has_dictionary(found);
    pykv_status status = with != NULL ? PYKV_OK : PYKV_NOT_SUPPORTED;
    if (status == PYKV_OK && has_dictionary) {
        status = dictionary_of(source, with, name);
    }
    return status == PYKV_OK ? unpack_record(with, has_dictionary ? source->dictionary : NULL, name,
                                             offset, found, room)
                             : status;
}
