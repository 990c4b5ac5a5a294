/*
 * codec_registry: the codecs of the process: what pykv_set_codec, pykv_set_zstd and pykv_load_zstd
 * set, and what stores get when they open.
 *
 * A codec that was set once stays valid until the process ends, since stores and running calls may
 * use it; so what is set is kept in a table of fixed size, and setting it again finds it there.
 * Thread-safe.
 */
#ifndef PYKV_CODEC_CODEC_REGISTRY_H
#define PYKV_CODEC_CODEC_REGISTRY_H

#include "codec/compress.h"
#include "pykv.h"

#include "base/annotate.h"

enum { CODEC_REGISTRY_COUNT_MAX = 32, CODEC_PROVIDER_NAME_BYTES = 32 };

/* As pykv_set_codec, pykv_set_zstd, pykv_load_zstd and pykv_codec_provider. */
PYKV_NODISCARD pykv_status codec_registry_set(const pykv_codec *given);
PYKV_NODISCARD pykv_status codec_registry_set_zstd(const pykv_zstd *functions, const char *name);
PYKV_NODISCARD pykv_status codec_registry_load_zstd(const char *library);
const char *codec_registry_provider(int32_t id);

/* What is set now. Where zstd was neither set nor taken away, the system's library is tried. */
codec_table codec_registry_table(void);

#endif
