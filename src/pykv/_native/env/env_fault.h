/*
 * env_fault: wraps another env and makes chosen calls fail.
 *
 * A call fails before it reaches the wrapped env, except a write, of which a random prefix is
 * written first, and a sync over env_memory, whose dirty bytes are then lost as Linux loses them.
 * Thread-safe.
 */
#ifndef PYKV_ENV_ENV_FAULT_H
#define PYKV_ENV_ENV_FAULT_H

#include "env/env.h"

/* The kinds of calls. */
typedef enum env_call {
    ENV_CALL_OPEN_DIRECTORY = 1,
    ENV_CALL_LIST,
    ENV_CALL_SYNC_DIRECTORY,
    ENV_CALL_OPEN,
    ENV_CALL_READ,
    ENV_CALL_WRITE,
    ENV_CALL_SYNC,
    ENV_CALL_TRUNCATE,
    ENV_CALL_ALLOCATE,
    ENV_CALL_SIZE,
    ENV_CALL_MAP,
    ENV_CALL_MAPPED_WRITE,
    ENV_CALL_RENAME,
    ENV_CALL_UNLINK,
    ENV_CALL_LINK,
    ENV_CALL_MAKE_DIRECTORY,
    ENV_CALL_LOCK,
    ENV_CALL_RANDOM,
    /* Calls that give no status: seen only where call_mask names them. */
    ENV_CALL_MAPPED_READ, /* whether one failed */
    ENV_CALL_WRITE_BACK,  /* a hint; one that fails is lost */
    ENV_CALL_COUNT
} env_call;

/* Those that can fail. */
#define ENV_CALLS_WITH_STATUS ((UINT32_C(1) << ENV_CALL_MAPPED_READ) - 1)

/* Which call fails, and how. */
typedef struct env_fault_plan {
    uint64_t at;        /* number of the first failing call among those that match; 0: none */
    bool sticky;        /* all later matching calls fail too */
    int system_errno;   /* EIO, ENOSPC, EMFILE, ... */
    uint32_t call_mask; /* bit (1 << env_call) set: that kind matches; 0: ENV_CALLS_WITH_STATUS */
    const char *name_part; /* NULL, or only paths that contain it */
    uint64_t seed;
} env_fault_plan;

/* inner stays owned by the caller and must outlive the wrapper. */
PYKV_NODISCARD pykv_status env_fault_new(env *inner, env **env_out);
void env_fault_free(env *self);
/* Sets the plan and restarts the count. */
void env_fault_set(env *self, const env_fault_plan *plan);
/* Calls that matched since the last env_fault_set, and how many of them failed. */
uint64_t env_fault_seen(env *self);
uint64_t env_fault_failed(env *self);

#endif
