/*
 * merge_train: the dictionary of a merge's output.
 *
 * Values are taken from spots all over the inputs, whether they live or not. Of each eight one is
 * held out; the others train. The dictionary is kept if it makes the values that were held out an
 * eighth smaller than they are without it, and saves more in all of the output than it takes.
 */
#ifndef PYKV_BITCASK_MERGE_TRAIN_H
#define PYKV_BITCASK_MERGE_TRAIN_H

#include "bitcask/merge_state.h"

/* Begins the output, which is empty, with a dictionary if one pays; sequence is that of the record
 * that comes next. Fails only as writing does, and for lack of memory. */
PYKV_NODISCARD pykv_status merge_train(const bitcask *store, merge *self, uint64_t sequence);

#endif
