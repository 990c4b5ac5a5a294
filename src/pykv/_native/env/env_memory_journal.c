/*
 * env_memory_journal: the changes of the simulated disk that are not durable yet, in their order.
 * Needs the disk's lock.
 *
 * A sync of a file takes its writes and sizes out, a sync of a directory its names, so the journal
 * is as long as what is un-synced. Name changes hold their node and directory; writes hold
 * nothing, because a node that is freed takes its own out.
 */
#include "env/env_memory_journal.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "env/env_memory_disk.h"
#include "env/env_memory_reference.h"
#include "env/env_ops.h"

/* Frees what a change owns, but for what it holds. */
static void free_change(memory_change *change)
{
    mem_free(change->bytes);
    mem_free(change->name);
    mem_free(change->to);
}

static bool is_name_change(const memory_change *change)
{
    return change->directory != NULL;
}

static pykv_status add_change(memory_journal *journal, const memory_change *change)
{
    if (journal->count == journal->capacity) {
        size_t capacity = journal->capacity == 0 ? 16 : journal->capacity * 2;
        memory_change *grown = mem_resize(journal->changes, capacity * sizeof *grown);
        if (grown == NULL) {
            return error_set_no_memory(capacity * sizeof *grown);
        }
        journal->changes = grown;
        journal->capacity = capacity;
    }
    journal->changes[journal->count++] = *change;
    return PYKV_OK;
}

/* Copies the first size bytes of the parts. */
static void gather(uint8_t *out, const slice *parts, size_t count, size_t size)
{
    for (size_t i = 0; i < count && size > 0; i++) {
        size_t taken = parts[i].size < size ? parts[i].size : size;
        if (taken > 0) {
            memcpy(out, parts[i].data, taken);
        }
        out += taken;
        size -= taken;
    }
}

pykv_status memory_journal_write(memory_disk *disk, memory_node *node, uint64_t offset,
                                 const slice *parts, size_t count, size_t size)
{
    memory_change change = {.kind = MEMORY_WRITE, .node = node, .offset = offset, .size = size};
    change.bytes = mem_alloc(size);
    if (change.bytes == NULL) {
        return error_set_no_memory(size);
    }
    gather(change.bytes, parts, count, size);
    pykv_status status = add_change(&disk->journal, &change);
    if (status != PYKV_OK) {
        free_change(&change);
    }
    return status;
}

pykv_status memory_journal_size(memory_disk *disk, memory_node *node, uint64_t size)
{
    memory_change change = {.kind = MEMORY_SIZE, .node = node, .offset = size};
    return add_change(&disk->journal, &change);
}

pykv_status memory_journal_name(memory_disk *disk, const memory_change *change)
{
    memory_change copy = *change;
    copy.name = env_text_copy(change->name);
    copy.to = change->to != NULL ? env_text_copy(change->to) : NULL;
    pykv_status status = PYKV_NO_MEMORY;
    if (copy.name != NULL && (change->to == NULL || copy.to != NULL)) {
        status = add_change(&disk->journal, &copy);
    }
    if (status != PYKV_OK) {
        free_change(&copy);
        return error_set_no_memory(sizeof copy);
    }
    memory_node_hold(disk, copy.node, false);
    memory_node_hold(disk, copy.directory, false);
    return PYKV_OK;
}

/* Takes the change at index out; may free its node, and with it later changes of that node. */
static void take_out(memory_disk *disk, size_t index)
{
    memory_journal *journal = &disk->journal;
    memory_change change = journal->changes[index];
    journal->count--;
    memmove(&journal->changes[index], &journal->changes[index + 1],
            (journal->count - index) * sizeof change);
    free_change(&change);
    if (is_name_change(&change)) {
        memory_node_release(disk, change.node, false);
        memory_node_release(disk, change.directory, false);
    }
}

void memory_journal_pop(memory_disk *disk)
{
    take_out(disk, disk->journal.count - 1);
}

void memory_journal_forget_file(memory_disk *disk, const memory_node *node, bool sizes)
{
    memory_journal *journal = &disk->journal;
    size_t kept = 0;
    for (size_t i = 0; i < journal->count; i++) {
        memory_change *change = &journal->changes[i];
        bool write = change->kind == MEMORY_WRITE || (sizes && change->kind == MEMORY_SIZE);
        if (write && change->node == node) {
            free_change(change);
        } else {
            journal->changes[kept++] = *change;
        }
    }
    journal->count = kept;
}

/* Backwards: a node that is freed on the way takes its writes out, which moves what was not seen
 * yet only further down. */
void memory_journal_forget_names(memory_disk *disk, const memory_node *directory)
{
    size_t i = disk->journal.count;
    while (i > 0) {
        i--;
        if (i < disk->journal.count && disk->journal.changes[i].directory == directory) {
            take_out(disk, i);
        }
    }
}

void memory_journal_reset(memory_disk *disk)
{
    while (disk->journal.count > 0) {
        memory_journal_pop(disk);
    }
    mem_free(disk->journal.changes);
    memset(&disk->journal, 0, sizeof disk->journal);
}

/* Lays the part of a write that falls into the window [offset, offset + size) over out. */
static void overlay(const memory_change *change, uint64_t offset, uint8_t *out, size_t size)
{
    uint64_t start = change->offset > offset ? change->offset : offset;
    uint64_t end = change->offset + change->size;
    end = end < offset + size ? end : offset + size;
    if (start < end) {
        memcpy(out + (start - offset), change->bytes + (start - change->offset), end - start);
    }
}

void memory_journal_replay(const memory_disk *disk, const memory_node *node, uint64_t offset,
                           uint8_t *out, size_t size)
{
    memset(out, 0, size);
    memory_change device = {.kind = MEMORY_WRITE, .bytes = node->device};
    device.size = node->device_extent;
    overlay(&device, offset, out, size);
    for (size_t i = 0; i < disk->journal.count; i++) {
        const memory_change *change = &disk->journal.changes[i];
        if (change->node != node) {
            continue;
        }
        if (change->kind == MEMORY_WRITE) {
            overlay(change, offset, out, size);
        } else if (change->kind == MEMORY_SIZE && change->offset < offset + size) {
            uint64_t cut = change->offset > offset ? change->offset - offset : 0;
            memset(out + cut, 0, size - cut);
        }
    }
}
