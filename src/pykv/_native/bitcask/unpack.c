/*
 * unpack: finding the codec, and telling where what it does not restore stands.
 */
#include "bitcask/unpack.h"

#include "base/error.h"
#include "base/invariant.h"
#include "bitcask/address.h"
#include "bitcask/segment_dictionary.h"

const codec *unpack_codec(const codec_table *codecs, const char *path, const record *found)
{
    uint32_t id = found->codec & ~PACKED_WITH_DICTIONARY;
    const codec *with = id < CODEC_COUNT ? codec_table_find(codecs, (uint8_t)id) : NULL;
    if (with == NULL) {
        (void)error_set_at(PYKV_NOT_SUPPORTED, path,
                           "a value is compressed by codec %u, which is not there: install the "
                           "package that provides it",
                           (unsigned)id);
    }
    return with;
}

pykv_status unpack_record(const codec *with, const packed_dictionary *dictionary, const char *path,
                          uint64_t offset, record *found, buffer *room)
{
    pykv_status status = packed_value_restore(with, dictionary, found->value, room);
    if (status == PYKV_CORRUPTION) {
        return error_set_corruption(path, offset, "a value does not decompress", 1, 0);
    }
    if (status == PYKV_OK) {
        found->value = slice_make(room->data, room->size);
    }
    return status;
}

pykv_status unpack_record_of(const codec_table *codecs, segment *holder, uint64_t offset,
                             record *found, buffer *room)
{
    const char *path = env_file_path(holder->file);
    const codec *with = unpack_codec(codecs, path, found);
    const packed_dictionary *dictionary = NULL;
    pykv_status status = with != NULL ? PYKV_OK : PYKV_NOT_SUPPORTED;
    if (status == PYKV_OK && record_has_dictionary(found)) {
        status = segment_dictionary(holder, with, &dictionary);
    }
    return status == PYKV_OK ? unpack_record(with, dictionary, path, offset, found, room) : status;
}

/* True if the value borrows from the mapping of holder, and that lost a page. */
static bool has_lost_a_page(const segment *holder, slice value)
{
    const uint8_t *base = holder->mapping.base;
    return base != NULL && value.data >= base && value.data < base + holder->mapping.size &&
           env_mapping_faults(&holder->mapping) > 0;
}

/* True if restoring the value takes no time that anybody minds. */
static bool restores_at_once(const segment *holder, const record *found)
{
    bool is_short = packed_value_plain_length(found->value) <= UNPACK_AT_ONCE_BYTES_MAX;
    bool is_ready = !record_has_dictionary(found) || segment_has_read_dictionary(holder);
    return (is_short || PYKV_PLANTED(380)) && (is_ready || PYKV_PLANTED(381));
}

pykv_status bitcask_unpack(bitcask *store, uint64_t address, int32_t flags, record *found,
                           buffer *room)
{
    segment *holder = extent_segment(&store->extents, address);
    if ((flags & PYKV_NO_WAIT) != 0 && !restores_at_once(holder, found)) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status =
        unpack_record_of(&store->codecs, holder, bitcask_offset(holder, address), found, room);
    return status == PYKV_CORRUPTION && has_lost_a_page(holder, found->value) ? PYKV_WOULD_BLOCK
                                                                              : status;
}

pykv_status bitcask_unpack_to_compare(bitcask *store, uint64_t address, const slice *expected,
                                      int32_t flags, record *found, buffer *room)
{
    uint32_t length = packed_value_plain_length(found->value);
    if ((expected == NULL || expected->size != length) && !PYKV_PLANTED(395)) {
        found->value = slice_make(NULL, length);
        return PYKV_OK;
    }
    return bitcask_unpack(store, address, PYKV_PLANTED(396) ? 0 : flags, found, room);
}

pykv_status bitcask_pin_unpacked(bitcask *store, uint64_t address, int32_t flags, record *found,
                                 pykv_pinned *pinned_out)
{
    buffer room = BUFFER_EMPTY;
    pykv_status status = bitcask_unpack(store, address, flags, found, &room);
    if (status != PYKV_OK) {
        buffer_reset(&room);
        if (status == PYKV_WOULD_BLOCK && (flags & PYKV_NO_WAIT) != 0) {
            pinned_out->length = packed_value_plain_length(found->value);
        }
        return status;
    }
    pinned_out->data = room.data;
    pinned_out->length = room.size;
    pinned_out->owned = room.data;
    return PYKV_OK;
}
