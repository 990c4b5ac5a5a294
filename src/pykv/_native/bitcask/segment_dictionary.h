/*
 * segment_dictionary: the dictionary with which values of a merged segment are packed.
 *
 * It is the first record of the segment, of kind RECORD_DICTIONARY, and is read when the first
 * value asks for it. Thread-safe.
 */
#ifndef PYKV_BITCASK_SEGMENT_DICTIONARY_H
#define PYKV_BITCASK_SEGMENT_DICTIONARY_H

#include "codec/packed_value.h"

#include "bitcask/segment.h"

/* Notes whether a merged segment begins with a dictionary. What cannot be read is none: who needs
 * it is told. Before any reader knows the segment. */
void segment_find_dictionary(segment *self);

/* Whether a value has asked for the dictionary, so that segment_dictionary reads nothing. */
static inline bool segment_has_read_dictionary(const segment *self)
{
    return atomic_load_explicit(&self->dictionary, memory_order_acquire) != NULL;
}

/* The dictionary, which stays until segment_close. PYKV_CORRUPTION with the place, what
 * packed_dictionary_open says, and what reading says. */
PYKV_NODISCARD pykv_status segment_dictionary(segment *self, const codec *with,
                                              const packed_dictionary **dictionary_out);

#endif
