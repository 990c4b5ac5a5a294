/*
 * merge_pack: how the output of a merge stores the values that it copies.
 *
 * Where the store has a codec, a value is packed (codec/packed_value.h) if that saves enough, else
 * it is stored as it is; without a codec none is packed. Writers pack nothing: a value is packed
 * when a merge first copies it. Where that pays, values are packed with a dictionary, which is the
 * first record of the output (merge_train.h).
 */
#ifndef PYKV_BITCASK_MERGE_PACK_H
#define PYKV_BITCASK_MERGE_PACK_H

#include "bitcask/merge_state.h"

/* Makes copy, of a put that stands at offset of the current input, what the output stores of it.
 * copy borrows from the merge until the next call. PYKV_NOT_SUPPORTED, PYKV_CORRUPTION and
 * PYKV_NO_MEMORY of unpack_record, and what the codec says. */
PYKV_NODISCARD pykv_status merge_pack(const bitcask *store, merge *self, uint64_t offset,
                                      record *copy);

#endif
