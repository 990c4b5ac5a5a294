/*
 * bitcask_workload_parts: keys and values by number, shared by the files of the workload.
 */
#ifndef PYKV_TESTS_BITCASK_WORKLOAD_PARTS_H
#define PYKV_TESTS_BITCASK_WORKLOAD_PARTS_H

#include <stddef.h>
#include <stdint.h>

enum { WORKLOAD_KEY_BYTES = 40, WORKLOAD_VALUE_BYTES = 6100 };

/* Bytes of key index and of value number; return the length. */
size_t workload_key(uint32_t index, char out[WORKLOAD_KEY_BYTES]);
size_t workload_value(uint32_t number, uint8_t out[WORKLOAD_VALUE_BYTES]);

/* What driver_check returns when a read failed, as during a power cut. */
extern const char workload_unreadable[];

#endif
