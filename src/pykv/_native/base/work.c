/*
 * work: handing out tasks by rising index, and who frees the memory.
 */
#include "base/work.h"

#include <stdbool.h>

#include "base/invariant.h"
#include "base/memory.h"
#include "base/mutex.h"

struct pykv_work {
    /* Constant. */
    work_task task;
    void *argument;
    size_t count;

    mutex lock;
    condition task_done;
    size_t next GUARDED_BY(lock);          /* task to begin */
    int32_t busy_count GUARDED_BY(lock);   /* lent threads inside a task */
    int32_t holder_count GUARDED_BY(lock); /* who may still touch this */
};

static pykv_work *work_new(work_task task, void *argument, size_t count,
                           int32_t holder_count) SINGLE_THREADED
{
    pykv_work *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->task = task;
    self->argument = argument;
    self->count = count;
    self->holder_count = holder_count;
    mutex_init(&self->lock);
    condition_init(&self->task_done);
    return self;
}

/* Ends the hold of count holders; the last one frees. */
static void leave(pykv_work *self, int32_t count)
{
    mutex_lock(&self->lock);
    self->holder_count -= count;
    bool is_last = self->holder_count == 0;
    PYKV_ASSERT(self->holder_count >= 0);
    mutex_unlock(&self->lock);
    if (is_last) {
        condition_destroy(&self->task_done);
        mutex_destroy(&self->lock);
        mem_free(self);
    }
}

/* Takes the next task; false: there is none. */
static bool take(pykv_work *self, size_t *index_out) REQUIRES(self->lock)
{
    if (self->next == self->count) {
        return false;
    }
    *index_out = self->next++;
    return true;
}

/* Does tasks until all are taken. busy: what one task adds to busy_count while it runs. */
static void do_tasks(pykv_work *self, int32_t busy)
{
    size_t index;
    mutex_lock(&self->lock);
    while (take(self, &index)) {
        self->busy_count += busy;
        mutex_unlock(&self->lock);
        self->task(self->argument, index);
        mutex_lock(&self->lock);
        self->busy_count -= busy;
    }
    if (self->busy_count == 0) {
        condition_broadcast(&self->task_done);
    }
    mutex_unlock(&self->lock);
}

static void wait_for_tasks(pykv_work *self)
{
    mutex_lock(&self->lock);
    while (self->busy_count > 0) {
        condition_wait(&self->task_done, &self->lock);
    }
    mutex_unlock(&self->lock);
}

void work_help(pykv_work *self)
{
    do_tasks(self, 1);
    leave(self, 1);
}

static void do_alone(work_task task, void *argument, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        task(argument, i);
    }
}

void work_share(const work_lender *lender, work_task task, void *argument, size_t count)
{
    size_t useful = count > 0 ? count - 1 : 0;
    int32_t wanted = useful < WORK_THREAD_COUNT_MAX ? (int32_t)useful : WORK_THREAD_COUNT_MAX;
    pykv_work *self = NULL;
    if (lender->lend != NULL && wanted > 0) {
        self = work_new(task, argument, count, wanted + 1);
    }
    if (self == NULL) {
        do_alone(task, argument, count);
        return;
    }
    int32_t lent = lender->lend(lender->context, self, wanted);
    bool is_known = lent >= 0 && lent <= wanted;
    do_tasks(self, 0);
    wait_for_tasks(self);
    leave(self, is_known ? wanted - lent + 1 : 1);
}
