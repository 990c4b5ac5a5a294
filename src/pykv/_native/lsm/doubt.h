/*
 * doubt: files that a manifest may list which is in force or not, and the version of now does not.
 *
 * Where a manifest could not be written, that of a clear or a job, the one before it is still in
 * force, or it is itself, if only the sync of its name failed. What either needs stays until a
 * later manifest is durable, and goes then. What is left at close the next open removes.
 * Not thread-safe.
 */
#ifndef PYKV_LSM_DOUBT_H
#define PYKV_LSM_DOUBT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "env/env.h"
#include "lsm/version.h"

/* All zeros: nothing is in doubt. */
typedef struct doubt {
    version *cleared; /* a reference, or NULL */
    buffer tables;    /* numbers of files, uint32_t each */
    buffer values;
    uint64_t retry_us; /* when a manifest that failed is tried again, with nothing else to do */
} doubt;

/* The files of a version that a clear has replaced go with the next durable manifest. */
void doubt_cleared(doubt *self, version *before);

/* The same for outputs of a job, which no version has. Where there is no memory for their numbers
 * they stay until the next open. */
void doubt_outputs(doubt *self, const manifest_table *tables, size_t table_count,
                   const manifest_values *values, size_t values_count);

/* True if there are such outputs: then no job begins before a manifest is durable, or each attempt
 * would leave more of them. */
bool doubt_has_outputs(const doubt *self);

/* True if anything is in doubt. */
bool doubt_is_left(const doubt *self);

/* A manifest of a version without any of these is durable. */
void doubt_end(doubt *self, env_directory *home);

/* Frees what it has; the files stay. */
void doubt_reset(doubt *self);

#endif
