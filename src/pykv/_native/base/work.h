/*
 * work: independent tasks of one call, which threads that the caller lends may share.
 *
 * The library starts no threads. The call that has the tasks asks a lender for some; each calls
 * work_help once, at any time, also when all is done. The asking thread takes tasks too, and waits
 * for the threads that are inside one: with no other it does everything. Threads that come late
 * find nothing to begin and do not touch what the tasks use.
 *
 * Thread-safe. The lock is a leaf: no task runs, and nobody is asked, while it is held.
 *
 * Invariant: the memory stays until everyone has left who was ever expected: who asks, and as many
 * threads as the lender started. If it cannot tell how many, the memory stays for ever.
 */
#ifndef PYKV_BASE_WORK_H
#define PYKV_BASE_WORK_H

#include <stddef.h>
#include <stdint.h>

#include "pykv.h"

enum { WORK_THREAD_COUNT_MAX = 7 };

/* Below it threads take longer to start than to help. */
#define WORK_SHARED_BYTES_MIN (UINT64_C(8) << 20)

/* Where threads come from. Zeros: nowhere. */
typedef struct work_lender {
    int32_t (*lend)(void *context, pykv_work *work, int32_t thread_count);
    void *context;
    uint64_t bytes_min; /* for work on so many bytes */
} work_lender;

static inline work_lender work_lender_of(const pykv_options *options)
{
    return (work_lender){options->lend_threads, options->lend_context, WORK_SHARED_BYTES_MIN};
}

/* One task, by its index. It must neither fail nor wait for another one. */
typedef void (*work_task)(void *argument, size_t index);

/* Does task(argument, index) for each index below count, in any order and at once, and returns when
 * all have returned. The calling thread alone does it where there is no help. */
void work_share(const work_lender *lender, work_task task, void *argument, size_t count);

/* Takes tasks until none is left to begin. Once a thread; self may be freed by it. */
void work_help(pykv_work *self);

#endif
