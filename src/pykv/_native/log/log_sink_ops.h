/*
 * log_sink_ops: the table behind log_sink.h. Only the two sinks and log_sink.c include it.
 */
#ifndef PYKV_LOG_LOG_SINK_OPS_H
#define PYKV_LOG_LOG_SINK_OPS_H

#include "log/log_sink.h"

struct log_sink_ops {
    void (*close)(log_sink *self);
    pykv_status (*build)(log_sink *self, size_t size, uint8_t **data_out);
    pykv_status (*commit)(log_sink *self, size_t size);
    pykv_status (*append)(log_sink *self, const slice *parts, size_t part_count, uint64_t size);
    pykv_status (*prepare)(log_sink *self, uint64_t size);
    bool (*give_back)(log_sink *self);
    uint64_t (*prepare_at)(const log_sink *self);
    uint64_t (*settled_until)(log_sink *self); /* bytes below are not stored to any more */
    pykv_status (*seal)(log_sink *self);
};

/* Fills the head of a sink; nothing is ready. */
void log_sink_init(log_sink *self, const log_sink_ops *ops, env_file *file, uint64_t tail);

/* Writes parts, size bytes in all, at the tail and moves it. */
PYKV_NODISCARD pykv_status log_sink_write(log_sink *self, const slice *parts, size_t part_count,
                                          uint64_t size);

/* Cuts everything beyond the tail off the file, if there is anything. */
PYKV_NODISCARD pykv_status log_sink_cut(log_sink *self);

/* The same beyond end. */
PYKV_NODISCARD pykv_status log_sink_cut_at(log_sink *self, uint64_t end);

/* Moves the tail by size bytes that are in the file. */
static inline void log_sink_advance(log_sink *self, uint64_t size)
{
    uint64_t tail = atomic_load_explicit(&self->tail, memory_order_relaxed) + size;
    atomic_store_explicit(&self->tail, tail, memory_order_relaxed);
}

#endif
