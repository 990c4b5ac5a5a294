/*
 * operation: one write between the caller and the directory.
 */
#ifndef PYKV_BITCASK_OPERATION_H
#define PYKV_BITCASK_OPERATION_H

#include "bitcask/keydir_spot.h"
#include "bitcask/space.h"
#include "log/log_format.h"

/* One write on its way. */
typedef struct operation {
    record record;
    space *within; /* the namespace; NULL: the writer lock finds it by record.namespace_id */
    uint64_t hash;
    uint64_t address;     /* where it was appended */
    uint64_t old_address; /* of the record it displaces, or BITCASK_NO_ADDRESS */
    uint64_t old_bytes;
    keydir_spot spot; /* of the slot that it swings */
    bool old_expired; /* the displaced record has: the key was not there */
    bool has_twin;    /* an earlier one of its batch may be of the same key */
} operation;

/* Sets the namespace of a write. */
static inline void operation_enter(operation *self, space *within)
{
    self->within = within;
    self->record.namespace_id = within->id;
}

/* An appended write that waits for its sync to become visible. */
typedef struct pending_write {
    uint64_t address;
    uint64_t sequence;
    uint32_t batch_left; /* members of its batch behind it */
    bool clears;         /* the default namespace */
} pending_write;

#endif
