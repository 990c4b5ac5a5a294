/*
 * home_destroy: removing the files of a store, and nothing else.
 */
#ifndef PYKV_LOG_HOME_DESTROY_H
#define PYKV_LOG_HOME_DESTROY_H

#include "pykv.h"

#include "base/annotate.h"
#include "log/home.h"

/* Removes the files of a closed store of this engine, and the directory if nothing else is in it.
 * PYKV_PATH_NOT_FOUND: there is none; PYKV_FORMAT: it is another engine's; PYKV_LOCKED: it is open.
 */
PYKV_NODISCARD pykv_status home_destroy(env *environment, const char *path,
                                        const home_engine *engine);

#endif
