/*
 * merge_model_test: random histories of a Bitcask that merges any subset of its segments at any
 * time, is killed, loses power and is opened again, against an array.
 *
 * PYKV_HISTORIES: how many. A failure names the history, and PYKV_HISTORY=n runs that one alone.
 */
#include "codec/codec_registry.h"
#include "codec/codec_runs.h"
#include "harness/check.h"
#include "merge_model.h"

#include "base/memory.h"
#include "base/process.h"

enum { STEPS_MIN = 40, STEPS_SPREAD = 120 };

static merge_model model;

static void run_history(uint64_t number)
{
    int64_t blocks = mem_block_count();
    uint64_t chance = check_seed() * UINT64_C(0x9E3779B97F4A7C15) + number * 2 + 1;
    uint64_t steps = STEPS_MIN + check_random(&chance, STEPS_SPREAD);
    model_init(&model, number, check_random(&chance, UINT64_C(1) << 40));
    for (uint64_t i = 0; i < steps; i++) {
        model_step(&model);
    }
    for (size_t i = 0; i < MODEL_SCAN_COUNT; i++) {
        if (model.scans[i].rows != NULL) {
            CHECK_OK(model_scan_finish(&model, &model.scans[i]));
        }
    }
    model_compare(&model, model.finished, model.finished);
    model_reset(&model);
    CHECK_EQUAL(blocks, mem_block_count());
}

TEST(any_history_of_merges_kills_and_power_cuts_gives_what_was_written)
{
    uint64_t wanted = check_count("PYKV_HISTORIES", 300);
    uint64_t only = check_count("PYKV_HISTORY", 0);
    uint64_t merged = 0;
    pykv_codec runs = runs_given();
    uint64_t several = 0;
    CHECK_OK(process_init());
    CHECK_OK(codec_registry_set(&runs));
    for (uint64_t number = only != 0 ? only : 1; number <= (only != 0 ? only : wanted); number++) {
        run_history(number);
        merged += model.merged_count;
        several += model.several_count;
    }
    CHECK(only != 0 || (merged > wanted && several >= wanted / 20));
    printf("bitcask histories of merges: %" PRIu64 ", merges: %" PRIu64
           ", of several outputs: %" PRIu64 ", failures: 0\n",
           only != 0 ? 1 : wanted, merged, several);
}

TEST_MAIN(CASE(any_history_of_merges_kills_and_power_cuts_gives_what_was_written))
