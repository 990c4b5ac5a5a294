/*
 * memory: the only door to the heap. Every allocation of the core passes here, so that a test can
 * make the k-th one fail and can count what is still owned at the end.
 *
 * Thread-safe. A failed allocation returns NULL; the caller reports PYKV_NO_MEMORY.
 */
#ifndef PYKV_BASE_MEMORY_H
#define PYKV_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/annotate.h"

/* Returns size bytes, uninitialised, or NULL. A size of 0 is served as 1. Free with mem_free. */
PYKV_NODISCARD void *mem_alloc(size_t size);

/* Returns count * size zeroed bytes, or NULL on failure or overflow. */
PYKV_NODISCARD void *mem_alloc_zeroed(size_t count, size_t size);

/* Grows or shrinks; on failure returns NULL and the old block stays owned by the caller. */
PYKV_NODISCARD void *mem_resize(void *block, size_t size);

/* Returns size bytes whose address is a multiple of alignment (a power of two), or NULL. */
PYKV_NODISCARD void *mem_alloc_aligned(size_t alignment, size_t size);

/* Frees what any function above returned; NULL is ignored. */
void mem_free(void *block);

/*
 * As mem_alloc and mem_free, for what a thread keeps until it ends. It is not counted: what a call
 * leaves behind would otherwise depend on what its thread did before. Of the failures below it sees
 * only the sticky ones that have begun.
 */
PYKV_NODISCARD void *mem_alloc_of_thread(size_t size);
void mem_free_of_thread(void *block);

enum { MEM_SIZED_MAPPED_BYTES_MIN = 128 * 1024, MEM_SIZED_ALIGNMENT = 64 };

/*
 * Blocks whose owner knows how large they are. One of MEM_SIZED_MAPPED_BYTES_MIN or more is a
 * mapping of its own, so freeing it gives its pages back to the system. What was freed to the heap
 * stays there wherever something small behind it lives longer. Contents and failing are as above.
 */

/* The block begins at a multiple of MEM_SIZED_ALIGNMENT. */
PYKV_NODISCARD void *mem_alloc_sized(size_t size);

/* size is that of block, 0 if it is NULL. */
PYKV_NODISCARD void *mem_resize_sized(void *block, size_t size, size_t new_size);
void mem_free_sized(void *block, size_t size);

enum { MEM_LARGE_PAGE_BYTES = 2 << 20 };

/* Returns size zeroed bytes straight from the system, or NULL; size and address are multiples of
 * MEM_LARGE_PAGE_BYTES. If large_pages, the system is asked for pages of that size, which spare the
 * processor most of its misses in the table of pages; where it has none, they are small ones. Each
 * page is cleared whole when it is touched first. Owned by the caller, for mem_unmap. */
PYKV_NODISCARD void *mem_map(size_t size, bool large_pages);

/* Gives back what mem_map returned for that size; NULL is ignored. */
void mem_unmap(void *block, size_t size);

/*
 * Test control: the allocation with this countdown (1 = the next) fails; with sticky every later
 * one fails too. 0 switches failing off. Returns the number of allocations since the last call.
 */
uint64_t mem_fail_at(uint64_t countdown, int sticky);

/* Blocks allocated and not freed yet, process-wide. */
int64_t mem_block_count(void);

#endif
