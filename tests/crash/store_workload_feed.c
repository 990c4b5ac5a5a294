/*
 * store_workload_feed: the change feed leads from nothing, or from what there was at a pin, to the
 * content of the store, over states of the history in their order and no others.
 */
#include "store_workload.h"
#include "store_workload_parts.h"

/* What the changes so far lead to. */
typedef struct follower {
    const store_driver *driver;
    key_values rows;
    size_t commit;     /* the last state that fitted */
    size_t last;       /* commit whose values may come */
    uint64_t sequence; /* of the last change */
    uint32_t dropped;  /* id of the last namespace that was dropped */
    bool is_whole;     /* no write is under way */
} follower;

/* The rows that a change may be about; none: it is of a namespace that is not there. */
static store_door rows_of(const follower *self, const pykv_change *change)
{
    store_door found = {.count = change->namespace_id == 0 ? WORKLOAD_KEY_COUNT : 0};
    for (size_t i = 0; i < WORKLOAD_SPACE_COUNT; i++) {
        if (change->namespace_id != 0 && self->rows.ids[i] == change->namespace_id) {
            found.first = workload_first_row(i);
            found.count = WORKLOAD_SPACE_KEYS;
        }
    }
    return found;
}

/* The row of a change, WORKLOAD_ROW_COUNT if there is none. */
static uint32_t row_of(const follower *self, const pykv_change *change)
{
    char name[WORKLOAD_KEY_BYTES];
    slice wanted = slice_make(change->key, change->key_length);
    store_door rows = rows_of(self, change);
    for (uint32_t row = rows.first; row < rows.first + rows.count; row++) {
        if (slice_equal(wanted, slice_make(name, workload_key(row, name)))) {
            return row;
        }
    }
    return WORKLOAD_ROW_COUNT;
}

/* A value that is put again in the same write, so no state has it. */
static const uint32_t passing = UINT32_MAX;

/* Whatever the store has: an ingest may have brought it. */
static const uint32_t unknown = UINT32_MAX - 1;

/* The number of a value that key had after a commit up to the last. */
static uint32_t number_of(const store_history *history, size_t last, uint32_t key,
                          const pykv_change *change)
{
    uint8_t value[WORKLOAD_VALUE_BYTES];
    for (size_t n = 0; n <= last; n++) {
        uint32_t number = history->states[n].values[key];
        if (number != 0 && workload_value_length(number) == change->value_length &&
            history->states[n].deadlines[key] == change->deadline_us) {
            workload_value(number, value);
            if (change->value_length == 0 ||
                memcmp(value, change->value, change->value_length) == 0) {
                return number;
            }
        }
    }
    return passing;
}

static void delete_range(follower *self, const pykv_change *change)
{
    char name[WORKLOAD_KEY_BYTES];
    slice start = slice_make(change->key, change->key_length);
    slice stop = slice_make(change->value, change->value_length);
    store_door rows = rows_of(self, change);
    for (uint32_t i = rows.first; i < rows.first + rows.count; i++) {
        slice key = slice_make(name, workload_key(i, name));
        if (slice_compare(start, key) <= 0 &&
            (change->has_value == 0 || slice_compare(key, stop) < 0)) {
            self->rows.values[i] = 0;
        }
    }
}

/* Every key of a namespace. */
static void clear(follower *self, const pykv_change *change)
{
    store_door rows = rows_of(self, change);
    memset(self->rows.values + rows.first, 0, rows.count * sizeof *self->rows.values);
    memset(self->rows.deadlines + rows.first, 0, rows.count * sizeof *self->rows.deadlines);
}

/* A change of many keys is of a namespace that is there, or that was dropped by the change before
 * it. */
static const char *check_space(const follower *self, const pykv_change *change)
{
    bool is_known = rows_of(self, change).count != 0 || change->namespace_id == self->dropped;
    return is_known ? NULL : "the feed gave a change of no namespace";
}

/* Who follows reads the keys from the first to the last one in the store. */
static void ingest(follower *self, const pykv_change *change)
{
    char name[WORKLOAD_KEY_BYTES];
    slice first = slice_make(change->key, change->key_length);
    slice last = slice_make(change->value, change->value_length);
    store_door rows = rows_of(self, change);
    for (uint32_t i = rows.first; i < rows.first + rows.count; i++) {
        slice key = slice_make(name, workload_key(i, name));
        if (slice_compare(first, key) <= 0 && slice_compare(key, last) <= 0) {
            self->rows.values[i] = unknown;
            self->rows.deadlines[i] = 0;
        }
    }
}

/* A namespace was made or dropped. */
static const char *take_name(follower *self, const pykv_change *change)
{
    slice name = slice_make(change->key, change->key_length);
    bool is_made = change->kind == PYKV_CHANGE_NAMESPACE;
    for (size_t i = 0; i < WORKLOAD_SPACE_COUNT; i++) {
        uint32_t *id = &self->rows.ids[i];
        if (!slice_equal(name, workload_name(i))) {
            continue;
        }
        if (change->namespace_id != (is_made ? self->rows.last_id + 1 : *id)) {
            return "the feed gave another id of a namespace";
        }
        self->rows.last_id += is_made;
        self->dropped = is_made ? self->dropped : *id;
        *id = is_made ? change->namespace_id : 0;
        memset(self->rows.values + workload_first_row(i), 0,
               WORKLOAD_SPACE_KEYS * sizeof *self->rows.values);
        return NULL;
    }
    return "the feed gave a name that no namespace had";
}

static const char *apply(follower *self, const pykv_change *change)
{
    uint32_t key = row_of(self, change);
    switch (change->kind) {
    case PYKV_CHANGE_CLEAR:
        clear(self, change);
        return check_space(self, change);
    case PYKV_CHANGE_NAMESPACE:
    case PYKV_CHANGE_DROP:
        return take_name(self, change);
    case PYKV_CHANGE_DELETE_RANGE:
        delete_range(self, change);
        return check_space(self, change);
    case PYKV_CHANGE_INGEST:
        ingest(self, change);
        return NULL;
    case PYKV_CHANGE_DELETE:
    case PYKV_CHANGE_PUT:
        break;
    default:
        return "the feed gave a change of no kind";
    }
    if (key == WORKLOAD_ROW_COUNT) {
        return "the feed gave a key that was never written";
    }
    bool is_put = change->kind == PYKV_CHANGE_PUT;
    self->rows.values[key] = is_put ? number_of(self->driver->history, self->last, key, change) : 0;
    self->rows.deadlines[key] = is_put ? change->deadline_us : 0;
    return NULL;
}

/* Whether what a follower has is a state. Values that are the same bytes have different numbers now
 * and then. */
static bool is_equal(const key_values *left, const key_values *right)
{
    uint8_t one[WORKLOAD_VALUE_BYTES];
    uint8_t other[WORKLOAD_VALUE_BYTES];
    if (memcmp(left->ids, right->ids, sizeof left->ids) != 0) {
        return false;
    }
    for (uint32_t key = 0; key < WORKLOAD_ROW_COUNT; key++) {
        uint32_t a = left->values[key];
        uint32_t b = right->values[key];
        if (a == unknown) {
            continue;
        }
        if (left->deadlines[key] != right->deadlines[key] || (a == 0) != (b == 0)) {
            return false;
        }
        if (a != b) {
            size_t length = workload_value(a, one);
            if (length != workload_value(b, other) || memcmp(one, other, length) != 0) {
                return false;
            }
        }
    }
    return true;
}

/* After a whole write: there must be such a state, and it is no earlier one. Writes that do nothing
 * are in the history and not in the feed. */
static const char *find_state(follower *self, size_t to)
{
    key_values rows = driver_alive(self->driver, &self->rows);
    for (uint32_t key = 0; key < WORKLOAD_ROW_COUNT; key++) {
        if (rows.values[key] == passing) {
            return "the feed gave a value that was never put";
        }
    }
    for (size_t n = self->commit; n <= to; n++) {
        key_values state = driver_alive(self->driver, &self->driver->history->states[n]);
        if (is_equal(&rows, &state)) {
            self->commit = n;
            return NULL;
        }
    }
    return "a write in the feed leads to the content of no moment";
}

static const char *take(follower *self, const pykv_change *changes, size_t count, size_t to)
{
    const char *wrong = NULL;
    for (size_t i = 0; i < count && wrong == NULL; i++) {
        /* The row of the highest id comes before that of a name. */
        bool is_name = changes[i].kind == PYKV_CHANGE_NAMESPACE;
        if (changes[i].sequence != self->sequence + 1 + is_name) {
            return "the feed leaves out a sequence";
        }
        self->sequence = changes[i].sequence;
        wrong = apply(self, &changes[i]);
        self->is_whole = changes[i].last != 0;
        if (wrong == NULL && self->is_whole) {
            wrong = find_state(self, to);
        }
    }
    return wrong;
}

static const char *follow(follower *self, change_feed *feed, size_t to)
{
    const pykv_change *changes;
    size_t count = 1;
    const char *wrong = NULL;
    while (count > 0 && wrong == NULL) {
        if (change_feed_next(feed, 700, 0, &changes, &count) != PYKV_OK) {
            return workload_unreadable;
        }
        wrong = take(self, changes, count, to);
    }
    return wrong;
}

const char *driver_check_feed(const store_driver *self, uint64_t since, size_t begin, size_t commit)
{
    size_t tried = self->history->tried;
    follower reader = {.driver = self,
                       .rows = self->history->states[begin],
                       .commit = begin,
                       .last = commit > tried ? commit : tried,
                       .sequence = since,
                       .is_whole = true};
    change_feed *feed;
    if (self->plan->engine->changes_open(self->store, &(pykv_position){.sequence = since},
                                         PYKV_CHANGES_UNSYNCED, &feed) != PYKV_OK) {
        return workload_unreadable;
    }
    const char *wrong = follow(&reader, feed, commit);
    self->plan->engine->changes_free(self->store, feed);
    if (wrong != NULL) {
        return wrong;
    }
    key_values rows = driver_alive(self, &reader.rows);
    key_values state = driver_alive(self, &self->history->states[commit]);
    return reader.is_whole && is_equal(&rows, &state)
               ? NULL
               : "the feed does not lead to the content of the store";
}
