/*
 * stored_key: how long the keys in files and memtables may be: those of users, with what an engine
 * sets before them (lsm/key_space.h).
 */
#ifndef PYKV_BASE_STORED_KEY_H
#define PYKV_BASE_STORED_KEY_H

#include "pykv.h"

enum {
    STORED_KEY_PREFIX_MAX = 6,
    STORED_KEY_BYTES_MAX = PYKV_KEY_BYTES_MAX + STORED_KEY_PREFIX_MAX
};

#endif
