/*
 * log_sink: where the bytes of an append log go. Two ways behind one interface.
 *
 * The pwrite sink is the reference: bytes are built in a scratch buffer and written at the tail,
 * errors come back at the call. The mapped sink builds them in place in a shared mapping of blocks
 * that were reserved and faulted in ahead of time (up to ready_until): an append is a memory copy.
 * It falls back to nothing by itself: log_sink_build gives PYKV_WOULD_BLOCK beyond ready_until
 * until log_sink_prepare has moved it.
 *
 * A mapping reports no errors, so the owner syncs at seal and at least every 30 s and treats a
 * failed sync as final. The writable window slides: log_sink_prepare gives back what lies further
 * than LOG_SINK_WINDOW_BYTES behind the tail, which then cannot be stored to by accident any more.
 *
 * Thread-safety: one thread at a time (the log lock of the owner), except log_sink_prepare,
 * log_sink_wants_prepare and log_sink_pace, which may run on one more thread beside everything but
 * log_sink_close.
 * Invariants: (1) bytes before tail never change; (2) a failed write leaves tail where it was, and
 * the next append starts there again; (3) tail is a multiple of RECORD_GRANULE_BYTES;
 * (4) tail <= ready_until or nothing is ready.
 */
#ifndef PYKV_LOG_LOG_SINK_H
#define PYKV_LOG_LOG_SINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "env/env.h"

enum {
    LOG_SINK_WINDOW_BYTES = 4 * 1024 * 1024,
    LOG_SINK_READY_BYTES = 1024 * 1024,     /* faulted in ahead of the tail */
    LOG_SINK_READY_BYTES_LEAST = 64 * 1024, /* the same on a disk that is nearly full */
    LOG_SINK_WRITE_BACK_BYTES = 1024 * 1024
};

typedef struct log_sink_ops log_sink_ops;

/* The head of both sinks. Visible only for the inline functions below. */
typedef struct log_sink {
    /* constant */
    const log_sink_ops *ops;
    env_file *file;
    uint8_t *base; /* mapped: address of offset 0 of the file; pwrite: NULL */
    /* changed by the appender, read by anyone */
    _Atomic uint64_t tail;
    /* changed by log_sink_prepare, read by the appender; pwrite: 0 */
    _Atomic uint64_t ready_until;
    /* of the thread that prepares */
    uint64_t written_back; /* write-back was asked for up to here */
} log_sink;

/* A sink that appends to file (borrowed) from tail on by pwrite. Blocks are reserved ahead, up to
 * capacity, so that a sync of the file need not write a new size too; 0: none are. */
PYKV_NODISCARD pykv_status log_sink_open_pwrite(env_file *file, uint64_t tail, uint64_t capacity,
                                                log_sink **sink_out);

/* A mapped sink over file, whose blocks are reserved up to capacity as it goes. PYKV_NOT_SUPPORTED
 * where the file system cannot: open a pwrite sink instead. */
PYKV_NODISCARD pykv_status log_sink_open_mapped(env_file *file, uint64_t tail, uint64_t capacity,
                                                log_sink **sink_out);

/* Frees the sink; the file stays open. NULL is ignored. */
void log_sink_close(log_sink *self);

PYKV_NODISCARD pykv_status log_sink_build_slow(log_sink *self, size_t size, uint8_t **data_out);

/* Where to build the next size bytes, which are to stand at the tail. Valid until the next call.
 * PYKV_NO_MEMORY; mapped: PYKV_WOULD_BLOCK if size bytes are not ready. */
PYKV_NODISCARD static inline pykv_status log_sink_build(log_sink *self, size_t size,
                                                        uint8_t **data_out)
{
    uint64_t tail = atomic_load_explicit(&self->tail, memory_order_relaxed);
    uint64_t ready_until = atomic_load_explicit(&self->ready_until, memory_order_acquire);
    if (PYKV_LIKELY(tail + size <= ready_until)) {
        *data_out = self->base + tail;
        return PYKV_OK;
    }
    return log_sink_build_slow(self, size, data_out);
}

/* Appends the first size bytes of what was built and moves the tail. */
PYKV_NODISCARD pykv_status log_sink_commit(log_sink *self, size_t size);

/* Appends parts as they are (for values too large to copy): a write call in both sinks. */
PYKV_NODISCARD pykv_status log_sink_append(log_sink *self, const slice *parts, size_t part_count);

/* Mapped: reserves and faults in LOG_SINK_READY_BYTES (at least size) ahead of the tail, as far as
 * the capacity goes; may take long. PYKV_NO_SPACE if the disk is full, PYKV_NOT_SUPPORTED if
 * everything up to the capacity is ready and size is more: use log_sink_append. pwrite: nothing to
 * do. */
PYKV_NODISCARD pykv_status log_sink_prepare(log_sink *self, uint64_t size);

/* Gives what is reserved ahead of the tail back to a disk that is nearly full, and prepares only
 * LOG_SINK_READY_BYTES_LEAST at once from then on. Only while nothing is appended. False: there was
 * nothing to give, or it could not be cut off. */
bool log_sink_give_back(log_sink *self);

/* True if preparing now would keep later appends from waiting. */
bool log_sink_wants_prepare(const log_sink *self);

/* The tail at which preparing will be wanted; UINT64_MAX: not any more. */
uint64_t log_sink_prepare_at(const log_sink *self);

/* Offset of the next append. */
static inline uint64_t log_sink_tail(const log_sink *self)
{
    return atomic_load_explicit(&self->tail, memory_order_relaxed);
}

static inline bool log_sink_is_mapped(const log_sink *self)
{
    return self->base != NULL;
}

/* Starts write-back of full LOG_SINK_WRITE_BACK_BYTES behind the tail that were not asked for yet.
 * Mapped: of what was given back; a page that is mapped for writing would be taken away from the
 * appender's processor, one interrupt each. */
void log_sink_pace(log_sink *self);

/* Cuts everything beyond the tail off the file: reserved bytes, and what a failed write left there.
 * Nothing is appended afterwards. Until it succeeded no later segment may be made. */
PYKV_NODISCARD pykv_status log_sink_seal(log_sink *self);

#endif
