/*
 * table_verify: reads a whole table and checks everything that its format asks for.
 */
#ifndef PYKV_TABLE_TABLE_VERIFY_H
#define PYKV_TABLE_TABLE_VERIFY_H

#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/deadline_buckets.h"
#include "table/table_reader.h"

/*
 * Reads every byte of the file, past any cache: the checks of all blocks, the order of all entries,
 * their tags, their place in filter and index, and that the properties are right. PYKV_OK, or the
 * first thing that is wrong: PYKV_CORRUPTION with the place, or why it could not be read.
 * *file_crc_out (may be NULL): crc32c of the whole file, to compare with that of the list of
 * tables.
 */
PYKV_NODISCARD pykv_status table_verify(table *self, uint32_t *file_crc_out);

/* What was seen of a table that is right, and does not stand in its properties. */
typedef struct table_counts {
    uint32_t file_crc;                       /* crc32c of the whole file */
    uint64_t put_count;                      /* entries that are TABLE_PUT */
    uint32_t eighths[DEADLINE_EIGHTH_COUNT]; /* of the entries, by their deadlines */
} table_counts;

/* The same, at the time now_us, which deadlines are told apart by. */
PYKV_NODISCARD pykv_status table_verify_counted(table *self, uint64_t now_us,
                                                table_counts *counts_out);

/* The crc32c of a whole file, read in pieces. */
PYKV_NODISCARD pykv_status table_file_crc(env_file *file, uint32_t *crc_out);

#endif
