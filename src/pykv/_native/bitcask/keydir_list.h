/*
 * keydir_list: every address of a small key directory, for who wants its keys and no others: a scan
 * reads the segments that they stand in.
 */
#ifndef PYKV_BITCASK_KEYDIR_LIST_H
#define PYKV_BITCASK_KEYDIR_LIST_H

#include "pykv.h"

#include "base/buffer.h"
#include "bitcask/keydir_word.h"

/* Appends the addresses, each of 64 bits, in no order. For the holder of the store's writer lock;
 * requires that all pages of an image are checked. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status keydir_list(const keydir *self, buffer *addresses);

#endif
