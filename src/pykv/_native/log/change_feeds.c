/*
 * change_feeds: from file to file, waiting for what comes, and pins.
 */
#include "log/change_feeds.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

struct change_feed {
    change_feeds *feeds; /* NULL once ended */
    change_feed *next;   /* guarded by the owner's writer lock, as read_sequence is */
    uint64_t read_sequence;
    log_feed log;
    uint64_t taken_back;    /* sequence of the last change that was read again; 0: none */
    uint64_t stop_sequence; /* of the last that is given; UINT64_MAX: it follows */
    bool unsynced;
    bool is_outrun;     /* the file that is next has gone, and the owner does not know yet */
    pykv_error failure; /* status PYKV_OK: none yet */
};

void change_feeds_init(change_feeds *self, const feed_source *source, void *owner, mutex *writer,
                       gate *calls, env *environment)
{
    *self = (change_feeds){.source = source,
                           .owner = owner,
                           .writer = writer,
                           .gate = calls,
                           .environment = environment};
    condition_init(&self->moved);
}

void change_feeds_destroy(change_feeds *self)
{
    condition_destroy(&self->moved);
}

/* ---- opening and ending ---- */

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

/* PYKV_HISTORY_GONE unless a feed may begin behind sequence since. */
static pykv_status check_position(const change_feeds *self, uint64_t since)
{
    uint64_t floor = self->source->floor(self->owner);
    uint64_t last = self->source->last(self->owner);
    return since > last || since + 1 < floor ? refuse_position(since, floor, last) : PYKV_OK;
}

static pykv_status refuse_epoch(const pykv_position *since, uint64_t actual)
{
    return error_set(PYKV_HISTORY_GONE,
                     "at sequence %llu the store was in epoch %llu, not %llu: this is another "
                     "history, of a copy that went on by itself, or one that lost what came last",
                     (unsigned long long)since->sequence, (unsigned long long)actual,
                     (unsigned long long)since->epoch);
}

/* PYKV_HISTORY_GONE unless the store was in the epoch of since, if it has one, when sequence was
 * its last: in that of the record, of the next one, or in one between, in which nothing was
 * written. Requires that a feed may begin there. */
static pykv_status check_epoch(const change_feeds *self, const pykv_position *since)
{
    const feed_source *source = self->source;
    uint64_t next = 0;
    (void)source->epoch_at(self->owner, since->sequence + 1, &next);
    uint64_t first = next;
    (void)source->epoch_at(self->owner, since->sequence, &first);
    bool is_any = since->has_epoch == 0 || since->sequence == 0;
    bool is_it = is_any || (since->epoch >= first && since->epoch <= next);
    return is_it || PYKV_PLANTED(375) ? PYKV_OK : refuse_epoch(since, first);
}

/* The same for a position; sequence 0 without an epoch: all that is kept. */
static pykv_status check_since(const change_feeds *self, const pykv_position *since)
{
    bool is_all = since->sequence == 0 && since->has_epoch == 0;
    pykv_status status = is_all ? PYKV_OK : check_position(self, since->sequence);
    return status == PYKV_OK ? check_epoch(self, since) : status;
}

static uint64_t limit_now(const change_feeds *self, bool unsynced)
{
    return self->source->limit(self->owner, unsynced || PYKV_PLANTED(123));
}

/* Finds the place to begin at, and lists the feed. */
static pykv_status begin(change_feed *self, change_feeds *feeds, const pykv_position *since,
                         int32_t flags)
{
    uint64_t floor = feeds->source->floor(feeds->owner);
    bool begins_late = PYKV_PLANTED(368) && since->sequence + 1 < floor;
    pykv_status status = begins_late ? PYKV_OK : check_since(feeds, since);
    if (status != PYKV_OK) {
        return status;
    }
    self->unsynced = (flags & PYKV_CHANGES_UNSYNCED) != 0;
    bool follows = (flags & PYKV_CHANGES_FOLLOW) != 0;
    self->stop_sequence = follows ? UINT64_MAX : limit_now(feeds, self->unsynced);
    bool is_first = since->sequence == 0 || begins_late;
    log_feed_init(&self->log, is_first ? floor : since->sequence + 1);
    self->read_sequence = self->log.next_sequence - 1;
    self->feeds = feeds;
    self->next = feeds->first;
    feeds->first = self;
    return PYKV_OK;
}

pykv_status change_feed_open(change_feeds *feeds, const pykv_position *since, int32_t flags,
                             change_feed **feed_out)
{
    change_feed *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    mutex_lock(feeds->writer);
    pykv_status status = begin(self, feeds, since, flags);
    mutex_unlock(feeds->writer);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *feed_out = self;
    return PYKV_OK;
}

static void end(change_feeds *feeds, change_feed *self)
{
    change_feed **at = &feeds->first;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    log_feed_close(&self->log); /* its reader may be in the middle of a chunk */
    if (PYKV_PLANTED(319)) {
        log_feed_reset(&self->log);
    }
    self->feeds = NULL;
}

void change_feeds_end_all(change_feeds *self)
{
    mutex_lock(self->writer);
    while (self->first != NULL) {
        end(self, self->first);
    }
    mutex_unlock(self->writer);
}

void change_feed_free(change_feeds *feeds, change_feed *self)
{
    if (self == NULL) {
        return;
    }
    mutex_lock(feeds->writer);
    if (self->feeds != NULL) {
        end(feeds, self);
    }
    mutex_unlock(feeds->writer);
    log_feed_reset(&self->log);
    mem_free(self);
}

/* ---- reading ---- */

/* Sleeps for the rest of timeout_us (negative: for ever) since began. False: it is over. */
static bool sleep_on(change_feeds *self, int64_t timeout_us, uint64_t began) REQUIRES(self->writer)
{
    uint64_t passed = env_monotonic_us(self->environment) - began;
    if (timeout_us >= 0 && passed >= (uint64_t)timeout_us) {
        return false;
    }
    self->waiting_count++;
    if (timeout_us < 0) {
        condition_wait(&self->moved, self->writer);
    } else {
        (void)condition_wait_for(&self->moved, self->writer, (uint64_t)timeout_us - passed);
    }
    self->waiting_count--;
    return true;
}

/* Up to where may be read now, waiting if there is nothing; false: nothing came. */
static bool await(change_feeds *feeds, const change_feed *self, int64_t timeout_us,
                  uint64_t *limit_out) REQUIRES(feeds->writer)
{
    uint64_t due = self->log.next_sequence;
    uint64_t began = env_monotonic_us(feeds->environment);
    if (due > self->stop_sequence) {
        return false;
    }
    while (limit_now(feeds, self->unsynced) < due) {
        if (gate_is_shut(feeds->gate) || !sleep_on(feeds, timeout_us, began)) {
            return false;
        }
    }
    uint64_t limit = limit_now(feeds, self->unsynced);
    *limit_out = limit < self->stop_sequence ? limit : self->stop_sequence;
    return true;
}

static bool find(const change_feeds *feeds, uint64_t sequence, log_feed_place *place_out)
{
    return feeds->source->find(feeds->owner, sequence, place_out);
}

/* What comes next, and where it is. */
static pykv_status look_up(change_feed *self, int64_t timeout_us, uint64_t *limit_out,
                           log_feed_place *place_out)
{
    change_feeds *feeds = self->feeds;
    pykv_status status = PYKV_OK;
    mutex_lock(feeds->writer);
    self->read_sequence = self->log.next_sequence - 1;
    *limit_out = 0;
    if (!await(feeds, self, timeout_us, limit_out)) {
        status = gate_is_shut(feeds->gate)
                     ? error_set(PYKV_CLOSED, "the store was closed before the next change came")
                     : PYKV_NOT_FOUND;
    } else if (!find(feeds, self->log.next_sequence, place_out)) {
        status = refuse_position(self->log.next_sequence - 1, feeds->source->floor(feeds->owner),
                                 feeds->source->last(feeds->owner));
    }
    mutex_unlock(feeds->writer);
    return status;
}

/* Looks where the next record is by now; false: nowhere. *moved_out: in another file. */
static bool find_again(const change_feed *self, log_feed_place *place, bool *moved_out)
{
    change_feeds *feeds = self->feeds;
    log_feed_place now = {.last_sequence = 0};
    mutex_lock(feeds->writer);
    bool is_there = find(feeds, self->log.next_sequence, &now);
    mutex_unlock(feeds->writer);
    *moved_out = is_there && now.header.file_id != place->header.file_id;
    *place = is_there ? now : *place;
    return is_there;
}

/* A file that went since it was looked up is no damage, nor is one that another process which
 * writes has let go. */
static pykv_status open_file(change_feed *self, log_feed_place *place)
{
    change_feeds *feeds = self->feeds;
    pykv_status status;
    bool is_there;
    bool moved;
    do {
        status = log_feed_open(&self->log, feeds->home, &place->header, place->epoch);
        if (status != PYKV_CORRUPTION) {
            return status;
        }
        is_there = find_again(self, place, &moved);
    } while (moved);
    pykv_error damage = *error_last();
    if (is_there && (PYKV_PLANTED(303) || feeds->source->is_listed(feeds->owner, &place->header))) {
        error_restore(&damage);
        return status;
    }
    self->is_outrun = is_there;
    return error_set(PYKV_HISTORY_GONE,
                     "changes behind sequence %llu stood in a file that is not kept any more%s",
                     (unsigned long long)self->log.next_sequence - 1,
                     is_there ? ": refresh() shows whether another one has them" : "");
}

/* Turns a chunk into what users know; *count_out may come to be 0 though there is more. */
static void rewrite(change_feed *self, const feed_source *source, size_t *count_out)
{
    size_t count = *count_out;
    pykv_change *changes = (pykv_change *)(void *)self->log.changes.data;
    const pykv_change *last = count > 0 ? &changes[count - 1] : NULL;
    bool is_cut = last != NULL && source->needs_next(last) && !PYKV_PLANTED(195);
    if (is_cut && last->sequence != self->taken_back) { /* else what follows is damaged */
        self->taken_back = last->sequence;
        count -= log_feed_take_back(&self->log);
    }
    *count_out = source->rewrite(changes, count);
}

static pykv_status read_on(change_feed *self, size_t chunk_bytes, int64_t timeout_us,
                           const pykv_change **changes_out, size_t *count_out)
{
    uint64_t limit = 0;
    log_feed_place place = {.last_sequence = 0};
    pykv_status status = look_up(self, timeout_us, &limit, &place);
    if (status == PYKV_OK && (self->log.file == NULL || self->log.number != place.header.number)) {
        status = open_file(self, &place);
    }
    if (status == PYKV_OK) {
        limit = limit < place.last_sequence ? limit : place.last_sequence;
        status = log_feed_read(&self->log, limit, chunk_bytes, changes_out, count_out);
    }
    const feed_source *source = self->feeds->source;
    if (status == PYKV_OK && source->rewrite != NULL) {
        rewrite(self, source, count_out);
    }
    return status;
}

pykv_status change_feed_next(change_feed *self, size_t chunk_bytes, int64_t timeout_us,
                             const pykv_change **changes_out, size_t *count_out)
{
    if (self->failure.status != PYKV_OK) {
        error_restore(&self->failure);
        return self->failure.status;
    }
    *count_out = 0;
    self->is_outrun = false;
    pykv_status status = PYKV_OK;
    while (status == PYKV_OK && *count_out == 0) {
        status = read_on(self, chunk_bytes, timeout_us, changes_out, count_out);
    }
    if (status == PYKV_NOT_FOUND) {
        return PYKV_OK;
    }
    if (status != PYKV_OK && (!self->is_outrun || PYKV_PLANTED(305))) {
        self->failure = *error_last();
    }
    return status;
}

/* ---- what is wanted ---- */

/* The lowest sequence behind which a feed goes on. */
static uint64_t lowest_read(const change_feeds *self)
{
    uint64_t lowest = UINT64_MAX;
    for (const change_feed *feed = self->first; feed != NULL; feed = feed->next) {
        lowest = feed->read_sequence < lowest ? feed->read_sequence : lowest;
    }
    return lowest;
}

static bool is_due_at(const pykv_pin *pin, uint64_t now_us)
{
    return pin->until_us != 0 && now_us >= pin->until_us;
}

size_t change_feeds_keepers(const change_feeds *self, uint64_t feed_bytes, uint64_t now_us,
                            history_keeper out[HISTORY_KEEPERS_MAX])
{
    size_t count = 0;
    if (self->first != NULL && feed_bytes > 0) {
        out[count++] = (history_keeper){lowest_read(self), feed_bytes};
    }
    for (size_t i = 0; i < self->pins.count; i++) {
        const pykv_pin *pin = &self->pins.pins[i];
        if ((!is_due_at(pin, now_us) || PYKV_PLANTED(323)) && !PYKV_PLANTED(124)) {
            bool is_bounded = (pin->bytes_max != 0 && !PYKV_PLANTED(322)) || PYKV_PLANTED(247);
            out[count++] =
                (history_keeper){pin->sequence, is_bounded ? pin->bytes_max : UINT64_MAX};
        }
    }
    return count;
}

bool history_is_wanted(const history_keeper *keepers, size_t count, uint64_t last_sequence,
                       uint64_t bytes)
{
    bool wanted = false;
    for (size_t i = 0; i < count; i++) {
        wanted |= keepers[i].sequence < last_sequence && bytes <= keepers[i].bytes_max;
    }
    return wanted;
}

/* ---- pins ---- */

static pykv_status check_name(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length >= sizeof(((pykv_pin *)0)->name)) {
        return error_set(PYKV_INVALID_ARGUMENT, "a pin has a name of 1 to %zu bytes, this one %zu",
                         sizeof(((pykv_pin *)0)->name) - 1, length);
    }
    return PYKV_OK;
}

/* Takes the pin in, if what it wants is there. */
static pykv_status set_pin(change_feeds *self, const pykv_pin *pin)
{
    pykv_status status = self->source->check(self->owner);
    status = status == PYKV_OK ? check_position(self, pin->sequence) : status;
    if (status == PYKV_OK) {
        status = check_epoch(self, &(pykv_position){pin->sequence, pin->epoch, pin->has_epoch});
    }
    if (status == PYKV_OK && !history_pins_set(&self->pins, pin)) {
        status = error_set(PYKV_NOT_SUPPORTED, "there are %d pins already, which is the most",
                           HISTORY_PINS_MAX);
    }
    return status;
}

static void take_pin_back(change_feeds *self, const char *name, const history_pins *before)
{
    const pykv_pin *old = history_pins_find(before, name);
    mutex_lock(self->writer);
    if (old != NULL) {
        (void)history_pins_set(&self->pins, old);
    } else {
        (void)history_pins_remove(&self->pins, name);
    }
    mutex_unlock(self->writer);
}

/* What the pin wants was there when it was set, and may have left before the pin was saved, with a
 * manifest that was being written. A pin that has reached its own limit tells that it is gone. */
static pykv_status check_saved(change_feeds *self, const pykv_pin *pin)
{
    mutex_lock(self->writer);
    bool is_told = pin->bytes_max != 0 || is_due_at(pin, self->source->now(self->owner)) ||
                   (pin->until_us != 0 && PYKV_PLANTED(387));
    pykv_status status = is_told ? PYKV_OK : check_position(self, pin->sequence);
    mutex_unlock(self->writer);
    return status;
}

pykv_status change_feeds_pin(change_feeds *self, const pykv_pin *pin)
{
    history_pins before;
    pykv_status status = check_name(pin->name);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(self->writer);
    before = self->pins;
    status = set_pin(self, pin);
    mutex_unlock(self->writer);
    if (status == PYKV_OK) {
        status = self->source->save(self->owner);
        status = status == PYKV_OK ? check_saved(self, pin) : status;
        if (status != PYKV_OK) {
            take_pin_back(self, pin->name, &before);
        }
        if (status == PYKV_HISTORY_GONE) {
            pykv_error failure = *error_last();
            (void)!self->source->save(self->owner); /* without it; else it is listed as gone */
            error_restore(&failure);
        }
    }
    return status;
}

pykv_status change_feeds_unpin(change_feeds *self, const char *name)
{
    pykv_status status = check_name(name);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(self->writer);
    history_pins before = self->pins;
    bool found = history_pins_remove(&self->pins, name);
    mutex_unlock(self->writer);
    if (!found) {
        return error_set(PYKV_NOT_FOUND, "there is no pin %s", name);
    }
    status = self->source->save(self->owner);
    if (status != PYKV_OK) {
        take_pin_back(self, name, &before);
    }
    return status;
}

pykv_status change_feeds_refuse_pin(const change_feeds *self)
{
    return error_set(PYKV_READ_ONLY,
                     "%s is open read-only: pins stand in its manifest, which only the process "
                     "that writes it can change",
                     env_directory_path(self->home));
}

void change_feeds_list_pins(change_feeds *self, pykv_pin *pins_out, size_t capacity,
                            size_t *count_out)
{
    mutex_lock(self->writer);
    uint64_t floor = self->source->floor(self->owner);
    size_t count = self->pins.count;
    for (size_t i = 0; i < count && i < capacity; i++) {
        pins_out[i] = self->pins.pins[i];
        pins_out[i].gone = pins_out[i].sequence + 1 < floor;
    }
    mutex_unlock(self->writer);
    *count_out = count;
}
