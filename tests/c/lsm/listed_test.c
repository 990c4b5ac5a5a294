/*
 * listed_test: the version that a manifest lists, with and without tables that are open already.
 */
#include "lsm_fixture.h"

#include "lsm/listed.h"
#include "lsm/version_values.h"

static version *open_listed(fixture *self, const lsm_manifest *listed, const version *shown)
{
    version *made = NULL;
    CHECK_OK(lsm_open_listed(self->store, listed, shown, &made));
    CHECK_EQUAL(listed->table_count, made->file_count);
    CHECK_EQUAL(listed->values_count, made->value_segment_count);
    return made;
}

static bool has(const version *self, const table_file *file)
{
    for (int i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t k = 0; k < self->levels[i].count; k++) {
            if (self->levels[i].files[k] == file) {
                return true;
            }
        }
    }
    return false;
}

static fixture new_with_tables(void)
{
    fixture self = fixture_blank();
    self.options.value_log_bytes_min = 1000;
    CHECK_OK(fixture_open(&self));
    for (uint32_t i = 0; i < 4; i++) {
        fixture_fill(&self, i * 20, i * 20 + 20, i % 2 == 0 ? 100 : 2000);
        CHECK_OK(lsm_flush(self.store));
    }
    return self;
}

TEST(what_is_open_is_shared_and_the_rest_is_opened)
{
    fixture self = new_with_tables();
    version *none;
    lsm_manifest listed = fixture_manifest(&self);
    const version *now = lsm_view(self.store)->version;
    CHECK(listed.table_count > 1 && listed.values_count > 0);
    CHECK_OK(version_new_empty(&none));
    version *apart = open_listed(&self, &listed, none);
    version *shared = open_listed(&self, &listed, now);
    for (uint32_t i = 0; i < now->levels[0].count; i++) {
        CHECK(has(shared, now->levels[0].files[i]));
        CHECK(!has(apart, now->levels[0].files[i]));
    }
    CHECK(shared->values[0].segment == now->values[0].segment);
    CHECK(apart->values[0].segment != now->values[0].segment);
    version_release(apart);
    version_release(shared);
    version_release(none);
    lsm_manifest_reset(&listed);
    fixture_free(&self);
}

TEST(a_table_of_the_same_number_and_another_id_is_not_shared)
{
    fixture self = new_with_tables();
    version *made = NULL;
    lsm_manifest listed = fixture_manifest(&self);
    listed.tables[0].file_id ^= 1;
    CHECK_STATUS(PYKV_CORRUPTION,
                 lsm_open_listed(self.store, &listed, lsm_view(self.store)->version, &made));
    CHECK(made == NULL);
    lsm_manifest_reset(&listed);
    fixture_free(&self);
}

TEST(a_table_that_is_missing_is_damage_and_nothing_stays_open)
{
    fixture self = new_with_tables();
    version *none;
    version *made = NULL;
    char name[32];
    int64_t blocks = 0;
    lsm_manifest listed = fixture_manifest(&self);
    CHECK_OK(version_new_empty(&none));
    CHECK(fixture_files(&self, ".tbl", name) > 0);
    fixture_unlink(&self, name);
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(PYKV_CORRUPTION, lsm_open_listed(self.store, &listed, none, &made));
        (void)table_graveyard_empty(&self.store->graveyard);
        CHECK(i == 0 || mem_block_count() == blocks);
        blocks = mem_block_count();
    }
    version_release(none);
    lsm_manifest_reset(&listed);
    fixture_free(&self);
}

TEST_MAIN(CASE(what_is_open_is_shared_and_the_rest_is_opened),
          CASE(a_table_of_the_same_number_and_another_id_is_not_shared),
          CASE(a_table_that_is_missing_is_damage_and_nothing_stays_open))
