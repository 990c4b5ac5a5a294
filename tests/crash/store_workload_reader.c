/*
 * store_workload_reader: a reader beside the workload's store, open read-only, which refreshes. It
 * outlives the store's reopenings. What it shows is what was written, or, where its refresh failed,
 * what it showed before.
 */
#include "harness/check.h"
#include "store_workload.h"
#include "store_workload_parts.h"

#include "base/error.h"

/* NULL: the reader shows a state of from..to, which goes to reader_commit. */
static const char *read_reader(store_driver *self, size_t from, size_t to)
{
    store_plan shown = *self->plan;
    shown.keeps_history = false;
    shown.pins = false;
    store_driver reader = {
        .plan = &shown, .disk = self->disk, .history = self->history, .store = self->reader};
    return driver_check(&reader, from, to, &self->reader_commit);
}

/* The first look at the state it was opened at. */
static pykv_status open_reader(store_driver *self)
{
    pykv_options options = workload_options(self->plan);
    options.read_only = 1;
    return self->plan->engine->open(self->disk, WORKLOAD_PATH, &options, &self->reader);
}

static pykv_status refresh(store_driver *self)
{
    uint64_t sequence;
    bool moved;
    return self->plan->engine->refresh(self->reader, &sequence, &moved);
}

pykv_status driver_refresh(store_driver *self)
{
    size_t from = self->history->finished;
    size_t to = self->history->tried;
    bool is_open = self->reader != NULL;
    pykv_status status = is_open ? refresh(self) : open_reader(self);
    pykv_error failure = *error_last();
    if (status != PYKV_OK) {
        from = to = self->reader_commit;
    }
    if (self->reader == NULL) {
        return status;
    }
    const char *wrong = read_reader(self, from, to);
    if (wrong != NULL && wrong != workload_unreadable) {
        check_failed(__FILE__, __LINE__, "%s (by a reader, refresh %d: %s)", wrong, (int)status,
                     failure.text);
    }
    if (status != PYKV_OK) {
        error_restore(&failure);
        return status;
    }
    return wrong != NULL ? error_last()->status : PYKV_OK;
}

void driver_drop_reader(store_driver *self)
{
    if (self->reader != NULL) {
        self->plan->engine->free(self->reader);
        self->reader = NULL;
    }
}
