/*
 * doubt: files that a manifest may list which is in force or not, and the version of now does not.
 *
 * Where the manifest of a clear could not be written, the one before it is still in force, or it is
 * itself, if only the sync of its name failed. What either needs stays until a later manifest is
 * durable, and goes then. What is left at close the next open removes.
 * Not thread-safe.
 */
#ifndef PYKV_LSM_DOUBT_H
#define PYKV_LSM_DOUBT_H

#include "lsm/version.h"

/* All zeros: nothing is in doubt. */
typedef struct doubt {
    version *cleared; /* a reference, or NULL */
} doubt;

/* The files of a version that a clear has replaced go with the next durable manifest. */
void doubt_cleared(doubt *self, version *before);

/* A manifest of a version without any of these is durable. */
void doubt_end(doubt *self);

/* Frees what it has; the files stay. */
void doubt_reset(doubt *self);

#endif
