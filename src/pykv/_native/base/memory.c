/*
 * memory: the heap of the C library behind counters and a switch that makes requests fail.
 *
 * Thread-safe. The counters are spread over cache lines by thread, so counting costs one
 * uncontended atomic addition a call; while failing is switched off its test is one relaxed load.
 *
 * Invariant: requests - without_block - freed, summed over the lines, is the count of owned blocks.
 */
#include "base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/invariant.h"
#include "base/thread_hint.h"

enum { MEMORY_LINE_BYTES = 64 };

typedef struct memory_line {
    _Alignas(MEMORY_LINE_BYTES) _Atomic uint64_t requests;
    _Atomic uint64_t without_block; /* requests that failed or resized a block that was there */
    _Atomic uint64_t freed;
} memory_line;

static memory_line lines[THREAD_HINT_COUNT];

static _Atomic bool fail_armed;
static _Atomic bool fail_sticky;
static _Atomic int64_t fail_countdown;
static _Atomic uint64_t requests_reported;

static void add_one(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Counts one request down; true if it is to fail. */
static bool fails_when_armed(void)
{
    int64_t left = atomic_fetch_sub(&fail_countdown, 1);
    if (left > 1) {
        return false;
    }
    if (!atomic_load(&fail_sticky)) {
        atomic_store(&fail_armed, false);
        return left == 1;
    }
    return true;
}

/* Counts a request; true if it is to fail. */
static inline bool request_fails(memory_line *line)
{
    add_one(&line->requests);
    return PYKV_UNLIKELY(atomic_load_explicit(&fail_armed, memory_order_relaxed)) &&
           fails_when_armed();
}

static inline void *counted(memory_line *line, void *block)
{
    if (PYKV_UNLIKELY(block == NULL)) {
        add_one(&line->without_block);
    }
    return block;
}

void *mem_alloc(size_t size)
{
    memory_line *line = &lines[thread_hint()];
    void *block = request_fails(line) ? NULL : malloc(size == 0 ? 1 : size);
    return counted(line, block);
}

void *mem_alloc_zeroed(size_t element_count, size_t size)
{
    memory_line *line = &lines[thread_hint()];
    size_t bytes = 0;
    void *block = NULL;
    if (!request_fails(line) && !__builtin_mul_overflow(element_count, size, &bytes)) {
        block = calloc(bytes == 0 ? 1 : bytes, 1);
    }
    return counted(line, block);
}

void *mem_resize(void *block, size_t size)
{
    memory_line *line = &lines[thread_hint()];
    void *resized = request_fails(line) ? NULL : realloc(block, size == 0 ? 1 : size);
    if (resized == NULL || block != NULL) {
        add_one(&line->without_block);
    }
    return resized;
}

void *mem_alloc_aligned(size_t alignment, size_t size)
{
    memory_line *line = &lines[thread_hint()];
    size_t served = alignment < sizeof(void *) ? sizeof(void *) : alignment;
    void *block = NULL;
    if (request_fails(line) || posix_memalign(&block, served, size == 0 ? 1 : size) != 0) {
        block = NULL;
    }
    return counted(line, block);
}

void mem_free(void *block)
{
    if (block != NULL) {
        add_one(&lines[thread_hint()].freed);
        free(block);
    }
}

/* Under the address sanitizer all blocks are the heap's, where it sees accesses beyond their ends.
 */
static bool is_mapped(size_t size)
{
#if defined(__SANITIZE_ADDRESS__)
    (void)size;
    return false;
#else
    return size >= MEM_SIZED_MAPPED_BYTES_MIN && !PYKV_PLANTED(282);
#endif
}

static void *map_pages(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block == MAP_FAILED ? NULL : block;
}

void *mem_alloc_sized(size_t size)
{
    if (!is_mapped(size)) {
        return mem_alloc_aligned(MEM_SIZED_ALIGNMENT, size);
    }
    memory_line *line = &lines[thread_hint()];
    return counted(line, request_fails(line) ? NULL : map_pages(size));
}

void mem_free_sized(void *block, size_t size)
{
    if (is_mapped(size)) {
        mem_unmap(block, size);
    } else {
        mem_free(block);
    }
}

void *mem_resize_sized(void *block, size_t size, size_t new_size)
{
    if (!is_mapped(size) && !is_mapped(new_size)) {
        return mem_resize(block, new_size);
    }
    void *moved = mem_alloc_sized(new_size);
    if (moved != NULL && block != NULL) {
        memcpy(moved, block, size < new_size ? size : new_size);
        mem_free_sized(block, size);
    }
    return moved;
}

void *mem_alloc_of_thread(size_t size)
{
    bool fails = atomic_load_explicit(&fail_armed, memory_order_relaxed) &&
                 atomic_load(&fail_sticky) && atomic_load(&fail_countdown) <= 0;
    return fails ? NULL : malloc(size == 0 ? 1 : size);
}

void mem_free_of_thread(void *block)
{
    free(block);
}

/* Maps size bytes at a multiple of MEM_LARGE_PAGE_BYTES, by mapping more and giving back the ends.
 */
static void *map_aligned(size_t size, bool large_pages)
{
    size_t mapped_size = size + MEM_LARGE_PAGE_BYTES;
    void *mapped =
        mmap(NULL, mapped_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        return NULL;
    }
    size_t before = -(uintptr_t)mapped % MEM_LARGE_PAGE_BYTES;
    uint8_t *block = (uint8_t *)mapped + before;
    size_t behind = MEM_LARGE_PAGE_BYTES - before;
    if (before > 0) {
        (void)munmap(mapped, before);
    }
    if (behind > 0) {
        (void)munmap(block + size, behind);
    }
#if defined(MADV_HUGEPAGE)
    if (large_pages) {
        (void)madvise(block, size, MADV_HUGEPAGE); /* a wish: without it all works as well */
    }
#else
    (void)large_pages;
#endif
    return block;
}

void *mem_map(size_t size, bool large_pages)
{
    memory_line *line = &lines[thread_hint()];
    return counted(line, request_fails(line) ? NULL : map_aligned(size, large_pages));
}

void mem_unmap(void *block, size_t size)
{
    if (block != NULL) {
        add_one(&lines[thread_hint()].freed);
        if (munmap(block, size) != 0) {
            /* It would split a mapping, and the process may have no more of them. The addresses
             * stay taken, their pages go. */
            (void)madvise(block, size, MADV_DONTNEED);
        }
    }
}

static uint64_t request_count(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < THREAD_HINT_COUNT; i++) {
        sum += atomic_load_explicit(&lines[i].requests, memory_order_relaxed);
    }
    return sum;
}

uint64_t mem_fail_at(uint64_t countdown, int sticky)
{
    int64_t bounded = countdown > INT64_MAX ? INT64_MAX : (int64_t)countdown;
    atomic_store(&fail_armed, false);
    atomic_store(&fail_countdown, bounded);
    atomic_store(&fail_sticky, sticky != 0);
    atomic_store(&fail_armed, countdown != 0);
    uint64_t requests = request_count();
    return requests - atomic_exchange(&requests_reported, requests);
}

int64_t mem_block_count(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < THREAD_HINT_COUNT; i++) {
        sum += atomic_load_explicit(&lines[i].requests, memory_order_relaxed);
        sum -= atomic_load_explicit(&lines[i].without_block, memory_order_relaxed);
        sum -= atomic_load_explicit(&lines[i].freed, memory_order_relaxed);
    }
    return (int64_t)sum;
}
