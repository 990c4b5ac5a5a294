/*
 * changes: where the change feeds of a Bitcask (log/change_feeds.h) find its log: the operations in
 * its append segments, in order, as long as the files are there (bitcask/history.h).
 */
#ifndef PYKV_BITCASK_CHANGES_H
#define PYKV_BITCASK_CHANGES_H

#include "bitcask/store.h"

extern const feed_source bitcask_feed_source;

#endif
