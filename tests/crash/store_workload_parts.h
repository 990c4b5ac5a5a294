/*
 * store_workload_parts: keys and values by number, shared by the files of the workload.
 */
#ifndef PYKV_TESTS_STORE_WORKLOAD_PARTS_H
#define PYKV_TESTS_STORE_WORKLOAD_PARTS_H

#include <stddef.h>
#include <stdint.h>

#include "store_workload.h"

enum { WORKLOAD_KEY_BYTES = 40, WORKLOAD_VALUE_BYTES = 20100 };

/* Numbers with this bit have values of 8,000 to 20,000 bytes. */
#define WORKLOAD_LARGE (UINT32_C(1) << 30)

/* Bytes of key index and of value number; return the length. */
size_t workload_key(uint32_t index, char out[WORKLOAD_KEY_BYTES]);
size_t workload_value(uint32_t number, uint8_t out[WORKLOAD_VALUE_BYTES]);
size_t workload_value_length(uint32_t number);

/* Options of the store of a plan. */
pykv_options workload_options(const store_plan *plan);

/* The state to be, of a commit that begins; what came of it; a number no value had before; a
 * deadline, 0: none. */
key_values *workload_begin_commit(store_history *history);
void workload_end_commit(store_driver *self, pykv_status status, bool durable);
uint32_t workload_next_number(store_driver *self);
uint64_t workload_choose_deadline(store_driver *self);

/* What driver_check returns when a read failed, as during a power cut. */
extern const char workload_unreadable[];

#endif
