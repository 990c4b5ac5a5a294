/*
 * log_sink_mapped: the sink that builds records in place, in a shared mapping of reserved blocks.
 *
 *   0 ...... retired ...... tail ............ ready_until ......... reserved_until ... capacity
 *     no access    appended     the appender's             prepare's                 no blocks
 *
 * The whole capacity is mapped once, as addresses. prepare reserves blocks in steps of
 * RESERVE_BYTES, writes zeros ahead by calls of PIECE_BYTES, and faults pages in by storing a zero
 * into each. The calls are there because the system then keeps the pages in larger units, which
 * halves the cost of a page; much larger ones would make each sync write as much. Large values go
 * through a write call on the same file, which the mapping agrees with.
 *
 * Thread-safety: the appender alone stores below ready_until; prepare, under grow, alone stores at
 * or above it, and moves it with release order when the pages are there. A write call that passes
 * ready_until, and the cut at seal, take grow too.
 * Invariants: (1) retired <= tail; ready_until <= reserved_until <= the file's size until seal; (2)
 * a byte at or above the tail is zero, or left by a failed write.
 */
#include <inttypes.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/mutex.h"
#include "log/log_format.h"
#include "log/log_sink_ops.h"

enum {
    RESERVE_BYTES = 1024 * 1024,
    PIECE_BYTES = 16 * 1024, /* of zeros written ahead; a sync writes about so much at least */
    PAGE_BYTES = 4096,
    RETIRE_BYTES = 1024 * 1024 /* a multiple of every page size */
};

typedef struct mapped_sink {
    log_sink head;
    env_mapping mapping;          /* constant */
    uint64_t capacity;            /* constant */
    _Atomic uint64_t ahead_bytes; /* made ready at once, and reserved if that is less than a step */
    mutex grow;
    uint64_t reserved_until GUARDED_BY(grow);
    uint64_t retired GUARDED_BY(grow);
    bool sealed GUARDED_BY(grow);
} mapped_sink;

static void mapped_close(log_sink *self)
{
    mapped_sink *sink = (mapped_sink *)self;
    env_unmap(&sink->mapping);
    mutex_destroy(&sink->grow);
    mem_free(sink);
}

/* Reached only beyond ready_until. */
static pykv_status mapped_build(log_sink *self, size_t size, uint8_t **data_out)
{
    (void)data_out;
    return error_set(PYKV_WOULD_BLOCK, "%s: %zu bytes of mapped log are not ready",
                     env_file_path(self->file), size);
}

static uint64_t smaller(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

/* Keeps bytes that were not appended from being found as a record after a crash: by a store into
 * blocks that are reserved, of which there may be less than a granule, which cannot fail. The
 * failure to tell is the one before. */
static void spoil(mapped_sink *self, uint64_t offset, uint64_t reserved)
{
    uint64_t size = smaller(reserved, RECORD_GRANULE_BYTES);
    pykv_error failure = *error_last();
    memset(self->head.base + offset, 0, (size_t)size);
    (void)!env_mapping_written(&self->mapping, (size_t)offset, (size_t)size);
    error_restore(&failure);
}

static pykv_status mapped_commit(log_sink *self, size_t size)
{
    mapped_sink *sink = (mapped_sink *)self;
    uint64_t tail = log_sink_tail(self);
    PYKV_ASSERT(tail + size <= atomic_load_explicit(&self->ready_until, memory_order_relaxed));
    pykv_status status = env_mapping_written(&sink->mapping, (size_t)tail, size);
    if (PYKV_LIKELY(status == PYKV_OK)) {
        log_sink_advance(self, size);
    } else {
        spoil(sink, tail, size);
    }
    return status;
}

/* Takes back what a failed write left behind the tail, and its blocks behind the reserved ones. */
static void undo_write(mapped_sink *self) REQUIRES(&self->grow)
{
    uint64_t tail = log_sink_tail(&self->head);
    uint64_t end = tail < self->reserved_until ? self->reserved_until : tail;
    pykv_error failure = *error_last();
    if (tail < self->reserved_until) {
        spoil(self, tail, self->reserved_until - tail);
    }
    (void)!log_sink_cut_at(&self->head, end);
    error_restore(&failure);
}

static pykv_status mapped_append(log_sink *self, const slice *parts, size_t part_count,
                                 uint64_t size)
{
    mapped_sink *sink = (mapped_sink *)self;
    mutex_lock(&sink->grow);
    pykv_status status = log_sink_write(self, parts, part_count, size);
    uint64_t tail = log_sink_tail(self);
    if (status != PYKV_OK) {
        undo_write(sink);
    } else if (tail > sink->reserved_until) {
        sink->reserved_until = tail;
    }
    mutex_unlock(&sink->grow);
    return status;
}

/* Reserves blocks up to target: full steps, or no more than that if the disk is nearly full. */
static pykv_status reserve(mapped_sink *self, uint64_t target) REQUIRES(&self->grow)
{
    uint64_t step = atomic_load_explicit(&self->ahead_bytes, memory_order_relaxed);
    step = smaller(step, RESERVE_BYTES);
    while (self->reserved_until < target) {
        uint64_t from = self->reserved_until;
        uint64_t end = round_up(from + 1, step);
        end = end < self->capacity ? end : self->capacity;
        pykv_status status = env_file_allocate(self->head.file, from, end - from);
        if (status == PYKV_NO_SPACE && target < end) {
            end = target;
            status = env_file_allocate(self->head.file, from, end - from);
        }
        if (status != PYKV_OK && !PYKV_PLANTED(7)) {
            return status;
        }
        self->reserved_until = end;
    }
    return PYKV_OK;
}

/* Writes zeros from offset to target, piece by piece. */
static pykv_status write_zeros(mapped_sink *self, uint64_t offset, uint64_t target)
    REQUIRES(&self->grow)
{
    static const uint8_t zeros[PIECE_BYTES];
    while (offset < target) {
        uint64_t end = smaller(round_up(offset + 1, PIECE_BYTES), target);
        slice piece = slice_make(zeros, (size_t)(end - offset));
        pykv_status status = env_file_write(self->head.file, offset, &piece, 1);
        if (status != PYKV_OK) {
            return status;
        }
        offset = end;
    }
    return PYKV_OK;
}

/* Brings the pages up to target, which are reserved, into memory and hands them to the appender. */
static pykv_status touch(mapped_sink *self, uint64_t target) REQUIRES(&self->grow)
{
    uint64_t tail = log_sink_tail(&self->head);
    uint64_t ready = atomic_load_explicit(&self->head.ready_until, memory_order_relaxed);
    uint64_t offset = ready > tail || PYKV_PLANTED(8) ? ready : tail;
    if (target <= offset) {
        return PYKV_OK;
    }
    pykv_status status = write_zeros(self, offset, target);
    if (status != PYKV_OK) {
        return status;
    }
    while (offset < target) {
        self->head.base[offset] = 0;
        offset = round_up(offset + 1, PAGE_BYTES);
    }
    atomic_store_explicit(&self->head.ready_until, target, memory_order_release);
    return PYKV_OK;
}

/* Gives back what lies behind the window. */
static void retire(mapped_sink *self) REQUIRES(&self->grow)
{
    uint64_t tail = log_sink_tail(&self->head);
    uint64_t end = smaller(tail, self->capacity) / RETIRE_BYTES * RETIRE_BYTES;
    if (tail - self->retired >= LOG_SINK_WINDOW_BYTES - RETIRE_BYTES && end > self->retired) {
        env_mapping_retire(&self->mapping, (size_t)end);
        self->retired = end;
    }
}

static pykv_status prepare_locked(mapped_sink *self, uint64_t size) REQUIRES(&self->grow)
{
    uint64_t tail = log_sink_tail(&self->head);
    uint64_t ready = atomic_load_explicit(&self->head.ready_until, memory_order_relaxed);
    uint64_t needed = smaller(tail + size, self->capacity);
    uint64_t ahead = atomic_load_explicit(&self->ahead_bytes, memory_order_relaxed);
    uint64_t wanted = smaller(tail + ahead, self->capacity);
    bool exhausted = tail >= self->capacity || ready >= self->capacity;
    if (self->sealed || (exhausted && tail + size > ready)) {
        return error_set(PYKV_NOT_SUPPORTED, "%s: %" PRIu64 " bytes pass the mapped log's capacity",
                         env_file_path(self->head.file), size);
    }
    wanted = wanted > needed ? wanted : needed;
    pykv_status status = reserve(self, wanted);
    if (status == PYKV_NO_SPACE && needed < wanted) {
        wanted = needed;
        status = reserve(self, needed);
    }
    status = status == PYKV_OK ? touch(self, wanted) : status;
    if (status == PYKV_OK) {
        retire(self);
    }
    return status;
}

static pykv_status mapped_prepare(log_sink *self, uint64_t size)
{
    mapped_sink *sink = (mapped_sink *)self;
    mutex_lock(&sink->grow);
    pykv_status status = prepare_locked(sink, size);
    mutex_unlock(&sink->grow);
    return status;
}

static bool mapped_give_back(log_sink *self)
{
    mapped_sink *sink = (mapped_sink *)self;
    mutex_lock(&sink->grow);
    uint64_t end = round_up(log_sink_tail(self), PAGE_BYTES);
    bool gives = !sink->sealed && end < sink->reserved_until;
    atomic_store_explicit(&sink->ahead_bytes, LOG_SINK_READY_BYTES_LEAST, memory_order_relaxed);
    if (gives) {
        uint64_t ready = atomic_load_explicit(&self->ready_until, memory_order_relaxed);
        atomic_store_explicit(&self->ready_until, PYKV_PLANTED(107) ? ready : smaller(ready, end),
                              memory_order_relaxed);
        gives = log_sink_cut_at(self, end) == PYKV_OK;
    }
    if (gives) {
        sink->reserved_until = end;
    }
    mutex_unlock(&sink->grow);
    return gives;
}

static uint64_t mapped_prepare_at(const log_sink *self)
{
    const mapped_sink *sink = (const mapped_sink *)self;
    uint64_t ready = atomic_load_explicit(&self->ready_until, memory_order_relaxed);
    uint64_t margin = atomic_load_explicit(&sink->ahead_bytes, memory_order_relaxed) / 2;
    if (ready >= sink->capacity || log_sink_tail(self) >= sink->capacity) {
        return UINT64_MAX;
    }
    return ready < margin ? 0 : ready - margin + RECORD_GRANULE_BYTES;
}

static uint64_t mapped_settled_until(log_sink *self)
{
    mapped_sink *sink = (mapped_sink *)self;
    mutex_lock(&sink->grow);
    uint64_t retired = sink->retired;
    mutex_unlock(&sink->grow);
    return retired;
}

static pykv_status mapped_seal(log_sink *self)
{
    mapped_sink *sink = (mapped_sink *)self;
    mutex_lock(&sink->grow);
    pykv_status status = log_sink_cut(self);
    if (status == PYKV_OK) {
        sink->sealed = true;
        atomic_store_explicit(&self->ready_until, 0, memory_order_relaxed);
    }
    mutex_unlock(&sink->grow);
    return status;
}

static const log_sink_ops mapped_ops = {
    .close = mapped_close,
    .build = mapped_build,
    .commit = mapped_commit,
    .append = mapped_append,
    .prepare = mapped_prepare,
    .give_back = mapped_give_back,
    .prepare_at = mapped_prepare_at,
    .settled_until = mapped_settled_until,
    .seal = mapped_seal,
};

/* Maps the file and reserves the first step, which tells whether the file system can. */
static pykv_status map_and_reserve(mapped_sink *self)
{
    pykv_status status =
        env_file_map(self->head.file, (size_t)self->capacity, true, &self->mapping);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&self->grow);
    self->reserved_until = log_sink_tail(&self->head);
    status = reserve(self, self->reserved_until + RECORD_GRANULE_BYTES);
    mutex_unlock(&self->grow);
    if (status != PYKV_OK) {
        env_unmap(&self->mapping);
        return status;
    }
    self->head.base = self->mapping.base;
    return PYKV_OK;
}

pykv_status log_sink_open_mapped(env_file *file, uint64_t tail, uint64_t capacity,
                                 log_sink **sink_out)
{
    if (tail + RECORD_GRANULE_BYTES > capacity || capacity > SIZE_MAX) {
        return error_set(PYKV_NOT_SUPPORTED, "%s: no room to map", env_file_path(file));
    }
    mapped_sink *sink = mem_alloc_zeroed(1, sizeof *sink);
    if (sink == NULL) {
        return error_set_no_memory(sizeof *sink);
    }
    log_sink_init(&sink->head, &mapped_ops, file, tail);
    mutex_init(&sink->grow);
    atomic_init(&sink->ahead_bytes, LOG_SINK_READY_BYTES);
    sink->capacity = capacity - capacity % RECORD_GRANULE_BYTES;
    pykv_status status = map_and_reserve(sink);
    if (status != PYKV_OK) {
        mutex_destroy(&sink->grow);
        mem_free(sink);
        return status;
    }
    *sink_out = &sink->head;
    return PYKV_OK;
}
