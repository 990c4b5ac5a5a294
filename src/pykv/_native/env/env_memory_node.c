/*
 * env_memory_node: nodes of the simulated disk and the bytes of its files: cache, device, and what
 * lies between them. Needs the disk's lock.
 *
 * Cache and device of a file lie in one reservation of address space, so that mappings of the cache
 * stay where they are; pages that were never touched cost nothing.
 */
#include "env/env_memory_node.h"

#include <string.h>

#include "base/invariant.h"
#include "base/memory.h"
#include "env/env_memory_disk.h"
#include "env/env_memory_journal.h"
#include "env/env_memory_pool.h"
#include "env/env_memory_table.h"

static uint64_t min_u64(uint64_t left, uint64_t right)
{
    return left < right ? left : right;
}

static uint64_t max_u64(uint64_t left, uint64_t right)
{
    return left > right ? left : right;
}

#if defined(__SANITIZE_THREAD__)

/* A mapping may be stored to while the disk looks at it, as a kernel's write-back may look at a
 * page: of no consequence for the program, so the thread sanitizer is not told of it. */
__attribute__((no_sanitize_thread, noinline)) static void
copy_mapped(uint8_t *out, const uint8_t *in, size_t size)
{
    size_t i = 0;
    if ((uintptr_t)in % sizeof(uint64_t) == 0) {
        for (; i + sizeof(uint64_t) <= size; i += sizeof(uint64_t)) {
            uint64_t word = *(const volatile uint64_t *)(const void *)(in + i);
            memcpy(out + i, &word, sizeof word);
        }
    }
    for (; i < size; i++) {
        out[i] = *(const volatile uint8_t *)(in + i);
    }
}

#else

static void copy_mapped(uint8_t *out, const uint8_t *in, size_t size)
{
    memcpy(out, in, size);
}

#endif

static uint64_t page_count(const memory_disk *disk)
{
    return (disk->file_bytes_max + MEMORY_PAGE_BYTES - 1) / MEMORY_PAGE_BYTES;
}

static bool reserve_bytes(memory_disk *disk, memory_node *node)
{
    node->bytes = memory_pool_take(disk->pool);
    if (node->bytes != NULL) {
        node->device = node->bytes + page_count(disk) * MEMORY_PAGE_BYTES;
        node->lost = node->device + page_count(disk) * MEMORY_PAGE_BYTES;
    }
    return node->bytes != NULL;
}

/* Zeros what is in use, for the next file; where that is not known, gives the pages up. */
static void give_bytes_back(memory_disk *disk, memory_node *node)
{
    if (node->was_mapped || node->was_direct || node->direct || node->has_lost) {
        memory_pool_discard(disk->pool, node->bytes);
        return;
    }
    memset(node->bytes, 0, node->extent);
    memset(node->device, 0, node->device_extent);
    memory_pool_give(disk->pool, node->bytes, node->extent + node->device_extent);
}

memory_node *memory_node_new(memory_disk *disk, bool is_directory)
{
    memory_node *node = mem_alloc_zeroed(1, sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    if (!is_directory && !reserve_bytes(disk, node)) {
        mem_free(node);
        return NULL;
    }
    node->is_directory = is_directory;
    node->inode = ++disk->inode_last;
    node->now.live = true;
    node->next = disk->nodes;
    if (disk->nodes != NULL) {
        disk->nodes->previous = node;
    }
    disk->nodes = node;
    return node;
}

void memory_node_free(memory_disk *disk, memory_node *node)
{
    PYKV_ASSERT(node->holders == 0);
    memory_table_reset(disk, &node->now);
    memory_table_reset(disk, &node->durable);
    memory_journal_forget_file(disk, node, true);
    if (node->previous != NULL) {
        node->previous->next = node->next;
    } else {
        disk->nodes = node->next;
    }
    if (node->next != NULL) {
        node->next->previous = node->previous;
    }
    if (node->bytes != NULL) {
        give_bytes_back(disk, node);
    }
    mem_free(node);
}

void memory_node_cache_page(const memory_node *node, uint64_t page, uint8_t *out)
{
    uint64_t start = page * MEMORY_PAGE_BYTES;
    size_t count = start < node->size ? min_u64(node->size - start, MEMORY_PAGE_BYTES) : 0;
    copy_mapped(out, node->bytes + start, count);
    memset(out + count, 0, MEMORY_PAGE_BYTES - count);
}

void memory_node_device_page(const memory_node *node, uint64_t page, uint8_t *out)
{
    uint64_t start = page * MEMORY_PAGE_BYTES;
    size_t count = 0;
    if (start < node->device_extent) {
        count = min_u64(node->device_extent - start, MEMORY_PAGE_BYTES);
        memcpy(out, node->device + start, count);
    }
    memset(out + count, 0, MEMORY_PAGE_BYTES - count);
}

static bool is_zero(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == 0 && memcmp(data, data + 1, size - 1) == 0);
}

uint64_t memory_node_extent(memory_node *node)
{
    uint64_t end = node->stored ? node->size : node->extent;
    while (end > node->extent) {
        uint8_t page[MEMORY_PAGE_BYTES];
        uint64_t index = (end - 1) / MEMORY_PAGE_BYTES;
        memory_node_cache_page(node, index, page);
        if (!is_zero(page, sizeof page)) {
            break;
        }
        end = index * MEMORY_PAGE_BYTES;
    }
    node->extent = max_u64(node->extent, end);
    return node->extent;
}

bool memory_node_is_lost(const memory_node *node, uint64_t page)
{
    return node->has_lost && node->lost[page] != 0;
}

void memory_node_mark_dirty(memory_node *node, uint64_t offset, uint64_t size)
{
    if (size == 0) {
        return;
    }
    uint64_t first = offset / MEMORY_PAGE_BYTES;
    uint64_t last = (offset + size - 1) / MEMORY_PAGE_BYTES;
    bool clean = node->dirty_low == node->dirty_high;
    uint64_t low = first * MEMORY_PAGE_BYTES;
    uint64_t high = (last + 1) * MEMORY_PAGE_BYTES;
    node->dirty_low = clean ? low : min_u64(node->dirty_low, low);
    node->dirty_high = clean ? high : max_u64(node->dirty_high, high);
    if (node->has_lost) {
        memset(node->lost + first, 0, last - first + 1);
    }
}

void memory_node_resize(memory_disk *disk, memory_node *node, uint64_t size)
{
    uint64_t extent = memory_node_extent(node);
    if (size < extent) {
        memset(node->bytes + size, 0, extent - size);
        node->extent = size;
    }
    if (size < node->size) {
        memory_node_mark_dirty(node, size, node->size - size);
    }
    if (node->holders > 0) {
        disk->held_bytes = disk->held_bytes - node->size + size;
    }
    node->size = size;
}

void memory_node_store(memory_disk *disk, memory_node *node, uint64_t offset, const void *data,
                       size_t size)
{
    if (size == 0) {
        return;
    }
    PYKV_ASSERT(offset + size <= disk->file_bytes_max);
    if (offset + size > node->size) {
        memory_node_resize(disk, node, offset + size);
    }
    memcpy(node->bytes + offset, data, size);
    node->extent = max_u64(node->extent, offset + size);
    memory_node_mark_dirty(node, offset, size);
}

/* Copies the pages of [low, high) that are not lost, up to the end of the device. */
static void write_back(memory_node *node, uint64_t low, uint64_t high)
{
    high = min_u64(high, node->device_extent);
    for (uint64_t page = low / MEMORY_PAGE_BYTES; page * MEMORY_PAGE_BYTES < high; page++) {
        uint64_t start = page * MEMORY_PAGE_BYTES;
        if (!memory_node_is_lost(node, page)) {
            copy_mapped(node->device + start, node->bytes + start,
                        min_u64(node->device_extent - start, MEMORY_PAGE_BYTES));
        }
    }
}

void memory_node_sync(memory_disk *disk, memory_node *node)
{
    uint64_t before = node->device_extent;
    uint64_t extent = max_u64(memory_node_extent(node), min_u64(before, node->size));
    if (extent < before) {
        memset(node->device + extent, 0, before - extent);
    }
    node->device_extent = extent;
    write_back(node, node->stored ? 0 : node->dirty_low, node->stored ? extent : node->dirty_high);
    node->device_size = PYKV_PLANTED(320) ? node->device_size : node->size;
    node->dirty_low = 0;
    node->dirty_high = 0;
    node->stored = node->writable_mappings > 0;
    memory_journal_forget_file(disk, node, true);
}

static void forget_lost(const memory_disk *disk, memory_node *node)
{
    if (node->has_lost) {
        memset(node->lost, 0, page_count(disk));
        node->has_lost = false;
    }
}

void memory_node_settle(memory_disk *disk, memory_node *node)
{
    if (node->direct) {
        forget_lost(disk, node);
        node->stored = true;
        memory_node_sync(disk, node);
        node->direct = false;
        node->was_direct = true;
    }
}

void memory_node_lose(memory_disk *disk, memory_node *node)
{
    uint8_t cached[MEMORY_PAGE_BYTES];
    uint8_t written[MEMORY_PAGE_BYTES];
    uint64_t end = max_u64(memory_node_extent(node), node->device_extent);
    node->has_lost = true;
    for (uint64_t page = 0; page * MEMORY_PAGE_BYTES < end; page++) {
        memory_node_cache_page(node, page, cached);
        memory_node_device_page(node, page, written);
        if (memcmp(cached, written, sizeof cached) != 0) {
            node->lost[page] = 1;
        }
    }
    memory_journal_forget_file(disk, node, false);
}

void memory_node_drop_cache(memory_disk *disk, memory_node *node)
{
    uint64_t end = max_u64(node->extent, node->device_extent);
    for (uint64_t page = 0; node->has_lost && page * MEMORY_PAGE_BYTES < end; page++) {
        uint64_t start = page * MEMORY_PAGE_BYTES;
        if (start < node->size && memory_node_is_lost(node, page)) {
            uint8_t written[MEMORY_PAGE_BYTES];
            size_t count = min_u64(node->size - start, MEMORY_PAGE_BYTES);
            memory_node_device_page(node, page, written);
            memcpy(node->bytes + start, written, count);
            node->extent = max_u64(node->extent, start + count);
        }
    }
    forget_lost(disk, node);
}
