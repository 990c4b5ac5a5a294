/*
 * handle: opening, closing, freeing a store, and the refusals.
 */
#include "api/handle.h"

#include "api/options.h"
#include "base/memory.h"
#include "env/env.h"

static pykv_status refuse_namespace(const pykv_store *handle, uint64_t stamp)
{
    bool is_closed = stamp == STAMP_CLOSED;
    return error_set(PYKV_CLOSED, "%s namespace '%.*s' was %s",
                     is_closed ? "the handle to the" : "the", (int)handle->name_length,
                     handle->name, is_closed ? "closed" : "dropped");
}

pykv_status handle_refuse(const pykv_store *store)
{
    uint64_t stamp = store->stamp;
    bool is_shut = stamp != process_stamp();
    if (is_shut && store->root != NULL && store->root->stamp == process_stamp()) {
        return refuse_namespace(store, stamp);
    }
    if (is_shut) {
        return error_set(PYKV_FORKED, "this store was opened by the parent process: open it again "
                                      "in the child, or use read_only there");
    }
    if (store->broken_count != invariant_broken_count()) {
        return error_set(PYKV_INTERNAL,
                         "an invariant of pykv was broken (%.300s): close the store and "
                         "report this",
                         error_last()->text);
    }
    return error_set(PYKV_CLOSED, "the store is closed");
}

pykv_status handle_refuse_sizes(size_t key_length, size_t value_length)
{
    if (key_length > PYKV_KEY_BYTES_MAX) {
        return error_set(PYKV_KEY_TOO_LARGE, "the key has %zu bytes; the limit is %d", key_length,
                         PYKV_KEY_BYTES_MAX);
    }
    return error_set(PYKV_VALUE_TOO_LARGE, "the value has %zu bytes; the limit is %d", value_length,
                     PYKV_VALUE_BYTES_MAX);
}

pykv_status handle_enter_long(pykv_store *store, epoch_token *token_out)
{
    bool entered =
        handle_is_usable(store) && gate_enter(store->gate, &store->gate->others, token_out);
    return entered ? PYKV_OK : handle_refuse(store);
}

void handle_leave_long(pykv_store *store, epoch_token token)
{
    epoch_leave(&store->gate->others, token);
}

pykv_status pykv_check_open(const pykv_store *store)
{
    bool takes_calls = handle_is_usable(store) && !gate_is_shut(store->gate);
    return takes_calls ? PYKV_OK : handle_refuse(store);
}

static void free_handle(pykv_store *store)
{
    condition_destroy(&store->closer_left);
    mutex_destroy(&store->closer_lock);
    mutex_destroy(&store->names_lock);
    mem_free(store);
}

pykv_status pykv_open(const char *path, const pykv_options *options, pykv_store **store_out)
{
    pykv_status status = process_init();
    if (status != PYKV_OK) {
        return status;
    }
    const engine_ops *ops;
    status =
        engine_choose(env_posix(), path, options != NULL ? options->engine : PYKV_ENGINE_ANY, &ops);
    if (status == PYKV_OK) {
        status = options_check(options, ops->home->engine);
    }
    if (status != PYKV_OK) {
        return status;
    }
    pykv_store *store = mem_alloc_zeroed(1, sizeof *store);
    if (store == NULL) {
        return error_set_no_memory(sizeof *store);
    }
    store->stamp = process_stamp();
    store->broken_count = invariant_broken_count();
    mutex_init(&store->closer_lock);
    mutex_init(&store->names_lock);
    condition_init(&store->closer_left);
    status = engine_life_new(ops, &store->life);
    if (status == PYKV_OK) {
        status = ops->open(env_posix(), path, options, &store->engine);
    }
    if (status != PYKV_OK) {
        mem_free(store->life);
        free_handle(store);
        return status;
    }
    store->life->engine = store->engine;
    store->ops = ops;
    store->is_reader = options != NULL && options->read_only != 0;
    store->batch_bytes_max = options != NULL ? options->batch_bytes_max : 0;
    store->gate = ops->gate(store->engine);
    store->calls = ops->calls_are_readers ? &store->gate->readers : &store->gate->others;
    *store_out = store;
    return PYKV_OK;
}

/* Waits for the turn to close: at most timeout_us, negative for ever. False: time ran out. */
static bool enter_closer(pykv_store *store, int64_t timeout_us)
{
    uint64_t began = env_monotonic_us(env_posix());
    bool entered = true;
    mutex_lock(&store->closer_lock);
    while (store->closer_inside && entered) {
        uint64_t elapsed = env_monotonic_us(env_posix()) - began;
        if (timeout_us < 0) {
            condition_wait(&store->closer_left, &store->closer_lock);
        } else if (elapsed < (uint64_t)timeout_us) {
            (void)condition_wait_for(&store->closer_left, &store->closer_lock,
                                     (uint64_t)timeout_us - elapsed);
        } else {
            entered = false;
        }
    }
    if (entered) {
        store->closer_inside = true;
    }
    mutex_unlock(&store->closer_lock);
    return entered;
}

static void leave_closer(pykv_store *store)
{
    mutex_lock(&store->closer_lock);
    store->closer_inside = false;
    condition_broadcast(&store->closer_left);
    mutex_unlock(&store->closer_lock);
}

pykv_status pykv_close(pykv_store *store, int64_t timeout_us)
{
    if (store != NULL && store->root != NULL) {
        names_close(store);
        return PYKV_OK;
    }
    if (store == NULL || store->stamp != process_stamp()) {
        return PYKV_OK;
    }
    if (!enter_closer(store, timeout_us)) {
        return error_set(PYKV_TIMED_OUT, "another thread is still closing the store: close again");
    }
    pykv_status status = store->ops->close(store->engine, timeout_us);
    leave_closer(store);
    return status;
}

void pykv_free(pykv_store *store)
{
    if (store != NULL && store->root != NULL) {
        names_free(store);
        return;
    }
    if (store == NULL || store->stamp != process_stamp()) {
        return;
    }
    if (store->ops->close(store->engine, -1) != PYKV_OK) {
        /* What close could not write the next open recovers. */
    }
    engine_life_leave(store->life);
    free_handle(store);
}

pykv_status pykv_repair(const char *path, pykv_report *report_out)
{
    pykv_report ignored;
    const engine_ops *ops;
    pykv_status status = process_init();
    if (status == PYKV_OK) {
        status = engine_choose(env_posix(), path, PYKV_ENGINE_ANY, &ops);
    }
    if (status != PYKV_OK) {
        return status;
    }
    return ops->repair(env_posix(), path, report_out != NULL ? report_out : &ignored);
}

pykv_status pykv_destroy(const char *path)
{
    const engine_ops *ops;
    pykv_status status = process_init();
    if (status == PYKV_OK) {
        status = engine_choose(env_posix(), path, PYKV_ENGINE_ANY, &ops);
    }
    return status == PYKV_OK ? ops->destroy(env_posix(), path) : status;
}

pykv_status pykv_detect(const char *path, int32_t *engine_out)
{
    pykv_status status = process_init();
    return status == PYKV_OK ? engine_detect(env_posix(), path, engine_out) : status;
}
