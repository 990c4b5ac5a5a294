/*
 * shared_file: an open file of a store that versions share: its references, and the graveyard of
 * those that nobody refers to any more.
 *
 * The last reference neither closes nor unlinks, because a reader may drop it: it puts the file
 * into the graveyard, which a maintenance step or close empties. A file is marked obsolete once a
 * manifest without it is durable, and then it is unlinked when it is closed.
 *
 * The graveyard is a stack: any thread pushes one file, and whoever empties it takes all at once,
 * so that none is ever taken from under another's push. Thread-safe.
 */
#ifndef PYKV_LSM_SHARED_FILE_H
#define PYKV_LSM_SHARED_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "env/env.h"

typedef struct shared_file shared_file;

typedef struct graveyard {
    /* constant */
    env_directory *home; /* borrowed */
    /* own synchronisation */
    shared_file *_Atomic dead;
} graveyard;

/* The first member of a file that is shared. */
struct shared_file {
    /* constant */
    graveyard *grave;
    /* Closes the file and frees it. name_out, of SHARED_FILE_NAME_BYTES, gets its name. */
    void (*close)(shared_file *self, char *name_out);
    /* own synchronisation */
    _Atomic uint32_t references;
    _Atomic bool obsolete;
    /* of the graveyard */
    shared_file *next_dead;
};

enum { SHARED_FILE_NAME_BYTES = 16 };

/* home is borrowed. The graveyard must outlive the files. */
void graveyard_init(graveyard *self, env_directory *home);

/* One reference is the caller's. */
void shared_file_init(shared_file *self, graveyard *grave,
                      void (*close)(shared_file *self, char *name_out));

/* One reference more. Requires that the caller has one, or that another's cannot go meanwhile. */
void shared_file_acquire(shared_file *self);

/* One reference less. Wait-free but for the graveyard's list; never any I/O. */
void shared_file_release(shared_file *self);

/* The file is to be unlinked when it is closed: a manifest without it is durable. */
void shared_file_mark_obsolete(shared_file *self);

/* Closes every file in the graveyard, and unlinks those that are obsolete. I/O; several threads
 * may. Files that cannot be unlinked stay as orphans for the next open. The thread's last error
 * stays. Returns the number of files that it closed. */
uint64_t graveyard_empty(graveyard *self);

#endif
