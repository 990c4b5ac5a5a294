/*
 * packed_value: a head and a frame.
 */
#include "codec/packed_value.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/memory.h"

enum {
    PACK_BYTES_MIN = 32,   /* shorter values are never worth it */
    PACK_SAVES = 8,        /* a packed value must save this part of it, */
    PACK_RECORD_BYTES = 4, /* and what its record takes more to name the codec */
};

pykv_status packed_dictionary_open(const codec *with, bool packs, int level, slice bytes,
                                   packed_dictionary **dictionary_out)
{
    if (with->decompress_with == NULL) {
        return error_set(PYKV_NOT_SUPPORTED,
                         "values are compressed with a dictionary, which the provider %s of codec "
                         "%u does not read: install another one",
                         with->name, (unsigned)with->id);
    }
    packed_dictionary *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->with = with;
    pykv_status status =
        with->make_ready(with->context, packs, level, bytes.data, bytes.size, &self->ready);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *dictionary_out = self;
    return PYKV_OK;
}

void packed_dictionary_close(packed_dictionary *self)
{
    if (self != NULL) {
        self->with->close_ready(self->with->context, self->ready);
        mem_free(self);
    }
}

static pykv_status compress(const codec *with, int level, const packed_dictionary *dictionary,
                            slice value, uint8_t *out, size_t *size_out)
{
    return dictionary == NULL
               ? with->compress(with->context, level, value.data, value.size, out, size_out)
               : with->compress_with(with->context, dictionary->ready, value.data, value.size, out,
                                     size_out);
}

static pykv_status decompress(const codec *with, const packed_dictionary *dictionary, slice frame,
                              uint8_t *out, size_t plain_length)
{
    return dictionary == NULL
               ? with->decompress(with->context, frame.data, frame.size, out, plain_length)
               : with->decompress_with(with->context, dictionary->ready, frame.data, frame.size,
                                       out, plain_length);
}

pykv_status packed_value_make(const codec *with, int level, const packed_dictionary *dictionary,
                              slice value, buffer *room, bool *pays_out)
{
    size_t made = 0;
    buffer_clear(room);
    if (value.size < PACK_BYTES_MIN) {
        *pays_out = false;
        return PYKV_OK;
    }
    pykv_status status =
        buffer_reserve(room, PACKED_VALUE_HEAD_BYTES + with->bound(with->context, value.size));
    if (status == PYKV_OK) {
        status =
            compress(with, level, dictionary, value, room->data + PACKED_VALUE_HEAD_BYTES, &made);
    }
    if (status != PYKV_OK) {
        return status;
    }
    store_u32(room->data, (uint32_t)value.size);
    room->size = PACKED_VALUE_HEAD_BYTES + made;
    *pays_out = room->size + PACK_RECORD_BYTES <= value.size - value.size / PACK_SAVES;
    return PYKV_OK;
}

uint32_t packed_value_plain_length(slice stored)
{
    uint32_t length = stored.size > PACKED_VALUE_HEAD_BYTES ? load_u32(stored.data) : 0;
    return length <= PYKV_VALUE_BYTES_MAX ? length : 0;
}

pykv_status packed_value_restore(const codec *with, const packed_dictionary *dictionary,
                                 slice stored, buffer *room)
{
    uint32_t plain_length = packed_value_plain_length(stored);
    if (plain_length == 0) {
        return error_set(PYKV_CORRUPTION, "a packed value of %zu bytes tells no length",
                         stored.size);
    }
    if (dictionary != NULL && dictionary->with != with) {
        return error_set(PYKV_CORRUPTION, "a value of codec %u has the dictionary of codec %u",
                         (unsigned)with->id, (unsigned)dictionary->with->id);
    }
    buffer_clear(room);
    pykv_status status = buffer_reserve(room, plain_length);
    if (status == PYKV_OK) {
        slice frame = slice_make(stored.data + PACKED_VALUE_HEAD_BYTES,
                                 stored.size - PACKED_VALUE_HEAD_BYTES);
        status = decompress(with, dictionary, frame, room->data, plain_length);
    }
    if (status == PYKV_OK) {
        room->size = plain_length;
    }
    return status;
}
