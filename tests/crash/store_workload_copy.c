/*
 * store_workload_copy: checkpoints of the workload's store. Each has a path of its own, so that
 * what a failure left of one is in no other's way.
 */
#include <stdio.h>

#include "harness/check.h"
#include "store_workload.h"
#include "store_workload_parts.h"

enum { COPY_PATH_BYTES = 32 };

static void path_of(size_t index, char out[COPY_PATH_BYTES])
{
    snprintf(out, COPY_PATH_BYTES, "/copy-%zu", index);
}

static pykv_status open_copy(env *disk, const store_plan *plan, size_t index, void **store_out)
{
    char path[COPY_PATH_BYTES];
    pykv_options options = workload_options(plan);
    options.must_exist = 1;
    path_of(index, path);
    return plan->engine->open(disk, path, &options, store_out);
}

/* NULL: the open copy is the state after its commit. It has no history of its source. */
static const char *read_copy(env *disk, const store_plan *plan, store_history *history,
                             const store_copy *copy, void *store)
{
    size_t commit;
    store_plan copied = *plan;
    copied.keeps_history = false;
    copied.pins = false;
    store_driver reader = {.plan = &copied, .disk = disk, .history = history, .store = store};
    return driver_check(&reader, copy->commit, copy->commit, &commit);
}

/* Writes to the copy what the source never held, and closes it. */
static pykv_status write_copy(const store_plan *plan, void *store)
{
    char key[WORKLOAD_KEY_BYTES];
    static uint8_t value[WORKLOAD_VALUE_BYTES];
    pykv_status status = PYKV_OK;
    for (uint32_t i = 0; i < WORKLOAD_KEY_COUNT && status == PYKV_OK; i += 3) {
        memset(value, 'c', sizeof value);
        status = plan->engine->put(store, slice_make(key, workload_key(i, key)),
                                   slice_make(value, i * 100), 0, 0);
    }
    if (status == PYKV_OK) {
        status = plan->engine->compact(store, NULL, NULL);
    }
    return status == PYKV_OK ? plan->engine->close(store, -1) : status;
}

pykv_status driver_copy(store_driver *self)
{
    char path[COPY_PATH_BYTES];
    void *store;
    const engine_ops *engine = self->plan->engine;
    store_history *history = self->history;
    if (history->copy_count == WORKLOAD_COPIES_MAX) {
        return PYKV_OK;
    }
    size_t index = history->copy_count++;
    store_copy *copy = &history->copies[index];
    *copy = (store_copy){.commit = history->tried};
    path_of(index, path);
    pykv_status status = engine->checkpoint(self->store, path);
    if (status != PYKV_OK) {
        return status;
    }
    copy->made = true;
    history->durable = history->finished;
    if (check_random(&self->chance, 2) == 0) {
        return PYKV_OK;
    }
    copy->used = true;
    status = open_copy(self->disk, self->plan, index, &store);
    if (status != PYKV_OK) {
        return status;
    }
    const char *wrong = read_copy(self->disk, self->plan, history, copy, store);
    if (wrong != NULL && wrong != workload_unreadable) {
        check_failed(__FILE__, __LINE__, "%s (in a checkpoint, before any crash)", wrong);
    }
    status = wrong != NULL ? error_last()->status : write_copy(self->plan, store);
    engine->free(store);
    return status;
}

static const char *check_copy(env *disk, const store_plan *plan, store_history *history,
                              size_t index)
{
    void *store;
    const store_copy *copy = &history->copies[index];
    const char *wrong = NULL;
    pykv_status status = open_copy(disk, plan, index, &store);
    if (status == PYKV_OK) {
        wrong = copy->used ? NULL : read_copy(disk, plan, history, copy, store);
        plan->engine->free(store);
    } else if (copy->made) {
        wrong = "a checkpoint that was made does not open";
    } else if (status != PYKV_PATH_NOT_FOUND && status != PYKV_FORMAT) {
        wrong = "what is left of a checkpoint is taken for a damaged store";
    }
    return wrong;
}

const char *workload_check_copies(env *disk, const store_plan *plan, store_history *history)
{
    const char *wrong = NULL;
    for (size_t i = 0; i < history->copy_count && wrong == NULL; i++) {
        char path[COPY_PATH_BYTES];
        wrong = check_copy(disk, plan, history, i);
        path_of(i, path);
        pykv_status status = plan->engine->destroy(disk, path);
        if (wrong == NULL && status != PYKV_OK && status != PYKV_PATH_NOT_FOUND) {
            wrong = "what is left of a checkpoint cannot be destroyed";
        }
    }
    return wrong;
}
