/*
 * merge_pack: values are restored, packed anew, and get the body check of what is stored.
 */
#include "bitcask/merge_pack.h"

#include "codec/packed_value.h"

#include "base/invariant.h"
#include "bitcask/unpack.h"

/* Undoes the packing of the input. */
static pykv_status make_plain(const bitcask *store, merge *self, uint64_t offset, record *copy)
{
    segment *source = self->inputs[self->input_index];
    pykv_status status = unpack_record_of(&store->codecs, source, offset, copy, &self->plain);
    copy->flags &= (uint8_t)~RECORD_FLAG_CODEC;
    copy->codec = 0;
    return status;
}

pykv_status merge_pack(const bitcask *store, merge *self, uint64_t offset, record *copy)
{
    const codec *with = codec_table_find(&store->codecs, (uint8_t)store->options.compression);
    bool was_packed = record_is_packed(copy);
    bool is_packed = false;
    pykv_status status = was_packed ? make_plain(store, self, offset, copy) : PYKV_OK;
    if (status == PYKV_OK && with->id != CODEC_NONE) {
        status = packed_value_make(with, store->options.compression_level, self->dictionary,
                                   copy->value, &self->packed, &is_packed);
    }
    if (is_packed) {
        copy->flags |= RECORD_FLAG_CODEC;
        copy->codec = with->id | (self->dictionary != NULL ? PACKED_WITH_DICTIONARY : 0);
        copy->value = slice_make(self->packed.data, self->packed.size);
    }
    if ((was_packed || is_packed) && !PYKV_PLANTED(223)) {
        copy->body_crc = record_body_crc(copy);
    }
    return status;
}
