/*
 * log_sink: what both sinks share: dispatch, writing at the tail, paced write-back.
 * Thread-safety and invariants as log_sink.h states them.
 */
#include "log/log_sink.h"

#include "base/error.h"
#include "base/invariant.h"
#include "log/log_format.h"
#include "log/log_sink_ops.h"

void log_sink_init(log_sink *self, const log_sink_ops *ops, env_file *file, uint64_t tail)
{
    PYKV_ASSERT(tail % RECORD_GRANULE_BYTES == 0);
    self->ops = ops;
    self->file = file;
    self->base = NULL;
    atomic_init(&self->tail, tail);
    atomic_init(&self->ready_until, 0);
    self->written_back = tail - tail % LOG_SINK_WRITE_BACK_BYTES;
}

void log_sink_close(log_sink *self)
{
    if (self != NULL) {
        self->ops->close(self);
    }
}

pykv_status log_sink_build_slow(log_sink *self, size_t size, uint8_t **data_out)
{
    return self->ops->build(self, size, data_out);
}

pykv_status log_sink_commit(log_sink *self, size_t size)
{
    PYKV_ASSERT(size % RECORD_GRANULE_BYTES == 0);
    return self->ops->commit(self, size);
}

pykv_status log_sink_append(log_sink *self, const slice *parts, size_t part_count)
{
    uint64_t size = 0;
    for (size_t i = 0; i < part_count; i++) {
        size += parts[i].size;
    }
    PYKV_ASSERT(size % RECORD_GRANULE_BYTES == 0);
    return self->ops->append(self, parts, part_count, size);
}

pykv_status log_sink_prepare(log_sink *self, uint64_t size)
{
    return self->ops->prepare(self, size);
}

bool log_sink_give_back(log_sink *self)
{
    return self->ops->give_back(self);
}

bool log_sink_wants_prepare(const log_sink *self)
{
    return log_sink_tail(self) >= log_sink_prepare_at(self);
}

uint64_t log_sink_prepare_at(const log_sink *self)
{
    return self->ops->prepare_at(self);
}

void log_sink_pace(log_sink *self)
{
    uint64_t settled = self->ops->settled_until(self);
    uint64_t behind = settled > self->written_back ? settled - self->written_back : 0;
    uint64_t size = behind - behind % LOG_SINK_WRITE_BACK_BYTES;
    if (size > 0) {
        env_file_write_back(self->file, self->written_back, size);
        self->written_back += size;
    }
}

pykv_status log_sink_seal(log_sink *self)
{
    return self->ops->seal(self);
}

pykv_status log_sink_write(log_sink *self, const slice *parts, size_t part_count, uint64_t size)
{
    pykv_status status = env_file_write(self->file, log_sink_tail(self), parts, part_count);
    if (status == PYKV_OK || PYKV_PLANTED(6)) {
        log_sink_advance(self, size);
    }
    return status;
}

pykv_status log_sink_cut_at(log_sink *self, uint64_t end)
{
    uint64_t size = 0;
    pykv_status status = env_file_size(self->file, &size);
    if (status == PYKV_OK && size > end) {
        status = env_file_truncate(self->file, end);
    }
    return status;
}

pykv_status log_sink_cut(log_sink *self)
{
    return log_sink_cut_at(self, log_sink_tail(self));
}
