/*
 * write: the one way into the log, for every kind of write.
 */
#ifndef PYKV_BITCASK_WRITE_H
#define PYKV_BITCASK_WRITE_H

#include "bitcask/store.h"

/* Asked under the writer lock, with the current record of the first operation's key (NULL: absent),
 * before anything is written. A packed value has its bytes only if it is as long as what is
 * expected. met is false: nothing is written. */
typedef struct write_condition {
    bool (*test)(const struct write_condition *self, const record *current);
    const slice *expected; /* NULL: absent */
    bool met;
} write_condition;

/* Fills a write whose namespace is set: body check, hash. key and value are borrowed until it is
 * done. */
void bitcask_prepare_operation(const bitcask *self, operation *write, uint8_t kind, slice key,
                               slice value, uint64_t deadline_us);

/* Finds the namespaces of operations that have none. PYKV_CLOSED: one of them was dropped. */
PYKV_NODISCARD pykv_status bitcask_find_spaces(bitcask *self, operation *operations, size_t count)
    REQUIRES(self->writer);

/* Applies prepared operations all or none, if asked (NULL: none) is met. */
PYKV_NODISCARD pykv_status bitcask_write_if(bitcask *self, operation *operations, size_t count,
                                            int32_t flags, write_condition *asked);

/* Appends resolved operations and makes them visible, now or, if they wait for a sync, with it. */
PYKV_NODISCARD pykv_status bitcask_append_and_publish(bitcask *self, operation *operations,
                                                      size_t count, bool waits)
    REQUIRES(self->writer);

/* True if a write with these flags is acknowledged only after a sync. */
bool bitcask_waits_for_sync(const bitcask *self, int32_t flags);

#endif
