/*
 * env_memory_directory: directories of the simulated disk, and how a change of their names is
 * counted. Paths start at the root whether or not they start with a slash; "." and empty components
 * are skipped, ".." is an ordinary name.
 */
#include "env/env_memory_directory.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "env/env_memory_journal.h"
#include "env/env_memory_node.h"
#include "env/env_memory_ops.h"
#include "env/env_memory_power.h"
#include "env/env_memory_reference.h"
#include "env/env_memory_table.h"

static memory_node *node_of(const env_directory *directory)
{
    return ((const memory_directory *)directory)->node;
}

static const char *skip_separators(const char *path)
{
    while (path[0] == '/' || (path[0] == '.' && (path[1] == '/' || path[1] == '\0'))) {
        path++;
    }
    return path;
}

memory_node *memory_place_node(const memory_place *place)
{
    if (place->length == 0) {
        return place->parent;
    }
    struct memory_entry *entry = memory_table_find(&place->parent->now, place->name, place->length);
    return entry != NULL ? entry->node : NULL;
}

int memory_walk(memory_node *start, const char *path, memory_place *place_out)
{
    memory_place place = {start, skip_separators(path), 0};
    for (;;) {
        place.length = strcspn(place.name, "/");
        const char *rest = skip_separators(place.name + place.length);
        if (*rest == '\0') {
            *place_out = place;
            return 0;
        }
        memory_node *next = memory_place_node(&place);
        if (next == NULL) {
            return ENOENT;
        }
        if (!next->is_directory) {
            return ENOTDIR;
        }
        place.parent = next;
        place.name = rest;
    }
}

/* Does a change now and journals it, or neither. */
static pykv_status do_change(memory_disk *disk, const memory_change *change)
{
    pykv_status status = memory_journal_name(disk, change);
    if (status != PYKV_OK) {
        return status;
    }
    status = memory_table_apply(disk, &change->directory->now, change);
    if (status != PYKV_OK) {
        memory_journal_pop(disk);
    }
    return status;
}

pykv_status memory_change_names(memory_disk *disk, const memory_change *change, const char *path)
{
    memory_power power = memory_count_call(disk);
    if (power == MEMORY_POWER_OFF) {
        return memory_power_failed(path);
    }
    if (power == MEMORY_POWER_FAILING) {
        if (memory_random(&disk->chance, 2) == 0) {
            (void)do_change(disk, change);
        }
        return memory_power_failed(path);
    }
    return do_change(disk, change);
}

/* Makes the entry (name, length) of parent lead to a new directory. */
static pykv_status make_directory(memory_disk *disk, memory_node *parent, const char *name,
                                  const char *path)
{
    memory_node *node = memory_node_new(disk, true);
    if (node == NULL) {
        return error_set_no_memory(sizeof *node);
    }
    memory_node_hold(disk, node, false);
    memory_change change = {MEMORY_LINK, node, parent, 0, NULL, 0, (char *)(uintptr_t)name, NULL};
    pykv_status status = memory_change_names(disk, &change, path);
    memory_node_release(disk, node, false);
    return status;
}

pykv_status memory_settle_names(memory_disk *disk, memory_node *directory)
{
    pykv_status status = memory_table_copy(disk, &directory->durable, &directory->now);
    if (status == PYKV_OK) {
        memory_journal_forget_names(disk, directory);
    }
    return status;
}

static pykv_status sync_names(memory_disk *disk, memory_node *node, const char *path)
{
    memory_power power = memory_count_call(disk);
    if (power == MEMORY_POWER_OFF) {
        return memory_power_failed(path);
    }
    pykv_status status = PYKV_OK;
    if (power == MEMORY_POWER_ON || memory_random(&disk->chance, 2) == 0) {
        status = memory_settle_names(disk, node);
    }
    return power == MEMORY_POWER_ON ? status : memory_power_failed(path);
}

/* Steps from node into the component name, making it if wanted; *made_out: it was made. */
static pykv_status step_into(memory_disk *disk, memory_node **node, const char *name, bool create,
                             const char *path, bool *made_out)
{
    struct memory_entry *entry = memory_table_find(&(*node)->now, name, strlen(name));
    *made_out = entry == NULL;
    if (entry == NULL && !create) {
        return env_fail(ENOENT, path, "open a directory");
    }
    if (entry == NULL) {
        pykv_status status = make_directory(disk, *node, name, path);
        if (status == PYKV_OK) {
            status = sync_names(disk, *node, path);
        }
        if (status != PYKV_OK) {
            return status;
        }
        entry = memory_table_find(&(*node)->now, name, strlen(name));
    }
    if (!entry->node->is_directory) {
        return env_fail(ENOTDIR, path, "open a directory");
    }
    *node = entry->node;
    return PYKV_OK;
}

/* Walks to the directory, component by component; parts is cut up on the way. */
static pykv_status open_node(memory_disk *disk, char *parts, bool create, const char *path,
                             memory_node **node_out)
{
    memory_node *node = disk->root;
    memory_node *parent = node;
    bool made = true;
    char *name = (char *)(uintptr_t)skip_separators(parts);
    while (*name != '\0') {
        size_t length = strcspn(name, "/");
        char *rest = name + length + (name[length] == '/' ? 1 : 0);
        name[length] = '\0';
        parent = node;
        pykv_status status = step_into(disk, &node, name, create, path, &made);
        if (status != PYKV_OK) {
            return status;
        }
        name = (char *)(uintptr_t)skip_separators(rest);
    }
    if (create && !made && node->now.count == 0) { /* as the real one: see sync_if_empty there */
        pykv_status status = sync_names(disk, parent, path);
        if (status != PYKV_OK) {
            return status;
        }
    }
    *node_out = node;
    return PYKV_OK;
}

/* Opens with the lock held; opened->head.path is set. */
static pykv_status open_locked(memory_disk *disk, memory_directory *opened, bool create)
{
    const char *path = opened->head.path;
    pykv_status status = memory_check_power(disk, path);
    if (status != PYKV_OK) {
        return status;
    }
    char *parts = env_text_copy(path);
    if (parts == NULL) {
        return error_set_no_memory(strlen(path));
    }
    status = open_node(disk, parts, create, path, &opened->node);
    if (status == PYKV_OK) {
        memory_node_hold(disk, opened->node, true);
    }
    mem_free(parts);
    return status;
}

pykv_status memory_directory_open(env *self, const char *path, bool create, env_directory **out)
{
    memory_disk *disk = memory_disk_of(self);
    if (path[0] == '\0') {
        return env_fail(ENOENT, path, "open a directory without a name");
    }
    memory_directory *opened = mem_alloc_zeroed(1, sizeof *opened);
    char *full = path[0] == '/' ? env_text_copy(path) : env_path_join("/", path);
    if (opened == NULL || full == NULL) {
        mem_free(opened);
        mem_free(full);
        return error_set_no_memory(sizeof *opened);
    }
    opened->head.owner = self;
    opened->head.path = full;
    mutex_lock(&disk->lock);
    pykv_status status = open_locked(disk, opened, create);
    mutex_unlock(&disk->lock);
    if (status != PYKV_OK) {
        mem_free(full);
        mem_free(opened);
        return status;
    }
    *out = &opened->head;
    return PYKV_OK;
}

void memory_directory_close(env_directory *directory)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    mutex_lock(&disk->lock);
    memory_node_release(disk, node_of(directory), true);
    mutex_unlock(&disk->lock);
    mem_free(directory->path);
    mem_free(directory);
}

pykv_status memory_directory_identity(env_directory *directory, uint64_t *device, uint64_t *inode)
{
    *device = (uint64_t)(uintptr_t)directory->owner;
    *inode = node_of(directory)->inode;
    return PYKV_OK;
}

env_capabilities memory_directory_capabilities(env_directory *directory)
{
    (void)directory;
    env_capabilities all = {true, true};
    return all;
}

pykv_status memory_directory_sync(env_directory *directory)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    mutex_lock(&disk->lock);
    pykv_status status = sync_names(disk, node_of(directory), directory->path);
    mutex_unlock(&disk->lock);
    return status;
}

static pykv_status list_locked(memory_disk *disk, const env_directory *directory, env_names *names)
{
    const memory_node *node = node_of(directory);
    pykv_status status = memory_check_power(disk, directory->path);
    for (size_t i = 0; status == PYKV_OK && i < node->now.count; i++) {
        status = env_names_add(names, node->now.entries[i].name);
    }
    return status;
}

pykv_status memory_directory_list(env_directory *directory, env_names *out)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    env_names names = {NULL, 0};
    mutex_lock(&disk->lock);
    pykv_status status = list_locked(disk, directory, &names);
    mutex_unlock(&disk->lock);
    if (status != PYKV_OK) {
        env_names_free(&names);
        return status;
    }
    *out = names;
    return PYKV_OK;
}

static pykv_status remove_locked(memory_disk *disk, const char *path)
{
    memory_place place;
    pykv_status status = memory_check_power(disk, path);
    if (status != PYKV_OK) {
        return status;
    }
    int failure = memory_walk(disk->root, path, &place);
    memory_node *node = failure == 0 ? memory_place_node(&place) : NULL;
    if (node == disk->root) {
        return env_fail(EBUSY, path, "remove a directory");
    }
    if (failure == 0) {
        failure = node == NULL ? ENOENT : !node->is_directory ? ENOTDIR : 0;
    }
    if (failure == 0 && node->now.count > 0) {
        failure = ENOTEMPTY;
    }
    if (failure != 0) {
        return env_fail(failure, path, "remove a directory");
    }
    struct memory_entry *entry = memory_table_find(&place.parent->now, place.name, place.length);
    memory_change change = {.kind = MEMORY_UNLINK, .node = node, .directory = place.parent};
    change.name = entry->name;
    status = memory_change_names(disk, &change, path);
    node->removed = status == PYKV_OK; /* its journal entry keeps the node */
    return status;
}

pykv_status memory_remove_directory(env *self, const char *path)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    pykv_status status = remove_locked(disk, path);
    mutex_unlock(&disk->lock);
    return status;
}
