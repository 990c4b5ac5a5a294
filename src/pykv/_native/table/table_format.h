/*
 * table_format: the fixed parts of a table file: header, footer, block trailer, properties.
 *
 *   header 32 | data blocks | filter | index | properties | footer 64
 *
 * Every block is a payload with a trailer of 12 bytes behind it:
 *   raw_bytes u32, kind u8, codec u8, zero u16,
 *   crc u32: crc32c of (file_id u64, offset u64, payload as stored, bytes 0..8 of the trailer)
 *
 * Blocks lie side by side, so every byte of a file is covered by a check that is seeded with the
 * file's id and the offset. Documented in docs/format/table.md; tests decode its examples. Pure
 * functions: thread-safe.
 */
#ifndef PYKV_TABLE_TABLE_FORMAT_H
#define PYKV_TABLE_TABLE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "base/stored_key.h"

enum {
    TABLE_FORMAT_VERSION = 1,
    TABLE_HEADER_BYTES = 32,
    TABLE_FOOTER_BYTES = 64,
    TABLE_TRAILER_BYTES = 12,
    TABLE_PROPERTIES_BYTES = 104, /* without the keys and what is attached */
    TABLE_BLOCK_RAW_BYTES_MAX = (1 << 30) + (1 << 20)
};

/* Kinds of blocks. */
enum { BLOCK_DATA = 1, BLOCK_FILTER = 2, BLOCK_INDEX = 3, BLOCK_PROPERTIES = 4 };

/* Where a block lies. size is that of its payload as stored; the trailer stands behind it. */
typedef struct block_handle {
    uint64_t offset;
    uint32_t size;
} block_handle;

/* The offset of the first byte behind a block. */
static inline uint64_t block_handle_end(block_handle handle)
{
    return handle.offset + handle.size + TABLE_TRAILER_BYTES;
}

/* What a trailer says. */
typedef struct block_trailer {
    uint32_t raw_bytes;
    uint8_t kind;
    uint8_t codec;
} block_trailer;

typedef struct table_footer {
    block_handle filter; /* size 0: there is none */
    block_handle index;
    block_handle properties;
} table_footer;

/* Facts about a table. The keys and what is attached are borrowed. */
typedef struct table_properties {
    uint64_t entry_count;
    uint64_t tombstone_count;
    uint64_t key_bytes;
    uint64_t value_bytes;
    uint64_t raw_bytes; /* of all data blocks before compression */
    uint64_t sequence_min;
    uint64_t sequence_max;
    uint64_t deadline_min_us; /* the earliest; 0: no entry has one */
    uint64_t deadline_max_us; /* the latest; 0: some entry has none */
    uint64_t hash_seed_low;
    uint64_t hash_seed_high;
    uint32_t block_count;
    uint32_t key_length_max;
    slice first_key;
    slice last_key;
    slice attached; /* whatever the maker of the table wanted to be kept with it */
} table_properties;

/* Seed of a file's checks, from its random id. */
uint32_t table_seed(uint64_t file_id);

/* Multiplies the hash of a key and takes the highest byte: the key's tag in a data block. */
static inline uint8_t table_tag(uint64_t hash)
{
    return (uint8_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

void table_header_encode(uint64_t file_id, uint8_t out[TABLE_HEADER_BYTES]);

/* PYKV_CORRUPTION or PYKV_FORMAT, with path, if it is none. */
PYKV_NODISCARD pykv_status table_header_decode(const uint8_t data[TABLE_HEADER_BYTES],
                                               const char *path, uint64_t *file_id_out);

/* The footer of a file with this id that stands at offset. */
void table_footer_encode(const table_footer *self, uint64_t file_id, uint64_t offset,
                         uint8_t out[TABLE_FOOTER_BYTES]);

/* True if the ends of a file have the magics of a table, whatever else they hold. */
bool table_has_ends(const uint8_t header[TABLE_HEADER_BYTES],
                    const uint8_t footer[TABLE_FOOTER_BYTES]);

/* PYKV_CORRUPTION if it is not the footer of that file at that offset, or if its blocks do not lie
 * side by side before it. */
PYKV_NODISCARD pykv_status table_footer_decode(const uint8_t data[TABLE_FOOTER_BYTES],
                                               uint64_t file_id, uint64_t offset, const char *path,
                                               table_footer *out);

/* Makes the trailer of a payload of size bytes at offset. */
void block_trailer_encode(const block_trailer *self, uint32_t seed, uint64_t offset,
                          const uint8_t *payload, uint32_t size, uint8_t out[TABLE_TRAILER_BYTES]);

/* Checks a block: data holds size bytes of payload and the trailer. PYKV_CORRUPTION if the check
 * fails, the kind is another or the sizes are out of bounds; the codec may be any. */
PYKV_NODISCARD pykv_status block_trailer_decode(const uint8_t *data, block_handle handle,
                                                uint8_t kind, uint32_t seed, const char *path,
                                                block_trailer *out);

/* Appends the payload of a properties block. */
PYKV_NODISCARD pykv_status table_properties_encode(const table_properties *self, buffer *out);

/* Decodes a payload whose check was right; it stands at offset. The slices borrow from data. */
PYKV_NODISCARD pykv_status table_properties_decode(slice data, const char *path, uint64_t offset,
                                                   table_properties *out);

#endif
