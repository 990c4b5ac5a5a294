/*
 * names: the rows of names, and which ids are in use. See names.h.
 */
#include "lsm/names.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/read.h"
#include "lsm/space.h"
#include "lsm/store.h"
#include "lsm/write.h"

/* ---- rows ---- */

/* The id in the row of a name; the empty one is that of the highest id. No user's get: it is not
 * counted as one. */
static pykv_status read_id(void *owner, slice name, uint32_t *id_out)
{
    lsm *store = owner;
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
        status = name_book_decode(slice_make(pinned.data, pinned.length),
                                  env_directory_path(store->home), id_out);
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

static pykv_status use_id(void *owner, uint32_t id)
{
    lsm *store = owner;
    void *met;
    mutex_lock(&store->writer);
    pykv_status status = id_table_meet(&store->names.ids, id, sizeof id, &met);
    mutex_unlock(&store->writer);
    return status;
}

static void remove_id(lsm_names *self, uint32_t id)
{
    const uint32_t *used = id_table_find(&self->ids, id);
    if (used != NULL) {
        id_table_remove(&self->ids, used);
    }
}

static void leave_id(void *owner, uint32_t id)
{
    lsm *store = owner;
    mutex_lock(&store->writer);
    remove_id(&store->names, id);
    mutex_unlock(&store->writer);
}

static pykv_status use_rows(lsm *store, const pykv_rows *rows)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < rows->count && status == PYKV_OK; i++) {
        uint32_t id = 0;
        const uint64_t *offsets = rows->offsets + 2 * i;
        status = name_book_decode(slice_make(rows->data + offsets[1], offsets[2] - offsets[1]),
                                  env_directory_path(store->home), &id);
        if (status == PYKV_OK) {
            status = use_id(store, id);
        }
    }
    return status;
}

static pykv_status use_all(void *owner)
{
    lsm *store = owner;
    lsm_scan *walk = NULL;
    pykv_rows rows = {.count = 0};
    pykv_status status = lsm_names_scan(store, &walk);
    do {
        if (status == PYKV_OK) {
            status = lsm_scan_next(walk, 0, &rows);
        }
        if (status == PYKV_OK) {
            status = use_rows(store, &rows);
        }
    } while (status == PYKV_OK && rows.count > 0);
    lsm_scan_free(store, walk);
    return status;
}

pykv_status lsm_names_check(lsm *store, const record *operations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t id;
        slice user_key;
        if (key_space_split(operations[i].key, &id, &user_key) && id != KEY_SPACE_DEFAULT &&
            id_table_find(&store->names.ids, id) == NULL && !PYKV_PLANTED(134)) {
            return error_set(PYKV_CLOSED, "the namespace was dropped");
        }
    }
    return PYKV_OK;
}

void lsm_names_leave(lsm *store, const record *operations, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t id;
        slice user_key;
        if (operations[i].kind == RECORD_RANGE_DELETE &&
            key_space_split(operations[i].key, &id, &user_key)) {
            remove_id(&store->names, id);
        }
    }
}

/* ---- making and dropping ---- */

static pykv_status write_create(void *owner, slice name, uint32_t id, int32_t flags)
{
    uint8_t value[NAME_ID_BYTES];
    store_u32(value, id);
    record operations[] = {
        {.kind = RECORD_PUT, .namespace_id = KEY_SPACE_NAMES, .key = slice_make("", 0)},
        {.kind = RECORD_PUT, .namespace_id = KEY_SPACE_NAMES, .key = name}};
    operations[0].value = slice_make(value, sizeof value);
    operations[1].value = operations[0].value;
    size_t first = PYKV_PLANTED(133) ? 1 : 0;
    return lsm_write_in(owner, &operations[first], 2 - first, flags);
}

static pykv_status write_drop(void *owner, slice name, uint32_t id, int32_t flags)
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
        status = lsm_write(owner, operations, 2, flags | LSM_DROPS);
        stored_key_reset(&start);
    }
    stored_key_reset(&row);
    return status;
}

static const name_rows rows_of_store = {.read = read_id,
                                        .use_all = use_all,
                                        .use = use_id,
                                        .leave = leave_id,
                                        .create = write_create,
                                        .drop = write_drop};

void lsm_names_forget(lsm *store)
{
    name_book_forget(&store->names.book);
    mutex_lock(&store->writer);
    id_table_reset(&store->names.ids);
    mutex_unlock(&store->writer);
}

void lsm_names_init(lsm *store)
{
    name_book_init(&store->names.book, &rows_of_store, store, store->options.read_only != 0);
}

void lsm_names_destroy(lsm_names *self)
{
    id_table_reset(&self->ids);
    name_book_destroy(&self->book);
}

name_book *lsm_name_book(lsm *store)
{
    return &store->names.book;
}

pykv_status lsm_names_clear(lsm *store, int32_t flags)
{
    stored_range all;
    if ((flags & PYKV_NO_WAIT) != 0) {
        return PYKV_WOULD_BLOCK;
    }
    name_book *book = &store->names.book;
    mutex_lock(&book->lock);
    pykv_status status = name_book_load(book);
    if (status == PYKV_OK && (book->last_id == 0 || PYKV_PLANTED(144))) {
        status = lsm_clear(store, flags);
    } else if (status == PYKV_OK) {
        status = stored_range_make(KEY_SPACE_DEFAULT, NULL, &all);
        if (status == PYKV_OK) {
            status = lsm_delete_range(store, slice_make("", 0), all.stop.key, flags);
            stored_range_reset(&all);
        }
    }
    mutex_unlock(&book->lock);
    return status;
}
