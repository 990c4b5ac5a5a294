/*
 * options: ranges and defaults of the options of an LSM store.
 */
#ifndef PYKV_LSM_OPTIONS_H
#define PYKV_LSM_OPTIONS_H

#include "lsm/store.h"

/* Fills in defaults; filter_bits_per_key 0 then means no filters. PYKV_INVALID_ARGUMENT names an
 * option that is out of its range. */
PYKV_NODISCARD pykv_status lsm_resolve_options(env *environment, const pykv_options *given,
                                               pykv_options *out);

/* Sets the codec for new tables by what is there. PYKV_NOT_SUPPORTED: the one asked for is not. */
PYKV_NODISCARD pykv_status lsm_choose_codec(const codec_table *codecs, pykv_options *options);

#endif
