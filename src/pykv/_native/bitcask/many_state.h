/*
 * many_state: a lookup of many keys on its way, for many.c and many_at.c.
 */
#ifndef PYKV_BITCASK_MANY_STATE_H
#define PYKV_BITCASK_MANY_STATE_H

#include "bitcask/keydir_probe.h"
#include "bitcask/many.h"

/* One key on its way through the stages. */
typedef struct many_key {
    keydir_probe probe;
    const segment *holder; /* of the first candidate; NULL: it is not in mapped memory */
    uint64_t address;      /* of the first candidate, KEYDIR_PROBE_ABSENT or .._UNKNOWN */
} many_key;

struct many {
    bitcask *store;
    space *within;
    size_t count;
    size_t capacity;
    size_t hits;
    const uint8_t **values;
    size_t *lengths;
    many_key *keys;
    size_t hashed; /* keys that passed this stage, */
    size_t lined;  /* this, */
    size_t walked; /* and this */
    int32_t flags;
    uint64_t restored_bytes; /* of packed values, in all attempts of the call */
    bool refused;            /* with PYKV_NO_WAIT: a value is too long to be restored */
    bool inside;             /* the epoch is held */
    epoch_token token;
    buffer copies;   /* values read by pread; values hold offsets until all are read */
    buffer unpacked; /* of uint8_t *, memory of one value each that was packed */
};

/* Lets the results before go, makes room for count, and enters the epoch. PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status many_begin(many *self, size_t count, int32_t flags);

/* Counts what was found, or lets go of it all. Returns status. */
PYKV_NODISCARD pykv_status many_finish(many *self, pykv_status status);

/* Puts all keys before the first stage. */
void many_begin_walk(many *self);

/* Brings the keys before end through the stages, and those behind them as far as they get. */
void many_walk_on(many *self, const directory *now, const void *const *keys,
                  const size_t *key_lengths, size_t end);

/* Sets the result of a key: the value found, restored if it is packed; none for PYKV_NOT_FOUND; any
 * other status is returned. */
PYKV_NODISCARD pykv_status many_set_found(many *self, size_t index, pykv_status status,
                                          uint64_t address, record *found);

/* Keeps a value that was read into a scratch. values holds its offset until all are read. */
PYKV_NODISCARD pykv_status many_keep_copy(many *self, size_t index, slice value);

/* Replaces the offsets in values by where the copies are now. */
void many_point_to_copies(many *self);

#endif
