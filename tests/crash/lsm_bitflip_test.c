/*
 * lsm_bitflip_test: every bit of every file of a small LSM store is flipped, one at a time. The
 * damage is an error that names its file, or harmless: no wrong value, no missing key, no crash;
 * verify finds it if it lies in a table, and a damaged manifest does not open.
 *
 * PYKV_FLIPS says how many bits of each kind of check; as many as there are, or more: all of them.
 */
#include "harness/check.h"
#include "store_flip.h"

static const char *name_of(const flip *at)
{
    return strrchr(at->file->path, '/') + 1;
}

/* The last error is about the file that is damaged. */
static void expect_named(const flip *at)
{
    flip_expect(at, strstr(error_last()->text, name_of(at)) != NULL,
                "the error does not name the damaged file");
}

/* ---- a store that was closed ---- */

/* True if verify says what the damage is. */
static bool verify_names(const flip *at, void *store)
{
    static pykv_report report;
    flip_expect(at, engine_lsm.verify(store, NULL, &report) == PYKV_OK, "verify failed");
    return report.damage_count > 0 && strstr(report.damages[0].path, name_of(at)) != NULL;
}

/* True if the damage is in history, and the store says that what its pin wants is not all there. */
static bool is_history_told(const flip *at, void *store)
{
    pykv_pin pin;
    pykv_stats stats;
    size_t count = 0;
    CHECK_OK(engine_lsm.list_pins(store, &pin, 1, &count));
    engine_lsm.stats(store, &stats);
    bool is_short = count == 1 && stats.history_floor > pin.sequence + 1;
    return flip_is_of(at, ".log") && is_short;
}

static void check_open(const flip *at, void *store)
{
    const golden_state *state = &stored.states[stored.commit];
    golden_state read;
    flip_read_keys(at, store, &read);
    flip_expect(at, flip_fits(&read, state), "a key is missing, came back or has an earlier value");
    flip_expect(at, flip_is_dropped(store), "a namespace that was dropped is back");
    if (!flip_check_scan(at, store, state)) {
        expect_named(at);
    }
}

/* A compaction fails on the damage, or it lay in what is read no more. */
static void compact(const flip *at, void *store)
{
    pykv_status status = engine_lsm.compact(store, NULL, NULL);
    flip_expect(at, status == PYKV_OK || status == PYKV_CORRUPTION, "a compaction failed");
    check_open(at, store);
}

static void use_closed(const flip *at)
{
    env *disk = flip_disk(at);
    for (int round = 0; round < 2; round++) {
        void *store;
        if (flip_open(at, disk, &store) != PYKV_OK) {
            flip_expect(at, round == 0, "the store opened before and does not open again");
            expect_named(at);
            break;
        }
        flip_expect(at, !flip_is_of(at, "/MANIFEST"), "a damaged manifest is used");
        check_open(at, store);
        flip_expect(at, round > 0 || verify_names(at, store) || is_history_told(at, store),
                    "verify misses the damage");
        if (at->bit % 7 == 0 && flip_options(at).read_only == 0) {
            compact(at, store);
        }
        CHECK_OK(engine_lsm.close(store, -1));
        engine_lsm.free(store);
    }
    env_memory_free(disk);
}

/* ---- a store that was killed ---- */

/* The log may end before the damage, but not before what is known to be synced. */
static void use_killed(const flip *at)
{
    env *disk = flip_disk(at);
    void *store;
    pykv_status status = flip_open(at, disk, &store);
    if (status != PYKV_OK) {
        expect_named(at);
    } else {
        golden_state read;
        flip_read_keys(at, store, &read);
        size_t commit = stored.commit;
        while (commit > stored.durable && !flip_fits(&read, &stored.states[commit])) {
            commit--;
        }
        flip_expect(at, flip_fits(&read, &stored.states[commit]),
                    "no state of the store looks like that");
        flip_expect(at, commit == stored.commit || flip_is_of(at, ".log"), "writes are lost");
        (void)flip_check_scan(at, store, &stored.states[commit]);
        engine_lsm.free(store);
    }
    env_memory_free(disk);
}

/* ---- repair ---- */

/* A value may be that of another write to the key, or gone, if the damage may have held it: of that
 * the report tells. What a range delete hid that only the manifest had may be back. */
static void check_repaired(const flip *at, void *store, bool is_told)
{
    const golden_state *state = &stored.states[stored.commit];
    golden_state read;
    flip_read_keys(at, store, &read);
    bool no_list = flip_is_of(at, "/MANIFEST");
    bool all_is_there = no_list || !is_told;
    for (uint32_t index = 0; index < GOLDEN_KEYS; index++) {
        bool is_back = no_list && golden_is_in_range(index);
        flip_expect(at, read.values[index] != UINT32_MAX, "a repaired store has damage");
        flip_expect(at, !all_is_there || is_back || read.values[index] == state->values[index],
                    "a repair lost a record though no table is damaged");
    }
    flip_expect(at, flip_check_scan(at, store, &read), "a repaired store does not scan");
    flip_expect(at, flip_is_sound(at, store), "verify finds damage in a repaired store");
}

static void repair(const flip *at)
{
    static pykv_report report;
    env *disk = flip_disk(at);
    void *store;
    flip_expect(at, engine_lsm.repair(disk, GOLDEN_PATH, &report) == PYKV_OK, "the repair failed");
    /* It reads no values that no row has any more. */
    bool is_told = report.damage_count > 0;
    flip_expect(at, is_told || flip_is_of(at, ".val"), "a repair does not tell the damage");
    flip_expect(at, flip_open(at, disk, &store) == PYKV_OK, "a repaired store does not open");
    flip_expect(at, flip_count(store) == report.kept_record_count, "a repair counts wrong");
    check_repaired(at, store, is_told);
    engine_lsm.free(store);
    env_memory_free(disk);
}

/* ---- */

static size_t count_files(const char *suffix)
{
    size_t count = 0;
    for (size_t i = 0; i < stored.file_count; i++) {
        count += flip_is_of(&(flip){&stored.files[i], 0}, suffix);
    }
    return count;
}

TEST(the_golden_stores_have_a_file_of_every_kind_and_are_sound)
{
    flip none = {&stored.files[0], 1};
    golden_make(&stored, &engine_lsm, GOLDEN_CLOSED);
    CHECK_EQUAL(0, count_files(".log"));
    CHECK_EQUAL(1, count_files("/MANIFEST"));
    CHECK(count_files(".tbl") >= 2);
    CHECK(count_files(".val") >= 1);
    CHECK_OK(flip_open(&none, stored.disk, &stored.store));
    check_open(&none, stored.store);
    CHECK(flip_is_sound(&none, stored.store));
    golden_free(&stored);
    golden_make(&stored, &engine_lsm, GOLDEN_PACKED);
    CHECK(count_files(".log") >= 1);
    CHECK(count_files(".tbl") >= 2);
    CHECK(count_files(".val") >= 1);
    golden_free(&stored);
    golden_make(&stored, &engine_lsm, GOLDEN_KILLED);
    CHECK(count_files(".log") >= 1);
    CHECK(count_files(".tbl") >= 1);
    golden_free(&stored);
}

TEST(a_flipped_bit_of_a_closed_store_is_an_error_that_names_its_file)
{
    flip_bits(&engine_lsm, GOLDEN_CLOSED, use_closed, "LSM, closed");
}

TEST(a_flipped_bit_of_a_killed_store_is_an_error_or_ends_its_log_there)
{
    flip_bits(&engine_lsm, GOLDEN_KILLED, use_killed, "LSM, killed");
}

TEST(a_flipped_bit_of_a_compressed_store_is_an_error_that_names_its_file)
{
    flip_bits(&engine_lsm, GOLDEN_PACKED, use_closed, "LSM, compressed");
}

TEST(a_repair_saves_what_has_no_flipped_bit)
{
    flip_bits(&engine_lsm, GOLDEN_CLOSED, repair, "LSM, repair");
}

TEST(a_repair_saves_what_has_no_flipped_bit_in_a_compressed_store)
{
    flip_bits(&engine_lsm, GOLDEN_PACKED, repair, "LSM, compressed, repair");
}

TEST_MAIN(CASE(a_repair_saves_what_has_no_flipped_bit),
          CASE(a_repair_saves_what_has_no_flipped_bit_in_a_compressed_store),
          CASE(a_flipped_bit_of_a_compressed_store_is_an_error_that_names_its_file),
          CASE(the_golden_stores_have_a_file_of_every_kind_and_are_sound),
          CASE(a_flipped_bit_of_a_closed_store_is_an_error_that_names_its_file),
          CASE(a_flipped_bit_of_a_killed_store_is_an_error_or_ends_its_log_there))
