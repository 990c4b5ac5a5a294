/*
 * names: reading and writing the rows of names.
 */
#include "bitcask/names.h"

#include <stdlib.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/named.h"
#include "bitcask/operation.h"
#include "bitcask/space_list.h"

/* ---- rows ---- */

/* The namespace of the rows, which is never dropped; NULL: there is none, nor a row. */
static space *names_of(bitcask *self)
{
    mutex_lock(&self->writer);
    space *rows = bitcask_find_space(self, NAMESPACE_NAMES);
    mutex_unlock(&self->writer);
    return rows;
}

static pykv_status read_id(void *owner, slice name, uint32_t *id_out)
{
    bitcask *self = owner;
    space *rows = names_of(self);
    pykv_pinned pinned = {.owned = NULL};
    if (rows == NULL) {
        return PYKV_NOT_FOUND;
    }
    epoch_token token = epoch_enter(&self->gate.readers);
    pykv_status status = bitcask_get_in(self, rows, name, 0, &pinned);
    if (status == PYKV_OK) {
        status = name_book_decode(slice_make(pinned.data, pinned.length),
                                  env_directory_path(self->home), id_out);
        mem_free(pinned.owned);
    }
    epoch_leave(&self->gate.readers, token);
    return status;
}

/* Calls visit for each row of a name until it fails. */
static pykv_status
each_row(bitcask *self, pykv_status (*visit)(void *context, slice name, slice value), void *context)
{
    scan *walk;
    pykv_rows rows = {.count = 1};
    space *names = names_of(self);
    if (names == NULL) {
        return PYKV_OK;
    }
    pykv_status status = scan_open_in(self, names, false, &walk);
    if (status != PYKV_OK) {
        return status;
    }
    while (status == PYKV_OK && rows.count > 0) {
        status = scan_next(walk, 0, &rows);
        for (size_t i = 0; status == PYKV_OK && i < rows.count; i++) {
            const uint64_t *ends = rows.offsets + 2 * i;
            slice name = slice_make(rows.data + ends[0], ends[1] - ends[0]);
            if (name.size > 0) {
                status = visit(context, name, slice_make(rows.data + ends[1], ends[2] - ends[1]));
            }
        }
    }
    scan_free(walk);
    return status;
}

/* ---- ids in use ---- */

static pykv_status use_id(void *owner, uint32_t id)
{
    bitcask *self = owner;
    space *within;
    mutex_lock(&self->writer);
    pykv_status status = bitcask_use_space(self, id, &within);
    mutex_unlock(&self->writer);
    return status;
}

static void leave_id(void *owner, uint32_t id)
{
    bitcask *self = owner;
    mutex_lock(&self->writer);
    space *within = bitcask_find_space(self, id);
    if (within != NULL) {
        within->in_use = false;
    }
    mutex_unlock(&self->writer);
}

static pykv_status use_row(void *owner, slice name, slice value)
{
    bitcask *self = owner;
    uint32_t id;
    (void)name;
    pykv_status status = name_book_decode(value, env_directory_path(self->home), &id);
    return status == PYKV_OK ? use_id(self, id) : status;
}

static pykv_status use_all(void *owner)
{
    return each_row(owner, use_row, owner);
}

/* ---- making and dropping ---- */

static pykv_status write_create(void *owner, slice name, uint32_t id, int32_t flags)
{
    uint8_t value[NAME_ID_BYTES];
    store_u32(value, id);
    slice stored = slice_make(value, sizeof value);
    operation writes[2] = {{.record = {.kind = RECORD_PUT, .key = slice_make("", 0)}},
                           {.record = {.kind = RECORD_PUT, .key = name}}};
    for (size_t i = 0; i < 2; i++) {
        writes[i].record.namespace_id = NAMESPACE_NAMES;
        writes[i].record.value = stored;
    }
    pykv_status status = use_id(owner, NAMESPACE_NAMES);
    return status == PYKV_OK ? bitcask_write(owner, writes, 2, flags) : status;
}

static pykv_status write_drop(void *owner, slice name, uint32_t id, int32_t flags)
{
    bitcask *self = owner;
    operation writes[2] = {
        {.record = {.kind = RECORD_DELETE, .namespace_id = NAMESPACE_NAMES, .key = name}},
        {.record = {.kind = RECORD_CLEAR, .namespace_id = id, .key = slice_make(NULL, 0)}}};
    pykv_status status = use_id(self, NAMESPACE_NAMES);
    if (status == PYKV_OK) {
        status = bitcask_write(self, writes, PYKV_PLANTED(221) ? 1 : 2, flags);
    }
    if (status == PYKV_OK) {
        mutex_lock(&self->writer);
        bitcask_remove_space(self, bitcask_find_space(self, id));
        mutex_unlock(&self->writer);
    }
    return status;
}

static const name_rows rows_of_store = {.read = read_id,
                                        .use_all = use_all,
                                        .use = use_id,
                                        .leave = leave_id,
                                        .create = write_create,
                                        .drop = write_drop};

void bitcask_names_init(bitcask *self)
{
    name_book_init(&self->names, &rows_of_store, self, self->options.read_only != 0);
}

name_book *bitcask_name_book(bitcask *self)
{
    return &self->names;
}

/* ---- listing ---- */

/* Names one behind the other, and where each ends. */
typedef struct name_list {
    buffer bytes;
    buffer ends; /* of size_t */
} name_list;

static pykv_status list_row(void *context, slice name, slice value)
{
    name_list *self = context;
    (void)value;
    pykv_status status = buffer_append(&self->bytes, name.data, name.size);
    if (status == PYKV_OK) {
        status = buffer_append(&self->ends, &self->bytes.size, sizeof self->bytes.size);
    }
    return status;
}

static int compare_names(const void *left, const void *right)
{
    return slice_compare(*(const slice *)left, *(const slice *)right);
}

static pykv_status open_sorted(const name_list *self, scan **scan_out)
{
    const size_t *ends = (const size_t *)(const void *)self->ends.data;
    size_t count = self->ends.size / sizeof *ends;
    slice *names = mem_alloc((count + 1) * sizeof *names);
    if (names == NULL) {
        return error_set_no_memory((count + 1) * sizeof *names);
    }
    for (size_t i = 0; i < count; i++) {
        size_t begin = i > 0 ? ends[i - 1] : 0;
        names[i] = slice_make(self->bytes.data + begin, ends[i] - begin);
    }
    if (count > 0) {
        qsort(names, count, sizeof *names, compare_names);
    }
    pykv_status status = scan_open_listed(names, count, scan_out);
    mem_free(names);
    return status;
}

pykv_status bitcask_names_scan(bitcask *self, scan **scan_out)
{
    name_list list = {.bytes = BUFFER_EMPTY, .ends = BUFFER_EMPTY};
    pykv_status status = each_row(self, list_row, &list);
    if (status == PYKV_OK) {
        status = open_sorted(&list, scan_out);
    }
    buffer_reset(&list.bytes);
    buffer_reset(&list.ends);
    return status;
}
