/*
 * env_memory_journal_test: the simulated disk's list of what is not durable yet.
 */
#include "base/memory.h"
#include "env/env_memory_journal.h"
#include "env/env_memory_node.h"
#include "env/env_memory_parts.h"
#include "env/env_memory_reference.h"
#include "env/files.h"

static memory_disk *disk;
static memory_node *nodes[2];

static void start(void)
{
    disk = NULL;
    CHECK_OK(memory_disk_new(1, 64 << 10, &disk));
    for (int i = 0; i < 2; i++) {
        nodes[i] = memory_node_new(disk, false);
        CHECK(nodes[i] != NULL);
        memory_node_hold(disk, nodes[i], true);
    }
}

static void finish(void)
{
    for (int i = 0; i < 2; i++) {
        memory_node_release(disk, nodes[i], true);
    }
    memory_disk_free(disk);
}

static void journal_text(memory_node *node, uint64_t offset, const char *text)
{
    slice part = slice_make(text, strlen(text));
    CHECK_OK(memory_journal_write(disk, node, offset, &part, 1, part.size));
}

static void journal_link(memory_node *node, const char *name)
{
    memory_change change = {.kind = MEMORY_LINK, .node = node, .directory = disk->root};
    change.name = (char *)(uintptr_t)name;
    CHECK_OK(memory_journal_name(disk, &change));
}

TEST(a_write_is_gathered_from_its_parts_up_to_a_size)
{
    slice parts[3] = {slice_make("abc", 3), slice_make(NULL, 0), slice_make("defg", 4)};
    start();
    CHECK_OK(memory_journal_write(disk, nodes[0], 9, parts, 3, 5));
    CHECK_EQUAL(1, disk->journal.count);
    CHECK_EQUAL(5, disk->journal.changes[0].size);
    CHECK_EQUAL(9, disk->journal.changes[0].offset);
    CHECK_BYTES("abcde", disk->journal.changes[0].bytes, 5);
    finish();
}

TEST(replay_gives_the_bytes_that_calls_made)
{
    uint8_t out[8];
    start();
    memory_node_store(disk, nodes[0], 0, "DDDDDDDD", 8);
    memory_node_sync(disk, nodes[0]);
    journal_text(nodes[0], 1, "ab");
    journal_text(nodes[1], 1, "XXXXXX");
    CHECK_OK(memory_journal_size(disk, nodes[0], 4));
    journal_text(nodes[0], 5, "c");
    memory_journal_replay(disk, nodes[0], 0, out, 8);
    CHECK_BYTES("DabD\0c\0\0", out, 8);
    memory_journal_replay(disk, nodes[0], 2, out, 4);
    CHECK_BYTES("bD\0c", out, 4);
    memory_journal_replay(disk, nodes[0], 100, out, 2);
    CHECK_BYTES("\0\0", out, 2);
    finish();
}

TEST(forgetting_a_file_leaves_the_others_in_order)
{
    start();
    journal_text(nodes[0], 0, "a");
    journal_text(nodes[1], 0, "b");
    CHECK_OK(memory_journal_size(disk, nodes[0], 4));
    journal_text(nodes[1], 0, "c");
    memory_journal_forget_file(disk, nodes[0], false);
    CHECK_EQUAL(3, disk->journal.count);
    CHECK_EQUAL(MEMORY_SIZE, disk->journal.changes[1].kind);
    memory_journal_forget_file(disk, nodes[0], true);
    CHECK_EQUAL(2, disk->journal.count);
    CHECK_EQUAL('b', disk->journal.changes[0].bytes[0]);
    CHECK_EQUAL('c', disk->journal.changes[1].bytes[0]);
    finish();
}

TEST(a_name_change_keeps_its_node_alive_and_forgetting_it_frees_both)
{
    start();
    int64_t before = mem_block_count();
    memory_node *node = memory_node_new(disk, false);
    CHECK(node != NULL);
    journal_link(node, "first");
    journal_text(node, 0, "bytes of a node that goes");
    journal_link(nodes[0], "second");
    journal_text(node, 0, "more bytes of it");
    journal_link(node, "third");
    CHECK_EQUAL(2, node->references);
    memory_journal_forget_names(disk, disk->root);
    CHECK_EQUAL(0, disk->journal.count);
    CHECK_EQUAL(before + 1, mem_block_count()); /* the array of the journal itself */
    finish();
}

TEST(pop_takes_the_newest_back)
{
    start();
    journal_text(nodes[0], 0, "a");
    journal_link(nodes[0], "name");
    uint64_t references = nodes[0]->references;
    memory_journal_pop(disk);
    CHECK_EQUAL(references - 1, nodes[0]->references);
    CHECK_EQUAL(1, disk->journal.count);
    CHECK_EQUAL(MEMORY_WRITE, disk->journal.changes[0].kind);
    finish();
}

/* The journal must not grow with a workload that syncs. */
TEST(what_is_synced_leaves_the_journal)
{
    env_directory *directory = NULL;
    start();
    CHECK_OK(env_directory_open(&disk->head, "/d", true, &directory));
    env_file *file = file_open(directory, "file", FILES_CREATE);
    CHECK_OK(file_write_one(file, 0, "text", 4));
    CHECK_OK(env_file_truncate(file, 2));
    CHECK_EQUAL(3, disk->journal.count);
    CHECK_OK(env_file_sync(file));
    CHECK_EQUAL(1, disk->journal.count);
    CHECK_OK(env_directory_sync(directory));
    CHECK_EQUAL(0, disk->journal.count);
    CHECK_OK(file_write_one(file, 0, "text", 4));
    CHECK_OK(env_unlink(directory, "file"));
    env_file_close(file);
    CHECK_OK(env_directory_sync(directory)); /* frees the file, and its write with it */
    CHECK_EQUAL(0, disk->journal.count);
    env_directory_close(directory);
    finish();
}

TEST_MAIN(CASE(a_write_is_gathered_from_its_parts_up_to_a_size),
          CASE(replay_gives_the_bytes_that_calls_made),
          CASE(forgetting_a_file_leaves_the_others_in_order),
          CASE(a_name_change_keeps_its_node_alive_and_forgetting_it_frees_both),
          CASE(pop_takes_the_newest_back), CASE(what_is_synced_leaves_the_journal))
