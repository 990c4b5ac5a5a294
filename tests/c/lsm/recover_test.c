/*
 * recover_test: after the death of the process everything is there; after the power went, a prefix.
 */
#include "lsm_fixture.h"

TEST(everything_acknowledged_is_there_after_the_process_died)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 250, 1000);
    fixture_delete(&self, "key-00007");
    fixture_put(&self, "key-00008", "new");
    fixture_recover(&self);
    CHECK_EQUAL(249, fixture_count(&self));
    fixture_expect(&self, "key-00007", NULL);
    fixture_expect(&self, "key-00008", "new");
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(252, stats.last_sequence);
    CHECK_EQUAL(252, stats.synced_sequence);
    CHECK(stats.recovered_record_count > 0 && stats.recovered_record_count < 252);
    CHECK_EQUAL(0, stats.clean_open);
    CHECK_EQUAL(1, stats.epoch);
    CHECK_EQUAL(0, fixture_files(&self, ".log", NULL));
    fixture_put(&self, "next", "1");
    CHECK_EQUAL(253, fixture_stats(&self).last_sequence);
    fixture_free(&self);
}

TEST(a_clean_open_reads_no_log_and_keeps_the_epoch)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 1000);
    fixture_reopen(&self);
    pykv_stats stats = fixture_stats(&self);
    CHECK_EQUAL(0, stats.recovered_record_count + stats.epoch);
    CHECK_EQUAL(1, stats.clean_open);
    CHECK_EQUAL(100, stats.last_sequence);
    fixture_free(&self);
}

TEST(a_recovery_that_is_repeated_finds_the_same)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 1000);
    for (int i = 0; i < 5; i++) {
        fixture_recover(&self);
        CHECK_EQUAL(100, fixture_count(&self));
        CHECK_EQUAL(100, fixture_stats(&self).last_sequence);
    }
    fixture_free(&self);
}

TEST(a_torn_end_is_set_aside_and_what_comes_before_it_is_kept)
{
    fixture self = fixture_new();
    uint64_t size;
    char name[32];
    fixture_fill(&self, 0, 20, 100);
    fixture_files(&self, ".log", name);
    fixture_kill(&self);
    uint8_t *data = fixture_bytes(&self, name, &size);
    uint64_t end = size;
    while (end > 0 && data[end - 1] == 0) {
        end--;
    }
    data[end - 20] ^= 1; /* in the last record */
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(19, fixture_count(&self));
    CHECK(fixture_stats(&self).discarded_bytes > 0);
    CHECK_EQUAL(1, fixture_files(&self, ".torn", NULL));
    fixture_put(&self, "next", "1");
    fixture_recover(&self);
    CHECK_EQUAL(20, fixture_count(&self));
    fixture_free(&self);
}

TEST(after_the_power_went_what_was_synced_is_there_and_the_rest_is_a_prefix)
{
    for (uint64_t seed = 1; seed <= 40; seed++) {
        fixture self = fixture_new();
        env *booted;
        fixture_fill(&self, 0, 120, 500);
        CHECK_OK(lsm_sync(self.store));
        fixture_fill(&self, 120, 200, 500);
        CHECK_OK(env_memory_crash(self.disk, seed, ENV_CRASH_TORN, &booted));
        fixture_free(&self);
        self.disk = booted;
        CHECK_OK(fixture_open(&self));
        uint64_t count = fixture_count(&self);
        CHECK(count >= 120 && count <= 200);
        CHECK_EQUAL(count, fixture_stats(&self).last_sequence);
        if (count > 0) {
            char key[16];
            (void)fixture_key((uint32_t)count - 1, key);
            CHECK_OK(lsm_contains(self.store, fixture_text(key), 0));
        }
        fixture_free(&self);
    }
}

TEST(a_reader_recovers_in_memory_alone)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 100, 1000);
    CHECK_OK(lsm_clear(self.store, 0));
    fixture_fill(&self, 0, 90, 1000);
    fixture_kill(&self);
    size_t logs = fixture_files(&self, ".log", NULL);
    self.options.read_only = 1;
    CHECK_OK(fixture_open(&self));
    CHECK_EQUAL(90, fixture_count(&self));
    CHECK_EQUAL(logs, fixture_files(&self, ".log", NULL));
    fixture_free(&self);
}

TEST_MAIN(CASE(everything_acknowledged_is_there_after_the_process_died),
          CASE(a_clean_open_reads_no_log_and_keeps_the_epoch),
          CASE(a_recovery_that_is_repeated_finds_the_same),
          CASE(a_torn_end_is_set_aside_and_what_comes_before_it_is_kept),
          CASE(after_the_power_went_what_was_synced_is_there_and_the_rest_is_a_prefix),
          CASE(a_reader_recovers_in_memory_alone))
