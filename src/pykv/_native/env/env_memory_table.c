/*
 * env_memory_table: the names of one directory of the simulated disk, as an array without order.
 * Needs the disk's lock.
 */
#include "env/env_memory_table.h"

#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "env/env_memory_disk.h"
#include "env/env_memory_reference.h"
#include "env/env_ops.h"

struct memory_entry *memory_table_find(const memory_table *table, const char *name, size_t length)
{
    for (size_t i = 0; i < table->count; i++) {
        struct memory_entry *entry = &table->entries[i];
        if (strncmp(entry->name, name, length) == 0 && entry->name[length] == '\0') {
            return entry;
        }
    }
    return NULL;
}

static pykv_status add_entry(memory_table *table, const char *name, memory_node *node)
{
    if (table->count == table->capacity) {
        size_t capacity = table->capacity == 0 ? 8 : table->capacity * 2;
        struct memory_entry *grown = mem_resize(table->entries, capacity * sizeof *grown);
        if (grown == NULL) {
            return error_set_no_memory(capacity * sizeof *grown);
        }
        table->entries = grown;
        table->capacity = capacity;
    }
    char *copy = env_text_copy(name);
    if (copy == NULL) {
        return error_set_no_memory(strlen(name));
    }
    table->entries[table->count].name = copy;
    table->entries[table->count].node = node;
    table->count++;
    return PYKV_OK;
}

pykv_status memory_table_set(memory_disk *disk, memory_table *table, const char *name,
                             memory_node *node)
{
    struct memory_entry *entry = memory_table_find(table, name, strlen(name));
    if (entry == NULL) {
        pykv_status status = add_entry(table, name, node);
        if (status == PYKV_OK) {
            memory_node_hold(disk, node, table->live);
        }
        return status;
    }
    memory_node *replaced = entry->node;
    entry->node = node;
    memory_node_hold(disk, node, table->live);
    memory_node_release(disk, replaced, table->live);
    return PYKV_OK;
}

void memory_table_remove(memory_disk *disk, memory_table *table, struct memory_entry *entry)
{
    struct memory_entry removed = *entry;
    *entry = table->entries[--table->count];
    mem_free(removed.name);
    memory_node_release(disk, removed.node, table->live);
}

void memory_table_reset(memory_disk *disk, memory_table *table)
{
    while (table->count > 0) {
        memory_table_remove(disk, table, &table->entries[table->count - 1]);
    }
    mem_free(table->entries);
    table->entries = NULL;
    table->capacity = 0;
}

pykv_status memory_table_copy(memory_disk *disk, memory_table *target, const memory_table *source)
{
    memory_table copy = {NULL, 0, 0, target->live};
    for (size_t i = 0; i < source->count; i++) {
        const struct memory_entry *entry = &source->entries[i];
        pykv_status status = add_entry(&copy, entry->name, entry->node);
        if (status != PYKV_OK) {
            memory_table_reset(disk, &copy);
            return status;
        }
        memory_node_hold(disk, entry->node, copy.live);
    }
    memory_table_reset(disk, target);
    *target = copy;
    return PYKV_OK;
}

/* The name is taken away only from the node of the change: after a change before it was dropped,
 * the name may lead elsewhere. */
static void remove_name(memory_disk *disk, memory_table *table, const memory_change *change)
{
    struct memory_entry *entry = memory_table_find(table, change->name, strlen(change->name));
    if (entry != NULL && entry->node == change->node) {
        memory_table_remove(disk, table, entry);
    }
}

pykv_status memory_table_apply(memory_disk *disk, memory_table *table, const memory_change *change)
{
    if (change->kind == MEMORY_UNLINK) {
        remove_name(disk, table, change);
        return PYKV_OK;
    }
    const char *name = change->kind == MEMORY_RENAME ? change->to : change->name;
    pykv_status status = memory_table_set(disk, table, name, change->node);
    if (status == PYKV_OK && change->kind == MEMORY_RENAME) {
        remove_name(disk, table, change);
    }
    return status;
}
