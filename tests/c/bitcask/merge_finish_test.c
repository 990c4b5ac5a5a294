/*
 * merge_finish_test: the phases that make a merge's output the place of its records.
 */
#include <errno.h>

#include "bitcask/manifest_edit.h"
#include "bitcask/merge_fixture.h"
#include "env/env_fault.h"

/* Whether the manifest on disk lists a segment. */
static bool is_listed(fixture *self, uint32_t number)
{
    manifest on_disk;
    bool found = false;
    CHECK_OK(manifest_read(self->store->home, &on_disk));
    for (uint64_t i = 0; i < on_disk.segment_count; i++) {
        found |= on_disk.segments[i].number == number;
    }
    manifest_reset(&on_disk);
    return found;
}

/* Two full segments, of which every second record was overwritten: once in the
 * second, which has room for one more, then in a third. They hold eight live records. */
static void write_some(fixture *self)
{
    fixture_fill(self, 0, 14, 1000);
    for (uint32_t i = 0; i < 14; i += 2) {
        fixture_fill(self, i, i + 1, 500);
    }
}

TEST(commit_makes_the_output_durable_and_gives_it_a_hint_and_remove_lists_it)
{
    fixture self = fixture_new();
    char name[SEGMENT_NAME_BYTES];
    write_some(&self);
    size_t inputs = merge_fixture_begin(&self);
    CHECK_EQUAL(2, inputs);
    merge_fixture_until(&self, MERGE_COMMIT);
    segment *output = self.store->merge->output;
    CHECK(output != NULL && output->merging && !is_listed(&self, output->number));
    CHECK(merge_fixture_step(&self));
    CHECK_EQUAL(MERGE_SWING, self.store->merge->phase);
    CHECK(!output->merging && output->sealed && output->synced && output->has_hint);
    CHECK_EQUAL(LOG_SEGMENT_MERGED, output->kind);
    CHECK_EQUAL(0, output->live_count);
    CHECK_EQUAL(atomic_load(&output->length), fixture_stats(&self).merged_bytes);
    segment_name(output->number, true, name);
    CHECK(fixture_has(&self, name) && !is_listed(&self, output->number));
    for (size_t i = 0; i < inputs; i++) {
        CHECK(is_listed(&self, self.store->merge->inputs[i]->number));
    }
    mutex_lock(&self.store->manifest_lock);
    CHECK_OK(bitcask_write_manifest(self.store, false)); /* a writer rolls meanwhile */
    mutex_unlock(&self.store->manifest_lock);
    CHECK(is_listed(&self, output->number));
    merge_fixture_finish(&self);
    CHECK(is_listed(&self, output->number) && !is_listed(&self, 1));
    CHECK(self.store->merge_was_fruitful);
    fixture_free(&self);
}

TEST(swing_moves_the_live_counts_and_leaves_alone_what_changed)
{
    fixture self = fixture_new();
    write_some(&self);
    merge_fixture_begin(&self);
    merge_fixture_until(&self, MERGE_SWING);
    fixture_put(&self, "key-1", "new");
    fixture_delete(&self, "key-3");
    uint64_t live = fixture_stats(&self).live_bytes;
    segment *output = self.store->merge->output;
    merge_fixture_until(&self, MERGE_REMOVE);
    CHECK_EQUAL(live, fixture_stats(&self).live_bytes);
    uint64_t moved = 0;
    for (size_t i = 0; i < self.store->merge->input_count; i++) {
        moved += self.store->merge->inputs[i]->live_count;
    }
    uint64_t copied = self.store->merge->hints.count;
    CHECK_EQUAL(0, moved);
    CHECK_EQUAL(8, copied);
    CHECK_EQUAL(copied - 2, output->live_count);
    CHECK_EQUAL(UINT64_MAX, output->swung_length);
    fixture_expect(&self, "key-1", "new");
    fixture_expect(&self, "key-3", NULL);
    CHECK_EQUAL(13, fixture_stats(&self).key_count);
    fixture_free(&self);
}

TEST(remove_syncs_what_displaced_the_inputs_before_it_unlinks_them)
{
    fixture self = fixture_new();
    fixture after = self;
    write_some(&self);
    merge_fixture_begin(&self);
    fixture_put(&self, "key-9", "displaces a record of an input"); /* which is not copied then */
    merge_fixture_until(&self, MERGE_REMOVE);
    CHECK(fixture_stats(&self).synced_sequence < fixture_stats(&self).last_sequence);
    uint32_t input = self.store->merge->inputs[0]->number;
    uint64_t edit = self.store->merge_edit;
    CHECK(!merge_fixture_step(&self));
    CHECK_EQUAL(fixture_stats(&self).last_sequence, fixture_stats(&self).synced_sequence);
    CHECK(self.store->merge_edit > edit);
    CHECK_EQUAL(1, fixture_stats(&self).merge_count);
    CHECK(!is_listed(&self, input) && !fixture_has(&self, "00000001.log"));
    fixture_kill(&self);
    CHECK_OK(env_memory_crash(self.disk, check_seed(), ENV_CRASH_DROP_ALL, &after.disk));
    CHECK_OK(fixture_open(&after));
    fixture_expect(&after, "key-9", "displaces a record of an input");
    CHECK_EQUAL(14, fixture_stats(&after).key_count);
    fixture_free(&after);
    fixture_free(&self);
}

TEST(a_manifest_that_fails_at_the_removal_leaves_the_inputs_in_force)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    env *inner;
    bool more = true;
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &inner));
    CHECK_OK(env_fault_new(inner, &self.disk));
    CHECK_OK(fixture_open(&self));
    write_some(&self);
    merge_fixture_begin(&self);
    merge_fixture_until(&self, MERGE_REMOVE);
    segment *input = self.store->merge->inputs[0];
    uint64_t edit = self.store->merge_edit;
    env_fault_plan plan = {.at = 1,
                           .system_errno = EIO,
                           .call_mask = 1U << ENV_CALL_RENAME,
                           .name_part = "MANIFEST",
                           .seed = check_seed()};
    env_fault_set(self.disk, &plan);
    mutex_lock(&self.store->merge_lock);
    CHECK_STATUS(PYKV_IO_FAILED, merge_step(self.store, &more));
    CHECK(!more && self.store->merge == NULL);
    mutex_unlock(&self.store->merge_lock);
    CHECK_EQUAL(1, env_fault_failed(self.disk));
    CHECK_EQUAL(edit, self.store->merge_edit);
    CHECK(!input->leaving && !input->removed && is_listed(&self, input->number));
    CHECK_EQUAL(0, input->pin_count);
    CHECK_EQUAL(0, fixture_stats(&self).merge_count);
    merge_fixture_begin(&self);
    merge_fixture_finish(&self);
    CHECK_EQUAL(14, fixture_stats(&self).key_count);
    merge_fixture_kill_and_reopen(&self);
    CHECK_EQUAL(14, fixture_stats(&self).key_count);
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner);
}

TEST(a_merge_that_keeps_no_record_makes_no_output)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 14, 1000);
    CHECK_OK(bitcask_clear(self.store, 0));
    CHECK_OK(bitcask_sync(self.store));
    merge_fixture_begin(&self);
    merge_fixture_until(&self, MERGE_COMMIT);
    CHECK(self.store->merge->output == NULL);
    merge_fixture_finish(&self);
    CHECK_EQUAL(0, fixture_stats(&self).segment_count);
    CHECK_EQUAL(0, fixture_stats(&self).merged_bytes);
    CHECK(!fixture_has(&self, "00000001.log"));
    fixture_free(&self);
}

/* The manifest that would have let the inputs go found no block, and the disk stayed full. */
TEST(a_merge_that_fills_the_disk_still_lets_its_inputs_go)
{
    fixture self = fixture_new();
    write_some(&self);
    merge_fixture_begin(&self);
    merge_fixture_until(&self, MERGE_REMOVE);
    uint32_t input = self.store->merge->inputs[0]->number;
    uint64_t before = fixture_stats(&self).disk_bytes;
    env_memory_set_capacity(self.disk, 1);
    merge_fixture_finish(&self);
    CHECK(!is_listed(&self, input) && !fixture_has(&self, "00000001.log"));
    CHECK(fixture_stats(&self).disk_bytes < before);
    CHECK_EQUAL(14, fixture_stats(&self).key_count);
    env_memory_set_capacity(self.disk, UINT64_MAX);
    merge_fixture_kill_and_reopen(&self);
    CHECK_EQUAL(14, fixture_stats(&self).key_count);
    fixture_free(&self);
}

/* A merge was to rest when the store grew beside it; when nothing was written any more it rested
 * for ever. */
TEST(the_fruit_of_a_merge_is_what_it_frees_of_its_inputs)
{
    fixture self = fixture_new();
    write_some(&self);
    merge_fixture_begin(&self);
    fixture_fill(&self, 100, 140, 1000);
    merge_fixture_finish(&self);
    CHECK(self.store->merge_was_fruitful);
    fixture_fill(&self, 200, 201, 100);
    fixture_fill(&self, 201, 206, 1000);
    fixture_fill(&self, 200, 201, 100);
    merge_fixture_begin(&self);
    merge_fixture_finish(&self);
    CHECK(!self.store->merge_was_fruitful);
    fixture_free(&self);
}

TEST_MAIN(CASE(commit_makes_the_output_durable_and_gives_it_a_hint_and_remove_lists_it),
          CASE(swing_moves_the_live_counts_and_leaves_alone_what_changed),
          CASE(remove_syncs_what_displaced_the_inputs_before_it_unlinks_them),
          CASE(a_manifest_that_fails_at_the_removal_leaves_the_inputs_in_force),
          CASE(a_merge_that_keeps_no_record_makes_no_output),
          CASE(a_merge_that_fills_the_disk_still_lets_its_inputs_go),
          CASE(the_fruit_of_a_merge_is_what_it_frees_of_its_inputs))
