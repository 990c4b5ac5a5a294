/*
 * process_guard: the SIGBUS handler and the table of mappings it protects.
 *
 * Table: slots that writers change under a mutex and that the handler reads without one. Each slot
 * has a version, odd while it is being written; the handler skips a slot whose version is odd or
 * changed under it. The slot of a mapping that is being read cannot change: its owner unguards it
 * only after its readers have left. So the handler dereferences only mappings that are alive.
 *
 * The handler calls mmap, sigaction and raise, all plain system calls, and keeps errno.
 */
#include "base/process_guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/mutex.h"
#include "base/process.h"
#include "base/thread_hint.h"

enum { GUARD_COUNT_MAX = 65536, KEEP_EVERY_US = 1000000 };

typedef struct guard_slot {
    _Atomic uint64_t version;
    _Atomic uintptr_t begin;
    _Atomic uintptr_t end; /* 0: the slot is free */
    _Atomic(process_mapping *) mapping;
} guard_slot;

/* Changed under guard_lock only. Slots from slot_end on were never used. */
static guard_slot slots[GUARD_COUNT_MAX];
static _Atomic size_t slot_end;

static mutex guard_lock = {PTHREAD_MUTEX_INITIALIZER};
static size_t free_hint GUARDED_BY(guard_lock); /* no slot below it is free */

/* What was there before, published in one piece: the handler may run while it is replaced. */
static struct sigaction previous_actions[2];
static _Atomic uint32_t previous_index;
static _Atomic uintptr_t page_bytes;
static _Atomic uint64_t kept_us; /* when process_guard_keep last looked */

/* Nonzero while this thread is inside a handler that the fault was passed on to. */
static _Thread_local volatile sig_atomic_t passing_on PYKV_STATIC_TLS;

static void write_slot(guard_slot *slot, const process_mapping *bounds, process_mapping *mapping)
    REQUIRES(guard_lock)
{
    uintptr_t begin = bounds == NULL ? 0 : (uintptr_t)bounds->base;
    uintptr_t end = bounds == NULL ? 0 : begin + bounds->size;
    uint64_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);
    atomic_store_explicit(&slot->version, version + 1, memory_order_relaxed);
    atomic_store_explicit(&slot->begin, begin, memory_order_release);
    atomic_store_explicit(&slot->end, end, memory_order_release);
    atomic_store_explicit(&slot->mapping, mapping, memory_order_release);
    atomic_store_explicit(&slot->version, version + 2, memory_order_release);
}

/* The mapping in slot if it holds address and was not changed meanwhile, else NULL. */
static process_mapping *slot_match(guard_slot *slot, uintptr_t address)
{
    uint64_t version = atomic_load_explicit(&slot->version, memory_order_acquire);
    uintptr_t begin = atomic_load_explicit(&slot->begin, memory_order_acquire);
    uintptr_t end = atomic_load_explicit(&slot->end, memory_order_acquire);
    process_mapping *mapping = atomic_load_explicit(&slot->mapping, memory_order_acquire);
    if (address < begin || address >= end || version % 2 != 0 ||
        version != atomic_load_explicit(&slot->version, memory_order_relaxed)) {
        return NULL;
    }
    return mapping;
}

static process_mapping *find_mapping(uintptr_t address)
{
    size_t end = atomic_load_explicit(&slot_end, memory_order_acquire);
    for (size_t i = 0; i < end; i++) {
        process_mapping *mapping = slot_match(&slots[i], address);
        if (mapping != NULL) {
            return mapping;
        }
    }
    return NULL;
}

/* Puts zeros where the file's bytes were lost; false if address is not guarded. */
static bool replace_page(uintptr_t address)
{
    process_mapping *mapping = find_mapping(address);
    if (mapping == NULL) {
        return false;
    }
    uintptr_t bytes = atomic_load_explicit(&page_bytes, memory_order_relaxed);
    uintptr_t page = address & ~(bytes - 1);
    void *placed = mmap((void *)page, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (placed == MAP_FAILED) {
        return false;
    }
    atomic_fetch_add_explicit(&mapping->fault_count, 1, memory_order_release);
    return true;
}

/* Restores the default action and lets the signal happen again: the process ends. */
static void end_by_default(int number, bool by_kernel)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = SIG_DFL;
    (void)sigaction(number, &action, NULL);
    if (!by_kernel) {
        (void)raise(number);
    }
}

/* A fault that is not ours. A second one inside the handler it was passed to ends the process. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    bool by_kernel = info->si_code > 0;
    uint32_t index = atomic_load_explicit(&previous_index, memory_order_acquire);
    const struct sigaction *previous = &previous_actions[index];
    if ((previous->sa_flags & SA_SIGINFO) == 0 && previous->sa_handler == SIG_IGN && !by_kernel) {
        return;
    }
    bool has_handler = (previous->sa_flags & SA_SIGINFO) != 0 ||
                       (previous->sa_handler != SIG_DFL && previous->sa_handler != SIG_IGN);
    if (passing_on != 0 || !has_handler) {
        end_by_default(number, by_kernel);
        return;
    }
    passing_on = 1;
    if ((previous->sa_flags & SA_SIGINFO) != 0) {
        previous->sa_sigaction(number, info, context);
    } else {
        previous->sa_handler(number);
    }
    passing_on = 0;
}

static void handle_bus_fault(int number, siginfo_t *info, void *context)
{
    int saved_errno = errno;
    if (info->si_code <= 0 || !replace_page((uintptr_t)info->si_addr)) {
        pass_on(number, info, context);
    }
    errno = saved_errno;
}

static bool is_ours(const struct sigaction *action)
{
    return (action->sa_flags & SA_SIGINFO) != 0 && action->sa_sigaction == handle_bus_fault;
}

/* Installs the handler over current, which becomes the one that faults are passed on to. */
static void install_over(const struct sigaction *current) REQUIRES(guard_lock)
{
    uint32_t next = 1 - atomic_load(&previous_index);
    previous_actions[next] = *current;
    atomic_store_explicit(&previous_index, next, memory_order_release);
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = handle_bus_fault;
    action.sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK;
    (void)sigaction(SIGBUS, &action, NULL);
}

bool process_guard_check(void)
{
    mutex_lock(&guard_lock);
    atomic_store(&page_bytes, (uintptr_t)sysconf(_SC_PAGESIZE));
    struct sigaction current;
    bool known = sigaction(SIGBUS, NULL, &current) == 0;
    if (known && !is_ours(&current)) {
        install_over(&current);
        known = sigaction(SIGBUS, NULL, &current) == 0;
    }
    mutex_unlock(&guard_lock);
    return known && is_ours(&current);
}

void process_guard_keep(uint64_t now_us)
{
    bool due = now_us - atomic_load_explicit(&kept_us, memory_order_relaxed) >= KEEP_EVERY_US;
    if (due && atomic_load_explicit(&slot_end, memory_order_relaxed) > 0) {
        atomic_store_explicit(&kept_us, now_us, memory_order_relaxed);
        (void)process_guard_check();
    }
}

/* Index of a free slot, GUARD_COUNT_MAX if there is none. */
static size_t find_free_slot(void) REQUIRES(guard_lock)
{
    size_t i = free_hint;
    while (i < GUARD_COUNT_MAX && atomic_load_explicit(&slots[i].end, memory_order_relaxed) != 0) {
        i++;
    }
    free_hint = i;
    return i;
}

pykv_status process_guard(process_mapping *mapping)
{
    PYKV_ASSERT(mapping->size > 0);
    mutex_lock(&guard_lock);
    size_t i = find_free_slot();
    if (i < GUARD_COUNT_MAX) {
        write_slot(&slots[i], mapping, mapping);
        if (i >= atomic_load(&slot_end)) {
            atomic_store_explicit(&slot_end, i + 1, memory_order_release);
        }
    }
    mutex_unlock(&guard_lock);
    if (i == GUARD_COUNT_MAX) {
        return error_set(PYKV_NO_MEMORY, "more than %d mapped files are guarded", GUARD_COUNT_MAX);
    }
    return PYKV_OK;
}

void process_unguard(process_mapping *mapping)
{
    mutex_lock(&guard_lock);
    size_t end = atomic_load(&slot_end);
    for (size_t i = 0; i < end; i++) {
        if (atomic_load_explicit(&slots[i].mapping, memory_order_relaxed) == mapping) {
            write_slot(&slots[i], NULL, NULL);
            free_hint = i < free_hint ? i : free_hint;
            break;
        }
    }
    mutex_unlock(&guard_lock);
}

void process_guard_before_fork(void) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_lock(&guard_lock);
}

void process_guard_after_fork_in_parent(void) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_unlock(&guard_lock);
}

void process_guard_after_fork_in_child(void) NO_THREAD_SAFETY_ANALYSIS
{
    mutex_init(&guard_lock);
    size_t end = atomic_load(&slot_end);
    for (size_t i = 0; i < end; i++) {
        write_slot(&slots[i], NULL, NULL);
    }
    atomic_store(&slot_end, 0);
    free_hint = 0;
}
