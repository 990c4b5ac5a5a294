/*
 * flush: steps of writing memtables to tables.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "lsm/edit.h"
#include "lsm/health.h"
#include "lsm/jobs.h"
#include "lsm/open.h"
#include "lsm/reserve.h"
#include "lsm/room.h"
#include "lsm/write.h"

static pykv_status take_number(void *context, uint32_t *number_out)
{
    lsm *self = context;
    mutex_lock(&self->writer);
    pykv_status status = lsm_take_number(self, number_out);
    mutex_unlock(&self->writer);
    return status;
}

table_job lsm_job(lsm *self, uint8_t level_index, uint64_t visible_sequence)
{
    uint8_t codec_id = (uint8_t)self->options.compression;
    bool rewritten_soon = level_index < LSM_LEVEL_COMPRESSED_MIN && codec_id == CODEC_ZSTD;
    return (table_job){
        .surroundings = self->env,
        .home = self->home,
        .numbers = {take_number, self},
        .building = {.hash_seed_low = self->hash_seed_low,
                     .hash_seed_high = self->hash_seed_high,
                     .filter_bits_per_key = self->options.filter_bits_per_key,
                     .codec = codec_table_find(&self->codecs, codec_id),
                     .codec_level =
                         rewritten_soon ? LSM_ZSTD_LEVEL_FAST : self->options.compression_level,
                     .block_bytes = (uint32_t)self->options.block_bytes,
                     .keeps_checks = false},
        .visible_sequence = visible_sequence,
        .now_us = store_clock_now(&self->clock),
        .values = {.store_id = self->store_id,
                   .bytes_min = self->options.value_log_bytes_min,
                   .segment_bytes = self->options.table_bytes},
    };
}

static pykv_status begin(lsm *self) REQUIRES(self->flush_lock)
{
    mutex_lock(&self->writer);
    const view *now = lsm_view(self);
    memtable *from = NULL;
    version *older = NULL;
    if (now->immutable_count > 0) {
        from = memtable_acquire(now->immutables[now->immutable_count - 1]);
        older = version_acquire(now->version);
    }
    self->flush_clear_count = self->clear_count;
    uint64_t visible_sequence = lsm_visible(self);
    mutex_unlock(&self->writer);
    if (from == NULL) {
        return PYKV_OK;
    }
    table_job job = lsm_job(self, 0, visible_sequence);
    pykv_status status = flush_run_new(&job, from, older, &self->flush);
    version_release(older);
    if (status == PYKV_OK) {
        self->flushing = from;
    } else {
        memtable_release(from);
    }
    return status;
}

void lsm_flush_abandon(lsm *self)
{
    flush_run_free(self->flush);
    self->flush = NULL;
    if (self->flushing != NULL) {
        memtable_release(self->flushing);
        self->flushing = NULL;
    }
}

static pykv_status finish(lsm *self) REQUIRES(self->flush_lock)
{
    const manifest_table *output = flush_run_output(self->flush);
    lsm_edit edit = {.outputs = output,
                     .output_count = output != NULL,
                     .output_level = 0,
                     .flushed = self->flushing,
                     .clear_count = self->flush_clear_count};
    bool taken;
    edit.values = flush_run_values(self->flush, &edit.values_count);
    pykv_status status = lsm_install(self, &edit, &taken);
    if (taken) {
        flush_run_take(self->flush);
    }
    if (status == PYKV_OK) {
        lsm_count_some(&self->counters.flushed_bytes, flush_run_counts(self->flush).bytes_written);
    }
    return status == PYKV_NOT_FOUND ? PYKV_OK : status;
}

/* Goes on with the flush that is under way, to its end if that is in reach. */
static pykv_status go_on(lsm *self, bool *more_out) REQUIRES(self->flush_lock)
{
    pykv_status status = flush_run_step(self->flush, LSM_STEP_BYTES, more_out);
    return status == PYKV_OK && !*more_out ? finish(self) : status;
}

pykv_status lsm_flush_step(lsm *self, bool *worked_out)
{
    pykv_status status = PYKV_OK;
    bool more = false;
    if (self->flush == NULL) {
        status = begin(self);
    }
    *worked_out = self->flush != NULL;
    if (status == PYKV_OK && self->flush != NULL) {
        status = go_on(self, &more);
    }
    if (status == PYKV_OK && more) {
        return PYKV_OK;
    }
    pykv_error failure = *error_last();
    lsm_flush_abandon(self);
    error_restore(&failure);
    if (lsm_lend_room(self, status)) {
        *worked_out = true;
        return PYKV_OK;
    }
    lsm_note_result(self, LSM_WORK_FLUSH, status);
    lsm_take_room_back(self, status);
    return status;
}

pykv_status lsm_flush_all(lsm *self)
{
    bool worked = true;
    pykv_status status = PYKV_OK;
    while (worked && status == PYKV_OK) {
        mutex_lock(&self->flush_lock);
        status = lsm_flush_step(self, &worked);
        mutex_unlock(&self->flush_lock);
    }
    return status;
}

/* Seals the active memtable, once there is room behind it. */
static pykv_status seal_active(lsm *self)
{
    for (;;) {
        mutex_lock(&self->writer);
        pykv_status status = lsm_check_writable(self);
        if (status == PYKV_OK) {
            status = lsm_switch_memtable(self);
        }
        bool crowded = lsm_view(self)->immutable_count == VIEW_IMMUTABLES_MAX;
        mutex_unlock(&self->writer);
        if (status != PYKV_WOULD_BLOCK) {
            return status;
        }
        status = crowded ? lsm_flush_all(self) : wal_prepare_next(self->log);
        if (status != PYKV_OK && !lsm_lend_room(self, status)) {
            return status;
        }
    }
}

pykv_status lsm_flush_active(lsm *self)
{
    pykv_status status = seal_active(self);
    return status == PYKV_OK ? lsm_flush_all(self) : status;
}

static bool has_crowded_level0(lsm *self)
{
    mutex_lock(&self->writer);
    bool crowded = lsm_view(self)->version->levels[0].count >= LSM_LEVEL0_STOP;
    mutex_unlock(&self->writer);
    return crowded;
}

/* Who flushes again and again where no thread compacts would else fill level 0 without end. That a
 * compaction fails is the store's state, and no failure of the flush. */
pykv_status lsm_flush(lsm *self)
{
    int32_t more = 1;
    pykv_status status = lsm_flush_active(self);
    while (status == PYKV_OK && more != 0 && has_crowded_level0(self) &&
           lent_count(&self->gate.lent, PYKV_ROLE_DATA) == 0) {
        more = lsm_maintain_step(self, PYKV_ROLE_DATA, &more) == PYKV_OK ? more : 0;
    }
    return status;
}
