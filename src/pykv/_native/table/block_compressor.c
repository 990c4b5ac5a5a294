/*
 * block_compressor: trials of faster levels.
 */
#include "table/block_compressor.h"

#include "base/invariant.h"

void block_compressor_init(block_compressor *self, const codec *with, int level)
{
    *self = (block_compressor){.with = with, .level = level, .taken = level};
}

void block_compressor_reset(block_compressor *self)
{
    buffer_reset(&self->stored);
    buffer_reset(&self->tried);
}

static pykv_status compress_at(const block_compressor *self, int level, const buffer *raw,
                               buffer *into)
{
    const codec *with = self->with;
    size_t size = 0;
    buffer_clear(into);
    pykv_status status = buffer_reserve(into, with->bound(with->context, raw->size));
    if (status == PYKV_OK) {
        status = with->compress(with->context, level, raw->data, raw->size, into->data, &size);
    }
    if (status == PYKV_OK) {
        into->size = size;
    }
    return status;
}

static int faster_than(const block_compressor *self, int level)
{
    return self->with->faster == NULL ? level : self->with->faster(level);
}

/* Takes the fastest level that makes the stored block larger by a little at most. */
static pykv_status choose_level(block_compressor *self, const buffer *raw)
{
    size_t most = self->stored.size + self->stored.size / BLOCK_COMPRESSOR_SHARE;
    pykv_status status = PYKV_OK;
    int level = self->level;
    int next = faster_than(self, level);
    while (next != level && status == PYKV_OK) {
        status = compress_at(self, next, raw, &self->tried);
        if (status != PYKV_OK || (self->tried.size > most && !PYKV_PLANTED(295))) {
            break;
        }
        level = next;
        next = faster_than(self, level);
    }
    self->taken = level;
    return status;
}

pykv_status block_compress(block_compressor *self, const buffer *raw, const buffer **stored_out)
{
    PYKV_ASSERT(raw->size > 0);
    bool is_trial = self->turn_count == 0;
    int level = is_trial ? self->level : self->taken;
    pykv_status status = compress_at(self, level, raw, &self->stored);
    if (status == PYKV_OK && is_trial) {
        status = choose_level(self, raw);
    }
    self->turn_count = (self->turn_count + 1) % BLOCK_COMPRESSOR_TURN;
    *stored_out = &self->stored;
    return status;
}
