/*
 * bitcask_bitflip_test: every bit of every file of a small store is flipped, one at a time. The
 * damage is an error or harmless: no wrong value, no missing key, no crash; verify finds it if it
 * lies in a log, and a repair saves every record that it does not lie in.
 *
 * PYKV_FLIPS says how many bits of each kind of check; as many as there are, or more: all of them.
 */
#include "harness/check.h"
#include "store_flip.h"

#include "bitcask/bitcask.h"

/* ---- a store that was closed ---- */

/* What holds of an open store whose every key is known. */
static void check_open(const flip *at, void *store)
{
    const golden_state *state = &stored.states[stored.commit];
    golden_state read;
    flip_read_keys(at, store, &read);
    flip_expect(at, flip_fits(&read, state), "a key is missing, came back or has an earlier value");
    /* A record that is dead and damaged may still have its slot. */
    flip_expect(at, !flip_is_sound(at, store) || flip_count(store) == flip_key_count(state),
                "the count is wrong");
    flip_expect(at, stored.name_id == 0 || flip_is_dropped(store), "a dropped namespace is back");
    bool whole = flip_check_scan(at, store, state);
    flip_expect(at, whole || !flip_is_sound(at, store), "verify passes over what a scan refuses");
}

static void use_closed(const flip *at)
{
    env *disk = flip_disk(at);
    pykv_options options = flip_options(at);
    for (int round = 0; round < 2; round++) {
        void *store;
        pykv_status status = flip_open(at, disk, &store);
        if (status != PYKV_OK) {
            flip_expect(at, round == 0, "the store opened before and does not open again");
            break;
        }
        flip_expect(at, !flip_is_of(at, "/MANIFEST"), "a damaged manifest is used");
        check_open(at, store);
        bool aid = flip_is_of(at, "/KEYDIR") || flip_is_of(at, ".hint");
        flip_expect(at, aid || !flip_is_sound(at, store), "verify misses the damage");
        if (at->bit % 7 == 0 && options.read_only == 0) {
            status = bitcask_compact(store, NULL);
            flip_expect(at, status == PYKV_OK || status == PYKV_CORRUPTION, "a compaction failed");
            check_open(at, store);
        }
        status = bitcask_close(store, -1);
        flip_expect(at, status == PYKV_OK || status == PYKV_CORRUPTION, "close failed");
        bitcask_free(store);
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
    if (status == PYKV_OK) {
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
        (void)flip_is_sound(at, store);
        bitcask_free(store);
    }
    env_memory_free(disk);
}

/* ---- repair ---- */

/* A key whose newest record was damaged may be gone, or have an earlier value. */
static void check_repaired(const flip *at, void *store)
{
    bool cleared;
    const golden_state *state = &stored.states[stored.commit];
    uint32_t damaged = golden_key_at(&stored, at->file, at->bit / 8, &cleared);
    golden_state read;
    flip_read_keys(at, store, &read);
    for (uint32_t index = 0; index < GOLDEN_KEYS; index++) {
        bool may_differ = cleared || index == damaged;
        flip_expect(at, read.values[index] != UINT32_MAX, "a repaired store has damage");
        flip_expect(at, may_differ || read.values[index] == state->values[index],
                    "a repair lost or changed a record that was not damaged");
    }
    flip_expect(at, flip_check_scan(at, store, &read), "a repaired store does not scan");
    flip_expect(at, flip_is_sound(at, store), "verify finds damage in a repaired store");
}

static void repair(const flip *at)
{
    static pykv_report report;
    env *disk = flip_disk(at);
    void *store;
    flip_expect(at, bitcask_repair(disk, GOLDEN_PATH, &report) == PYKV_OK, "the repair failed");
    bool must_tell = flip_is_of(at, ".log") || flip_is_of(at, "/MANIFEST");
    flip_expect(at, report.damage_count > 0 || !must_tell, "a repair does not tell the damage");
    flip_expect(at, flip_open(at, disk, &store) == PYKV_OK, "a repaired store does not open");
    flip_expect(at, bitcask_count(store) == report.kept_record_count, "a repair counts wrong");
    check_repaired(at, store);
    bitcask_free(store);
    env_memory_free(disk);
}

static void check_golden(golden_kind kind)
{
    static const char *const kinds[] = {".hint", "/KEYDIR", "/MANIFEST", ".log"};
    pykv_options options = {.must_exist = 1};
    pykv_stats stats;
    golden_make(&stored, &engine_bitcask, kind);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        size_t count = 0;
        for (size_t i = 0; i < stored.file_count; i++) {
            count += flip_is_of(&(flip){&stored.files[i], 0}, kinds[k]);
        }
        CHECK(count >= (k == 3 && kind == GOLDEN_CLOSED ? 4 : 1));
    }
    CHECK_OK(engine_bitcask.open(stored.disk, GOLDEN_PATH, &options, &stored.store));
    bitcask_stats(stored.store, &stats);
    CHECK_EQUAL(1, stats.recovered_from_image);
    flip none = {&stored.files[0], 0};
    check_open(&none, stored.store);
    CHECK(flip_is_sound(&none, stored.store));
    golden_free(&stored);
}

TEST(the_golden_stores_have_a_file_of_every_kind_and_are_sound)
{
    check_golden(GOLDEN_CLOSED);
    check_golden(GOLDEN_NAMED);
}

TEST(a_flipped_bit_of_a_closed_store_is_an_error_or_harmless)
{
    flip_bits(&engine_bitcask, GOLDEN_CLOSED, use_closed, "Bitcask, closed");
}

TEST(a_flipped_bit_of_a_closed_store_with_namespaces_is_an_error_or_harmless)
{
    flip_bits(&engine_bitcask, GOLDEN_NAMED, use_closed, "Bitcask with namespaces, closed");
}

TEST(a_flipped_bit_of_a_store_without_its_image_is_an_error_or_harmless)
{
    flip_bits(&engine_bitcask, GOLDEN_WITHOUT_IMAGE, use_closed,
              "Bitcask, closed, without its image");
}

TEST(a_flipped_bit_of_a_killed_store_is_an_error_or_ends_its_log_there)
{
    flip_bits(&engine_bitcask, GOLDEN_KILLED, use_killed, "Bitcask, killed");
}

TEST(a_repair_saves_every_record_that_has_no_flipped_bit)
{
    flip_bits(&engine_bitcask, GOLDEN_CLOSED, repair, "Bitcask, repair");
}

TEST_MAIN(CASE(the_golden_stores_have_a_file_of_every_kind_and_are_sound),
          CASE(a_flipped_bit_of_a_closed_store_is_an_error_or_harmless),
          CASE(a_flipped_bit_of_a_closed_store_with_namespaces_is_an_error_or_harmless),
          CASE(a_flipped_bit_of_a_store_without_its_image_is_an_error_or_harmless),
          CASE(a_flipped_bit_of_a_killed_store_is_an_error_or_ends_its_log_there),
          CASE(a_repair_saves_every_record_that_has_no_flipped_bit))
