/*
 * options: which options of pykv_open are those of one engine alone.
 *
 * Pure functions: thread-safe.
 */
#ifndef PYKV_API_OPTIONS_H
#define PYKV_API_OPTIONS_H

#include "pykv.h"

#include "base/annotate.h"

/* PYKV_INVALID_ARGUMENT, naming it, if an option is set that belongs to another engine than
 * PYKV_ENGINE_*. Ranges are the engine's to check. given may be NULL. */
PYKV_NODISCARD pykv_status options_check(const pykv_options *given, int32_t engine);

#endif
