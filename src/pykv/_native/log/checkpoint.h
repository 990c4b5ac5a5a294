/*
 * checkpoint: a directory with the files of a store as they are at one moment, made beside it.
 *
 * Files that are never written again get a second name there, or are copied where the file system
 * has none. Before them stands a mark, HOME_UNFINISHED_NAME, which goes when the manifest is
 * durable: a directory with the mark and no manifest is no store, and opens as none (home.h).
 * Order: mark, the directory's name, files, the manifest as manifest_file_place has it, mark gone.
 * What crashes on the way leaves the mark; before the directory has its name, one beside it whose
 * name begins with CHECKPOINT_BEGUN_PREFIX, with nothing else in it.
 *
 * Not thread-safe. The files that are added must keep their names meanwhile.
 */
#ifndef PYKV_LOG_CHECKPOINT_H
#define PYKV_LOG_CHECKPOINT_H

#include "env/env.h"

/* What the directory is called until the mark is in it; 16 digits by chance follow. */
#define CHECKPOINT_BEGUN_PREFIX "CHECKPOINT-unfinished-"

/* The copy goes on with an epoch that is higher by 1 up to this, by chance, and that the store is
 * not likely to come to: sequences above the moment mean other writes there. */
enum { CHECKPOINT_EPOCH_STEP_MAX = 1 << 20 };

typedef struct checkpoint checkpoint;

/* Makes the directory at path, and its parents, with the mark in it. PYKV_PATH_EXISTS if there is
 * anything at path. End it with checkpoint_end. */
PYKV_NODISCARD pykv_status checkpoint_begin(env *environment, const char *path,
                                            checkpoint **checkpoint_out);

/* The directory, for the manifest. */
env_directory *checkpoint_home(checkpoint *self);

/* Brings the file of that name, which is durable and is never written again. PYKV_PATH_NOT_FOUND:
 * it is not there. */
PYKV_NODISCARD pykv_status checkpoint_add(checkpoint *self, env_directory *from, const char *name);

/* Frees self. status PYKV_OK: the manifest is durable, and the mark goes. Else the directory and
 * all that is in it goes, as far as that works. Returns status, its detail the thread's last error.
 */
pykv_status checkpoint_end(checkpoint *self, pykv_status status);

#endif
