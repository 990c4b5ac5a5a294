/*
 * second_name: a file that is never written again gets a second name, in another directory, or is
 * copied where the file system gives it none. Thread-safe: nothing is kept.
 */
#ifndef PYKV_LOG_SECOND_NAME_H
#define PYKV_LOG_SECOND_NAME_H

#include "env/env.h"

/* The bytes of a copy are durable, those of a link as durable as they were; the name is after
 * env_directory_sync. PYKV_PATH_NOT_FOUND: there is no file from_name; PYKV_PATH_EXISTS: to_name is
 * taken. After a failure a part of a copy may be left under to_name. */
PYKV_NODISCARD pykv_status second_name(env_directory *from, const char *from_name,
                                       env_directory *to, const char *to_name);

#endif
