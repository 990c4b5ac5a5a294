/*
 * env_memory_reference_test: how long a node lives, and how long its size counts.
 */
#include "harness/check.h"

#include "env/env_memory_node.h"
#include "env/env_memory_parts.h"
#include "env/env_memory_reference.h"

enum { FILE_BYTES = 100 };

/* A file of some bytes that the caller alone refers to, not as a holder. */
static memory_node *new_file(memory_disk *disk)
{
    static const uint8_t bytes[FILE_BYTES] = {1};
    memory_node *node = memory_node_new(disk, false);
    CHECK(node != NULL);
    memory_node_hold(disk, node, false);
    memory_node_store(disk, node, 0, bytes, sizeof bytes);
    return node;
}

static bool is_there(const memory_disk *disk, const memory_node *sought)
{
    const memory_node *node = disk->nodes;
    while (node != NULL && node != sought) {
        node = node->next;
    }
    return node != NULL;
}

TEST(a_node_is_freed_with_its_last_reference)
{
    memory_disk *disk;
    CHECK_OK(memory_disk_new(check_seed(), MEMORY_PAGE_BYTES, &disk));
    memory_node *node = new_file(disk);
    memory_node_hold(disk, node, false);
    memory_node_release(disk, node, false);
    CHECK(is_there(disk, node));
    memory_node_release(disk, node, false);
    CHECK(!is_there(disk, node));
    memory_disk_free(disk);
}

TEST(a_file_takes_room_while_it_is_held_and_not_while_a_change_refers_to_it)
{
    memory_disk *disk;
    CHECK_OK(memory_disk_new(check_seed(), MEMORY_PAGE_BYTES, &disk));
    memory_node *node = new_file(disk);
    CHECK_EQUAL(0, disk->held_bytes);
    memory_node_hold(disk, node, true);
    memory_node_hold(disk, node, true);
    CHECK_EQUAL(FILE_BYTES, disk->held_bytes);
    memory_node_release(disk, node, true);
    CHECK_EQUAL(FILE_BYTES, disk->held_bytes);
    memory_node_release(disk, node, true);
    CHECK_EQUAL(0, disk->held_bytes);
    CHECK(is_there(disk, node));
    memory_node_release(disk, node, false);
    memory_disk_free(disk);
}

TEST_MAIN(CASE(a_node_is_freed_with_its_last_reference),
          CASE(a_file_takes_room_while_it_is_held_and_not_while_a_change_refers_to_it))
