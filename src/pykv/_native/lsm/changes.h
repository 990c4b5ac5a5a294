/*
 * changes: where the change feeds of an LSM store (log/change_feeds.h) find its log: the
 * operations in its logs, in order, as long as the logs are there.
 */
#ifndef PYKV_LSM_CHANGES_H
#define PYKV_LSM_CHANGES_H

#include "lsm/store.h"

extern const feed_source lsm_feed_source;

#endif
