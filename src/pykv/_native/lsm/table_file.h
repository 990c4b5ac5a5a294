/*
 * table_file: an open table of a store, with its facts. Versions hold references to their tables,
 * and so may anyone else (lsm/shared_file.h).
 *
 * Thread-safe but for what is said at the functions.
 */
#ifndef PYKV_LSM_TABLE_FILE_H
#define PYKV_LSM_TABLE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "base/slice.h"
#include "env/env.h"
#include "lsm/shared_file.h"
#include "lsm/version_edit.h"
#include "table/block_source_cached.h"
#include "table/table_reader.h"

enum { TABLE_FILE_NAME_BYTES = 8 + 4 + 1 }; /* "%08x.tbl" and its end */

/* Where tables go that nobody refers to any more. It must outlive them. */
typedef struct table_graveyard {
    graveyard files;
    block_source_cached *source; /* borrowed; NULL: no cache has blocks of these tables */
} table_graveyard;

typedef struct table_file {
    shared_file shared;
    /* constant */
    manifest_table facts; /* but for level, which is that of the list it came from: see version.h */
    table *table;
    slice smallest; /* user keys, borrowed from table */
    slice largest;
    table_graveyard *graveyard;
    /* of the owner of compactions, who has a lock for it */
    bool busy; /* an input of a compaction */
} table_file;

/* Writes the name of the file of table number. */
void table_file_name(uint32_t number, char out[TABLE_FILE_NAME_BYTES]);

/* The number of the table whose file has this name; 0 if it is no such name. */
uint32_t table_file_number(const char *name);

/* home and source (may be NULL) are borrowed. */
void table_graveyard_init(table_graveyard *self, env_directory *home, block_source_cached *source);

/* Opens the table that facts describe, with one reference. Of options, file_id and file_bytes are
 * taken from facts. PYKV_CORRUPTION, naming the file, if it is not there, not that file, or if its
 * properties are not those of facts; else as table_open. */
PYKV_NODISCARD pykv_status table_file_open(table_graveyard *graves, const manifest_table *facts,
                                           const table_open_options *options,
                                           table_file **file_out);

/* References, as shared_file says. */
static inline void table_file_acquire(table_file *self)
{
    shared_file_acquire(&self->shared);
}

static inline void table_file_release(table_file *self)
{
    shared_file_release(&self->shared);
}

static inline void table_file_mark_obsolete(table_file *self)
{
    shared_file_mark_obsolete(&self->shared);
}

/* Closes every table in the graveyard, and other files there, takes its blocks out of the cache,
 * and unlinks those that are obsolete, as graveyard_empty. */
uint64_t table_graveyard_empty(table_graveyard *self);

#endif
