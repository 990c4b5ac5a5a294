/*
 * env_memory_copy: makes one simulated disk from another: the parts that a clone and a crash share,
 * and the clone.
 *
 * Copying goes node by node: first a blank node for each, then bytes, then names. What no name
 * leads to is freed at the end. Needs the lock of the source; the target is not shared yet.
 */
#include "env/env_memory_copy.h"

#include <string.h>

#include "base/error.h"
#include "env/env_memory_journal.h"
#include "env/env_memory_node.h"
#include "env/env_memory_ops.h"
#include "env/env_memory_parts.h"
#include "env/env_memory_reference.h"
#include "env/env_memory_table.h"

pykv_status memory_copy_nodes(memory_disk *source, memory_disk *target)
{
    target->inode_last = source->inode_last;
    for (memory_node *node = source->nodes; node != NULL; node = node->next) {
        memory_node_settle(source, node);
        node->copy = target->root;
        if (node != source->root) {
            node->copy = memory_node_new(target, node->is_directory);
        }
        if (node->copy == NULL) {
            return error_set_no_memory(sizeof *node);
        }
        node->copy->inode = node->inode;
    }
    return PYKV_OK;
}

/* Freeing a directory may free others, so each search starts anew. */
static bool free_one_unused(memory_disk *disk)
{
    for (memory_node *node = disk->nodes; node != NULL; node = node->next) {
        if (node->references == 0) {
            memory_node_hold(disk, node, false);
            memory_node_release(disk, node, false);
            return true;
        }
    }
    return false;
}

void memory_copy_finish(memory_disk *source, memory_disk *target)
{
    for (memory_node *node = source->nodes; node != NULL; node = node->next) {
        node->copy = NULL;
    }
    while (free_one_unused(target)) {
    }
}

pykv_status memory_copy_table(memory_disk *target, memory_table *out, const memory_table *table)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; status == PYKV_OK && i < table->count; i++) {
        const struct memory_entry *entry = &table->entries[i];
        status = memory_table_set(target, out, entry->name, entry->node->copy);
    }
    return status;
}

void memory_copy_cache(memory_node *node, memory_node *copy, uint64_t size)
{
    for (uint64_t start = 0; start < size; start += MEMORY_PAGE_BYTES) {
        uint8_t page[MEMORY_PAGE_BYTES];
        size_t count = size - start < MEMORY_PAGE_BYTES ? size - start : MEMORY_PAGE_BYTES;
        memory_node_cache_page(node, start / MEMORY_PAGE_BYTES, page);
        memcpy(copy->bytes + start, page, count);
    }
    copy->extent = size;
}

static void copy_lost(const memory_node *node, memory_node *copy)
{
    uint64_t end = node->size > node->device_extent ? node->size : node->device_extent;
    copy->has_lost = node->has_lost;
    for (uint64_t page = 0; node->has_lost && page * MEMORY_PAGE_BYTES < end; page++) {
        copy->lost[page] = node->lost[page];
    }
}

static void clone_file(memory_node *node)
{
    memory_node *copy = node->copy;
    copy->size = node->size;
    copy->device_size = node->device_size;
    copy->dirty_low = node->dirty_low;
    copy->dirty_high = node->dirty_high;
    copy->stored = node->stored;
    memory_copy_cache(node, copy, memory_node_extent(node));
    copy_lost(node, copy);
    copy->device_extent = node->device_extent;
    memcpy(copy->device, node->device, node->device_extent);
}

static pykv_status clone_nodes(memory_disk *source, memory_disk *target)
{
    pykv_status status = PYKV_OK;
    memory_node *node = source->nodes;
    for (; node != NULL; node = node->next) {
        if (!node->is_directory) {
            clone_file(node);
        }
    }
    for (node = source->nodes; status == PYKV_OK && node != NULL; node = node->next) {
        node->copy->removed = node->removed;
        status = memory_copy_table(target, &node->copy->now, &node->now);
        if (status == PYKV_OK) {
            status = memory_copy_table(target, &node->copy->durable, &node->durable);
        }
    }
    return status;
}

static pykv_status clone_change(memory_disk *target, const memory_change *change)
{
    memory_change copy = *change;
    copy.node = change->node->copy;
    if (change->kind == MEMORY_WRITE) {
        slice bytes = slice_make(change->bytes, change->size);
        return memory_journal_write(target, copy.node, change->offset, &bytes, 1, change->size);
    }
    if (change->kind == MEMORY_SIZE) {
        return memory_journal_size(target, copy.node, change->offset);
    }
    copy.directory = change->directory->copy;
    return memory_journal_name(target, &copy);
}

static pykv_status clone_all(memory_disk *source, memory_disk *target)
{
    target->chance = source->chance;
    target->call_count = source->call_count;
    target->capacity_bytes = source->capacity_bytes;
    target->monotonic_us = source->monotonic_us;
    target->wall_us = source->wall_us;
    pykv_status status = memory_copy_nodes(source, target);
    if (status == PYKV_OK) {
        status = clone_nodes(source, target);
    }
    for (size_t i = 0; status == PYKV_OK && i < source->journal.count; i++) {
        status = clone_change(target, &source->journal.changes[i]);
    }
    return status;
}

pykv_status env_memory_clone(env *self, env **env_out)
{
    memory_disk *source = memory_disk_of(self);
    memory_disk *target = NULL;
    pykv_status status = memory_disk_new_like(0, source, &target);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&source->lock);
    status = clone_all(source, target);
    memory_copy_finish(source, target);
    mutex_unlock(&source->lock);
    if (status != PYKV_OK) {
        memory_disk_free(target);
        return status;
    }
    *env_out = &target->head;
    return PYKV_OK;
}
