/*
 * unpack: the one place where a value that a merge packed (merge_pack.h) becomes what was put.
 *
 * A record whose codec flag is set has a packed value (codec/packed_value.h). Whoever gives a value
 * away asks record_is_packed first. Stateless.
 */
#ifndef PYKV_BITCASK_UNPACK_H
#define PYKV_BITCASK_UNPACK_H

#include "codec/packed_value.h"

#include "bitcask/store.h"

/* No more than so many are restored with PYKV_NO_WAIT by one call. */
enum { UNPACK_AT_ONCE_BYTES_MAX = 64 * 1024 };

static inline bool record_is_packed(const record *self)
{
    return (self->flags & RECORD_FLAG_CODEC) != 0;
}

static inline bool record_has_dictionary(const record *self)
{
    return (self->codec & PACKED_WITH_DICTIONARY) != 0;
}

/* The codec of a packed record; NULL with the error set: nobody provides it. */
const codec *unpack_codec(const codec_table *codecs, const char *path, const record *found);

/* Restores the value of a packed record, which stands at offset of the file path, into room: value
 * of found is room's then, and nothing else of found changes. dictionary: that of its file, if
 * record_has_dictionary. PYKV_CORRUPTION with the place, PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status unpack_record(const codec *with, const packed_dictionary *dictionary,
                                         const char *path, uint64_t offset, record *found,
                                         buffer *room);

/* The same of a record of holder. PYKV_NOT_SUPPORTED: nobody provides its codec. */
PYKV_NODISCARD pykv_status unpack_record_of(const codec_table *codecs, segment *holder,
                                            uint64_t offset, record *found, buffer *room);

/* The same of a record at address. PYKV_WOULD_BLOCK: found borrows from a mapping that lost a page;
 * read it by pread; or, with PYKV_NO_WAIT in flags, the value is long, or its dictionary is not
 * read yet. The caller is in the epoch or holds writer. */
PYKV_NODISCARD pykv_status bitcask_unpack(bitcask *store, uint64_t address, int32_t flags,
                                          record *found, buffer *room);

/* The same to compare the value with expected, NULL: with none. One of another length is not
 * restored, and has no bytes then. */
PYKV_NODISCARD pykv_status bitcask_unpack_to_compare(bitcask *store, uint64_t address,
                                                     const slice *expected, int32_t flags,
                                                     record *found, buffer *room);

/* The same as bitcask_unpack into memory of its own: data, length and owned of pinned_out. With
 * PYKV_NO_WAIT PYKV_WOULD_BLOCK tells the length too. */
PYKV_NODISCARD pykv_status bitcask_pin_unpacked(bitcask *store, uint64_t address, int32_t flags,
                                                record *found, pykv_pinned *pinned_out);

#endif
