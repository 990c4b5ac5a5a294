/*
 * repair_expect: what a repair should have found, by the manifest, the hints and the gaps between
 * sequences.
 */
#ifndef PYKV_BITCASK_REPAIR_EXPECT_H
#define PYKV_BITCASK_REPAIR_EXPECT_H

#include "bitcask/repair_state.h"

/* What the manifest says of a segment, or NULL. */
const manifest_segment *repair_find_listed(const repair *self, uint32_t number);

/* Counts in the report what was lost, and what the manifest lists and is not there as damage.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status repair_count_lost(repair *self);

#endif
