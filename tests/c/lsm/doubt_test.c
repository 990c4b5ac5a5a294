/*
 * doubt_test: what a manifest in doubt may list stays until a later one is durable.
 */
#include "lsm_fixture.h"

#include "lsm/doubt.h"

static env_directory *home_of(fixture *self)
{
    env_directory *home;
    CHECK_OK(env_directory_open(self->disk, FIXTURE_PATH, true, &home));
    return home;
}

static void leave_two(fixture *self, doubt *left)
{
    manifest_table facts = {.number = 0xaa};
    manifest_values values = {.number = 0xab};
    fixture_make_file(self, "000000aa.tbl", "table");
    fixture_make_file(self, "000000ab.val", "values");
    CHECK(!doubt_has_outputs(left));
    doubt_outputs(left, &facts, 1, &values, 1);
    CHECK(doubt_has_outputs(left));
}

TEST(outputs_go_when_a_manifest_is_durable)
{
    fixture self = fixture_blank();
    env_directory *home = home_of(&self);
    doubt left = {.cleared = NULL};
    fixture_make_file(&self, "000000ac.tbl", "of the version");
    leave_two(&self, &left);
    doubt_end(&left, home);
    CHECK(!doubt_has_outputs(&left));
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
    CHECK_EQUAL(0, fixture_files(&self, ".val", NULL));
    doubt_end(&left, home);
    env_directory_close(home);
    env_memory_free(self.disk);
}

TEST(outputs_stay_where_no_manifest_was)
{
    fixture self = fixture_blank();
    doubt left = {.cleared = NULL};
    leave_two(&self, &left);
    doubt_reset(&left);
    CHECK(!doubt_has_outputs(&left));
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
    CHECK_EQUAL(1, fixture_files(&self, ".val", NULL));
    env_memory_free(self.disk);
}

TEST(without_memory_outputs_stay)
{
    fixture self = fixture_blank();
    env_directory *home = home_of(&self);
    doubt left = {.cleared = NULL};
    manifest_table facts = {.number = 0xaa};
    fixture_make_file(&self, "000000aa.tbl", "table");
    (void)mem_fail_at(1, 0);
    doubt_outputs(&left, &facts, 1, NULL, 0);
    (void)mem_fail_at(0, 0);
    doubt_end(&left, home);
    CHECK_EQUAL(1, fixture_files(&self, ".tbl", NULL));
    env_directory_close(home);
    env_memory_free(self.disk);
}

TEST(the_first_version_that_a_clear_replaced_is_kept_until_then)
{
    fixture self = fixture_new();
    doubt left = {.cleared = NULL};
    version *empty = version_acquire(lsm_view(self.store)->version);
    fixture_fill(&self, 0, 20, 10);
    CHECK_OK(lsm_flush(self.store));
    version *full = version_acquire(lsm_view(self.store)->version);
    doubt_cleared(&left, full);
    doubt_cleared(&left, empty);
    CHECK(left.cleared == full && !doubt_has_outputs(&left));
    CHECK(!atomic_load(&full->levels[0].files[0]->shared.obsolete));
    doubt_end(&left, self.store->home);
    CHECK(left.cleared == NULL);
    CHECK(atomic_load(&full->levels[0].files[0]->shared.obsolete));
    version_release(full);
    version_release(empty);
    fixture_free(&self);
}

TEST_MAIN(CASE(outputs_go_when_a_manifest_is_durable), CASE(outputs_stay_where_no_manifest_was),
          CASE(without_memory_outputs_stay),
          CASE(the_first_version_that_a_clear_replaced_is_kept_until_then))
