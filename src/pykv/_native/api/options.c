/*
 * options: one row an option that only some engines have. What has no row every engine takes.
 */
#include "api/options.h"

#include "base/coding.h"
#include "base/error.h"

#define OPTION(field, engine)                                                                      \
    {#field, offsetof(pykv_options, field), sizeof(((pykv_options *)0)->field), engine}

static const struct {
    const char *name;
    size_t offset;
    size_t size;
    int32_t engine;
} rows[] = {
    OPTION(segment_bytes, PYKV_ENGINE_BITCASK),   OPTION(memory_budget_bytes, PYKV_ENGINE_LSM),
    OPTION(memtable_bytes, PYKV_ENGINE_LSM),      OPTION(block_bytes, PYKV_ENGINE_LSM),
    OPTION(table_bytes, PYKV_ENGINE_LSM),         OPTION(filter_bits_per_key, PYKV_ENGINE_LSM),
    OPTION(value_log_bytes_min, PYKV_ENGINE_LSM), OPTION(compaction, PYKV_ENGINE_LSM),
    OPTION(undo_bytes_max, PYKV_ENGINE_BITCASK),
};

/* With the article, as it stands in a message. */
static const char *name_of(int32_t engine)
{
    return engine == PYKV_ENGINE_BITCASK ? "a Bitcask" : "an LSM store";
}

pykv_status options_check(const pykv_options *given, int32_t engine)
{
    for (size_t i = 0; given != NULL && i < sizeof rows / sizeof rows[0]; i++) {
        const uint8_t *value = (const uint8_t *)given + rows[i].offset;
        if (rows[i].engine != engine && !all_zero(value, rows[i].size)) {
            return error_set(PYKV_INVALID_ARGUMENT,
                             "%s is an option of %s, and this is %s: leave it out", rows[i].name,
                             name_of(rows[i].engine), name_of(engine));
        }
    }
    return PYKV_OK;
}
