/*
 * env_fault_plan: which calls of the fault wrapper fail. Private to env_fault*.c. Thread-safe.
 */
#ifndef PYKV_ENV_ENV_FAULT_PLAN_H
#define PYKV_ENV_ENV_FAULT_PLAN_H

#include "env/env_fault_parts.h"

/* Counts a call; the errno that it fails with, or 0. */
int fault_count_call(fault_env *self, env_call call, const char *path);
/* PYKV_OK, or the failure that the plan has for this call. */
PYKV_NODISCARD pykv_status fault_check_call(env *self, env_call call, const char *path);
/* As fault_check_call, for a name in a directory; to may be NULL. The path shows both. */
PYKV_NODISCARD pykv_status fault_check_name(env_directory *directory, env_call call,
                                            const char *name, const char *to);
/* A number below bound (bound > 0). */
size_t fault_draw(fault_env *self, size_t bound);

#endif
