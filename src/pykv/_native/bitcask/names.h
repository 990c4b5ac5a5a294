/*
 * names: the rows of a store's names (log/name_book.h). They are keys of the namespace
 * NAMESPACE_NAMES. A drop is one batch of a delete of the row and a clear of the namespace, which
 * empties its directory: it takes the same time however many keys there are.
 *
 * Thread-safe, as calls that may wait.
 */
#ifndef PYKV_BITCASK_NAMES_H
#define PYKV_BITCASK_NAMES_H

#include "bitcask/bitcask.h"
#include "bitcask/store.h"

void bitcask_names_init(bitcask *self);

/* Finds, makes and drops namespaces. */
name_book *bitcask_name_book(bitcask *self);

/* A scan whose keys are the names, in their order. */
PYKV_NODISCARD pykv_status bitcask_names_scan(bitcask *self, scan **scan_out);

#endif
