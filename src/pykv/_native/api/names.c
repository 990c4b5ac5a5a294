/*
 * names: the part of pykv.h that makes, drops and lists namespaces.
 *
 * A namespace is a pykv_store over an engine of its own, which shares the gate of its store. When
 * it is dropped or closed its stamp says so, and every call finds it unusable as it would in
 * another process; calls under way end as they like. A drop takes the stamps of the handles before
 * it is written, or who reads would find an empty namespace first, and gives them back where it
 * failed: PYKV_CLOSED may come of a drop that is not done in the end.
 */
#include <string.h>

#include "api/handle.h"
#include "api/reads.h"
#include "base/memory.h"

enum { NAME_BYTES_MAX = 255 };

/* ---- names ---- */

/* Bytes of the UTF-8 sequence that begins with lead, 0: none does. */
static size_t sequence_bytes(uint8_t lead)
{
    if (lead < 0x80) {
        return 1;
    }
    if (lead >= 0xC2 && lead <= 0xDF) {
        return 2;
    }
    if (lead >= 0xE0 && lead <= 0xEF) {
        return 3;
    }
    return lead >= 0xF0 && lead <= 0xF4 ? 4 : 0;
}

/* Whether the byte behind lead is neither that of a longer form than need be, nor of a surrogate,
 * nor above U+10FFFF. */
static bool is_second(uint8_t lead, uint8_t second)
{
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    return second >= low && second <= high;
}

static bool is_utf8(slice text)
{
    size_t at = 0;
    while (at < text.size) {
        size_t bytes = sequence_bytes(text.data[at]);
        if (bytes == 0 || bytes > text.size - at) {
            return false;
        }
        if (bytes > 1 && !is_second(text.data[at], text.data[at + 1])) {
            return false;
        }
        for (size_t i = 2; i < bytes; i++) {
            if ((text.data[at + i] & 0xC0) != 0x80) {
                return false;
            }
        }
        at += bytes;
    }
    return true;
}

static pykv_status check_name(slice name)
{
    if (name.size == 0 || name.size > NAME_BYTES_MAX || !is_utf8(name)) {
        return error_set(PYKV_INVALID_ARGUMENT,
                         "the name of a namespace has 1 to %d bytes of UTF-8", NAME_BYTES_MAX);
    }
    return PYKV_OK;
}

/* ---- handles ---- */

static pykv_status new_handle(pykv_store *root, slice name, uint32_t id, pykv_store **out)
    REQUIRES(root->names_lock)
{
    pykv_store *self = mem_alloc_zeroed(1, sizeof *self + name.size);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self + name.size);
    }
    pykv_status status = root->ops->named_new(root->engine, id, &self->engine);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    self->broken_count = root->broken_count;
    self->gate = root->gate;
    self->calls = root->calls;
    self->ops = root->ops->named;
    self->root = root;
    self->space_id = id;
    self->name_length = name.size;
    memcpy(self->name, name.data, name.size);
    self->next = root->namespaces;
    root->namespaces = self;
    atomic_init(&self->stamp, process_stamp());
    *out = self;
    return PYKV_OK;
}

void names_close(pykv_store *self)
{
    atomic_store_explicit(&self->stamp, STAMP_CLOSED, memory_order_relaxed);
}

void names_free(pykv_store *self)
{
    pykv_store *root = self->root;
    if (root->stamp != process_stamp()) {
        return;
    }
    mutex_lock(&root->names_lock);
    pykv_store **at = &root->namespaces;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    mutex_unlock(&root->names_lock);
    self->ops->free(self->engine);
    mem_free(self);
}

static name_book *book_of(pykv_store *root)
{
    return root->ops->name_book(root->engine);
}

/* ---- after a refresh ---- */

/* True also where that cannot be read. */
static bool is_there(pykv_store *root, slice name, uint32_t space_id)
{
    uint32_t id;
    pykv_status status = name_book_find(book_of(root), name, &id);
    return status == PYKV_OK ? id == space_id : status != PYKV_NOT_FOUND;
}

void names_close_dropped(pykv_store *root)
{
    mutex_lock(&root->names_lock);
    for (pykv_store *at = root->namespaces; at != NULL; at = at->next) {
        slice name = slice_make(at->name, at->name_length);
        if (!is_there(root, name, at->space_id) && !PYKV_PLANTED(231)) {
            atomic_store_explicit(&at->stamp, STAMP_DROPPED, memory_order_relaxed);
        }
    }
    mutex_unlock(&root->names_lock);
}

/* ---- calls ---- */

static pykv_status open_locked(pykv_store *root, slice name, int32_t create, int32_t flags,
                               pykv_store **namespace_out) REQUIRES(root->names_lock)
{
    uint32_t id;
    pykv_status status = create != 0 ? name_book_make(book_of(root), name, flags, &id)
                                     : name_book_find(book_of(root), name, &id);
    return status == PYKV_OK ? new_handle(root, name, id, namespace_out) : status;
}

pykv_status pykv_namespace_open(pykv_store *store, const char *name, size_t name_length,
                                int32_t create, int32_t flags, pykv_store **namespace_out)
{
    epoch_token token;
    pykv_store *root = handle_root(store);
    slice wanted = slice_make(name, name_length);
    pykv_status status = handle_enter(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    status = check_name(wanted);
    if (status == PYKV_OK) {
        mutex_lock(&root->names_lock);
        status = open_locked(root, wanted, create, flags, namespace_out);
        mutex_unlock(&root->names_lock);
    }
    handle_leave(store, token);
    return status;
}

/* Changes the stamp of all handles to a namespace that have the stamp from; those that were closed
 * meanwhile have none. */
static void restamp(pykv_store *root, uint32_t space_id, uint64_t from, uint64_t to)
    REQUIRES(root->names_lock)
{
    for (pykv_store *at = root->namespaces; at != NULL; at = at->next) {
        uint64_t stamp = from;
        if (at->space_id == space_id) {
            (void)atomic_compare_exchange_strong_explicit(
                &at->stamp, &stamp, to, memory_order_relaxed, memory_order_relaxed);
        }
    }
}

/* Whether a namespace is there after a drop of it that failed. Keeps the last error. */
static bool outlived_drop(pykv_store *root, slice name, uint32_t space_id)
{
    pykv_error failure = *error_last();
    bool is_left = is_there(root, name, space_id);
    error_restore(&failure);
    return is_left;
}

static pykv_status drop_locked(pykv_store *root, slice name, int32_t flags)
    REQUIRES(root->names_lock)
{
    uint32_t id = 0;
    if ((flags & PYKV_NO_WAIT) != 0) {
        return PYKV_WOULD_BLOCK;
    }
    pykv_status status = name_book_find(book_of(root), name, &id);
    if (status != PYKV_OK) {
        return status;
    }
    if (!PYKV_PLANTED(373)) {
        restamp(root, id, process_stamp(), STAMP_DROPPING);
    }
    status = name_book_drop(book_of(root), name, flags, &id);
    bool is_left = status != PYKV_OK && outlived_drop(root, name, id);
    restamp(root, id, PYKV_PLANTED(373) ? process_stamp() : STAMP_DROPPING,
            is_left && !PYKV_PLANTED(374) ? process_stamp() : STAMP_DROPPED);
    return status;
}

pykv_status pykv_namespace_drop(pykv_store *store, const char *name, size_t name_length,
                                int32_t flags)
{
    epoch_token token;
    pykv_store *root = handle_root(store);
    slice wanted = slice_make(name, name_length);
    pykv_status status = handle_enter(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    status = check_name(wanted);
    if (status == PYKV_OK) {
        mutex_lock(&root->names_lock);
        status = drop_locked(root, wanted, flags);
        mutex_unlock(&root->names_lock);
    }
    handle_leave(store, token);
    return status;
}

uint32_t pykv_namespace_id(const pykv_store *store)
{
    return store->space_id;
}

pykv_status pykv_namespaces(pykv_store *store, pykv_scan **scan_out)
{
    return reads_scan_names(handle_root(store), scan_out);
}
