/*
 * merge_state_test: what a merge holds, and that it lets go of it.
 */
#include "base/error.h"
#include "bitcask/merge_fixture.h"

/* A merge of some segments that is about to do phase. */
static merge *begun(fixture *self, merge_phase phase)
{
    fixture_fill(self, 0, 30, 600);
    fixture_fill(self, 0, 20, 300);
    merge_fixture_begin(self);
    merge_fixture_until(self, phase);
    return self->store->merge;
}

static size_t pinned_count(const fixture *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->store->segment_count; i++) {
        count += self->store->segments[i]->pin_count > 0 && self->store->segments[i]->input;
    }
    return count;
}

TEST(a_merge_that_ends_early_gives_its_inputs_and_its_memory_back_and_keeps_the_reason)
{
    fixture self = fixture_new();
    int64_t before = mem_block_count();
    merge *running = begun(&self, MERGE_COPY);
    CHECK_EQUAL(running->input_count, pinned_count(&self));
    mutex_lock(&self.store->merge_lock);
    (void)error_set(PYKV_IO_FAILED, "the reason");
    merge_end_early(self.store, running);
    mutex_unlock(&self.store->merge_lock);
    CHECK(self.store->merge == NULL);
    CHECK_EQUAL(0, pinned_count(&self));
    CHECK(strstr(error_last()->text, "the reason") != NULL);
    CHECK(mem_block_count() > before); /* of segments, and no less for their keys */
    fixture_free(&self);
}

TEST(an_output_that_manifests_may_list_stays_and_an_unfinished_one_goes)
{
    for (merge_phase phase = MERGE_COMMIT; phase <= MERGE_SWING; phase++) {
        fixture self = fixture_new();
        merge *running = begun(&self, phase);
        char name[SEGMENT_NAME_BYTES];
        segment_name(running->output->number, false, name);
        CHECK(fixture_has(&self, name));
        mutex_lock(&self.store->merge_lock);
        merge_end_early(self.store, running);
        mutex_unlock(&self.store->merge_lock);
        CHECK(fixture_has(&self, name) == (phase == MERGE_SWING));
        fixture_free(&self);
    }
}

TEST_MAIN(CASE(a_merge_that_ends_early_gives_its_inputs_and_its_memory_back_and_keeps_the_reason),
          CASE(an_output_that_manifests_may_list_stays_and_an_unfinished_one_goes))
