/*
 * flush: steps of writing memtables to tables.
 */
#include "base/error.h"
#include "base/invariant.h"
#include "lsm/brake.h"
#include "lsm/edit.h"
#include "lsm/health.h"
#include "lsm/jobs.h"
#include "lsm/open.h"
#include "lsm/reserve.h"
#include "lsm/room.h"
#include "lsm/version_ranges.h"
#include "lsm/write.h"

static pykv_status take_number(void *context, uint32_t *number_out)
{
    lsm *self = context;
    mutex_lock(&self->writer);
    pykv_status status = lsm_take_number(self, number_out);
    mutex_unlock(&self->writer);
    return status;
}

static double filter_bits(const lsm *self, uint8_t level_index)
{
    double bits = self->options.filter_bits_per_key;
    bool is_above_last = level_index < LSM_LEVEL_COUNT - 1 && !PYKV_PLANTED(261);
    return bits > 0 && is_above_last ? bits + (double)LSM_FILTER_BITS_ABOVE_LAST : bits;
}

table_job lsm_job(lsm *self, uint8_t level_index, uint64_t visible_sequence)
{
    uint8_t codec_id = (uint8_t)self->options.compression;
    bool rewritten_soon = level_index < LSM_LEVEL_COMPRESSED_MIN && codec_id == CODEC_ZSTD;
    const codec *with = codec_table_find(&self->codecs, codec_id);
    int codec_level = rewritten_soon ? LSM_ZSTD_LEVEL_FAST : self->options.compression_level;
    uint64_t now_us = store_clock_now(&self->clock);
    return (table_job){
        .surroundings = self->env,
        .home = self->home,
        .numbers = {take_number, self},
        .building = {.hash_seed_low = self->hash_seed_low,
                     .hash_seed_high = self->hash_seed_high,
                     .filter_bits_per_key = filter_bits(self, level_index),
                     .codec = with,
                     .budget = &self->budget,
                     .codec_level = codec_level,
                     .block_bytes = (uint32_t)self->options.block_bytes,
                     .keeps_checks = false,
                     .now_us = now_us},
        .visible_sequence = visible_sequence,
        .now_us = now_us,
        .values = {.store_id = self->store_id,
                   .bytes_min = self->options.value_log_bytes_min,
                   .segment_bytes = self->options.table_bytes,
                   .codec = codec_id == CODEC_NONE ? NULL : with,
                   .codec_level = codec_level},
    };
}

/* What the next flush is of. */
typedef struct oldest {
    memtable *from; /* NULL: there is none; else a reference */
    version *older; /* likewise */
    uint64_t visible_sequence;
} oldest;

static oldest take_oldest(lsm *self) REQUIRES(self->flush_lock)
{
    oldest taken = {NULL, NULL, 0};
    mutex_lock(&self->writer);
    const view *now = lsm_view(self);
    if (now->immutable_count > 0) {
        taken.from = memtable_acquire(now->immutables[now->immutable_count - 1]);
        taken.older = version_acquire(now->version);
    }
    self->flush_clear_count = self->clear_count;
    taken.visible_sequence = lsm_visible(self);
    mutex_unlock(&self->writer);
    return taken;
}

static void give_back(oldest *taken)
{
    if (taken->from != NULL) {
        memtable_release(taken->from);
    }
    version_release(taken->older);
}

static uint64_t last_range(const oldest *taken)
{
    return taken->from != NULL ? range_set_sequence_max(memtable_ranges(taken->from)) : 0;
}

/* A version hides what its range deletes cover from all who read it: before they come there all of
 * them are visible. After a clear meanwhile the oldest memtable is another one. */
static pykv_status make_ranges_visible(lsm *self, oldest *taken) REQUIRES(self->flush_lock)
{
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && last_range(taken) > taken->visible_sequence) {
        status = wal_sync_through(self->log, last_range(taken));
        if (status == PYKV_OK) {
            give_back(taken);
            *taken = take_oldest(self);
        }
    }
    return status;
}

static pykv_status begin(lsm *self) REQUIRES(self->flush_lock)
{
    oldest taken = take_oldest(self);
    pykv_status status = make_ranges_visible(self, &taken);
    if (status != PYKV_OK || taken.from == NULL) {
        give_back(&taken);
        return status;
    }
    table_job job = lsm_job(self, 0, taken.visible_sequence);
    status = lsm_settle_manifest(self);
    if (status == PYKV_OK) {
        status = flush_run_new(&job, taken.from, taken.older, &self->flush);
    }
    if (status == PYKV_OK) {
        self->flushing = memtable_acquire(taken.from);
    }
    give_back(&taken);
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
    if (status == PYKV_OK && *worked_out) {
        lsm_take_room_back(self);
    }
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

/* True if level 0 is crowded, or tables are hidden as a whole. */
static bool is_worth_a_step(lsm *self)
{
    mutex_lock(&self->writer);
    version *now = version_acquire(lsm_view(self)->version);
    mutex_unlock(&self->writer);
    bool is_worth = now->levels[0].count >= lsm_level0_stop(self) || version_hides_some(now);
    version_release(now);
    return is_worth;
}

/* Who flushes again and again where no thread compacts would else fill level 0 without end. That a
 * compaction fails is the store's state, and no failure of the flush. */
pykv_status lsm_flush(lsm *self)
{
    int32_t more = 1;
    pykv_status status = lsm_flush_active(self);
    while (status == PYKV_OK && more != 0 && is_worth_a_step(self) &&
           lent_count(&self->gate.lent, PYKV_ROLE_DATA) == 0) {
        more = lsm_maintain_step(self, PYKV_ROLE_DATA, &more) == PYKV_OK ? more : 0;
    }
    return status;
}
