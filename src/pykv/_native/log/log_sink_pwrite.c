/*
 * log_sink_pwrite: the sink that builds in a scratch buffer and appends it by a write call.
 *
 * The buffer is kept from append to append, unless one was larger than SCRATCH_BYTES_KEPT. Blocks
 * reserved ahead read as zeros; where they cannot be had the file grows with each write.
 * Thread-safety and invariants as log_sink.h states them.
 */
#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_sink_ops.h"

enum { SCRATCH_BYTES_KEPT = 1024 * 1024, RESERVE_BYTES = 1024 * 1024 };

typedef struct pwrite_sink {
    log_sink head;
    buffer scratch;          /* size: what was built last */
    bool cut_due;            /* what a failed write left stands behind the tail */
    uint64_t reserved_until; /* blocks are reserved up to here, */
    uint64_t capacity;       /* and at most up to here */
} pwrite_sink;

static void pwrite_close(log_sink *self)
{
    pwrite_sink *sink = (pwrite_sink *)self;
    buffer_reset(&sink->scratch);
    mem_free(sink);
}

static pykv_status pwrite_build(log_sink *self, size_t size, uint8_t **data_out)
{
    pwrite_sink *sink = (pwrite_sink *)self;
    buffer_clear(&sink->scratch);
    pykv_status status = buffer_reserve(&sink->scratch, size);
    if (status != PYKV_OK) {
        return status;
    }
    sink->scratch.size = size;
    *data_out = sink->scratch.data;
    return PYKV_OK;
}

/* Reserves the next blocks if size bytes at the tail pass those there are. Nothing depends on it.
 */
static void reserve(pwrite_sink *self, uint64_t size)
{
    uint64_t end = log_sink_tail(&self->head) + size;
    if (PYKV_LIKELY(end <= self->reserved_until) || end > self->capacity) {
        return;
    }
    uint64_t until = round_up(end, RESERVE_BYTES);
    until = until < self->capacity ? until : self->capacity;
    if (env_file_allocate(self->head.file, self->reserved_until, until - self->reserved_until) ==
        PYKV_OK) {
        self->reserved_until = until;
    } else {
        self->capacity = 0;
    }
}

/* What a failed write left is cut off at once, or else before the next write: two left-overs, one
 * over the other, could look like a whole record after a crash. The failure to tell is the write's.
 */
static pykv_status pwrite_append(log_sink *self, const slice *parts, size_t part_count,
                                 uint64_t size)
{
    pwrite_sink *sink = (pwrite_sink *)self;
    pykv_status status = sink->cut_due ? log_sink_cut(self) : PYKV_OK;
    if (status != PYKV_OK) {
        return status;
    }
    reserve(sink, size);
    status = log_sink_write(self, parts, part_count, size);
    if (status == PYKV_OK) {
        sink->cut_due = false;
        return PYKV_OK;
    }
    pykv_error failure = *error_last();
    sink->cut_due = log_sink_cut(self) != PYKV_OK;
    sink->reserved_until = log_sink_tail(self);
    error_restore(&failure);
    return status;
}

static pykv_status pwrite_commit(log_sink *self, size_t size)
{
    pwrite_sink *sink = (pwrite_sink *)self;
    PYKV_ASSERT(size <= sink->scratch.size);
    slice built = slice_make(sink->scratch.data, size);
    pykv_status status = pwrite_append(self, &built, 1, size);
    if (sink->scratch.capacity > SCRATCH_BYTES_KEPT) {
        buffer_reset(&sink->scratch);
    }
    return status;
}

static pykv_status pwrite_prepare(log_sink *self, uint64_t size)
{
    (void)self;
    (void)size;
    return PYKV_OK;
}

/* What a sync need not write is little, and stays. */
static bool pwrite_give_back(log_sink *self)
{
    (void)self;
    return false;
}

static uint64_t pwrite_prepare_at(const log_sink *self)
{
    (void)self;
    return UINT64_MAX;
}

static uint64_t pwrite_settled_until(log_sink *self)
{
    return log_sink_tail(self);
}

static const log_sink_ops pwrite_ops = {
    .close = pwrite_close,
    .build = pwrite_build,
    .commit = pwrite_commit,
    .append = pwrite_append,
    .prepare = pwrite_prepare,
    .give_back = pwrite_give_back,
    .prepare_at = pwrite_prepare_at,
    .settled_until = pwrite_settled_until,
    .seal = log_sink_cut,
};

pykv_status log_sink_open_pwrite(env_file *file, uint64_t tail, uint64_t capacity,
                                 log_sink **sink_out)
{
    pwrite_sink *sink = mem_alloc_zeroed(1, sizeof *sink);
    if (sink == NULL) {
        return error_set_no_memory(sizeof *sink);
    }
    log_sink_init(&sink->head, &pwrite_ops, file, tail);
    sink->reserved_until = tail;
    sink->capacity = capacity;
    *sink_out = &sink->head;
    return PYKV_OK;
}
