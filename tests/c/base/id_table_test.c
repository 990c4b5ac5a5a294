/*
 * id_table_test: rows by rising id.
 */
#include "harness/check.h"

#include "base/id_table.h"
#include "base/memory.h"

enum { ROWS = 40 };

typedef struct row {
    uint32_t id;
    uint64_t value;
} row;

static row *meet(id_table *table, uint32_t id)
{
    void *met = NULL;
    CHECK_OK(id_table_meet(table, id, sizeof(row), &met));
    return met;
}

/* Ids 1 .. ROWS, in no order. */
static void fill(id_table *table)
{
    for (uint32_t i = 0; i < ROWS; i++) {
        uint32_t id = 1 + i * 7 % ROWS;
        CHECK(id_table_find(table, id) == NULL);
        row *made = meet(table, id);
        CHECK_EQUAL(id, made->id);
        CHECK_EQUAL(0, made->value);
        made->value = 10 * id;
    }
}

TEST(rows_stand_by_rising_id_and_are_found)
{
    id_table table = {.rows = NULL};
    CHECK(id_table_find(&table, 1) == NULL);
    fill(&table);
    CHECK_EQUAL(ROWS, table.count);
    for (uint32_t i = 0; i < ROWS; i++) {
        row *at = id_table_at(&table, i);
        CHECK_EQUAL(i + 1, at->id);
        CHECK_EQUAL(10 * at->id, at->value);
        CHECK(id_table_find(&table, i + 1) == at);
        CHECK(meet(&table, i + 1) == at);
    }
    CHECK_EQUAL(ROWS, table.count);
    CHECK(id_table_find(&table, 0) == NULL);
    CHECK(id_table_find(&table, ROWS + 1) == NULL);
    id_table_reset(&table);
    CHECK_EQUAL(0, table.count);
}

TEST(a_row_that_is_removed_is_found_no_more_and_is_zeros_again_when_it_is_met)
{
    id_table table = {.rows = NULL};
    fill(&table);
    const uint32_t gone[] = {1, 20, ROWS};
    for (size_t i = 0; i < 3; i++) {
        id_table_remove(&table, id_table_find(&table, gone[i]));
        CHECK(id_table_find(&table, gone[i]) == NULL);
        CHECK_EQUAL(ROWS - 1, table.count);
        for (uint32_t id = 1; id <= ROWS; id++) {
            const row *found = id_table_find(&table, id);
            CHECK(id == gone[i] ? found == NULL : found->value == 10 * id);
        }
        row *again = meet(&table, gone[i]);
        CHECK_EQUAL(0, again->value);
        again->value = 10 * gone[i];
    }
    id_table_reset(&table);
}

TEST(a_row_that_finds_no_memory_changes_nothing)
{
    id_table table = {.rows = NULL};
    void *met = NULL;
    uint32_t id = 0;
    pykv_status status = PYKV_OK;
    (void)mem_fail_at(2, 0);
    while (status == PYKV_OK) {
        id++;
        status = id_table_meet(&table, id, sizeof(row), &met);
    }
    (void)mem_fail_at(0, 0);
    CHECK_EQUAL(PYKV_NO_MEMORY, status);
    CHECK_EQUAL(id - 1, table.count);
    CHECK(id_table_find(&table, id) == NULL);
    CHECK(id_table_find(&table, 1) != NULL);
    id_table_reset(&table);
}

TEST_MAIN(CASE(rows_stand_by_rising_id_and_are_found),
          CASE(a_row_that_is_removed_is_found_no_more_and_is_zeros_again_when_it_is_met),
          CASE(a_row_that_finds_no_memory_changes_nothing))
