/*
 * body_crc: the check that a memtable's entries need for a flush.
 */
#ifndef PYKV_TESTS_LSM_BODY_CRC_H
#define PYKV_TESTS_LSM_BODY_CRC_H

#include "base/iterator.h"
#include "log/log_format.h"

/* The check of the record that an entry comes in. */
static inline uint32_t body_crc_of(const iterator_entry *entry)
{
    record came = {.kind = entry->kind,
                   .flags = entry->deadline_us != 0 ? RECORD_FLAG_DEADLINE : 0,
                   .deadline_us = entry->deadline_us,
                   .key = entry->key,
                   .value = entry->value};
    return record_body_crc(&came);
}

#endif
