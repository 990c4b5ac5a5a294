/*
 * history_race_test: pins write manifests while merges take segments out of the store.
 *
 * One such manifest once made history of a segment whose file the merge then removed: a feed that
 * came to it reported damage.
 */
#include <pthread.h>

#include "bitcask_fixture.h"

enum { ROWS = 40, VALUE_BYTES = 400, ROUNDS = 1000 };

typedef struct pinner {
    bitcask *store;
    const char *name;
    pthread_t thread;
    _Atomic bool stopped;
    uint64_t manifests;
} pinner;

/* Follows from the beginning of what is kept, which has the segments there wanted, and pins it. */
static void *pin_and_follow(void *context)
{
    pinner *self = context;
    while (!atomic_load(&self->stopped)) {
        change_feed *feed;
        const pykv_change *changes;
        size_t count = 1;
        pykv_pin pin = {0};
        CHECK_OK(bitcask_changes_open(self->store, &(pykv_position){.sequence = 0},
                                      PYKV_CHANGES_UNSYNCED, &feed));
        pykv_status status = change_feed_next(feed, 1 << 16, 0, &changes, &count);
        CHECK(status == PYKV_OK || status == PYKV_HISTORY_GONE);
        snprintf(pin.name, sizeof pin.name, "%s", self->name);
        pin.sequence = status == PYKV_OK && count > 0 ? changes[0].sequence : 0;
        status = bitcask_pin_history(self->store, &pin);
        CHECK(status == PYKV_OK || status == PYKV_HISTORY_GONE);
        while (status == PYKV_OK && count > 0) {
            status = change_feed_next(feed, 1 << 16, 0, &changes, &count);
            CHECK(status == PYKV_OK || status == PYKV_HISTORY_GONE);
        }
        bitcask_changes_free(self->store, feed);
        status = bitcask_unpin_history(self->store, self->name);
        CHECK(status == PYKV_OK || status == PYKV_NOT_FOUND);
        self->manifests += 2;
    }
    return NULL;
}

TEST(no_file_goes_that_a_manifest_written_meanwhile_lists)
{
    fixture self = fixture_new();
    /* A feed reads beyond what it gives: of a mapped log, bytes that are being stored. */
    self.options.log_sink = PYKV_LOG_PWRITE;
    fixture_reopen(&self);
    pinner others[] = {{.store = self.store, .name = "one"},
                       {.store = self.store, .name = "other"}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        CHECK_EQUAL(0, pthread_create(&others[i].thread, NULL, pin_and_follow, &others[i]));
    }
    for (int round = 0; round < ROUNDS; round++) {
        pykv_report report = {.file_count = 0};
        fixture_fill(&self, 0, ROWS, VALUE_BYTES);
        CHECK_OK(bitcask_compact(self.store, NULL));
        CHECK_OK(bitcask_verify(self.store, NULL, &report));
        CHECK_EQUAL(0, report.damage_count);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        atomic_store(&others[i].stopped, true);
        CHECK_EQUAL(0, pthread_join(others[i].thread, NULL));
        CHECK(others[i].manifests > 0);
    }
    CHECK(fixture_stats(&self).merge_count >= ROUNDS / 4);
    fixture_free(&self);
}

TEST_MAIN(CASE(no_file_goes_that_a_manifest_written_meanwhile_lists))
