/*
 * bitcask_bitflip_test: every bit of every file of a small store is flipped, one at a time. The
 * damage is an error or harmless: no wrong value, no missing key, no crash; verify finds it if it
 * lies in a log, and a repair saves every record that it does not lie in.
 *
 * PYKV_FLIPS says how many bits of each kind of check; as many as there are, or more: all of them.
 */
#include "bitcask_bitflip_golden.h"
#include "harness/check.h"

#include "base/memory.h"

static golden stored;

/* The bit that is flipped, and how the store is used. */
typedef struct flip {
    const golden_file *file;
    uint64_t bit;
} flip;

static bool is_of(const flip *at, const char *suffix)
{
    size_t length = strlen(at->file->path);
    return length > strlen(suffix) && strcmp(at->file->path + length - strlen(suffix), suffix) == 0;
}

static void fail(const flip *at, const char *what)
{
    check_failed(__FILE__, __LINE__, "%s (bit %" PRIu64 " of byte %" PRIu64 " of %s): %s", what,
                 at->bit % 8, at->bit / 8, at->file->path, error_last()->text);
}

static void expect(const flip *at, bool condition, const char *what)
{
    if (!condition) {
        fail(at, what);
    }
}

static env *damaged_disk(const flip *at)
{
    env *disk;
    uint8_t *data;
    uint64_t size;
    CHECK_OK(env_memory_clone(stored.disk, &disk));
    CHECK_OK(env_memory_file_bytes(disk, at->file->path, &data, &size));
    data[at->bit / 8] ^= (uint8_t)(1U << at->bit % 8);
    return disk;
}

/* Ways of use take turns from bit to bit. */
static pykv_options options_of(const flip *at)
{
    pykv_options options = {.segment_bytes = 4096,
                            .log_sink = at->bit % 2 == 0 ? PYKV_LOG_PWRITE : PYKV_LOG_MAPPED,
                            .no_mapped_reads = at->bit % 3 == 0,
                            .read_only = at->bit % 5 == 0,
                            .must_exist = 1};
    return options;
}

static bool is_refusal(pykv_status status)
{
    return status == PYKV_CORRUPTION || status == PYKV_FORMAT;
}

/* ---- reading ---- */

/* Number of the key's value, 0 if it is absent, UINT32_MAX if it is refused as damaged. */
static uint32_t read_key(const flip *at, bitcask *store, uint32_t index)
{
    char key[GOLDEN_TEXT_BYTES];
    pykv_pinned pinned = {0};
    slice name = slice_make(key, golden_key(index, key));
    pykv_status status = bitcask_get(store, name, 0, &pinned);
    if (status != PYKV_OK) {
        expect(at, status == PYKV_NOT_FOUND || status == PYKV_CORRUPTION, "a get failed");
        return status == PYKV_NOT_FOUND ? 0 : UINT32_MAX;
    }
    uint32_t number = golden_number(&stored, index, slice_make(pinned.data, pinned.length));
    mem_free(pinned.owned);
    expect(at, number != 0, "a get shows a value that was never written");
    expect(at, bitcask_contains(store, name, 0) == PYKV_OK, "contains misses a key that get has");
    return number;
}

static void read_keys(const flip *at, bitcask *store, golden_state *out)
{
    for (uint32_t index = 0; index < GOLDEN_KEYS; index++) {
        out->values[index] = read_key(at, store, index);
    }
}

/* True if what was read is the state, but for keys that were refused. */
static bool fits(const golden_state *read, const golden_state *state)
{
    for (uint32_t index = 0; index < GOLDEN_KEYS; index++) {
        if (read->values[index] != UINT32_MAX && read->values[index] != state->values[index]) {
            return false;
        }
    }
    return true;
}

static uint64_t key_count(const golden_state *state)
{
    uint64_t count = 0;
    for (uint32_t index = 0; index < GOLDEN_KEYS; index++) {
        count += state->values[index] != 0;
    }
    return count;
}

/* The rows of a scan are those of the state; all of them, unless it is refused. */
static bool check_scan(const flip *at, bitcask *store, const golden_state *state)
{
    scan *all;
    pykv_rows rows = {.count = 1};
    uint64_t count = 0;
    pykv_status status = scan_open(store, false, &all);
    expect(at, status == PYKV_OK, "a scan does not begin");
    while (status == PYKV_OK && rows.count > 0) {
        status = scan_next(all, 0, &rows);
        for (size_t i = 0; status == PYKV_OK && i < rows.count; i++) {
            const uint64_t *row = rows.offsets + 2 * i;
            uint32_t index = golden_index(slice_make(rows.data + row[0], row[1] - row[0]));
            expect(at, index < GOLDEN_KEYS, "a scan shows a key that was never written");
            slice value = slice_make(rows.data + row[1], row[2] - row[1]);
            expect(at, golden_number(&stored, index, value) == state->values[index],
                   "a scan shows a wrong value");
            count++;
        }
    }
    scan_free(store, all);
    expect(at, status == PYKV_OK || status == PYKV_CORRUPTION, "a scan failed");
    expect(at, status != PYKV_OK || count == key_count(state), "a scan misses a key");
    return status == PYKV_OK;
}

static bool is_sound(const flip *at, bitcask *store)
{
    static pykv_report report;
    expect(at, bitcask_verify(store, NULL, &report) == PYKV_OK, "verify failed");
    return report.damage_count == 0;
}

/* ---- a store that was closed ---- */

/* What holds of an open store whose every key is known. */
static void check_open(const flip *at, bitcask *store)
{
    const golden_state *state = &stored.states[stored.commit];
    golden_state read;
    read_keys(at, store, &read);
    expect(at, fits(&read, state), "a key is missing, came back or has an earlier value");
    /* A record that is dead and damaged may still have its slot. */
    expect(at, bitcask_count(store) == key_count(state) || !is_sound(at, store),
           "the count is wrong");
    bool whole = check_scan(at, store, state);
    expect(at, whole || !is_sound(at, store), "verify passes over what a scan refuses");
}

static void use_closed(const flip *at)
{
    env *disk = damaged_disk(at);
    pykv_options options = options_of(at);
    for (int round = 0; round < 2; round++) {
        bitcask *store;
        pykv_status status = bitcask_open(disk, GOLDEN_PATH, &options, &store);
        expect(at, status == PYKV_OK || is_refusal(status), "open failed");
        if (status != PYKV_OK) {
            expect(at, round == 0, "the store opened before and does not open again");
            break;
        }
        expect(at, !is_of(at, "/MANIFEST"), "a damaged manifest is used");
        check_open(at, store);
        bool aid = is_of(at, "/KEYDIR") || is_of(at, ".hint");
        expect(at, aid || !is_sound(at, store), "verify misses the damage");
        if (at->bit % 7 == 0 && options.read_only == 0) {
            status = bitcask_compact(store, NULL);
            expect(at, status == PYKV_OK || status == PYKV_CORRUPTION, "a compaction failed");
            check_open(at, store);
        }
        status = bitcask_close(store, -1);
        expect(at, status == PYKV_OK || status == PYKV_CORRUPTION, "close failed");
        bitcask_free(store);
    }
    env_memory_free(disk);
}

/* ---- a store that was killed ---- */

/* The log may end before the damage, but not before what is known to be synced. */
static void use_killed(const flip *at)
{
    env *disk = damaged_disk(at);
    pykv_options options = options_of(at);
    bitcask *store;
    pykv_status status = bitcask_open(disk, GOLDEN_PATH, &options, &store);
    expect(at, status == PYKV_OK || is_refusal(status), "open failed");
    if (status == PYKV_OK) {
        golden_state read;
        read_keys(at, store, &read);
        size_t commit = stored.commit;
        while (commit > stored.durable && !fits(&read, &stored.states[commit])) {
            commit--;
        }
        expect(at, fits(&read, &stored.states[commit]), "no state of the store looks like that");
        expect(at, commit == stored.commit || is_of(at, ".log"), "writes are lost");
        (void)check_scan(at, store, &stored.states[commit]);
        (void)is_sound(at, store);
        bitcask_free(store);
    }
    env_memory_free(disk);
}

/* ---- repair ---- */

/* A key whose newest record was damaged may be gone, or have an earlier value. */
static void check_repaired(const flip *at, bitcask *store)
{
    bool cleared;
    const golden_state *state = &stored.states[stored.commit];
    uint32_t damaged = golden_key_at(&stored, at->file, at->bit / 8, &cleared);
    golden_state read;
    read_keys(at, store, &read);
    for (uint32_t index = 0; index < GOLDEN_KEYS; index++) {
        bool may_differ = cleared || index == damaged;
        expect(at, read.values[index] != UINT32_MAX, "a repaired store has damage");
        expect(at, may_differ || read.values[index] == state->values[index],
               "a repair lost or changed a record that was not damaged");
    }
    expect(at, check_scan(at, store, &read), "a repaired store does not scan");
    expect(at, is_sound(at, store), "verify finds damage in a repaired store");
}

static void repair(const flip *at)
{
    static pykv_report report;
    env *disk = damaged_disk(at);
    bitcask *store;
    pykv_options options = options_of(at);
    expect(at, bitcask_repair(disk, GOLDEN_PATH, &report) == PYKV_OK, "the repair failed");
    bool must_tell = is_of(at, ".log") || is_of(at, "/MANIFEST");
    expect(at, report.damage_count > 0 || !must_tell, "a repair does not tell the damage");
    expect(at, bitcask_open(disk, GOLDEN_PATH, &options, &store) == PYKV_OK,
           "a repaired store does not open");
    expect(at, bitcask_count(store) == report.kept_record_count, "a repair counts wrong");
    check_repaired(at, store);
    bitcask_free(store);
    env_memory_free(disk);
}

/* ---- which bits ---- */

static uint64_t bit_count(void)
{
    uint64_t count = 0;
    for (size_t i = 0; i < stored.file_count; i++) {
        count += stored.files[i].size * 8;
    }
    return count;
}

/* All bits, or as many as are wanted: of each file alike, however large it is. */
static void flip_bits(golden_kind kind, void (*use)(const flip *at), const char *name)
{
    uint64_t wanted = check_count("PYKV_FLIPS", 2000);
    uint64_t chance = check_seed();
    uint64_t done = 0;
    golden_make(&stored, kind);
    uint64_t all = bit_count();
    for (size_t i = 0; i < stored.file_count && wanted >= all; i++) {
        for (uint64_t bit = 0; bit < stored.files[i].size * 8; bit++) {
            use(&(flip){&stored.files[i], bit});
            done++;
        }
    }
    while (wanted < all && done < wanted) {
        const golden_file *file = &stored.files[done % stored.file_count];
        use(&(flip){file, check_random(&chance, file->size * 8)});
        done++;
    }
    printf("bitcask bit flips, %s: %" PRIu64 " of %" PRIu64 " bits, failures: 0\n", name, done,
           all);
    golden_free(&stored);
}

TEST(the_golden_store_has_a_file_of_every_kind_and_is_sound)
{
    static const char *const kinds[] = {".hint", "/KEYDIR", "/MANIFEST", ".log"};
    pykv_options options = {.must_exist = 1};
    golden_make(&stored, GOLDEN_CLOSED);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        size_t count = 0;
        for (size_t i = 0; i < stored.file_count; i++) {
            count += is_of(&(flip){&stored.files[i], 0}, kinds[k]);
        }
        CHECK(count >= (k == 3 ? 4 : 1));
    }
    CHECK_OK(bitcask_open(stored.disk, GOLDEN_PATH, &options, &stored.store));
    flip none = {&stored.files[0], 0};
    check_open(&none, stored.store);
    CHECK(is_sound(&none, stored.store));
    golden_free(&stored);
}

TEST(a_flipped_bit_of_a_closed_store_is_an_error_or_harmless)
{
    flip_bits(GOLDEN_CLOSED, use_closed, "closed store");
}

TEST(a_flipped_bit_of_a_store_without_its_image_is_an_error_or_harmless)
{
    flip_bits(GOLDEN_WITHOUT_IMAGE, use_closed, "store without its image");
}

TEST(a_flipped_bit_of_a_killed_store_is_an_error_or_ends_its_log_there)
{
    flip_bits(GOLDEN_KILLED, use_killed, "killed store");
}

TEST(a_repair_saves_every_record_that_has_no_flipped_bit)
{
    flip_bits(GOLDEN_CLOSED, repair, "repair");
}

TEST_MAIN(CASE(the_golden_store_has_a_file_of_every_kind_and_is_sound),
          CASE(a_flipped_bit_of_a_closed_store_is_an_error_or_harmless),
          CASE(a_flipped_bit_of_a_store_without_its_image_is_an_error_or_harmless),
          CASE(a_flipped_bit_of_a_killed_store_is_an_error_or_ends_its_log_there),
          CASE(a_repair_saves_every_record_that_has_no_flipped_bit))
