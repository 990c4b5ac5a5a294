/*
 * options: ranges and defaults of the options of an LSM store.
 */
#include "lsm/options.h"

#include "base/error.h"
#include "env/memory_share.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

enum { MEMTABLE_SHARE = 6 };

_Static_assert(2 + VIEW_IMMUTABLES_MAX < MEMTABLE_SHARE, "all memtables fit into the budget");

static uint64_t default_to(uint64_t value, uint64_t fallback)
{
    return value == 0 ? fallback : value;
}

static pykv_status check_range(const char *name, uint64_t value, uint64_t low, uint64_t high)
{
    if (value >= low && value <= high) {
        return PYKV_OK;
    }
    return error_set(PYKV_INVALID_ARGUMENT, "%s is %llu, and must be from %llu to %llu", name,
                     (unsigned long long)value, (unsigned long long)low, (unsigned long long)high);
}

/* A sixth of the budget, so that all memtables there can be, and the memory that is kept for the
 * next one, fit into it, with some cached blocks; and 64 MiB at most. */
static uint64_t default_memtable(uint64_t budget_bytes)
{
    uint64_t share = budget_bytes / MEMTABLE_SHARE;
    return share < 64 * MIB ? share : 64 * MIB;
}

static void fill_defaults(env *environment, pykv_options *options)
{
    options->batch_bytes_max = default_to(options->batch_bytes_max, 64 * MIB);
    options->interval_us = default_to(options->interval_us, 100000);
    options->ttl_reap_us = default_to(options->ttl_reap_us, STORE_CLOCK_REAP_US);
    options->memory_budget_bytes =
        default_to(options->memory_budget_bytes, memory_share(environment));
    options->memtable_bytes =
        default_to(options->memtable_bytes, default_memtable(options->memory_budget_bytes));
    options->table_bytes = default_to(options->table_bytes, 64 * MIB);
    options->block_bytes = default_to(options->block_bytes, TABLE_BLOCK_BYTES_DEFAULT);
    if (options->space_amplification_max == 0) {
        options->space_amplification_max = 1.5;
    }
    if (options->compaction == PYKV_COMPACTION_DEFAULT) {
        options->compaction = PYKV_COMPACTION_LEVELED;
    }
    if (options->durability == PYKV_DURABILITY_DEFAULT) {
        options->durability = PYKV_DURABILITY_OS;
    }
    if (options->filter_bits_per_key < 0) {
        options->filter_bits_per_key = 0;
    } else if (options->filter_bits_per_key == 0) {
        options->filter_bits_per_key = 10;
    }
}

static pykv_status check_ranges(const pykv_options *options)
{
    const struct {
        const char *name;
        uint64_t value;
        uint64_t low;
        uint64_t high;
    } rows[] = {
        {"batch_bytes_max", options->batch_bytes_max, 4 * KIB, GIB},
        {"memory_budget_bytes", options->memory_budget_bytes, 16 * MIB, 16 * KIB * GIB},
        {"memtable_bytes", options->memtable_bytes, 64 * KIB, 4 * GIB},
        {"table_bytes", options->table_bytes, 64 * KIB, 4 * GIB},
        {"block_bytes", options->block_bytes, KIB, TABLE_BLOCK_BYTES_MAX},
        {"durability", (uint64_t)options->durability, PYKV_DURABILITY_OS, PYKV_DURABILITY_INTERVAL},
        {"log_sink", (uint64_t)options->log_sink, PYKV_LOG_AUTO, PYKV_LOG_MAPPED},
        {"compression", (uint64_t)options->compression, 0, PYKV_CODEC_ID_MAX},
        {"compaction", (uint64_t)options->compaction, PYKV_COMPACTION_LEVELED,
         PYKV_COMPACTION_LAZY},
        {"history_bytes", options->history_bytes, 0, UINT64_C(1) << 50},
        {"ttl_reap_us",
         options->ttl_reap_us != UINT64_MAX ? options->ttl_reap_us : STORE_CLOCK_REAP_US_MAX,
         STORE_CLOCK_REAP_US_MIN, STORE_CLOCK_REAP_US_MAX},
        {"value_log_bytes_min", default_to(options->value_log_bytes_min, GIB), 64, GIB},
    };
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && status == PYKV_OK; i++) {
        status = check_range(rows[i].name, rows[i].value, rows[i].low, rows[i].high);
    }
    bool sane_filter = options->filter_bits_per_key == 0 ||
                       (options->filter_bits_per_key >= 2 && options->filter_bits_per_key <= 32);
    if (status == PYKV_OK && !sane_filter) {
        status = error_set(PYKV_INVALID_ARGUMENT,
                           "filter_bits_per_key is %g, and must be from 2 to 32, or below 0 for no "
                           "filters",
                           options->filter_bits_per_key);
    }
    if (status == PYKV_OK && !(options->space_amplification_max > 1)) {
        status =
            error_set(PYKV_INVALID_ARGUMENT, "space_amplification_max is %g, and must be above 1",
                      options->space_amplification_max);
    }
    return status;
}

pykv_status lsm_resolve_options(env *environment, const pykv_options *given, pykv_options *out)
{
    pykv_options options = given != NULL ? *given : (pykv_options){0};
    fill_defaults(environment, &options);
    pykv_status status = check_ranges(&options);
    if (status == PYKV_OK) {
        *out = options;
    }
    return status;
}

pykv_status lsm_choose_codec(const codec_table *codecs, pykv_options *options)
{
    if (options->compression == 0) {
        bool has_zstd = codec_table_find(codecs, CODEC_ZSTD) != NULL;
        options->compression = has_zstd ? CODEC_ZSTD : CODEC_NONE;
    }
    return codec_table_check(codecs, options);
}
