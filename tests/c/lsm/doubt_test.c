/*
 * doubt_test: what a manifest in doubt may list stays until a later one is durable.
 */
#include "lsm_fixture.h"

#include "lsm/doubt.h"

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
    CHECK(left.cleared == full);
    CHECK(!atomic_load(&full->levels[0].files[0]->shared.obsolete));
    doubt_end(&left);
    CHECK(left.cleared == NULL);
    CHECK(atomic_load(&full->levels[0].files[0]->shared.obsolete));
    version_release(full);
    version_release(empty);
    fixture_free(&self);
}

TEST_MAIN(CASE(the_first_version_that_a_clear_replaced_is_kept_until_then))
