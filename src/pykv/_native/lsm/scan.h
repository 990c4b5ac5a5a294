/*
 * scan: ending scans when the store closes.
 */
#ifndef PYKV_LSM_SCAN_H
#define PYKV_LSM_SCAN_H

#include "lsm/store.h"

/* Ends every scan: what it holds of the store is given back. */
void lsm_scan_end_all(lsm *self);

#endif
