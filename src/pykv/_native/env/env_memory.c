/*
 * env_memory: the simulated disk itself: its table of calls, its power, its clocks, and what tests
 * do to it. The state is described in env_memory_disk.h.
 *
 * Thread-safe by the disk's lock, which every call takes and none keeps.
 */
#include "env/env_memory.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "env/env_memory_directory.h"
#include "env/env_memory_journal.h"
#include "env/env_memory_node.h"
#include "env/env_memory_ops.h"
#include "env/env_memory_parts.h"
#include "env/env_memory_power.h"
#include "env/env_memory_reference.h"

static const uint64_t MONOTONIC_START_US = 1000000;
static const uint64_t WALL_START_US = UINT64_C(1700000000000000);

static uint64_t memory_monotonic_us(env *self)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    uint64_t now = disk->monotonic_us;
    mutex_unlock(&disk->lock);
    return now;
}

static uint64_t memory_wall_us(env *self)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    uint64_t now = disk->wall_us;
    mutex_unlock(&disk->lock);
    return now;
}

static pykv_status memory_random_bytes(env *self, void *data, size_t size)
{
    memory_disk *disk = memory_disk_of(self);
    uint8_t *out = data;
    mutex_lock(&disk->lock);
    pykv_status status = memory_check_power(disk, NULL);
    for (size_t i = 0; status == PYKV_OK && i < size; i++) {
        out[i] = (uint8_t)memory_random(&disk->chance, 256);
    }
    mutex_unlock(&disk->lock);
    return status;
}

static uint64_t memory_disk_waits(env *self)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    disk->disk_waits += disk->accesses_wait;
    uint64_t waits = disk->disk_waits;
    mutex_unlock(&disk->lock);
    return waits;
}

static uint64_t memory_memory_room(env *self)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    uint64_t room = disk->memory_room;
    mutex_unlock(&disk->lock);
    return room;
}

static const env_ops memory_ops = {
    .directory_open = memory_directory_open,
    .directory_close = memory_directory_close,
    .directory_identity = memory_directory_identity,
    .directory_capabilities = memory_directory_capabilities,
    .directory_sync = memory_directory_sync,
    .directory_list = memory_directory_list,
    .rename = memory_rename,
    .unlink = memory_unlink,
    .link = memory_link,
    .make_directory = memory_make_directory,
    .remove_directory = memory_remove_directory,
    .file_open = memory_file_open,
    .file_close = memory_file_close,
    .file_read = memory_file_read,
    .file_write = memory_file_write,
    .file_sync = memory_file_sync,
    .file_size = memory_file_size,
    .file_truncate = memory_file_truncate,
    .file_allocate = memory_file_allocate,
    .file_write_back = memory_file_write_back,
    .file_will_need = memory_file_will_need,
    .file_close_on_fork = memory_file_close_on_fork,
    .file_map = memory_file_map,
    .unmap = memory_unmap,
    .mapping_faults = memory_mapping_faults,
    .mapping_written = memory_mapping_written,
    .mapping_let_go = memory_mapping_let_go,
    .lock_take = memory_lock_take,
    .lock_release = memory_lock_release,
    .monotonic_us = memory_monotonic_us,
    .wall_us = memory_wall_us,
    .random = memory_random_bytes,
    .disk_waits = memory_disk_waits,
    .memory_room = memory_memory_room,
};

/* Takes the hold on pool over, also when it fails. */
static pykv_status new_disk(uint64_t seed, uint64_t file_bytes_max, memory_pool *pool,
                            memory_disk **out)
{
    memory_disk *disk = mem_alloc_zeroed(1, sizeof *disk);
    if (disk == NULL) {
        memory_pool_release(pool);
        return error_set_no_memory(sizeof *disk);
    }
    disk->pool = pool;
    disk->head.ops = &memory_ops;
    disk->free_node = memory_node_free;
    disk->file_bytes_max = file_bytes_max;
    disk->chance = seed;
    disk->capacity_bytes = UINT64_MAX;
    disk->memory_room = UINT64_MAX;
    disk->monotonic_us = MONOTONIC_START_US;
    disk->wall_us = WALL_START_US;
    disk->root = memory_node_new(disk, true);
    if (disk->root == NULL) {
        memory_pool_release(pool);
        mem_free(disk);
        return error_set_no_memory(sizeof *disk->root);
    }
    memory_node_hold(disk, disk->root, true);
    mutex_init(&disk->lock);
    *out = disk;
    return PYKV_OK;
}

/* A reservation has cache and device in whole pages, and behind them a mark for each page. */
pykv_status memory_disk_new(uint64_t seed, uint64_t file_bytes_max, memory_disk **out)
{
    uint64_t page_count = (file_bytes_max + MEMORY_PAGE_BYTES - 1) / MEMORY_PAGE_BYTES;
    memory_pool *pool = memory_pool_new(page_count * (2 * MEMORY_PAGE_BYTES + 1));
    if (pool == NULL) {
        return error_set_no_memory(sizeof *pool);
    }
    return new_disk(seed, file_bytes_max, pool, out);
}

pykv_status memory_disk_new_like(uint64_t seed, const memory_disk *source, memory_disk **out)
{
    memory_pool_hold(source->pool);
    return new_disk(seed, source->file_bytes_max, source->pool, out);
}

void memory_disk_free(memory_disk *disk)
{
    memory_journal_reset(disk);
    memory_node_release(disk, disk->root, true);
    PYKV_ASSERT(disk->nodes == NULL); /* else a directory, file or mapping is open still */
    mutex_destroy(&disk->lock);
    memory_pool_release(disk->pool);
    mem_free(disk);
}

pykv_status env_memory_new(uint64_t seed, uint64_t file_bytes_max, env **env_out)
{
    memory_disk *disk = NULL;
    pykv_status status = memory_disk_new(seed, file_bytes_max, &disk);
    if (status == PYKV_OK) {
        *env_out = &disk->head;
    }
    return status;
}

void env_memory_free(env *self)
{
    if (self != NULL) {
        memory_disk_free(memory_disk_of(self));
    }
}

uint64_t env_memory_call_count(env *self)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    uint64_t count = disk->call_count;
    mutex_unlock(&disk->lock);
    return count;
}

void env_memory_power_off_at(env *self, uint64_t call_number)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    disk->power_off_at = call_number;
    mutex_unlock(&disk->lock);
}

bool env_memory_is_off(env *self)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    bool off = disk->off;
    mutex_unlock(&disk->lock);
    return off;
}

void env_memory_sync_lost(env_file *file)
{
    if (file->owner->ops == &memory_ops) {
        memory_disk *disk = memory_disk_of(file->owner);
        mutex_lock(&disk->lock);
        memory_node_lose(disk, ((memory_file *)file)->node);
        mutex_unlock(&disk->lock);
    }
}

void env_memory_drop_cache(env *self)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    for (memory_node *node = disk->nodes; node != NULL; node = node->next) {
        if (!node->is_directory) {
            memory_node_drop_cache(disk, node);
        }
    }
    mutex_unlock(&disk->lock);
}

void env_memory_set_capacity(env *self, uint64_t bytes_max)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    disk->capacity_bytes = bytes_max;
    mutex_unlock(&disk->lock);
}

void env_memory_set_residency(env *self, bool accesses_wait, uint64_t memory_room)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    disk->accesses_wait = accesses_wait;
    disk->memory_room = memory_room;
    mutex_unlock(&disk->lock);
}

void env_memory_asked(env *self, uint64_t *count_out, uint64_t *bytes_out)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    *count_out = disk->asked_count;
    *bytes_out = disk->asked_bytes;
    mutex_unlock(&disk->lock);
}

uint64_t env_memory_let_go_count(env *self)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    uint64_t count = disk->let_go_count;
    mutex_unlock(&disk->lock);
    return count;
}

void env_memory_advance(env *self, int64_t monotonic_us, int64_t wall_us)
{
    memory_disk *disk = memory_disk_of(self);
    mutex_lock(&disk->lock);
    disk->monotonic_us += (uint64_t)monotonic_us;
    disk->wall_us += (uint64_t)wall_us;
    mutex_unlock(&disk->lock);
}

/* What may be changed through the pointer becomes durable when the file is opened next, or when a
 * crash or clone is made: see memory_node_settle. */
pykv_status env_memory_file_bytes(env *self, const char *path, uint8_t **data_out,
                                  uint64_t *size_out)
{
    memory_disk *disk = memory_disk_of(self);
    memory_place place;
    pykv_status status = PYKV_OK;
    mutex_lock(&disk->lock);
    int failure = memory_walk(disk->root, path, &place);
    memory_node *node = failure == 0 ? memory_place_node(&place) : NULL;
    if (node == NULL || node->is_directory) {
        status = env_fail(node == NULL ? ENOENT : EISDIR, path, "find a file");
    } else {
        node->direct = true;
        *data_out = node->bytes;
        *size_out = node->size;
    }
    mutex_unlock(&disk->lock);
    return status;
}

static pykv_status add_paths(const memory_node *directory, const char *prefix, env_names *names)
{
    for (size_t i = 0; i < directory->now.count; i++) {
        const struct memory_entry *entry = &directory->now.entries[i];
        char *path = env_path_join(prefix, entry->name);
        if (path == NULL) {
            return error_set_no_memory(strlen(prefix));
        }
        pykv_status status = entry->node->is_directory ? add_paths(entry->node, path, names)
                                                       : env_names_add(names, path);
        mem_free(path);
        if (status != PYKV_OK) {
            return status;
        }
    }
    return PYKV_OK;
}

pykv_status env_memory_paths(env *self, env_names *names_out)
{
    memory_disk *disk = memory_disk_of(self);
    env_names names = {NULL, 0};
    mutex_lock(&disk->lock);
    pykv_status status = add_paths(disk->root, "/", &names);
    mutex_unlock(&disk->lock);
    if (status != PYKV_OK) {
        env_names_free(&names);
        return status;
    }
    *names_out = names;
    return PYKV_OK;
}
