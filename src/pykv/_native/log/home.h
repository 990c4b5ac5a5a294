/*
 * home: whose a directory is: a store of one of our engines, nobody's yet, or somebody else's, in
 * which no store is made.
 *
 * MANIFEST names its engine. Where it is missing or damaged, the names of the other files tell; of
 * those each engine knows its own (home_engine). Only names are looked at: the files may be locked,
 * large, or no files. Nothing is meant by hidden names (a dot first), lost+found, and what a store
 * leaves behind: its lock, temporary files, damaged-N. Thread-safe: nothing is kept.
 */
#ifndef PYKV_LOG_HOME_H
#define PYKV_LOG_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "env/env.h"

#define HOME_LOCK_NAME       "LOCK"
#define HOME_UNFINISHED_NAME "CHECKPOINT.tmp" /* log/checkpoint.h */

/* What an engine says of a name. */
typedef enum home_claim {
    HOME_NOT_MINE = 0,
    HOME_LEFT,    /* such a file may be left where there is no store any more */
    HOME_DECIDES, /* not a store by itself; where one is only likely it is this engine's */
    HOME_LIKELY, /* a store, unless another engine, whose files have such names too, knows better */
    HOME_CERTAIN, /* a store of this engine */
} home_claim;

typedef struct home_engine {
    int32_t engine; /* PYKV_ENGINE_* */
    home_claim (*claim)(const char *name);
    /* True for a file of a store, also of one that is gone: destroying a store removes it. */
    bool (*owns)(const char *name);
} home_engine;

/* Engine of the store in home, which may have lost its manifest: PYKV_ENGINE_ANY if there is none
 * and one may be made. The first of engines counts where claims are equal. PYKV_FORMAT: files of
 * somebody else (the text says whose they look like and what to do), or of a newer pykv.
 * PYKV_CORRUPTION: the head of the manifest is damaged. */
PYKV_NODISCARD pykv_status home_detect(env_directory *home, const home_engine *const *engines,
                                       size_t count, int32_t *engine_out);

/* The same from names alone, as if there were no manifest. */
PYKV_NODISCARD pykv_status home_detect_by_names(env_directory *home,
                                                const home_engine *const *engines, size_t count,
                                                int32_t *engine_out);

/* PYKV_FORMAT if home has no MANIFEST, and is a checkpoint that was not finished, or has nothing
 * else of a store of this engine and a file of somebody else. */
PYKV_NODISCARD pykv_status home_check(env_directory *home, const home_engine *engine);

/* Engine that the head of MANIFEST names, known or not; PYKV_ENGINE_ANY: there is no MANIFEST.
 * PYKV_CORRUPTION, or PYKV_FORMAT for a newer version. */
PYKV_NODISCARD pykv_status home_manifest_engine(env_directory *home, int32_t *engine_out);

#endif
