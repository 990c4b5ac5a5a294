/*
 * store_workload_names: namespaces of the workload's store. Their keys are keys of the default one
 * too, and ids are known beforehand, as none is ever given twice.
 */
#include "harness/check.h"
#include "store_workload.h"
#include "store_workload_parts.h"

slice workload_name(size_t space)
{
    static const char *const names[WORKLOAD_SPACE_COUNT] = {"items", "users/\xc3\xa9"};
    return slice_make(names[space], strlen(names[space]));
}

size_t workload_space(uint32_t row)
{
    return row < WORKLOAD_KEY_COUNT ? WORKLOAD_SPACE_COUNT
                                    : (row - WORKLOAD_KEY_COUNT) / WORKLOAD_SPACE_KEYS;
}

uint32_t workload_first_row(size_t space)
{
    return WORKLOAD_KEY_COUNT + (uint32_t)space * WORKLOAD_SPACE_KEYS;
}

static const key_values *state_now(const store_driver *self)
{
    return &self->history->states[self->history->tried];
}

uint32_t workload_choose_row(store_driver *self)
{
    size_t space = WORKLOAD_SPACE_COUNT;
    if (self->plan->engine->named != NULL && check_random(&self->chance, 4) == 0) {
        space = check_random(&self->chance, WORKLOAD_SPACE_COUNT);
    }
    if (space == WORKLOAD_SPACE_COUNT || state_now(self)->ids[space] == 0) {
        return (uint32_t)check_random(&self->chance, WORKLOAD_KEY_COUNT);
    }
    return workload_first_row(space) + (uint32_t)check_random(&self->chance, WORKLOAD_SPACE_KEYS);
}

/* ---- handles ---- */

static void close_name(store_driver *self, size_t space)
{
    if (self->named[space] != NULL) {
        self->plan->engine->named->free(self->named[space]);
        self->named[space] = NULL;
    }
}

void workload_close_names(store_driver *self)
{
    for (size_t i = 0; i < WORKLOAD_SPACE_COUNT; i++) {
        close_name(self, i);
    }
}

static pykv_status open_name(store_driver *self, size_t space, uint32_t id)
{
    uint32_t found = 0;
    const engine_ops *engine = self->plan->engine;
    pykv_status status =
        name_book_find(engine->name_book(self->store), workload_name(space), &found);
    if (status == PYKV_NOT_FOUND || (status == PYKV_OK && found != id)) {
        check_failed(__FILE__, __LINE__, "namespace %zu has id %u, not %u", space, found, id);
    }
    if (status == PYKV_OK) {
        status = engine->named_new(self->store, id, &self->named[space]);
    }
    return status;
}

pykv_status workload_open_names(store_driver *self)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < WORKLOAD_SPACE_COUNT && status == PYKV_OK; i++) {
        uint32_t id = state_now(self)->ids[i];
        if (self->named_ids[i] != id) {
            close_name(self, i);
        }
        if (id != 0 && self->named[i] == NULL) {
            status = open_name(self, i, id);
        }
        self->named_ids[i] = self->named[i] != NULL ? id : 0;
    }
    return status;
}

store_door workload_door(const store_driver *self, uint32_t row)
{
    size_t space = workload_space(row);
    if (space == WORKLOAD_SPACE_COUNT) {
        return (store_door){self->plan->engine, self->store, 0, WORKLOAD_KEY_COUNT};
    }
    return (store_door){self->plan->engine->named, self->named[space], workload_first_row(space),
                        WORKLOAD_SPACE_KEYS};
}

/* ---- operations ---- */

static pykv_status make(store_driver *self, size_t space)
{
    uint32_t got = 0;
    uint32_t wanted = state_now(self)->ids[space];
    bool is_new = wanted == 0;
    int32_t flags = workload_choose_flags(self);
    if (is_new) {
        key_values *next = workload_begin_commit(self->history);
        wanted = ++next->last_id;
        next->ids[space] = wanted;
    }
    pykv_status status = name_book_make(self->plan->engine->name_book(self->store),
                                        workload_name(space), flags, &got);
    if (status == PYKV_OK && got != wanted) {
        check_failed(__FILE__, __LINE__, "namespace %zu was given id %u, not %u", space, got,
                     wanted);
    }
    if (is_new) {
        workload_end_commit(self, status, workload_is_durable(self, flags));
    }
    return status;
}

static pykv_status drop(store_driver *self, size_t space)
{
    uint32_t got = 0;
    uint32_t id = state_now(self)->ids[space];
    uint32_t first = workload_first_row(space);
    int32_t flags = workload_choose_flags(self);
    key_values *next = workload_begin_commit(self->history);
    next->ids[space] = 0;
    memset(next->values + first, 0, WORKLOAD_SPACE_KEYS * sizeof *next->values);
    memset(next->deadlines + first, 0, WORKLOAD_SPACE_KEYS * sizeof *next->deadlines);
    pykv_status status = name_book_drop(self->plan->engine->name_book(self->store),
                                        workload_name(space), flags, &got);
    if (status == PYKV_OK && got != id) {
        check_failed(__FILE__, __LINE__, "namespace %zu with id %u was dropped as %u", space, id,
                     got);
    }
    workload_end_commit(self, status, workload_is_durable(self, flags));
    return status;
}

/* A write to a namespace that was dropped is refused. */
static pykv_status write_behind(store_driver *self, uint32_t id)
{
    void *named;
    slice key = slice_make("k", 1);
    pykv_status status = self->plan->engine->named_new(self->store, id, &named);
    if (status != PYKV_OK) {
        return status;
    }
    status = self->plan->engine->named->put(named, key, key, 0, 0);
    self->plan->engine->named->free(named);
    if (status == PYKV_OK) {
        check_failed(__FILE__, __LINE__, "namespace %u was dropped and takes a write", id);
    }
    return status == PYKV_CLOSED ? PYKV_OK : status;
}

pykv_status driver_change_names(store_driver *self)
{
    const key_values *now = state_now(self);
    size_t space = check_random(&self->chance, WORKLOAD_SPACE_COUNT);
    uint32_t old = (uint32_t)check_random(&self->chance, now->last_id + 1);
    uint64_t roll = check_random(&self->chance, 4);
    if (roll == 0 && old != 0 && old != now->ids[0] && old != now->ids[1]) {
        return write_behind(self, old);
    }
    return now->ids[space] == 0 || roll == 1 ? make(self, space) : drop(self, space);
}

/* ---- checks ---- */

/* The next name that is listed, empty behind the last. A failure comes behind the rows before it.
 */
static pykv_status next_name(const store_driver *self, void *scan, pykv_rows *rows, size_t *at,
                             slice *name_out)
{
    pykv_status status = PYKV_OK;
    if (*at == rows->count) {
        status = self->plan->engine->scan_next(scan, 0, rows);
        *at = 0;
    }
    bool is_there = status == PYKV_OK && rows->count > 0;
    const uint64_t *ends = is_there ? rows->offsets + 2 * *at : NULL;
    *name_out = is_there ? slice_make(rows->data + ends[0], ends[1] - ends[0]) : slice_make("", 0);
    *at += is_there;
    return status;
}

/* The names that are listed are those that are found, in order. */
static const char *read_list(const store_driver *self, const key_values *found)
{
    const engine_ops *engine = self->plan->engine;
    void *scan;
    pykv_rows rows = {.count = 0};
    size_t at = 0;
    slice name;
    const char *wrong = NULL;
    if (engine->names_scan(self->store, &scan) != PYKV_OK) {
        return workload_unreadable;
    }
    for (size_t i = 0; i < WORKLOAD_SPACE_COUNT && wrong == NULL; i++) {
        if (found->ids[i] == 0) {
            continue;
        }
        if (next_name(self, scan, &rows, &at, &name) != PYKV_OK) {
            wrong = workload_unreadable;
        } else if (!slice_equal(workload_name(i), name)) {
            wrong = "a namespace is not listed";
        }
    }
    if (wrong == NULL && next_name(self, scan, &rows, &at, &name) != PYKV_OK) {
        wrong = workload_unreadable;
    }
    engine->scan_free(self->store, scan);
    return wrong == NULL && name.size != 0 ? "a namespace is listed and not found" : wrong;
}

/* The highest id ever given: the empty name, which users cannot have, stands for it. */
static pykv_status read_last_id(const store_driver *self, uint32_t *out)
{
    pykv_status status =
        name_book_find(self->plan->engine->name_book(self->store), slice_make("", 0), out);
    return status == PYKV_NOT_FOUND ? PYKV_OK : status;
}

const char *workload_read_names(const store_driver *self, key_values *out)
{
    if (read_last_id(self, &out->last_id) != PYKV_OK) {
        return workload_unreadable;
    }
    for (size_t i = 0; i < WORKLOAD_SPACE_COUNT; i++) {
        pykv_status status = name_book_find(self->plan->engine->name_book(self->store),
                                            workload_name(i), &out->ids[i]);
        if (status != PYKV_OK && status != PYKV_NOT_FOUND) {
            return workload_unreadable;
        }
    }
    return read_list(self, out);
}
