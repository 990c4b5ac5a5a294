/*
 * store_workload_open: opening the workload's store with options of its plan, and letting go of it.
 */
#include "codec/codec_registry.h"
#include "codec/codec_runs.h"
#include "harness/check.h"
#include "store_workload.h"
#include "store_workload_parts.h"

#include "bitcask/store.h"

enum { SMALL_OUTPUT_BYTES = 600 };

pykv_options workload_options(const store_plan *plan)
{
    pykv_options options = {.durability = plan->durability,
                            .log_sink = plan->log_sink,
                            .log_sector_padding = plan->padding,
                            .batch_bytes_max = 1 << 20};
    if (plan->engine == &engine_bitcask) {
        options.segment_bytes = 8192;
        options.space_amplification_max = 1.3;
    } else {
        options.memory_budget_bytes = 16 << 20;
        options.memtable_bytes = 64 << 10;
        options.table_bytes = 64 << 10;
        options.value_log_bytes_min = 512;
        options.block_bytes = 1024;
    }
    options.history_bytes = plan->keeps_history ? UINT64_C(1) << 40 : 0;
    return options;
}

bool workload_keeps_history(const store_plan *plan, uint64_t *chance)
{
    return plan->engine == &engine_lsm ? check_random(chance, 2) == 0 : plan->seed % 2 == 0;
}

/* In half of the plans merges go on in a second output, and in more. */
static void limit_outputs(bitcask *store, const store_plan *plan, size_t turn)
{
    if (plan->seed / 2 % 2 == 0) {
        store->output_bytes_max = SMALL_OUTPUT_BYTES * (1 + turn / 3 % 3);
    }
}

pykv_status driver_open(store_driver *self, env *disk, const store_plan *plan,
                        store_history *history)
{
    pykv_options options = workload_options(plan);
    pykv_codec runs = runs_given();
    size_t turn = plan->seed + history->tried; /* another one after each reopening */
    CHECK_OK(codec_registry_set(&runs));
    options.compression = turn % 3 == 0 ? PYKV_CODEC_NONE : PYKV_CODEC_ZSTD;
    if (plan->engine == &engine_lsm) {
        options.compaction = PYKV_COMPACTION_LEVELED + (int32_t)(turn % 2);
    }
    *self = (store_driver){.plan = plan,
                           .disk = disk,
                           .history = history,
                           .chance = plan->seed * 2 + 1 + history->tried,
                           .view_chance = plan->seed * 3 + 1 + history->tried};
    pykv_status status = plan->engine->open(disk, WORKLOAD_PATH, &options, &self->store);
    if (status == PYKV_OK && plan->engine == &engine_bitcask) {
        limit_outputs(self->store, plan, turn);
    }
    return status;
}

void driver_drop(store_driver *self)
{
    driver_release_views(self);
    driver_release_snapshots(self);
    workload_close_names(self);
    driver_drop_reader(self);
    self->plan->engine->free(self->store);
    self->store = NULL;
}

pykv_status driver_close(store_driver *self)
{
    pykv_status status = self->plan->engine->close(self->store, -1);
    driver_drop(self);
    if (status == PYKV_OK) {
        self->history->durable = self->history->finished;
    }
    return status;
}
