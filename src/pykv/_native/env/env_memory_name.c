/*
 * env_memory_name: names and locks of the simulated disk. A name is a path from its directory on.
 *
 * Each call looks at the names first, so that one which must fail anyway is no crash point. A
 * rename from one directory to another makes the names of both durable when it happens, as a file
 * system with one journal may do: what else may become of it in a crash is not simulated.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "env/env_memory_directory.h"
#include "env/env_memory_node.h"
#include "env/env_memory_ops.h"
#include "env/env_memory_power.h"
#include "env/env_memory_reference.h"
#include "env/env_memory_table.h"

typedef struct memory_lock {
    env_lock head;
    memory_node *directory;
} memory_lock;

static memory_node *node_of(const env_directory *directory)
{
    return ((const memory_directory *)directory)->node;
}

/* Where a name leads; 0, or why there is no such place. */
static int find_place(const env_directory *directory, const char *name, memory_place *place_out)
{
    int failure = name[0] == '\0' ? EINVAL : memory_walk(node_of(directory), name, place_out);
    if (failure == 0 && (place_out->length == 0 || place_out->name[place_out->length] != '\0')) {
        return EINVAL;
    }
    return failure;
}

static memory_node *look_up(const env_directory *directory, const char *name)
{
    memory_place place;
    return find_place(directory, name, &place) == 0 ? memory_place_node(&place) : NULL;
}

/* Changes names below an open directory; the lock is held and the change was found possible. */
static pykv_status change(env_directory *directory, memory_change_kind kind, memory_node *node,
                          const char *name, const char *to)
{
    memory_place place;
    memory_place target = {NULL, NULL, 0};
    if (find_place(directory, name, &place) != 0 ||
        (to != NULL && find_place(directory, to, &target) != 0)) {
        return env_fail_name(ENOENT, directory->path, name, "change");
    }
    memory_change wanted = {.kind = kind, .node = node, .directory = place.parent};
    wanted.name = (char *)(uintptr_t)place.name;
    wanted.to = (char *)(uintptr_t)target.name;
    return memory_change_names(memory_disk_of(directory->owner), &wanted, directory->path);
}

/* 0, or why a name cannot come to lead to something new. */
static int check_new_name(const env_directory *directory, const char *name)
{
    memory_place place;
    if (node_of(directory)->removed) {
        return ENOENT;
    }
    int failure = find_place(directory, name, &place);
    return failure == 0 && place.parent->removed ? ENOENT : failure;
}

/* 0, or why from cannot be renamed to to. */
static int check_rename(const env_directory *directory, const char *from, const char *to)
{
    const memory_node *source = look_up(directory, from);
    const memory_node *target = look_up(directory, to);
    if (source == NULL) {
        return ENOENT;
    }
    if (target == NULL || target == source) {
        return check_new_name(directory, to);
    }
    if (target->is_directory && !source->is_directory) {
        return EISDIR;
    }
    if (!target->is_directory && source->is_directory) {
        return ENOTDIR;
    }
    return target->now.count > 0 ? ENOTEMPTY : 0;
}

/* The names of both directories, without a count of the call. */
static pykv_status do_move(memory_disk *disk, const memory_place *from, const memory_place *to,
                           memory_node *node)
{
    pykv_status status = memory_table_set(disk, &to->parent->now, to->name, node);
    if (status == PYKV_OK) {
        memory_table_remove(disk, &from->parent->now,
                            memory_table_find(&from->parent->now, from->name, from->length));
        status = memory_settle_names(disk, to->parent);
    }
    return status == PYKV_OK ? memory_settle_names(disk, from->parent) : status;
}

/* A rename from one directory to another. */
static pykv_status move(env_directory *directory, const memory_place *from, const memory_place *to,
                        memory_node *node)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    memory_power power = memory_count_call(disk);
    if (power == MEMORY_POWER_OFF ||
        (power == MEMORY_POWER_FAILING && memory_random(&disk->chance, 2) == 0)) {
        return memory_power_failed(directory->path);
    }
    pykv_status status = do_move(disk, from, to, node);
    return power == MEMORY_POWER_ON ? status : memory_power_failed(directory->path);
}

static pykv_status rename_locked(env_directory *directory, const char *from, const char *to)
{
    pykv_status status = memory_check_power(memory_disk_of(directory->owner), directory->path);
    if (status != PYKV_OK) {
        return status;
    }
    int failure = check_rename(directory, from, to);
    if (failure != 0) {
        return env_fail_name(failure, directory->path, from, "rename");
    }
    memory_node *source = look_up(directory, from);
    memory_node *target = look_up(directory, to);
    if (source == target) {
        return PYKV_OK;
    }
    if (target != NULL && target->is_directory) {
        target->removed = true;
    }
    memory_place place;
    memory_place aim;
    if (find_place(directory, from, &place) == 0 && find_place(directory, to, &aim) == 0 &&
        place.parent != aim.parent) {
        return move(directory, &place, &aim, source);
    }
    return change(directory, MEMORY_RENAME, source, from, to);
}

pykv_status memory_rename(env_directory *directory, const char *from, const char *to)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    mutex_lock(&disk->lock);
    pykv_status status = rename_locked(directory, from, to);
    mutex_unlock(&disk->lock);
    return status;
}

static pykv_status unlink_locked(env_directory *directory, const char *name)
{
    memory_node *node = look_up(directory, name);
    pykv_status status = memory_check_power(memory_disk_of(directory->owner), directory->path);
    if (status != PYKV_OK) {
        return status;
    }
    if (node == NULL || node->is_directory) {
        return env_fail_name(node == NULL ? ENOENT : EISDIR, directory->path, name, "unlink");
    }
    return change(directory, MEMORY_UNLINK, node, name, NULL);
}

pykv_status memory_unlink(env_directory *directory, const char *name)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    mutex_lock(&disk->lock);
    pykv_status status = unlink_locked(directory, name);
    mutex_unlock(&disk->lock);
    return status;
}

static pykv_status link_locked(env_directory *directory, const char *from, env_directory *target,
                               const char *to)
{
    memory_node *node = look_up(directory, from);
    int failure = check_new_name(target, to);
    pykv_status status = memory_check_power(memory_disk_of(directory->owner), directory->path);
    if (status != PYKV_OK) {
        return status;
    }
    if (node == NULL) {
        return env_fail_name(ENOENT, directory->path, from, "link");
    }
    if (look_up(target, to) != NULL) {
        failure = EEXIST;
    } else if (node->is_directory) {
        failure = EPERM;
    }
    if (failure != 0) {
        return env_fail_name(failure, target->path, to, "link");
    }
    return change(target, MEMORY_LINK, node, to, NULL);
}

pykv_status memory_link(env_directory *directory, const char *from, env_directory *target,
                        const char *to)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    mutex_lock(&disk->lock);
    pykv_status status = link_locked(directory, from, target, to);
    mutex_unlock(&disk->lock);
    return status;
}

pykv_status memory_make_node(env_directory *directory, const char *name, bool is_directory,
                             memory_node **node_out)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    int failure = check_new_name(directory, name);
    if (failure != 0) {
        return env_fail_name(failure, directory->path, name, "make");
    }
    memory_node *node = memory_node_new(disk, is_directory);
    if (node == NULL) {
        return error_set_no_memory(disk->file_bytes_max);
    }
    memory_node_hold(disk, node, false);
    pykv_status status = change(directory, MEMORY_LINK, node, name, NULL);
    memory_node_release(disk, node, false);
    if (status == PYKV_OK) {
        *node_out = node;
    }
    return status;
}

pykv_status memory_make_directory(env_directory *directory, const char *name)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    memory_node *made = NULL;
    mutex_lock(&disk->lock);
    pykv_status status = memory_check_power(disk, directory->path);
    if (status == PYKV_OK && look_up(directory, name) != NULL) {
        status = env_fail_name(EEXIST, directory->path, name, "make a directory");
    }
    if (status == PYKV_OK) {
        status = memory_make_node(directory, name, true, &made);
    }
    mutex_unlock(&disk->lock);
    return status;
}

static pykv_status lock_locked(env_directory *directory, const char *name)
{
    memory_node *made = NULL;
    pykv_status status = memory_check_power(memory_disk_of(directory->owner), directory->path);
    if (status != PYKV_OK) {
        return status;
    }
    if (node_of(directory)->locked) {
        return env_fail_locked_here(directory->path);
    }
    if (look_up(directory, name) == NULL) {
        status = memory_make_node(directory, name, false, &made);
    }
    if (status == PYKV_OK) {
        node_of(directory)->locked = true;
    }
    return status;
}

pykv_status memory_lock_take(env_directory *directory, const char *name, env_lock **out)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    memory_lock *taken = mem_alloc_zeroed(1, sizeof *taken);
    if (taken == NULL) {
        return error_set_no_memory(sizeof *taken);
    }
    taken->head.owner = directory->owner;
    taken->directory = node_of(directory);
    mutex_lock(&disk->lock);
    pykv_status status = lock_locked(directory, name);
    if (status == PYKV_OK) {
        memory_node_hold(disk, taken->directory, true);
    }
    mutex_unlock(&disk->lock);
    if (status != PYKV_OK) {
        mem_free(taken);
        return status;
    }
    *out = &taken->head;
    return PYKV_OK;
}

void memory_lock_release(env_lock *lock)
{
    memory_lock *self = (memory_lock *)lock;
    memory_disk *disk = memory_disk_of(lock->owner);
    mutex_lock(&disk->lock);
    self->directory->locked = false;
    memory_node_release(disk, self->directory, true);
    mutex_unlock(&disk->lock);
    mem_free(self);
}
