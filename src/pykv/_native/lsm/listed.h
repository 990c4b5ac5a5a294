/*
 * listed: the version that a manifest lists.
 */
#ifndef PYKV_LSM_LISTED_H
#define PYKV_LSM_LISTED_H

#include "lsm/store.h"

/* Opens the tables and value segments of listed, but for those that are open in shown, which are
 * shared. One reference is the caller's. PYKV_CORRUPTION: one is missing, or not what is listed. */
PYKV_NODISCARD pykv_status lsm_open_listed(lsm *self, const lsm_manifest *listed,
                                           const version *shown, version **version_out);

#endif
