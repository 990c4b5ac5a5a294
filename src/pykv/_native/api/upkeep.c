/*
 * upkeep: sync, flush, compaction, statistics, verification and lent threads of pykv.h. A namespace
 * has compaction and statistics of its own; for the rest the call goes to its store.
 */
#include "api/handle.h"

pykv_status pykv_sync(pykv_store *store)
{
    epoch_token token;
    pykv_store *root = handle_root(store);
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        status = root->ops->sync(root->engine);
        handle_leave(store, token);
    }
    return status;
}

pykv_status pykv_flush(pykv_store *store)
{
    epoch_token token;
    pykv_store *root = handle_root(store);
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        status = root->ops->flush(root->engine);
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
    pykv_store *root = handle_root(store);
    if (handle_enter(store, &token) != PYKV_OK) {
        return PYKV_STATE_CLOSED;
    }
    int32_t state = root->ops->state(root->engine);
    handle_leave(store, token);
    return state;
}

pykv_status pykv_verify(pykv_store *store, pykv_progress *progress, pykv_report *report_out)
{
    epoch_token token;
    pykv_store *root = handle_root(store);
    pykv_status status = handle_enter_long(store, &token);
    if (status == PYKV_OK) {
        status = root->ops->verify(root->engine, progress, report_out);
        handle_leave_long(store, token);
    }
    return status;
}

pykv_status pykv_checkpoint(pykv_store *store, const char *path)
{
    epoch_token token;
    pykv_store *root = handle_root(store);
    pykv_status status = handle_enter_long(store, &token);
    if (status == PYKV_OK) {
        status = root->ops->checkpoint(root->engine, path);
        handle_leave_long(store, token);
    }
    return status;
}

pykv_status handle_refresh(pykv_store *root, uint64_t *sequence_out, bool *moved_out)
{
    pykv_status status = root->ops->refresh(root->engine, sequence_out, moved_out);
    if (*moved_out) {
        names_close_dropped(root);
    }
    return status;
}

pykv_status pykv_refresh(pykv_store *store, uint64_t *sequence_out)
{
    epoch_token token;
    uint64_t sequence = 0;
    bool moved = false;
    pykv_status status = handle_enter_long(store, &token);
    if (status == PYKV_OK) {
        status = handle_refresh(handle_root(store), &sequence, &moved);
        handle_leave_long(store, token);
    }
    if (status == PYKV_OK && sequence_out != NULL) {
        *sequence_out = sequence;
    }
    return status;
}

pykv_status pykv_resume(pykv_store *store)
{
    epoch_token token;
    pykv_store *root = handle_root(store);
    pykv_status status = handle_enter(store, &token);
    if (status == PYKV_OK) {
        status = root->ops->resume(root->engine);
        handle_leave(store, token);
    }
    return status;
}

pykv_status pykv_maintain(pykv_store *store, int32_t role)
{
    if (!handle_is_usable(store)) {
        return handle_refuse(store);
    }
    pykv_store *root = handle_root(store);
    return root->ops->maintain(root->engine, role);
}

pykv_status pykv_maintain_step(pykv_store *store, int32_t role, int32_t *more_out)
{
    epoch_token token;
    pykv_store *root = handle_root(store);
    pykv_status status = handle_enter_long(store, &token);
    if (status == PYKV_OK) {
        status = root->ops->maintain_step(root->engine, role, more_out);
        handle_leave_long(store, token);
    }
    return status;
}
