/*
 * repair: putting a repaired store in the place of the damaged one.
 */
#ifndef PYKV_BITCASK_REPAIR_H
#define PYKV_BITCASK_REPAIR_H

#include "env/env.h"

#define REPAIR_DIRECTORY "repairing"
#define REPAIR_DONE_NAME "DONE"

/* Says, durably, that the store in repairing/ is whole and that its segments begin at first_number.
 */
PYKV_NODISCARD pykv_status repair_mark_done(env_directory *home, uint32_t first_number);

/* True if a whole store waits in repairing/. */
PYKV_NODISCARD pykv_status repair_is_done(env_directory *home, bool *done_out);

/* Moves the old files to damaged-N and those of repairing/ here, its manifest last. May be repeated
 * after a crash at any place. */
PYKV_NODISCARD pykv_status repair_swap(env *environment, env_directory *home);

#endif
