/*
 * options: an option of another engine is refused by its name, and nothing is made before that.
 */
#include <unistd.h>

#include "api_fixture.h"

#include "api/options.h"

/* One option set, of one engine. */
typedef struct sample {
    const char *name;
    int32_t engine;
    pykv_options options;
} sample;

static const sample samples[] = {
    {"segment_bytes", PYKV_ENGINE_BITCASK, {.segment_bytes = 8192}},
    {"undo_bytes_max", PYKV_ENGINE_BITCASK, {.undo_bytes_max = 65536}},
    {"memory_budget_bytes", PYKV_ENGINE_LSM, {.memory_budget_bytes = 1}},
    {"memtable_bytes", PYKV_ENGINE_LSM, {.memtable_bytes = UINT64_C(1) << 63}},
    {"block_bytes", PYKV_ENGINE_LSM, {.block_bytes = 4096}},
    {"table_bytes", PYKV_ENGINE_LSM, {.table_bytes = 1 << 20}},
    {"filter_bits_per_key", PYKV_ENGINE_LSM, {.filter_bits_per_key = 0.5}},
    {"value_log_bytes_min", PYKV_ENGINE_LSM, {.value_log_bytes_min = 4096}},
    {"compaction", PYKV_ENGINE_LSM, {.compaction = PYKV_COMPACTION_LAZY}},
};

enum { SAMPLE_COUNT = sizeof samples / sizeof samples[0] };

TEST(an_option_is_taken_by_its_own_engine_and_refused_by_name_by_the_other)
{
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        for (int32_t engine = PYKV_ENGINE_BITCASK; engine <= PYKV_ENGINE_LSM; engine++) {
            pykv_status wanted = engine == samples[i].engine ? PYKV_OK : PYKV_INVALID_ARGUMENT;
            CHECK_STATUS(wanted, options_check(&samples[i].options, engine));
            CHECK(wanted == PYKV_OK || strstr(error_last()->text, samples[i].name) != NULL);
        }
    }
}

TEST(what_no_row_names_and_what_is_not_given_is_taken_by_all)
{
    pykv_options common = {.engine = PYKV_ENGINE_LSM,
                           .durability = PYKV_DURABILITY_SYNC,
                           .read_only = 1,
                           .batch_bytes_max = 8192,
                           .compression = PYKV_CODEC_NONE,
                           .compression_level = -1,
                           .merge_bytes_per_second = 1,
                           .ttl_reap_us = 1000000};
    for (int32_t engine = PYKV_ENGINE_BITCASK; engine <= PYKV_ENGINE_LSM; engine++) {
        CHECK_OK(options_check(NULL, engine));
        CHECK_OK(options_check(&(pykv_options){0}, engine));
        CHECK_OK(options_check(&common, engine));
    }
}

TEST(an_open_with_an_option_of_another_engine_makes_nothing)
{
    char *parent = check_temporary_directory();
    char path[512];
    pykv_store *store = NULL;
    snprintf(path, sizeof path, "%s/new", parent);
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        pykv_options given = samples[i].options;
        bool of_lsm = samples[i].engine == PYKV_ENGINE_LSM;
        given.engine = of_lsm ? PYKV_ENGINE_BITCASK : PYKV_ENGINE_ANY; /* a new one is an LSM */
        CHECK_STATUS(PYKV_INVALID_ARGUMENT, pykv_open(path, &given, &store));
        CHECK(strstr(pykv_last_error()->text, samples[i].name) != NULL);
        CHECK(access(path, F_OK) != 0 && store == NULL);
    }
    free(parent);
}

TEST_MAIN(CASE(an_option_is_taken_by_its_own_engine_and_refused_by_name_by_the_other),
          CASE(what_no_row_names_and_what_is_not_given_is_taken_by_all),
          CASE(an_open_with_an_option_of_another_engine_makes_nothing))
