/*
 * process: the fork stamp, the registry of open stores and the descriptors closed in children.
 *
 * Thread-safe. The registry is guarded by its mutex; the rest is atomic. At a fork the prepare
 * handler holds the locks, so that the child finds the tables whole; the child starts with an empty
 * registry and an empty bus guard table, since what it inherited belongs to its parent.
 */
#include "base/process.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/mutex.h"
#include "base/process_guard.h"

enum { DESCRIPTOR_COUNT_MAX = 4096, REGISTRY_CAPACITY_MIN = 8 };

typedef struct store_identity {
    uint64_t device;
    uint64_t inode;
} store_identity;

static mutex registry_lock = {PTHREAD_MUTEX_INITIALIZER};
static store_identity *registry GUARDED_BY(registry_lock);
static size_t registry_count GUARDED_BY(registry_lock);
static size_t registry_capacity GUARDED_BY(registry_lock);

/* Descriptor plus one; 0: a free entry. Entries from descriptor_end on were never used. */
static _Atomic int descriptors[DESCRIPTOR_COUNT_MAX];
static _Atomic size_t descriptor_end;

/*
 * The stamp lives in the wiped page, or in stamp_unwiped where the kernel cannot wipe. A stamp that
 * was wiped is dealt anew from stamp_dealt, which counts up along every line of descent.
 */
static _Atomic uint64_t stamp_unwiped = 1;
static _Atomic uint64_t stamp_dealt = 1;
static _Atomic(_Atomic uint64_t *) stamp = &stamp_unwiped;

static uint64_t deal_stamp(_Atomic uint64_t *wiped)
{
    uint64_t dealt = atomic_fetch_add(&stamp_dealt, 1) + 1;
    uint64_t found = 0;
    return atomic_compare_exchange_strong(wiped, &found, dealt) ? dealt : found;
}

uint64_t process_stamp(void)
{
    _Atomic uint64_t *current = atomic_load_explicit(&stamp, memory_order_acquire);
    uint64_t value = atomic_load_explicit(current, memory_order_relaxed);
    return PYKV_LIKELY(value != 0) ? value : deal_stamp(current);
}

/* Moves the stamp to a page that the kernel wipes in children; without one it stays. */
static void install_wiped_stamp(void)
{
#if defined(MADV_WIPEONFORK)
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return;
    }
    if (madvise(page, page_bytes, MADV_WIPEONFORK) != 0) {
        (void)munmap(page, page_bytes);
        return;
    }
    _Atomic uint64_t *wiped = page;
    atomic_store(wiped, atomic_load(&stamp_unwiped));
    atomic_store_explicit(&stamp, wiped, memory_order_release);
#endif
}

static void before_fork(void) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_lock(&registry_lock);
    process_guard_before_fork();
}

static void after_fork_in_parent(void) NO_THREAD_SAFETY_ANALYSIS
{
    process_guard_after_fork_in_parent();
    mutex_unlock(&registry_lock);
}

/* Takes no lock and allocates nothing: other threads of the parent may have held anything. */
static void after_fork_in_child(void) NO_THREAD_SAFETY_ANALYSIS
{
    process_guard_after_fork_in_child();
    mutex_init(&registry_lock);
    registry_count = 0;
    atomic_fetch_add(&stamp_unwiped, 1);
    size_t end = atomic_load(&descriptor_end);
    for (size_t i = 0; i < end; i++) {
        int entry = atomic_exchange(&descriptors[i], 0);
        if (entry != 0) {
            (void)close(entry - 1);
        }
    }
}

static int fork_handlers_failed;

static void initialise(void)
{
    crc32c_choose();
    install_wiped_stamp();
    fork_handlers_failed = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    (void)process_guard_check();
}

pykv_status process_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int failed = pthread_once(&once, initialise);
    if (failed != 0 || fork_handlers_failed != 0) {
        return error_set(PYKV_NO_MEMORY, "the fork handlers could not be registered");
    }
    return PYKV_OK;
}

static size_t registry_find(uint64_t device, uint64_t inode) REQUIRES(registry_lock)
{
    size_t i = 0;
    while (i < registry_count && (registry[i].device != device || registry[i].inode != inode)) {
        i++;
    }
    return i;
}

static pykv_status registry_make_room(void) REQUIRES(registry_lock)
{
    if (registry_count < registry_capacity) {
        return PYKV_OK;
    }
    size_t capacity = registry_capacity == 0 ? REGISTRY_CAPACITY_MIN : 2 * registry_capacity;
    store_identity *grown = mem_resize(registry, capacity * sizeof *registry);
    if (grown == NULL) {
        return error_set_no_memory(capacity * sizeof *registry);
    }
    registry = grown;
    registry_capacity = capacity;
    return PYKV_OK;
}

pykv_status process_register(uint64_t device, uint64_t inode, const char *path)
{
    mutex_lock(&registry_lock);
    pykv_status status;
    if (registry_find(device, inode) < registry_count) {
        status = error_set_locked(path, (int64_t)getpid());
    } else {
        status = registry_make_room();
    }
    if (status == PYKV_OK) {
        registry[registry_count++] = (store_identity){device, inode};
    }
    mutex_unlock(&registry_lock);
    return status;
}

void process_unregister(uint64_t device, uint64_t inode)
{
    mutex_lock(&registry_lock);
    size_t found = registry_find(device, inode);
    if (found < registry_count) {
        registry[found] = registry[--registry_count];
    }
    if (registry_count == 0) {
        mem_free(registry);
        registry = NULL;
        registry_capacity = 0;
    }
    mutex_unlock(&registry_lock);
}

void process_hold_forks(void) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_lock(&registry_lock);
}

void process_let_forks(void) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_unlock(&registry_lock);
}

/* Raises descriptor_end to at least end. */
static void raise_descriptor_end(size_t end)
{
    size_t seen = atomic_load(&descriptor_end);
    while (seen < end && !atomic_compare_exchange_weak(&descriptor_end, &seen, end)) {
    }
}

pykv_status process_close_on_fork(int descriptor)
{
    PYKV_ASSERT(descriptor >= 0);
    for (size_t i = 0; i < DESCRIPTOR_COUNT_MAX; i++) {
        int free_entry = 0;
        if (atomic_load_explicit(&descriptors[i], memory_order_relaxed) != 0) {
            continue;
        }
        raise_descriptor_end(i + 1);
        if (atomic_compare_exchange_strong(&descriptors[i], &free_entry, descriptor + 1)) {
            return PYKV_OK;
        }
    }
    return error_set(PYKV_NO_MEMORY, "more than %d lock and log files are open in this process",
                     DESCRIPTOR_COUNT_MAX);
}

void process_forget_descriptor(int descriptor)
{
    size_t end = atomic_load(&descriptor_end);
    for (size_t i = 0; i < end; i++) {
        int entry = descriptor + 1;
        if (atomic_compare_exchange_strong(&descriptors[i], &entry, 0)) {
            return;
        }
    }
}
