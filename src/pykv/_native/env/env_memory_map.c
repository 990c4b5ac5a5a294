/*
 * env_memory_map: mappings of the simulated disk. A shared mapping is the cache of the file itself;
 * a private one is a copy. The file's node lives as long as its mappings.
 *
 * While a writable mapping exists every sync and crash compares the whole file, so that stores
 * which env_mapping_written was not told of are seen as un-synced changes too.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "env/env_memory_journal.h"
#include "env/env_memory_node.h"
#include "env/env_memory_ops.h"
#include "env/env_memory_power.h"
#include "env/env_memory_reference.h"

typedef struct memory_mapping {
    env_mapping_owner head;
    memory_node *node;
    uint8_t *copy; /* of a private mapping */
    char *path;
} memory_mapping;

static void free_mapping(memory_mapping *self)
{
    mem_free(self->copy);
    mem_free(self->path);
    mem_free(self);
}

static memory_mapping *new_mapping(const env_file *file, size_t size, bool is_private)
{
    memory_mapping *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->head.owner = file->owner;
    self->node = ((const memory_file *)file)->node;
    self->path = env_text_copy(file->path);
    self->copy = is_private ? mem_alloc_aligned(MEMORY_PAGE_BYTES, size) : NULL;
    if (self->path == NULL || (is_private && self->copy == NULL)) {
        free_mapping(self);
        return NULL;
    }
    if (is_private) {
        memset(self->copy, 0, size);
    }
    return self;
}

/* Takes hold of the node; the base of the mapping. */
static uint8_t *attach(memory_disk *disk, const memory_mapping *self, size_t size, bool writable)
{
    memory_node *node = self->node;
    memory_node_hold(disk, node, true);
    if (self->copy != NULL) {
        memcpy(self->copy, node->bytes, size < node->size ? size : node->size);
        return self->copy;
    }
    if (writable) {
        node->writable_mappings++;
        node->stored = true;
        node->was_mapped = true;
    }
    return node->bytes;
}

/* 0, or the errno that mmap gives for such a file and size. */
static int check_map(const env_file *file, size_t size, bool writable_shared)
{
    int flags = ((const memory_file *)file)->flags;
    int needed = writable_shared ? ENV_READ | ENV_WRITE : ENV_READ;
    if ((flags & needed) != needed) {
        return EACCES;
    }
    return size > ((memory_disk *)file->owner)->file_bytes_max ? ENOMEM : 0;
}

pykv_status memory_file_map(env_file *file, size_t size, bool writable, bool copy_on_write,
                            env_mapping *out)
{
    memory_disk *disk = memory_disk_of(file->owner);
    if (size == 0) {
        return error_set_system(PYKV_INVALID_ARGUMENT, 0, file->path, "cannot map no bytes");
    }
    int failure = check_map(file, size, writable && !copy_on_write);
    if (failure != 0) {
        return env_fail(failure, file->path, "map");
    }
    memory_mapping *self = new_mapping(file, size, copy_on_write);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    mutex_lock(&disk->lock);
    pykv_status status = memory_check_power(disk, file->path);
    uint8_t *base = status == PYKV_OK ? attach(disk, self, size, writable) : NULL;
    mutex_unlock(&disk->lock);
    if (status != PYKV_OK) {
        free_mapping(self);
        return status;
    }
    env_mapping mapping = {base, size, writable, self};
    *out = mapping;
    return PYKV_OK;
}

void memory_unmap(env_mapping *mapping)
{
    memory_mapping *self = mapping->owner;
    memory_disk *disk = memory_disk_of(self->head.owner);
    mutex_lock(&disk->lock);
    if (mapping->writable && self->copy == NULL) {
        self->node->writable_mappings--;
    }
    memory_node_release(disk, self->node, true);
    mutex_unlock(&disk->lock);
    free_mapping(self);
}

uint32_t memory_mapping_faults(const env_mapping *mapping)
{
    (void)mapping;
    return 0;
}

/* Puts back what the bytes were before the store, but for a random head or tail of the range. */
static void tear(memory_disk *disk, memory_node *node, uint64_t offset, size_t size)
{
    size_t kept = memory_random(&disk->chance, size + 1);
    bool head = memory_random(&disk->chance, 2) == 0;
    uint64_t start = head ? offset + kept : offset;
    memory_journal_replay(disk, node, start, node->bytes + start, size - kept);
}

static pykv_status written_locked(memory_disk *disk, const memory_mapping *self, uint64_t offset,
                                  size_t size)
{
    memory_node *node = self->node;
    memory_power power = memory_count_call(disk);
    if (power == MEMORY_POWER_OFF) {
        return memory_power_failed(self->path);
    }
    if (power == MEMORY_POWER_FAILING) {
        tear(disk, node, offset, size);
    }
    slice stored = slice_make(node->bytes + offset, size);
    pykv_status status = memory_journal_write(disk, node, offset, &stored, 1, size);
    memory_node_mark_dirty(node, offset, size);
    return power == MEMORY_POWER_ON ? status : memory_power_failed(self->path);
}

pykv_status memory_mapping_written(env_mapping *mapping, size_t offset, size_t size)
{
    memory_mapping *self = mapping->owner;
    memory_disk *disk = memory_disk_of(self->head.owner);
    if (size == 0 || self->copy != NULL) {
        return PYKV_OK;
    }
    mutex_lock(&disk->lock);
    pykv_status status = PYKV_INTERNAL;
    bool inside = mapping->writable && offset + size >= size && offset + size <= self->node->size;
    PYKV_ASSERT(inside);
    if (inside) {
        status = written_locked(disk, self, offset, size);
    }
    mutex_unlock(&disk->lock);
    return status;
}

void memory_mapping_let_go(env_mapping *mapping)
{
    memory_disk *disk = memory_disk_of(((memory_mapping *)mapping->owner)->head.owner);
    mutex_lock(&disk->lock);
    disk->let_go_count++;
    mutex_unlock(&disk->lock);
}
