/*
 * names: reading and writing the rows of names.
 */
#include "bitcask/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/address.h"
#include "bitcask/keydir_list.h"
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

typedef pykv_status name_visitor(void *context, slice name, uint32_t id);

/* Where the rows of names stand now. */
static pykv_status list_addresses(bitcask *self, buffer *addresses)
{
    pykv_status status = PYKV_OK;
    mutex_lock(&self->writer);
    const space *names = bitcask_find_space(self, NAMESPACE_NAMES);
    if (names != NULL) {
        status = keydir_list(directory_now_locked(&names->directory)->keys, addresses);
    }
    mutex_unlock(&self->writer);
    return status;
}

/* Calls visit for the name whose row stood at address, if there is one by that name still. The
 * caller is in the epoch since before the address was listed. */
static pykv_status visit_at(bitcask *self, uint64_t address, buffer *scratch, name_visitor *visit,
                            void *context)
{
    const segment *holder = extent_segment(&self->extents, address);
    record found;
    uint32_t id;
    if (holder == NULL) {
        return error_set(PYKV_CORRUPTION, "%s: the directory of names leads to no segment",
                         env_directory_path(self->home));
    }
    pykv_status status =
        segment_read(holder, bitcask_offset(holder, address), true, scratch, &found);
    if (status != PYKV_OK || found.key.size == 0) {
        return status;
    }
    status = read_id(self, found.key, &id);
    return status == PYKV_OK          ? visit(context, found.key, id)
           : status == PYKV_NOT_FOUND ? PYKV_OK
                                      : status;
}

/* Calls visit for each name until it fails. Names are few: each is read by itself, as a scan reads
 * all of the segments that they stand in. */
static pykv_status each_name(bitcask *self, name_visitor *visit, void *context)
{
    buffer addresses = BUFFER_EMPTY;
    buffer scratch = BUFFER_EMPTY;
    epoch_token token = epoch_enter(&self->gate.readers);
    pykv_status status = list_addresses(self, &addresses);
    for (size_t at = 0; at < addresses.size && status == PYKV_OK; at += sizeof(uint64_t)) {
        uint64_t address;
        memcpy(&address, addresses.data + at, sizeof address);
        status = visit_at(self, address, &scratch, visit, context);
    }
    epoch_leave(&self->gate.readers, token);
    buffer_reset(&scratch);
    buffer_reset(&addresses);
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

static pykv_status use_name(void *owner, slice name, uint32_t id)
{
    (void)name;
    return use_id(owner, id);
}

static pykv_status use_all(void *owner)
{
    return each_name(owner, use_name, owner);
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

static pykv_status list_name(void *context, slice name, uint32_t id)
{
    name_list *self = context;
    (void)id;
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
    pykv_status status = each_name(self, list_name, &list);
    if (status == PYKV_OK) {
        status = open_sorted(&list, scan_out);
    }
    buffer_reset(&list.bytes);
    buffer_reset(&list.ends);
    return status;
}
