/*
 * upkeep: sync, flush, compaction, statistics, verification and lent threads of pykv.h.
 */
#include "api/handle.h"

pykv_status pykv_sync(pykv_store *store)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->sync(store->engine);
        handle_leave(store, token);
    }
    return status;
}

pykv_status pykv_flush(pykv_store *store)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->flush(store->engine);
        handle_leave(store, token);
    }
    return status;
}

pykv_status pykv_compact(pykv_store *store, const pykv_range *range, pykv_progress *progress)
{
    epoch_token token;
    pykv_status status = handle_enter_long(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->compact(store->engine, range, progress);
        handle_leave_long(store, token);
    }
    return status;
}

pykv_status pykv_get_stats(pykv_store *store, pykv_stats *stats_out)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        store->ops->stats(store->engine, stats_out);
        handle_leave(store, token);
    }
    return status;
}

int32_t pykv_state(pykv_store *store)
{
    epoch_token token;
    if (handle_enter(store, &token) != PYKV_OK) {
        return PYKV_STATE_CLOSED;
    }
    int32_t state = store->ops->state(store->engine);
    handle_leave(store, token);
    return state;
}

pykv_status pykv_verify(pykv_store *store, pykv_progress *progress, pykv_report *report_out)
{
    epoch_token token;
    pykv_status status = handle_enter_long(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->verify(store->engine, progress, report_out);
        handle_leave_long(store, token);
    }
    return status;
}

pykv_status pykv_checkpoint(pykv_store *store, const char *path)
{
    epoch_token token;
    pykv_status status = handle_enter_long(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->checkpoint(store->engine, path);
        handle_leave_long(store, token);
    }
    return status;
}

pykv_status pykv_resume(pykv_store *store)
{
    epoch_token token;
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->resume(store->engine);
        handle_leave(store, token);
    }
    return status;
}

pykv_status pykv_maintain(pykv_store *store, int32_t role)
{
    if (!handle_is_usable(store)) {
        return handle_refuse(store);
    }
    return store->ops->maintain(store->engine, role);
}

pykv_status pykv_maintain_step(pykv_store *store, int32_t role, int32_t *more_out)
{
    epoch_token token;
    pykv_status status = handle_enter_long(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->maintain_step(store->engine, role, more_out);
        handle_leave_long(store, token);
    }
    return status;
}
