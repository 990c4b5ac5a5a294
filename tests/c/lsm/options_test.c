/*
 * options_test: what is left at zero gets its default, and what is out of its range is named.
 */
#include <math.h>

#include "codec/codec_registry.h"
#include "harness/check.h"

#include "env/env_memory.h"
#include "lsm/options.h"

#define KIB (UINT64_C(1) << 10)
#define MIB (UINT64_C(1) << 20)

static env *new_disk(void)
{
    env *disk;
    CHECK_OK(env_memory_new(check_seed(), 1 << 16, &disk));
    return disk;
}

TEST(zero_means_the_default)
{
    env *disk = new_disk();
    pykv_options out;
    CHECK_OK(lsm_resolve_options(disk, NULL, &out));
    CHECK_EQUAL(256 * MIB / 6, out.memtable_bytes);
    CHECK_EQUAL(64 * MIB, out.table_bytes);
    CHECK_EQUAL(64 * MIB, out.batch_bytes_max);
    CHECK_EQUAL(8 * KIB, out.block_bytes);
    CHECK_EQUAL(100000, out.interval_us);
    CHECK_EQUAL(PYKV_DURABILITY_OS, out.durability);
    CHECK_EQUAL(PYKV_COMPACTION_LEVELED, out.compaction);
    CHECK(out.filter_bits_per_key == 10);
    CHECK_EQUAL(256 * MIB, out.memory_budget_bytes);
    env_memory_free(disk);
}

TEST(the_budget_is_an_eighth_of_the_memory_where_that_is_more)
{
    env *disk = new_disk();
    pykv_options out;
    env_memory_set_residency(disk, false, 8 * 1024 * MIB);
    CHECK_OK(lsm_resolve_options(disk, NULL, &out));
    CHECK_EQUAL(1024 * MIB, out.memory_budget_bytes);
    env_memory_set_residency(disk, false, 1024 * MIB);
    CHECK_OK(lsm_resolve_options(disk, NULL, &out));
    CHECK_EQUAL(256 * MIB, out.memory_budget_bytes);
    env_memory_free(disk);
}

/* Memtables of 64 MiB over a budget of 16 MiB took 330 MiB where writers were faster than flushes.
 */
TEST(memtables_fit_into_the_budget_unless_their_size_is_given)
{
    env *disk = new_disk();
    pykv_options out;
    pykv_options given = {.memory_budget_bytes = 16 * MIB};
    CHECK_OK(lsm_resolve_options(disk, &given, &out));
    CHECK_EQUAL(16 * MIB / 6, out.memtable_bytes);
    given.memory_budget_bytes = 384 * MIB;
    CHECK_OK(lsm_resolve_options(disk, &given, &out));
    CHECK_EQUAL(64 * MIB, out.memtable_bytes);
    given.memory_budget_bytes = 16 * KIB * KIB * MIB;
    CHECK_OK(lsm_resolve_options(disk, &given, &out));
    CHECK_EQUAL(64 * MIB, out.memtable_bytes);
    given = (pykv_options){.memory_budget_bytes = 16 * MIB, .memtable_bytes = 64 * MIB};
    CHECK_OK(lsm_resolve_options(disk, &given, &out));
    CHECK_EQUAL(64 * MIB, out.memtable_bytes);
    env_memory_free(disk);
}

TEST(what_is_out_of_its_range_is_named)
{
    static const struct {
        const char *name;
        pykv_options options;
    } wrong[] = {
        {"memtable_bytes", {.memtable_bytes = 64 * KIB - 1}},
        {"memtable_bytes", {.memtable_bytes = 4096 * MIB + 1}},
        {"table_bytes", {.table_bytes = 1}},
        {"block_bytes", {.block_bytes = 1023}},
        {"block_bytes", {.block_bytes = 64 * KIB + 1}},
        {"memory_budget_bytes", {.memory_budget_bytes = 1}},
        {"batch_bytes_max", {.batch_bytes_max = 4095}},
        {"durability", {.durability = 4}},
        {"durability", {.durability = -1}},
        {"log_sink", {.log_sink = 3}},
        {"compaction", {.compaction = 3}},
        {"compaction", {.compaction = -1}},
        {"compression", {.compression = 16}},
        {"compression", {.compression = -1}},
        {"filter_bits_per_key", {.filter_bits_per_key = 1}},
        {"filter_bits_per_key", {.filter_bits_per_key = 33}},
        {"filter_bits_per_key", {.filter_bits_per_key = NAN}},
    };
    env *disk = new_disk();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        pykv_options out = {.table_bytes = 7};
        CHECK_STATUS(PYKV_INVALID_ARGUMENT, lsm_resolve_options(disk, &wrong[i].options, &out));
        CHECK(strstr(error_last()->text, wrong[i].name) != NULL);
        CHECK_EQUAL(7, out.table_bytes);
    }
    env_memory_free(disk);
}

TEST(below_zero_means_no_filters)
{
    env *disk = new_disk();
    pykv_options out;
    pykv_options given = {.filter_bits_per_key = -1};
    CHECK_OK(lsm_resolve_options(disk, &given, &out));
    CHECK(out.filter_bits_per_key == 0);
    env_memory_free(disk);
}

TEST(a_codec_that_is_not_there_is_refused_and_the_default_is_what_is_there)
{
    codec_table none = codec_registry_table();
    pykv_options options = {.compression = 0};
    CHECK_OK(lsm_choose_codec(&none, &options));
    bool has_zstd = codec_table_find(&none, CODEC_ZSTD) != NULL;
    CHECK_EQUAL(has_zstd ? PYKV_CODEC_ZSTD : PYKV_CODEC_NONE, options.compression);
    options.compression = PYKV_CODEC_NONE;
    CHECK_OK(lsm_choose_codec(&none, &options));
    options.compression = 9;
    CHECK_STATUS(PYKV_NOT_SUPPORTED, lsm_choose_codec(&none, &options));
}

TEST_MAIN(CASE(zero_means_the_default),
          CASE(the_budget_is_an_eighth_of_the_memory_where_that_is_more),
          CASE(memtables_fit_into_the_budget_unless_their_size_is_given),
          CASE(what_is_out_of_its_range_is_named), CASE(below_zero_means_no_filters),
          CASE(a_codec_that_is_not_there_is_refused_and_the_default_is_what_is_there))
