/*
 * write_seeds_forged: writes the seeds of LSM stores whose tables are wrong under checks that are
 * made right (write_seeds.h).
 */
#include "fuzz/write_seeds.h"

#include "lsm/lsm_fixture.h"

enum { PREFIX_BYTES = 2, REPAIRS = 31, WRITES = 16, CODES = 160 };

static void add_files(seed *self, fixture *store)
{
    for (uint8_t code = 0; code < CODES; code++) {
        char name[FUZZ_NAME_BYTES];
        fuzz_lsm_name(code, name);
        if (code >= FUZZ_LSM_NUMBERS || code < 2) {
            (void)add_file(self, store->disk, FIXTURE_PATH, name, code);
        }
    }
}

/* Puts a byte where text stands in the seed, which is written to and compacted when it is used. */
static void save_forged(const seed *sound, const char *text, size_t offset, uint8_t byte,
                        const char *variant)
{
    seed changed = *sound;
    uint8_t *at = memmem(changed.data, changed.size, text, strlen(text));
    CHECK(at != NULL);
    at[offset] = byte;
    changed.data[0] = REPAIRS;
    changed.data[1] = WRITES;
    save(&changed, "lsm", "forged", variant);
}

/* The sequences of a table begin behind its header. */
TEST(tables_whose_entries_do_not_rise_or_are_newer_than_the_manifest_says)
{
    fixture store = fixture_blank();
    store.options.log_sink = PYKV_LOG_PWRITE;
    CHECK_OK(fixture_open(&store));
    for (size_t i = 0; i < 2; i++) {
        fixture_put(&store, "a", "of the first key");
        fixture_put(&store, "b", "of the second key");
        fixture_put(&store, "c", "of the third key");
        CHECK_OK(lsm_flush(store.store));
    }
    fixture_close(&store);
    seed all = {.size = PREFIX_BYTES};
    add_files(&all, &store);
    save_forged(&all, "bof the second", 0, 'x', "_order");
    save_forged(&all, "bof the second", 0, 'a', "_versions");
    save_forged(&all, "PYKVTBL\n", TABLE_HEADER_BYTES, 200, "_newer");
    fixture_free(&store);
}

TEST_MAIN(CASE(tables_whose_entries_do_not_rise_or_are_newer_than_the_manifest_says))
