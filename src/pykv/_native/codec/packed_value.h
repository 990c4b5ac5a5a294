/*
 * packed_value: a value that a codec made smaller, as a record of a Bitcask stores it.
 *
 *   offset size field
 *        0    4 plain_length   of the value, from 1 to PYKV_VALUE_BYTES_MAX
 *        4      what the codec made of it, to the end
 *
 * Documented in docs/format/packed_value.md. Values may be packed with a dictionary, which is made
 * ready once for many of them. Stateless; a dictionary is constant.
 */
#ifndef PYKV_CODEC_PACKED_VALUE_H
#define PYKV_CODEC_PACKED_VALUE_H

#include <stdbool.h>

#include "codec/compress.h"
#include "pykv.h"

#include "base/buffer.h"
#include "base/slice.h"

enum { PACKED_VALUE_HEAD_BYTES = 4 };

/* In the codec field of a record: its value was packed with the dictionary of its file. */
#define PACKED_WITH_DICTIONARY UINT32_C(0x100)

typedef struct packed_dictionary {
    const codec *with;
    void *ready;
} packed_dictionary;

/* Makes a dictionary of bytes ready to restore, and if packs is true to pack at level.
 * PYKV_NOT_SUPPORTED: the codec has no part in dictionaries; PYKV_CORRUPTION: they are none;
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status packed_dictionary_open(const codec *with, bool packs, int level,
                                                  slice bytes, packed_dictionary **dictionary_out);
/* NULL is ignored. */
void packed_dictionary_close(packed_dictionary *self);

/* Packs value into room, which is cleared first, with a dictionary (NULL: none). *pays_out tells
 * whether a record is worth storing so: it saves an eighth of the value. PYKV_NO_MEMORY, and what
 * the codec says. */
PYKV_NODISCARD pykv_status packed_value_make(const codec *with, int level,
                                             const packed_dictionary *dictionary, slice value,
                                             buffer *room, bool *pays_out);

/* The length of the value of stored; 0: it tells none that a value can have. */
uint32_t packed_value_plain_length(slice stored);

/* Restores the value of stored into room, which is cleared first. Safe on arbitrary bytes:
 * PYKV_CORRUPTION. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status packed_value_restore(const codec *with,
                                                const packed_dictionary *dictionary, slice stored,
                                                buffer *room);

#endif
