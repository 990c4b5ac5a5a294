/*
 * salvage: what can still be read of a damaged store's tables and logs.
 *
 * Not thread-safe. Everything in the files may be damaged.
 */
#ifndef PYKV_LSM_SALVAGE_H
#define PYKV_LSM_SALVAGE_H

#include "base/iterator.h"
#include "env/env.h"
#include "lsm/memtable.h"
#include "table/table_reader.h"

/* Walks forward over a table and passes over blocks that cannot be read: each is a damage of
 * report, and its entries count as lost. name is that of the file. from, name and report must
 * outlive it. Only iterator_seek_first, and steps ahead. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status salvage_table(table *from, const char *name, pykv_report *report,
                                         iterator **iterator_out);

/* What was found in logs. */
typedef struct salvaged_logs {
    memtable *operations;    /* where they are added */
    uint64_t after;          /* operations up to this sequence are left out: tables have them */
    uint64_t clear_sequence; /* highest of a clear; 0: none */
    const range_set *ranges; /* range deletes, with one sequence each; NULL: none; a reference */
} salvaged_logs;

/* Adds every valid operation of a log file, looked for at every granule. file_id is what the
 * manifest says, for a file whose header is damaged; 0: unknown, and then nothing of it can be
 * read. PYKV_NO_MEMORY; all else is a damage of report. */
PYKV_NODISCARD pykv_status salvage_log(env_directory *home, const char *name, uint64_t file_id,
                                       pykv_report *report, salvaged_logs *out);

#endif
