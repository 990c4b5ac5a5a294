/*
 * handle: opening, closing, freeing a store, and the refusals.
 */
#include "api/handle.h"

#include "base/memory.h"
#include "env/env.h"

pykv_status handle_refuse(const pykv_store *store)
{
    if (store->stamp != process_stamp()) {
        return error_set(PYKV_FORKED, "this store was opened by the parent process: open it again "
                                      "in the child, or use read_only there");
    }
    if (store->broken_count != invariant_broken_count()) {
        return error_set(PYKV_INTERNAL, "an invariant of pykv was broken (%.300s): close the store and "
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

pykv_status handle_enter_long(pykv_store *store)
{
    if (!handle_is_usable(store)) {
        return handle_refuse(store);
    }
    atomic_fetch_add_explicit(&store->engine->long_calls, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&store->engine->closing, memory_order_seq_cst) != 0) {
        handle_leave_long(store);
        return handle_refuse(store);
    }
    return PYKV_OK;
}

void handle_leave_long(pykv_store *store)
{
    atomic_fetch_sub_explicit(&store->engine->long_calls, 1, memory_order_release);
}

pykv_status pykv_open(const char *path, const pykv_options *options, pykv_store **store_out)
{
    pykv_status status = process_init();
    if (status != PYKV_OK) {
        return status;
    }
    if (options != NULL && options->engine != PYKV_ENGINE_ANY &&
        options->engine != PYKV_ENGINE_BITCASK) {
        return error_set(PYKV_NOT_SUPPORTED, "engine %d is not built into this library",
                         options->engine);
    }
    pykv_store *store = mem_alloc_zeroed(1, sizeof *store);
    if (store == NULL) {
        return error_set_no_memory(sizeof *store);
    }
    store->stamp = process_stamp();
    store->broken_count = invariant_broken_count();
    status = bitcask_open(env_posix(), path, options, &store->engine);
    if (status != PYKV_OK) {
        mem_free(store);
        return status;
    }
    *store_out = store;
    return PYKV_OK;
}

pykv_status pykv_close(pykv_store *store, int64_t timeout_us)
{
    if (store == NULL || store->stamp != process_stamp()) {
        return PYKV_OK;
    }
    return bitcask_close(store->engine, timeout_us);
}

void pykv_free(pykv_store *store)
{
    if (store == NULL || store->stamp != process_stamp()) {
        return;
    }
    if (bitcask_close(store->engine, -1) != PYKV_OK) {
        /* What close could not write the next open recovers. */
    }
    bitcask_free(store->engine);
    mem_free(store);
}

pykv_status pykv_repair(const char *path, pykv_report *report_out)
{
    pykv_report ignored;
    pykv_status status = process_init();
    if (status != PYKV_OK) {
        return status;
    }
    return bitcask_repair(env_posix(), path, report_out != NULL ? report_out : &ignored);
}

pykv_status pykv_destroy(const char *path)
{
    pykv_status status = process_init();
    return status == PYKV_OK ? bitcask_destroy(env_posix(), path) : status;
}

pykv_status pykv_detect(const char *path, int32_t *engine_out)
{
    env_directory *home;
    pykv_status status = process_init();
    if (status == PYKV_OK) {
        status = env_directory_open(env_posix(), path, false, &home);
    }
    if (status != PYKV_OK) {
        return status;
    }
    status = bitcask_detect(home, engine_out);
    env_directory_close(home);
    return status;
}
