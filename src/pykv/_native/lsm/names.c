/*
 * names: making, finding and dropping namespaces. See names.h.
 */
#include "lsm/names.h"

#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/read.h"
#include "lsm/space.h"
#include "lsm/store.h"
#include "lsm/write.h"

enum { ID_BYTES = 4, IDS_FIRST = 8 };

void lsm_names_init(lsm_names *self)
{
    mutex_init(&self->lock);
}

void lsm_names_destroy(lsm_names *self)
{
    mem_free(self->ids);
    mutex_destroy(&self->lock);
}

/* ---- rows ---- */

static pykv_status load_id(const lsm *store, slice value, uint32_t *id_out)
{
    uint32_t id = value.size == ID_BYTES ? load_u32(value.data) : 0;
    if (id == 0 || id > KEY_SPACE_ID_MAX) {
        return error_set_corruption(env_directory_path(store->home), 0,
                                    "the row of a namespace is illegal", ID_BYTES, value.size);
    }
    *id_out = id;
    return PYKV_OK;
}

/* The id in the row of a name; the empty one is that of the highest id. No user's get: it is not
 * counted as one. */
static pykv_status read_id(lsm *store, slice name, uint32_t *id_out)
{
    pykv_pinned pinned = {.owned = NULL};
    stored_key stored;
    pykv_status status = stored_key_make(KEY_SPACE_NAMES, name, &stored);
    if (status != PYKV_OK) {
        return status;
    }
    epoch_token token = epoch_enter(&store->gate.readers);
    lsm_moment now = lsm_moment_now(store);
    status = lsm_find(store, &now, stored.key, lsm_hash(store, stored.key), 0, &pinned);
    if (status == PYKV_OK) {
        status = load_id(store, slice_make(pinned.data, pinned.length), id_out);
        mem_free(pinned.owned);
    }
    epoch_leave(&store->gate.readers, token);
    stored_key_reset(&stored);
    return status;
}

pykv_status lsm_names_scan(lsm *store, lsm_scan **scan_out)
{
    const pykv_range named = {.start = "", .start_length = 1, .has_start = 1};
    return lsm_scan_open_in(store, KEY_SPACE_NAMES, NULL, &named, scan_out);
}

/* ---- ids in use ---- */

/* The place of the first id that is not below id. */
static size_t place_of(const lsm_names *self, uint32_t id)
{
    size_t low = 0;
    size_t high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->ids[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_used(const lsm_names *self, uint32_t id)
{
    size_t place = place_of(self, id);
    return place < self->count && self->ids[place] == id;
}

/* Makes room for one more. */
static pykv_status reserve(lsm *store) REQUIRES(store->writer)
{
    lsm_names *self = &store->names;
    if (self->count < self->capacity) {
        return PYKV_OK;
    }
    size_t capacity = self->capacity == 0 ? IDS_FIRST : 2 * self->capacity;
    uint32_t *grown = mem_alloc(capacity * sizeof *grown);
    if (grown == NULL) {
        return error_set_no_memory(capacity * sizeof *grown);
    }
    if (self->count != 0) {
        memcpy(grown, self->ids, self->count * sizeof *grown);
    }
    mem_free(self->ids);
    self->ids = grown;
    self->capacity = capacity;
    return PYKV_OK;
}

static pykv_status use_id(lsm *store, uint32_t id)
{
    lsm_names *self = &store->names;
    mutex_lock(&store->writer);
    pykv_status status = reserve(store);
    if (status == PYKV_OK && !is_used(self, id)) {
        size_t place = place_of(self, id);
        memmove(self->ids + place + 1, self->ids + place,
                (self->count - place) * sizeof *self->ids);
        self->ids[place] = id;
        self->count++;
    }
    mutex_unlock(&store->writer);
    return status;
}

static void leave_id(lsm *store, uint32_t id)
{
    lsm_names *self = &store->names;
    mutex_lock(&store->writer);
    size_t place = place_of(self, id);
    if (is_used(self, id)) {
        self->count--;
        memmove(self->ids + place, self->ids + place + 1,
                (self->count - place) * sizeof *self->ids);
    }
    mutex_unlock(&store->writer);
}

static pykv_status use_rows(lsm *store, const pykv_rows *rows)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < rows->count && status == PYKV_OK; i++) {
        uint32_t id = 0;
        const uint64_t *offsets = rows->offsets + 2 * i;
        status = load_id(store, slice_make(rows->data + offsets[1], offsets[2] - offsets[1]), &id);
        if (status == PYKV_OK) {
            status = use_id(store, id);
        }
    }
    return status;
}

/* Reads which ids are in use, once. */
static pykv_status load(lsm *store) REQUIRES(store->names.lock)
{
    lsm_scan *walk = NULL;
    pykv_rows rows = {.count = 0};
    if (store->names.is_loaded) {
        return PYKV_OK;
    }
    pykv_status status = read_id(store, slice_make("", 0), &store->names.last_id);
    if (status == PYKV_OK || status == PYKV_NOT_FOUND) {
        status = lsm_names_scan(store, &walk);
    }
    do {
        if (status == PYKV_OK) {
            status = lsm_scan_next(walk, 0, &rows);
        }
        if (status == PYKV_OK) {
            status = use_rows(store, &rows);
        }
    } while (status == PYKV_OK && rows.count > 0);
    lsm_scan_free(store, walk);
    store->names.is_loaded = status == PYKV_OK;
    return status;
}

pykv_status lsm_names_find(lsm *store, slice name, uint32_t *id_out)
{
    mutex_lock(&store->names.lock);
    pykv_status status = PYKV_PLANTED(143) ? PYKV_OK : load(store);
    if (status == PYKV_OK) {
        status = read_id(store, name, id_out);
    }
    mutex_unlock(&store->names.lock);
    return status;
}

pykv_status lsm_names_check(lsm *store, const record *operations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t id;
        slice user_key;
        if (key_space_split(operations[i].key, &id, &user_key) && id != KEY_SPACE_DEFAULT &&
            !is_used(&store->names, id) && !PYKV_PLANTED(134)) {
            return error_set(PYKV_CLOSED, "the namespace was dropped");
        }
    }
    return PYKV_OK;
}

/* ---- making and dropping ---- */

static pykv_status write_name(lsm *store, slice name, uint32_t id, int32_t flags)
{
    uint8_t value[ID_BYTES];
    store_u32(value, id);
    record operations[] = {
        {.kind = RECORD_PUT, .namespace_id = KEY_SPACE_NAMES, .key = slice_make("", 0)},
        {.kind = RECORD_PUT, .namespace_id = KEY_SPACE_NAMES, .key = name}};
    operations[0].value = slice_make(value, sizeof value);
    operations[1].value = operations[0].value;
    size_t first = PYKV_PLANTED(133) ? 1 : 0;
    return lsm_write_in(store, &operations[first], 2 - first, flags);
}

/* Makes a namespace that is not there. */
static pykv_status make(lsm *store, slice name, int32_t flags, uint32_t *id_out)
    REQUIRES(store->names.lock)
{
    uint32_t id = store->names.last_id + 1;
    if (id > KEY_SPACE_ID_MAX) {
        return error_set(PYKV_NOT_SUPPORTED, "%s has used all ids of namespaces",
                         env_directory_path(store->home));
    }
    pykv_status status = use_id(store, id);
    if (status != PYKV_OK) {
        return status;
    }
    status = write_name(store, name, id, flags);
    if (status != PYKV_OK && status != PYKV_COMMIT_UNKNOWN) {
        leave_id(store, id);
        return status;
    }
    store->names.last_id = id;
    *id_out = id;
    return status;
}

pykv_status lsm_names_make(lsm *store, slice name, int32_t flags, uint32_t *id_out)
{
    if (store->options.read_only != 0) {
        return lsm_names_find(store, name, id_out);
    }
    mutex_lock(&store->names.lock);
    pykv_status status = load(store);
    if (status == PYKV_OK) {
        status = read_id(store, name, id_out);
    }
    if (status == PYKV_NOT_FOUND) {
        status = make(store, name, flags, id_out);
    }
    mutex_unlock(&store->names.lock);
    return status;
}

static pykv_status write_drop(lsm *store, slice name, uint32_t id, int32_t flags)
{
    stored_key start;
    stored_key stop;
    stored_key row;
    pykv_status status = stored_key_make(KEY_SPACE_NAMES, name, &row);
    if (status != PYKV_OK) {
        return status;
    }
    status = stored_key_make(id, slice_make("", 0), &start);
    if (status == PYKV_OK) {
        stored_key_end(id, &stop);
        record operations[] = {{.kind = RECORD_DELETE, .key = row.key},
                               {.kind = RECORD_RANGE_DELETE, .key = start.key, .value = stop.key}};
        status = lsm_write(store, operations, 2, flags);
        stored_key_reset(&start);
    }
    stored_key_reset(&row);
    return status;
}

static pykv_status drop(lsm *store, slice name, int32_t flags, uint32_t *id_out)
    REQUIRES(store->names.lock)
{
    uint32_t id = 0;
    pykv_status status = load(store);
    if (status == PYKV_OK) {
        status = read_id(store, name, &id);
    }
    if (status != PYKV_OK) {
        return status;
    }
    leave_id(store, id); /* from here on nothing is written to it */
    status = write_drop(store, name, id, flags);
    if (status != PYKV_OK && status != PYKV_COMMIT_UNKNOWN) {
        pykv_error failure = *error_last();
        pykv_status ignored = use_id(store, id); /* there is room for it */
        (void)ignored;
        error_restore(&failure);
        return status;
    }
    *id_out = id;
    return status;
}

pykv_status lsm_names_drop(lsm *store, slice name, int32_t flags, uint32_t *id_out)
{
    if ((flags & PYKV_NO_WAIT) != 0) {
        return PYKV_WOULD_BLOCK;
    }
    mutex_lock(&store->names.lock);
    pykv_status status = drop(store, name, flags, id_out);
    mutex_unlock(&store->names.lock);
    return status;
}

bool lsm_names_exist(lsm *store)
{
    mutex_lock(&store->names.lock);
    bool exist = load(store) == PYKV_OK && store->names.last_id != 0;
    mutex_unlock(&store->names.lock);
    return exist;
}

pykv_status lsm_names_clear(lsm *store, int32_t flags)
{
    stored_range all;
    if ((flags & PYKV_NO_WAIT) != 0) {
        return PYKV_WOULD_BLOCK;
    }
    mutex_lock(&store->names.lock);
    pykv_status status = load(store);
    if (status == PYKV_OK && (store->names.last_id == 0 || PYKV_PLANTED(144))) {
        status = lsm_clear(store, flags);
    } else if (status == PYKV_OK) {
        status = stored_range_make(KEY_SPACE_DEFAULT, NULL, &all);
        if (status == PYKV_OK) {
            status = lsm_delete_range(store, slice_make("", 0), all.stop.key, flags);
            stored_range_reset(&all);
        }
    }
    mutex_unlock(&store->names.lock);
    return status;
}
