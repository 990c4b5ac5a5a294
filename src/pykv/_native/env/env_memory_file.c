/*
 * env_memory_file: files of the simulated disk: opens, reads, writes, sizes and syncs.
 *
 * A call that changes the disk counts itself first. Where the power fails in it, a write does a
 * random prefix, everything else happens or does not; what a half-done sync leaves is for the crash
 * to choose, because then every sector is un-synced still.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "env/env_memory_directory.h"
#include "env/env_memory_journal.h"
#include "env/env_memory_node.h"
#include "env/env_memory_ops.h"
#include "env/env_memory_power.h"
#include "env/env_memory_reference.h"

static memory_node *node_of(const env_file *file)
{
    return ((const memory_file *)file)->node;
}

static bool may_write(const env_file *file)
{
    return (((const memory_file *)file)->flags & ENV_WRITE) != 0;
}

/* How many more bytes the files of the disk may have. */
static uint64_t room(const memory_disk *disk)
{
    return disk->held_bytes < disk->capacity_bytes ? disk->capacity_bytes - disk->held_bytes : 0;
}

/* Sets the size as a counted call; growing takes room. */
static pykv_status change_size(memory_disk *disk, memory_node *node, uint64_t size,
                               const char *path)
{
    memory_power power = memory_count_call(disk);
    if (power == MEMORY_POWER_OFF) {
        return memory_power_failed(path);
    }
    if (size > disk->file_bytes_max) {
        return env_fail(EFBIG, path, "extend a file");
    }
    if (size > node->size && size - node->size > room(disk)) {
        return env_fail(ENOSPC, path, "extend a file");
    }
    if (power == MEMORY_POWER_FAILING && memory_random(&disk->chance, 2) == 0) {
        return memory_power_failed(path);
    }
    pykv_status status = memory_journal_size(disk, node, size);
    if (status == PYKV_OK) {
        memory_node_resize(disk, node, size);
    }
    return power == MEMORY_POWER_ON ? status : memory_power_failed(path);
}

/* Finds or makes the node of a name. */
static pykv_status open_node(env_directory *directory, const char *name, int flags,
                             memory_node **node_out)
{
    memory_place place;
    int failure = name[0] == '\0'
                      ? EINVAL
                      : memory_walk(((const memory_directory *)directory)->node, name, &place);
    if (failure != 0) {
        return env_fail_name(failure, directory->path, name, "open a file");
    }
    memory_node *node = memory_place_node(&place);
    if (node == NULL && (flags & ENV_CREATE) == 0) {
        return env_fail_name(ENOENT, directory->path, name, "open a file");
    }
    if (node == NULL) {
        return memory_make_node(directory, name, false, node_out);
    }
    if ((flags & ENV_EXCLUSIVE) != 0 || node->is_directory) {
        failure = (flags & ENV_EXCLUSIVE) != 0 ? EEXIST : EISDIR;
        return env_fail_name(failure, directory->path, name, "open a file");
    }
    *node_out = node;
    memory_node_settle(memory_disk_of(directory->owner), node);
    return PYKV_OK;
}

static pykv_status open_locked(memory_disk *disk, env_directory *directory, const char *name,
                               memory_file *opened)
{
    memory_node *node = NULL;
    pykv_status status = memory_check_power(disk, opened->head.path);
    if (status == PYKV_OK) {
        status = open_node(directory, name, opened->flags, &node);
    }
    if (status != PYKV_OK || node == NULL) {
        return status;
    }
    if ((opened->flags & ENV_TRUNCATE) != 0 && node->size > 0) {
        status = change_size(disk, node, 0, opened->head.path);
    }
    if (status == PYKV_OK) {
        opened->node = node;
        memory_node_hold(disk, node, true);
    }
    return status;
}

pykv_status memory_file_open(env_directory *directory, const char *name, int flags, env_file **out)
{
    memory_disk *disk = memory_disk_of(directory->owner);
    memory_file *opened = mem_alloc_zeroed(1, sizeof *opened);
    char *path = env_path_join(directory->path, name);
    if (opened == NULL || path == NULL) {
        mem_free(opened);
        mem_free(path);
        return error_set_no_memory(sizeof *opened);
    }
    opened->head.owner = directory->owner;
    opened->head.path = path;
    opened->flags = flags;
    mutex_lock(&disk->lock);
    pykv_status status = open_locked(disk, directory, name, opened);
    mutex_unlock(&disk->lock);
    if (status != PYKV_OK) {
        mem_free(opened);
        mem_free(path);
        return status;
    }
    *out = &opened->head;
    return PYKV_OK;
}

void memory_file_close(env_file *file)
{
    memory_disk *disk = memory_disk_of(file->owner);
    mutex_lock(&disk->lock);
    memory_node_release(disk, node_of(file), true);
    mutex_unlock(&disk->lock);
    mem_free(file->path);
    mem_free(file);
}

pykv_status memory_file_read(env_file *file, uint64_t offset, void *data, size_t size, size_t *got)
{
    memory_disk *disk = memory_disk_of(file->owner);
    const memory_node *node = node_of(file);
    if ((((const memory_file *)file)->flags & ENV_READ) == 0) {
        return env_fail(EBADF, file->path, "read");
    }
    mutex_lock(&disk->lock);
    pykv_status status = memory_check_power(disk, file->path);
    if (status == PYKV_OK) {
        uint64_t left = offset < node->size ? node->size - offset : 0;
        *got = size < left ? size : left;
        if (*got > 0) {
            memcpy(data, node->bytes + offset, *got);
        }
    }
    mutex_unlock(&disk->lock);
    return status;
}

/* How much of a write of size bytes there is room for. */
static size_t fitting(const memory_disk *disk, const memory_node *node, uint64_t offset,
                      size_t size)
{
    uint64_t end = node->size + room(disk);
    uint64_t fits = offset < end ? end - offset : 0;
    return size < fits ? size : fits;
}

/* Journals and stores the first size bytes of the parts. */
static pykv_status write_prefix(memory_disk *disk, memory_node *node, uint64_t offset,
                                const slice *parts, size_t count, size_t size)
{
    if (size == 0) {
        return PYKV_OK;
    }
    pykv_status status = memory_journal_write(disk, node, offset, parts, count, size);
    if (status == PYKV_OK) {
        const memory_change *written = &disk->journal.changes[disk->journal.count - 1];
        memory_node_store(disk, node, offset, written->bytes, size);
    }
    return status;
}

static pykv_status write_locked(env_file *file, uint64_t offset, const slice *parts, size_t count,
                                size_t size)
{
    memory_disk *disk = memory_disk_of(file->owner);
    memory_power power = memory_count_call(disk);
    if (power == MEMORY_POWER_OFF) {
        return memory_power_failed(file->path);
    }
    if (offset > disk->file_bytes_max || size > disk->file_bytes_max - offset) {
        return env_fail(EFBIG, file->path, "write");
    }
    size_t fits = fitting(disk, node_of(file), offset, size);
    size_t done = power == MEMORY_POWER_ON ? fits : memory_random(&disk->chance, fits + 1);
    pykv_status status = write_prefix(disk, node_of(file), offset, parts, count, done);
    if (power == MEMORY_POWER_FAILING) {
        return memory_power_failed(file->path);
    }
    return status == PYKV_OK && fits < size ? env_fail(ENOSPC, file->path, "write") : status;
}

pykv_status memory_file_write(env_file *file, uint64_t offset, const slice *parts, size_t count)
{
    memory_disk *disk = memory_disk_of(file->owner);
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += parts[i].size;
    }
    if (size == 0) {
        return PYKV_OK;
    }
    if (!may_write(file)) {
        return env_fail(EBADF, file->path, "write");
    }
    mutex_lock(&disk->lock);
    pykv_status status = write_locked(file, offset, parts, count, size);
    mutex_unlock(&disk->lock);
    return status;
}

pykv_status memory_file_sync(env_file *file)
{
    memory_disk *disk = memory_disk_of(file->owner);
    mutex_lock(&disk->lock);
    memory_power power = memory_count_call(disk);
    if (power == MEMORY_POWER_ON ||
        (power == MEMORY_POWER_FAILING && memory_random(&disk->chance, 3) == 0)) {
        memory_node_sync(disk, node_of(file));
    }
    mutex_unlock(&disk->lock);
    return power == MEMORY_POWER_ON ? PYKV_OK : memory_power_failed(file->path);
}

pykv_status memory_file_size(env_file *file, uint64_t *out)
{
    memory_disk *disk = memory_disk_of(file->owner);
    mutex_lock(&disk->lock);
    pykv_status status = memory_check_power(disk, file->path);
    if (status == PYKV_OK) {
        *out = node_of(file)->size;
    }
    mutex_unlock(&disk->lock);
    return status;
}

pykv_status memory_file_truncate(env_file *file, uint64_t size)
{
    memory_disk *disk = memory_disk_of(file->owner);
    if (!may_write(file)) {
        return env_fail(EINVAL, file->path, "truncate");
    }
    mutex_lock(&disk->lock);
    pykv_status status = change_size(disk, node_of(file), size, file->path);
    mutex_unlock(&disk->lock);
    return status;
}

pykv_status memory_file_allocate(env_file *file, uint64_t offset, uint64_t size)
{
    memory_disk *disk = memory_disk_of(file->owner);
    if (!may_write(file)) {
        return env_fail(EBADF, file->path, "allocate space");
    }
    if (size == 0 || offset + size < size) {
        return env_fail(size == 0 ? EINVAL : EFBIG, file->path, "allocate space");
    }
    mutex_lock(&disk->lock);
    uint64_t end = offset + size;
    uint64_t now = node_of(file)->size;
    pykv_status status = change_size(disk, node_of(file), end > now ? end : now, file->path);
    mutex_unlock(&disk->lock);
    return status;
}

/* The crash writes back what it likes anyway. */
void memory_file_write_back(env_file *file, uint64_t offset, uint64_t size)
{
    (void)file;
    (void)offset;
    (void)size;
}

void memory_file_will_need(env_file *file, uint64_t offset, uint64_t size)
{
    memory_disk *disk = memory_disk_of(file->owner);
    (void)offset;
    mutex_lock(&disk->lock);
    disk->asked_count++;
    disk->asked_bytes += size;
    mutex_unlock(&disk->lock);
}

pykv_status memory_file_close_on_fork(env_file *file)
{
    (void)file;
    return PYKV_OK;
}
