/*
 * manifest_edit_test: what the manifest on disk says of a store that is in use.
 */
#include <errno.h>

#include "bitcask/bitcask_fixture.h"
#include "bitcask/manifest.h"
#include "bitcask/manifest_edit.h"
#include "env/env_fault.h"

/* Writes the manifest and reads it back; free it with manifest_reset. */
static manifest written(fixture *self, bool clean)
{
    manifest on_disk;
    mutex_lock(&self->store->manifest_lock);
    CHECK_OK(bitcask_write_manifest(self->store, clean));
    mutex_unlock(&self->store->manifest_lock);
    CHECK_OK(manifest_read(self->store->home, &on_disk));
    return on_disk;
}

TEST(the_active_segment_has_its_end_only_in_a_clean_manifest)
{
    fixture self = fixture_new();
    fixture_put(&self, "a", "1");
    CHECK_OK(bitcask_sync(self.store));
    manifest open = written(&self, false);
    CHECK(!open.clean);
    CHECK_EQUAL(1, open.segment_count);
    CHECK_EQUAL(0, open.segments[0].length);
    CHECK_EQUAL(1, open.last_sequence);
    manifest clean = written(&self, true);
    CHECK(clean.clean);
    CHECK_EQUAL(open.edit + 1, clean.edit);
    CHECK_EQUAL(atomic_load(&self.store->active->length), clean.segments[0].length);
    CHECK_EQUAL(1, clean.segments[0].last_sequence);
    manifest_reset(&open);
    manifest_reset(&clean);
    fixture_free(&self);
}

TEST(what_a_merge_is_writing_and_what_it_leaves_is_not_listed)
{
    fixture self = fixture_new();
    fixture_fill(&self, 0, 20, 1000);
    manifest before = written(&self, false);
    CHECK(before.segment_count >= 3);
    mutex_lock(&self.store->writer);
    self.store->segments[0]->merging = true;
    self.store->segments[1]->leaving = true;
    mutex_unlock(&self.store->writer);
    manifest after = written(&self, false);
    CHECK_EQUAL(before.segment_count - 2, after.segment_count);
    CHECK_EQUAL(before.segments[2].number, after.segments[0].number);
    self.store->segments[0]->merging = false;
    self.store->segments[1]->leaving = false;
    manifest_reset(&before);
    manifest_reset(&after);
    fixture_free(&self);
}

/* Each failed try once left a file of 64 bytes until the next open. */
TEST(segments_given_up_leave_no_file_once_a_manifest_without_them_is_durable)
{
    fixture self = {.options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}};
    env *inner;
    fixture files = {0};
    CHECK_OK(env_memory_new(check_seed(), FIXTURE_FILE_MAX, &inner));
    CHECK_OK(env_fault_new(inner, &self.disk));
    CHECK_OK(fixture_open(&self));
    files.disk = inner;
    env_fault_plan plan = {.at = 1,
                           .sticky = true,
                           .system_errno = EIO,
                           .call_mask = 1U << ENV_CALL_WRITE,
                           .name_part = "MANIFEST",
                           .seed = check_seed()};
    env_fault_set(self.disk, &plan);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(PYKV_IO_FAILED,
                     bitcask_put(self.store, fixture_text("a"), fixture_text("1"), 0));
    }
    CHECK(fixture_has(&files, "00000001.log")); /* for all that is known a manifest lists it */
    env_fault_set(self.disk, &(env_fault_plan){0});
    fixture_put(&self, "a", "1");
    for (uint32_t number = 1; number < self.store->active->number; number++) {
        char name[SEGMENT_NAME_BYTES];
        segment_name(number, false, name);
        CHECK(!fixture_has(&files, name));
    }
    CHECK_EQUAL(4, self.store->active->number);
    CHECK(fixture_has(&files, "00000004.log"));
    fixture_kill(&self);
    env_fault_free(self.disk);
    env_memory_free(inner);
}

TEST_MAIN(CASE(the_active_segment_has_its_end_only_in_a_clean_manifest),
          CASE(what_a_merge_is_writing_and_what_it_leaves_is_not_listed),
          CASE(segments_given_up_leave_no_file_once_a_manifest_without_them_is_durable))
