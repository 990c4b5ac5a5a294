/*
 * env_posix_map: mappings of the real environment.
 *
 * All stand under the bus guard of base/process: a page that cannot be read becomes zeros and is
 * counted. Writable ones are shared and absent in forked children. A store may fault too, when the
 * file system cannot take it any more; the page that then stands in its place is no one's, so
 * env_mapping_written fails from the first fault on. Thread-safe.
 */
#include <errno.h>
#include <sys/mman.h>

#if defined(__APPLE__)
#include <mach/vm_inherit.h>
#endif

#include "base/error.h"
#include "base/memory.h"
#include "base/process.h"
#include "env/env_posix.h"

typedef struct posix_mapping {
    env_mapping_owner head;
    bool shared_writable;
    uint64_t fork_stamp; /* of the process that mapped it */
    process_mapping guard;
} posix_mapping;

static int leave_out_of_children(void *base, size_t size)
{
#if defined(__APPLE__)
    return minherit(base, size, VM_INHERIT_NONE);
#else
    return madvise(base, size, MADV_DONTFORK);
#endif
}

/* Maps and brings the mapping under guard or out of children; on failure nothing stays mapped. */
static pykv_status map_and_protect(env_file *file, posix_mapping *self, size_t size, bool writable)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    int sharing = writable && !self->shared_writable ? MAP_PRIVATE : MAP_SHARED;
    void *base = mmap(NULL, size, protection, sharing, ((posix_file *)file)->descriptor, 0);
    if (base == MAP_FAILED) {
        return env_fail(errno, file->path, "map");
    }
    self->guard.base = base;
    self->guard.size = size;
    pykv_status status = PYKV_OK;
    if (self->shared_writable && leave_out_of_children(base, size) != 0) {
        status = env_fail(errno, file->path, "keep a mapping out of forked children");
    } else {
        status = process_guard(&self->guard);
    }
    if (status != PYKV_OK) {
        (void)munmap(base, size);
    }
    return status;
}

pykv_status posix_file_map(env_file *file, size_t size, bool writable, bool copy_on_write,
                           env_mapping *out)
{
    if (size == 0) {
        return error_set_system(PYKV_INVALID_ARGUMENT, 0, file->path, "cannot map no bytes");
    }
    posix_mapping *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->head.owner = file->owner;
    self->shared_writable = writable && !copy_on_write;
    self->fork_stamp = process_stamp();
    pykv_status status = map_and_protect(file, self, size, writable);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    out->base = (uint8_t *)(uintptr_t)self->guard.base;
    out->size = size;
    out->writable = writable;
    out->owner = self;
    return PYKV_OK;
}

/* In a forked child a writable mapping is absent, and its addresses may be another's. */
void posix_unmap(env_mapping *mapping)
{
    posix_mapping *self = mapping->owner;
    process_unguard(&self->guard);
    if (!self->shared_writable || self->fork_stamp == process_stamp()) {
        (void)munmap(mapping->base, mapping->size);
    }
    mem_free(self);
}

uint32_t posix_mapping_faults(const env_mapping *mapping)
{
    const posix_mapping *self = mapping->owner;
    return self->guard.fault_count;
}

pykv_status posix_mapping_written(env_mapping *mapping, size_t offset, size_t size)
{
    (void)offset;
    (void)size;
    if (PYKV_UNLIKELY(posix_mapping_faults(mapping) != 0)) {
        return env_fail(EIO, NULL, "store into a mapped file");
    }
    return PYKV_OK;
}

/* What was stored stays in the page cache; the addresses stay taken until the mapping goes. */
void posix_mapping_retire(env_mapping *mapping, size_t size)
{
    if (size > 0 && size <= mapping->size) {
        void *taken =
            mmap(mapping->base, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        (void)taken; /* if it failed the bytes are within reach still, which is no harm */
    }
}

void posix_mapping_let_go(env_mapping *mapping)
{
#if defined(MADV_COLD)
    (void)madvise(mapping->base, mapping->size, MADV_COLD); /* refused by a Linux before 5.4 */
#else
    (void)mapping;
#endif
}
