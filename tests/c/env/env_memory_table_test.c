/*
 * env_memory_table_test: the names of one directory of the simulated disk.
 */
#include "base/memory.h"
#include "env/env_memory_node.h"
#include "env/env_memory_parts.h"
#include "env/env_memory_reference.h"
#include "env/env_memory_table.h"
#include "env/files.h"

static memory_disk *disk;
static memory_node *node;
static memory_node *other;
static memory_table table;

static void start(void)
{
    disk = NULL;
    memset(&table, 0, sizeof table);
    table.live = true;
    CHECK_OK(memory_disk_new(1, 64 << 10, &disk));
    node = memory_node_new(disk, false);
    other = memory_node_new(disk, false);
    CHECK(node != NULL && other != NULL);
    memory_node_hold(disk, node, false);
    memory_node_hold(disk, other, false);
}

static void finish(void)
{
    memory_table_reset(disk, &table);
    CHECK_EQUAL(1, node->references);
    CHECK_EQUAL(0, node->holders);
    memory_node_release(disk, node, false);
    memory_node_release(disk, other, false);
    memory_disk_free(disk);
}

static memory_node *find(const char *name)
{
    struct memory_entry *entry = memory_table_find(&table, name, strlen(name));
    return entry != NULL ? entry->node : NULL;
}

static void apply(memory_change_kind kind, memory_node *changed, const char *name, const char *to)
{
    memory_change change = {.kind = kind, .node = changed, .directory = disk->root};
    change.name = (char *)(uintptr_t)name;
    change.to = (char *)(uintptr_t)to;
    CHECK_OK(memory_table_apply(disk, &table, &change));
}

TEST(a_name_is_found_by_all_of_its_letters)
{
    start();
    CHECK_OK(memory_table_set(disk, &table, "name", node));
    CHECK(find("name") == node);
    CHECK(find("nam") == NULL);
    CHECK(find("names") == NULL);
    CHECK(memory_table_find(&table, "name/more", 4)->node == node);
    finish();
}

TEST(setting_a_name_again_lets_go_of_the_node_before)
{
    start();
    CHECK_OK(memory_table_set(disk, &table, "name", node));
    CHECK_EQUAL(2, node->references);
    CHECK_EQUAL(1, node->holders);
    CHECK_OK(memory_table_set(disk, &table, "name", node));
    CHECK_EQUAL(2, node->references);
    CHECK_OK(memory_table_set(disk, &table, "name", other));
    CHECK_EQUAL(1, node->references);
    CHECK(find("name") == other);
    finish();
}

TEST(many_names_are_kept_and_removed)
{
    char name[16];
    start();
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "n%d", i);
        CHECK_OK(memory_table_set(disk, &table, name, i % 2 == 0 ? node : other));
    }
    for (int i = 0; i < 100; i += 2) {
        snprintf(name, sizeof name, "n%d", i);
        memory_table_remove(disk, &table, memory_table_find(&table, name, strlen(name)));
    }
    CHECK_EQUAL(50, table.count);
    CHECK(find("n50") == NULL);
    CHECK(find("n51") == other);
    finish();
}

TEST(a_rename_moves_a_node_even_where_its_old_name_is_missing)
{
    start();
    apply(MEMORY_LINK, node, "a", NULL);
    apply(MEMORY_RENAME, node, "a", "b");
    CHECK(find("a") == NULL && find("b") == node);
    apply(MEMORY_RENAME, other, "never", "c");
    CHECK(find("c") == other);
    finish();
}

/* After a crash dropped "rename other to a", the unlink of a that followed must not hit node. */
TEST(a_name_is_taken_only_from_the_node_that_the_change_meant)
{
    start();
    apply(MEMORY_LINK, node, "a", NULL);
    apply(MEMORY_UNLINK, other, "a", NULL);
    CHECK(find("a") == node);
    apply(MEMORY_RENAME, other, "a", "b");
    CHECK(find("a") == node && find("b") == other);
    apply(MEMORY_UNLINK, node, "a", NULL);
    CHECK(find("a") == NULL);
    finish();
}

TEST(a_copy_without_memory_leaves_the_target_as_it_was)
{
    memory_table source = {NULL, 0, 0, false};
    start();
    CHECK_OK(memory_table_set(disk, &source, "x", other));
    CHECK_OK(memory_table_set(disk, &source, "y", other));
    CHECK_OK(memory_table_set(disk, &table, "a", node));
    for (uint64_t at = 1; at <= 3; at++) {
        (void)mem_fail_at(at, 0);
        pykv_status status = memory_table_copy(disk, &table, &source);
        (void)mem_fail_at(0, 0);
        CHECK_EQUAL(PYKV_NO_MEMORY, status);
        CHECK(table.count == 1 && find("a") == node);
    }
    CHECK_OK(memory_table_copy(disk, &table, &source));
    CHECK(table.count == 2 && find("a") == NULL && find("y") == other);
    CHECK(table.live);
    memory_table_reset(disk, &source);
    finish();
}

TEST_MAIN(CASE(a_name_is_found_by_all_of_its_letters),
          CASE(setting_a_name_again_lets_go_of_the_node_before),
          CASE(many_names_are_kept_and_removed),
          CASE(a_rename_moves_a_node_even_where_its_old_name_is_missing),
          CASE(a_name_is_taken_only_from_the_node_that_the_change_meant),
          CASE(a_copy_without_memory_leaves_the_target_as_it_was))
