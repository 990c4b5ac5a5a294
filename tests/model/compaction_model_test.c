/*
 * compaction_model_test: random histories of writes, flushes and compactions against a list of what
 * was written.
 *
 * PYKV_HISTORIES: how many. A failure names the history, and PYKV_HISTORY=n runs that one alone.
 */
#include "compaction_model.h"

enum { STEPS_MIN = 60, STEPS_SPREAD = 740 };

static compaction_history history;

/* What must be left when all is in one level and visible: one record for each key that is live. */
static void check_settled(void)
{
    uint64_t live = 0;
    uint64_t held = 0;
    size_t levels = 0;
    for (uint8_t key = 0; key < HISTORY_KEY_COUNT; key++) {
        live += history_expected(&history, key, history.sequence) != 0;
    }
    for (size_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        const level *at = &history.of->levels[i];
        levels += at->count > 0;
        for (uint32_t j = 0; j < at->count; j++) {
            held += at->files[j]->facts.entry_count;
            if (at->files[j]->facts.tombstone_count > 0) {
                history_fail(&history, "a tombstone that hides nothing is left");
            }
        }
    }
    if (levels > 1 || held < live || (!history.has_lagged && held != live)) {
        history_fail(&history, "what is left is not what is live");
    }
}

static void run_history(uint64_t number)
{
    uint64_t chance = check_seed() * UINT64_C(0x9E3779B97F4A7C15) + number * 2 + 1;
    uint64_t steps = STEPS_MIN + check_random(&chance, STEPS_SPREAD);
    history_init(&history, number, check_random(&chance, UINT64_C(1) << 40) + 1);
    for (uint64_t i = 0; i < steps; i++) {
        history_step(&history);
    }
    history_check_reads(&history);
    history_check_structure(&history);
    if (number % 2 == 0) {
        history_settle(&history);
        history_check_reads(&history);
        history_check_structure(&history);
        check_settled();
    }
    history_reset(&history);
}

TEST(any_history_of_flushes_and_compactions_reads_as_it_was_written)
{
    uint64_t wanted = check_count("PYKV_HISTORIES", 300);
    uint64_t only = check_count("PYKV_HISTORY", 0);
    uint64_t installed = 0;
    uint64_t moved = 0;
    uint64_t given_up = 0;
    for (uint64_t number = only != 0 ? only : 1; number <= (only != 0 ? only : wanted); number++) {
        run_history(number);
        installed += history.installed_count;
        moved += history.moved_count;
        given_up += history.given_up_count;
    }
    CHECK(only != 0 || wanted < 100 ||
          (installed > wanted && moved > wanted / 10 && given_up > wanted / 2));
    printf("histories of compactions: %" PRIu64 ", installed: %" PRIu64 ", moved: %" PRIu64
           ", given up: %" PRIu64 ", failures: 0\n",
           only != 0 ? 1 : wanted, installed, moved, given_up);
}

TEST_MAIN(CASE(any_history_of_flushes_and_compactions_reads_as_it_was_written))
