/*
 * changes: the part of pykv.h that reads the change feed.
 */
#include "api/handle.h"
#include "base/error.h"
#include "base/memory.h"
#include "env/env.h"

/* A reader that follows looks for more so often, and rests so many times as long as it took to show
 * that. */
enum { REFRESH_EVERY_US = 100000, REFRESH_REST = 4, OUTRUN_MAX = 5 };

struct pykv_changes {
    pykv_store *store;
    uint64_t stamp;
    change_feed *feed;
    bool refreshes;      /* it follows what a reader shows, and moves that on */
    uint64_t refresh_at; /* not before this time */
};

/* Enters a call that only engines with a feed take. */
static pykv_status enter(pykv_store *store, epoch_token *token_out)
{
    pykv_status status = handle_enter_long(store, token_out);
    if (status == PYKV_OK && store->ops->changes_open == NULL) {
        handle_leave_long(store, *token_out);
        return error_set(PYKV_NOT_SUPPORTED, "a namespace has no change feed of its own: ask "
                                             "its store");
    }
    return status;
}

pykv_status pykv_changes_open(pykv_store *store, uint64_t since, int32_t flags,
                              pykv_changes **changes_out)
{
    return pykv_changes_open_at(store, &(pykv_position){.sequence = since}, flags, changes_out);
}

pykv_status pykv_changes_open_at(pykv_store *store, const pykv_position *since, int32_t flags,
                                 pykv_changes **changes_out)
{
    epoch_token token;
    pykv_status status = enter(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    pykv_changes *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        status = error_set_no_memory(sizeof *self);
    } else {
        self->store = store;
        self->stamp = process_stamp();
        self->refreshes = store->is_reader && (flags & PYKV_CHANGES_FOLLOW) != 0;
        status = store->ops->changes_open(store->engine, since, flags, &self->feed);
    }
    handle_leave_long(store, token);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *changes_out = self;
    return PYKV_OK;
}

static uint64_t now_us(void)
{
    return env_monotonic_us(env_posix());
}

static pykv_status refresh(pykv_changes *self, bool *moved_out)
{
    uint64_t sequence;
    uint64_t began = now_us();
    pykv_status status = handle_refresh(self->store, &sequence, moved_out);
    uint64_t ended = now_us();
    uint64_t rest = (ended - began) * REFRESH_REST;
    self->refresh_at = ended + (rest > REFRESH_EVERY_US ? rest : REFRESH_EVERY_US);
    return status;
}

/* Of the time that is left of timeout_us (negative: for ever), what is before the next refresh. */
static int64_t wait_before_refresh(const pykv_changes *self, int64_t timeout_us, uint64_t began)
{
    uint64_t now = now_us();
    uint64_t wait = self->refresh_at > now ? self->refresh_at - now : 0;
    uint64_t passed = now - began;
    if (timeout_us < 0) {
        return (int64_t)wait;
    }
    uint64_t left = (uint64_t)timeout_us > passed ? (uint64_t)timeout_us - passed : 0;
    return (int64_t)(wait < left ? wait : left);
}

/* As change_feed_next. What a refresh fails in does not end the feed, nor does a file that a writer
 * has let go, if a refresh finds another one. */
static pykv_status next_of_reader(pykv_changes *self, size_t chunk_bytes, int64_t timeout_us,
                                  const pykv_change **changes_out, size_t *count_out)
{
    uint64_t began = now_us();
    int outrun_count = 0;
    for (;;) {
        int64_t wait_us = wait_before_refresh(self, timeout_us, began);
        bool moved = false;
        pykv_status status =
            change_feed_next(self->feed, chunk_bytes, wait_us, changes_out, count_out);
        if (status == PYKV_HISTORY_GONE && outrun_count++ < OUTRUN_MAX) {
            pykv_error gone = *error_last();
            if (refresh(self, &moved) == PYKV_OK && moved) {
                continue;
            }
            error_restore(&gone);
        }
        if (status != PYKV_OK || *count_out > 0) {
            return status;
        }
        if (now_us() >= self->refresh_at) {
            status = refresh(self, &moved);
        } else if (timeout_us >= 0 && now_us() - began >= (uint64_t)timeout_us) {
            return PYKV_OK;
        }
        if (status != PYKV_OK) {
            return status;
        }
    }
}

pykv_status pykv_changes_next(pykv_changes *self, size_t chunk_bytes, int64_t timeout_us,
                              const pykv_change **changes_out, size_t *count_out)
{
    epoch_token token;
    pykv_status status = handle_enter_long(self->store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    status = self->refreshes
                 ? next_of_reader(self, chunk_bytes, timeout_us, changes_out, count_out)
                 : change_feed_next(self->feed, chunk_bytes, timeout_us, changes_out, count_out);
    handle_leave_long(self->store, token);
    return status;
}

void pykv_changes_close(pykv_changes *self)
{
    if (self != NULL && self->stamp == process_stamp()) {
        self->store->ops->changes_free(self->store->engine, self->feed);
        mem_free(self);
    }
}

/* ---- pins ---- */

pykv_status pykv_pin_history(pykv_store *store, const pykv_pin *pin)
{
    epoch_token token;
    pykv_status status = enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->pin_history(store->engine, pin);
        handle_leave_long(store, token);
    }
    return status;
}

pykv_status pykv_unpin_history(pykv_store *store, const char *name)
{
    epoch_token token;
    pykv_status status = enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->unpin_history(store->engine, name);
        handle_leave_long(store, token);
    }
    return status;
}

pykv_status pykv_list_pins(pykv_store *store, pykv_pin *pins_out, size_t capacity,
                           size_t *count_out)
{
    epoch_token token;
    pykv_status status = enter(store, &token);
    if (status == PYKV_OK) {
        status = store->ops->list_pins(store->engine, pins_out, capacity, count_out);
        handle_leave_long(store, token);
    }
    return status;
}
