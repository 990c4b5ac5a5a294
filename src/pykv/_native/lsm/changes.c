/*
 * changes: from log to log, and waiting for what comes.
 */
#include "lsm/changes.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/log_feed.h"
#include "lsm/change_names.h"
#include "lsm/wal_history.h"

struct lsm_changes {
    lsm *store;        /* NULL once ended */
    lsm_changes *next; /* guarded by the store's writer lock, as read_sequence is */
    uint64_t read_sequence;
    log_feed feed;
    uint64_t taken_back;    /* sequence of the last change that was read again; 0: none */
    uint64_t stop_sequence; /* of the last that is given; UINT64_MAX: it follows */
    bool unsynced;
    pykv_error failure; /* status PYKV_OK: none yet */
};

/* ---- opening and ending ---- */

/* The last sequence that may be given. */
static uint64_t limit_now(lsm *self, bool unsynced) REQUIRES(self->writer)
{
    uint64_t last =
        unsynced || PYKV_PLANTED(123) ? lsm_visible(self) : wal_synced_sequence(self->log);
    /* Who is told of an ingest finds what it brought. */
    bool is_coming = self->ingest_mark != 0 && last >= self->ingest_mark && !PYKV_PLANTED(166);
    return is_coming ? self->ingest_mark - 1 : last;
}

static pykv_status refuse_position(uint64_t since, uint64_t floor, uint64_t last)
{
    if (since > last) {
        return error_set(PYKV_HISTORY_GONE,
                         "there is nothing at sequence %llu yet, the last one is %llu: what was "
                         "there is lost, or it was another store",
                         (unsigned long long)since, (unsigned long long)last);
    }
    return error_set(PYKV_HISTORY_GONE,
                     "changes behind sequence %llu are not kept any more, the first one is %llu",
                     (unsigned long long)since, (unsigned long long)floor);
}

pykv_status lsm_changes_check(const lsm *self, uint64_t since)
{
    uint64_t floor = wal_history_floor(self->log);
    uint64_t last = wal_last_sequence(self->log);
    return since > last || since + 1 < floor ? refuse_position(since, floor, last) : PYKV_OK;
}

/* Finds the place to begin at, and lists the feed. */
static pykv_status begin(lsm_changes *self, lsm *store, uint64_t since, int32_t flags)
    REQUIRES(store->writer)
{
    uint64_t floor = wal_history_floor(store->log);
    pykv_status status = since != 0 ? lsm_changes_check(store, since) : PYKV_OK;
    if (status != PYKV_OK) {
        return status;
    }
    self->unsynced = (flags & PYKV_CHANGES_UNSYNCED) != 0;
    bool follows = (flags & PYKV_CHANGES_FOLLOW) != 0;
    self->stop_sequence = follows ? UINT64_MAX : limit_now(store, self->unsynced);
    log_feed_init(&self->feed, since == 0 ? floor : since + 1);
    self->read_sequence = self->feed.next_sequence - 1;
    self->store = store;
    self->next = store->feeds.first;
    store->feeds.first = self;
    return PYKV_OK;
}

pykv_status lsm_changes_open(lsm *store, uint64_t since, int32_t flags, lsm_changes **changes_out)
{
    if (store->log == NULL) {
        return error_set(PYKV_NOT_SUPPORTED, "a store that is open read-only has no change feed");
    }
    lsm_changes *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    mutex_lock(&store->writer);
    pykv_status status = begin(self, store, since, flags);
    mutex_unlock(&store->writer);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *changes_out = self;
    return PYKV_OK;
}

static void end(lsm *store, lsm_changes *self) REQUIRES(store->writer)
{
    lsm_changes **at = &store->feeds.first;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    log_feed_reset(&self->feed);
    self->store = NULL;
}

void lsm_changes_end_all(lsm *self)
{
    mutex_lock(&self->writer);
    while (self->feeds.first != NULL) {
        end(self, self->feeds.first);
    }
    mutex_unlock(&self->writer);
}

void lsm_changes_free(lsm *store, lsm_changes *self)
{
    if (self == NULL) {
        return;
    }
    mutex_lock(&store->writer);
    if (self->store != NULL) {
        end(store, self);
    }
    mutex_unlock(&store->writer);
    mem_free(self);
}

uint64_t lsm_changes_lowest(const lsm *self)
{
    uint64_t lowest = UINT64_MAX;
    for (const lsm_changes *feed = self->feeds.first; feed != NULL; feed = feed->next) {
        lowest = feed->read_sequence < lowest ? feed->read_sequence : lowest;
    }
    return lowest;
}

/* ---- reading ---- */

/* Sleeps for the rest of timeout_us (negative: for ever) since began. False: it is over. */
static bool sleep_on(lsm *self, int64_t timeout_us, uint64_t began) REQUIRES(self->writer)
{
    uint64_t passed = env_monotonic_us(self->env) - began;
    if (timeout_us >= 0 && passed >= (uint64_t)timeout_us) {
        return false;
    }
    self->feeds.waiting_count++;
    if (timeout_us < 0) {
        condition_wait(&self->feeds.moved, &self->writer);
    } else {
        (void)condition_wait_for(&self->feeds.moved, &self->writer, (uint64_t)timeout_us - passed);
    }
    self->feeds.waiting_count--;
    return true;
}

/* Up to where may be read now, waiting if there is nothing; false: nothing came. */
static bool await(lsm *store, const lsm_changes *self, int64_t timeout_us, uint64_t *limit_out)
    REQUIRES(store->writer)
{
    uint64_t due = self->feed.next_sequence;
    uint64_t began = env_monotonic_us(store->env);
    if (due > self->stop_sequence) {
        return false;
    }
    while (limit_now(store, self->unsynced) < due) {
        if (gate_is_shut(&store->gate) || !sleep_on(store, timeout_us, began)) {
            return false;
        }
    }
    uint64_t limit = limit_now(store, self->unsynced);
    *limit_out = limit < self->stop_sequence ? limit : self->stop_sequence;
    return true;
}

/* What comes next, and where it is. */
static pykv_status look_up(lsm_changes *self, int64_t timeout_us, uint64_t *limit_out,
                           wal_place *place_out)
{
    lsm *store = self->store;
    pykv_status status = PYKV_OK;
    mutex_lock(&store->writer);
    self->read_sequence = self->feed.next_sequence - 1;
    *limit_out = 0;
    if (!await(store, self, timeout_us, limit_out)) {
        status = gate_is_shut(&store->gate)
                     ? error_set(PYKV_CLOSED, "the store was closed before the next change came")
                     : PYKV_NOT_FOUND;
    } else if (!wal_find(store->log, self->feed.next_sequence, place_out)) {
        status = refuse_position(self->feed.next_sequence - 1, wal_history_floor(store->log),
                                 wal_last_sequence(store->log));
    }
    mutex_unlock(&store->writer);
    return status;
}

/* A log that went since it was looked up is no damage. */
static pykv_status open_log(lsm_changes *self, const wal_place *place)
{
    lsm *store = self->store;
    pykv_status status = log_feed_open(&self->feed, store->home, &place->header, place->epoch);
    if (status != PYKV_CORRUPTION) {
        return status;
    }
    wal_place now = {.last_sequence = 0};
    mutex_lock(&store->writer);
    bool is_there = wal_find(store->log, self->feed.next_sequence, &now);
    uint64_t floor = wal_history_floor(store->log);
    mutex_unlock(&store->writer);
    return is_there ? status : refuse_position(self->feed.next_sequence - 1, floor, UINT64_MAX);
}

/* Reads a chunk; *count_out may come to be 0 though there is more. */
static pykv_status read_chunk(lsm_changes *self, uint64_t limit, size_t chunk_bytes,
                              const pykv_change **changes_out, size_t *count_out)
{
    size_t count = 0;
    pykv_status status = log_feed_read(&self->feed, limit, chunk_bytes, changes_out, &count);
    if (status != PYKV_OK) {
        return status;
    }
    pykv_change *changes = (pykv_change *)(void *)self->feed.changes.data;
    const pykv_change *last = count > 0 ? &changes[count - 1] : NULL;
    bool is_cut = last != NULL && change_names_needs_next(last) && !PYKV_PLANTED(195);
    if (is_cut && last->sequence != self->taken_back) { /* else what follows is damaged */
        self->taken_back = last->sequence;
        count -= log_feed_take_back(&self->feed);
    }
    *count_out = change_names(changes, count);
    return PYKV_OK;
}

static pykv_status read_on(lsm_changes *self, size_t chunk_bytes, int64_t timeout_us,
                           const pykv_change **changes_out, size_t *count_out)
{
    uint64_t limit = 0;
    wal_place place = {.last_sequence = 0};
    pykv_status status = look_up(self, timeout_us, &limit, &place);
    if (status == PYKV_OK &&
        (self->feed.file == NULL || self->feed.number != place.header.number)) {
        status = open_log(self, &place);
    }
    if (status == PYKV_OK) {
        limit = limit < place.last_sequence ? limit : place.last_sequence;
        status = read_chunk(self, limit, chunk_bytes, changes_out, count_out);
    }
    return status;
}

pykv_status lsm_changes_next(lsm_changes *self, size_t chunk_bytes, int64_t timeout_us,
                             const pykv_change **changes_out, size_t *count_out)
{
    if (self->failure.status != PYKV_OK) {
        error_restore(&self->failure);
        return self->failure.status;
    }
    *count_out = 0;
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && *count_out == 0) {
        status = read_on(self, chunk_bytes, timeout_us, changes_out, count_out);
    }
    if (status == PYKV_NOT_FOUND) {
        return PYKV_OK;
    }
    if (status != PYKV_OK) {
        self->failure = *error_last();
    }
    return status;
}
