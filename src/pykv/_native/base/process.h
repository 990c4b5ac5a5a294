/*
 * process: all process-wide mutable state of the core, in this one pair of files.
 *
 *   1. fork stamp     a page that the kernel wipes in a forked child (MADV_WIPEONFORK)
 *   2. registry       open stores by (device, inode), so that one process opens a store once
 *   3. bus guard      SIGBUS handler and the table of mappings it protects (process_guard.c)
 *   4. descriptors    lock and log descriptors that a forked child closes
 *   5. CPU dispatch   crc32c_choose
 *   6. elsewhere      last error, thread-local, in error.c; allocation counters in memory.c; count
 *                     of broken invariants in invariant.c; numbers of threads in thread_hint.c;
 *                     codecs in codec/codec_registry.c
 *
 * Everything here is thread-safe.
 */
#ifndef PYKV_BASE_PROCESS_H
#define PYKV_BASE_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"

/* Sets up the state above; called by every open; idempotent. */
PYKV_NODISCARD pykv_status process_init(void);

/* The stamp of this process: nonzero, and changed in a forked child. One load. */
uint64_t process_stamp(void);

/*
 * Enters (device, inode) into the registry; PYKV_LOCKED if it is there. Leave with the same pair;
 * an absent pair is ignored. A forked child starts with an empty registry.
 */
PYKV_NODISCARD pykv_status process_register(uint64_t device, uint64_t inode, const char *path);
void process_unregister(uint64_t device, uint64_t inode);

/*
 * A descriptor to close in forked children (locks, logs), and its removal, which must come before
 * it is closed. PYKV_NO_MEMORY when 4,096 are in the table.
 */
PYKV_NODISCARD pykv_status process_close_on_fork(int descriptor);
void process_forget_descriptor(int descriptor);

/*
 * No fork of this process happens between the two: a descriptor that is opened and entered above
 * between them is never left open in a child. Nothing else of here may be called meanwhile.
 */
void process_hold_forks(void);
void process_let_forks(void);

/*
 * Bus guard. A read of a mapping whose file lost those bytes (truncated, device error) raises
 * SIGBUS; the handler replaces the page by zeros, raises the mapping's flag, and the read goes on:
 * checksums then fail and the caller sees the flag. Faults elsewhere are passed on to the handler
 * that was there before. process_guard_check reinstalls the handler if someone replaced it.
 */
typedef struct process_mapping {
    const uint8_t *base;
    size_t size;
    _Atomic uint32_t fault_count;
} process_mapping;

/*
 * Protects mapping until unguarded; base and size stay as they are meanwhile. PYKV_NO_MEMORY when
 * the table (65,536 entries) is full. No read may be running in a mapping when it is unguarded; one
 * that is not guarded is ignored. A forked child starts with an empty table.
 */
PYKV_NODISCARD pykv_status process_guard(process_mapping *mapping);
void process_unguard(process_mapping *mapping);

/* True if the handler is in force now, after trying to install it again. */
bool process_guard_check(void);

/* The same for work that comes by regularly: at most once a second, and not where nothing is under
 * guard. now_us is a monotonic clock's. */
void process_guard_keep(uint64_t now_us);

#endif
