/*
 * checkpoint: a store's tables and value segments under second names, with a manifest of their own.
 *
 * What is in memory is flushed first, so no log is needed. A version holds what was written up to
 * the flushed sequence, and nothing else, and the two change together: that is the moment of the
 * copy. Its tables keep their files as long as the version is held, whatever is compacted
 * meanwhile.
 */
#include "log/checkpoint.h"

#include "base/error.h"
#include "base/invariant.h"
#include "log/log_file.h"
#include "lsm/edit.h"
#include "lsm/version_values.h"

/* The moment: a version, held, and what the manifest of a clean store with it says. */
typedef struct moment {
    version *tables;
    lsm_manifest listed;
} moment;

static pykv_status seize(lsm *self, moment *out)
{
    uint64_t chance;
    *out = (moment){.listed = {.clean = true}};
    pykv_status status = env_random(self->env, &chance, sizeof chance);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&self->manifest_lock);
    mutex_lock(&self->writer);
    out->tables = version_acquire(lsm_view(self)->version);
    out->listed.next_number = self->next_number;
    out->listed.durable_through = wal_synced_position(self->log);
    mutex_unlock(&self->writer);
    out->listed.edit = self->edit + 1;
    out->listed.flushed_sequence = self->flushed_sequence;
    out->listed.last_sequence = self->flushed_sequence;
    mutex_unlock(&self->manifest_lock);
    out->listed.store_id = self->store_id;
    out->listed.epoch = self->epoch_number + 1 + chance % CHECKPOINT_EPOCH_STEP_MAX;
    out->listed.hash_seed_low = self->hash_seed_low;
    out->listed.hash_seed_high = self->hash_seed_high;
    out->listed.wall_high_us = store_clock_now(&self->clock);
    out->listed.ranges = range_set_acquire(out->tables->ranges);
    status = version_list(out->tables, &out->listed.tables, &out->listed.table_count);
    return status == PYKV_OK
               ? version_list_values(out->tables, &out->listed.values, &out->listed.values_count)
               : status;
}

static void let_go(lsm *self, moment *seized)
{
    if (!PYKV_PLANTED(333)) {
        version_release(seized->tables);
    }
    lsm_manifest_reset(&seized->listed);
    (void)table_graveyard_empty(&self->graveyard);
}

static pykv_status fill(lsm *self, const lsm_manifest *listed, checkpoint *target)
{
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < listed->table_count && status == PYKV_OK; i++) {
        char name[TABLE_FILE_NAME_BYTES];
        table_file_name(listed->tables[i].number, name);
        status = checkpoint_add(target, self->home, name);
    }
    for (uint64_t i = 0; i < listed->values_count && status == PYKV_OK; i++) {
        char name[LOG_FILE_NAME_BYTES];
        log_file_values_name(listed->values[i].number, name);
        status = checkpoint_add(target, self->home, name);
    }
    return status == PYKV_OK ? lsm_manifest_place(checkpoint_home(target), listed) : status;
}

pykv_status lsm_checkpoint(lsm *self, const char *path)
{
    checkpoint *target;
    moment seized;
    pykv_status status = checkpoint_begin(self->env, path, &target);
    if (status != PYKV_OK) {
        return status;
    }
    status = PYKV_PLANTED(334) ? PYKV_OK : lsm_flush(self);
    if (status == PYKV_OK) {
        status = seize(self, &seized);
        if (PYKV_PLANTED(333)) {
            version_release(seized.tables);
        }
        if (status == PYKV_OK) {
            status = fill(self, &seized.listed, target);
        }
        pykv_error failure = *error_last();
        let_go(self, &seized);
        error_restore(&failure);
    }
    return checkpoint_end(target, status);
}
