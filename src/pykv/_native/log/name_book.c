/*
 * name_book: making, finding and dropping namespaces, whatever keeps their rows.
 */
#include "log/name_book.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"

void name_book_init(name_book *self, const name_rows *rows, void *owner, bool is_read_only)
{
    self->rows = rows;
    self->owner = owner;
    self->is_read_only = is_read_only;
    mutex_init(&self->lock);
}

void name_book_destroy(name_book *self)
{
    mutex_destroy(&self->lock);
}

pykv_status name_book_decode(slice value, const char *path, uint32_t *id_out)
{
    uint32_t id = value.size == NAME_ID_BYTES ? load_u32(value.data) : 0;
    if (id == 0 || id > NAMESPACE_ID_MAX) {
        return error_set_corruption(path, 0, "the row of a namespace is illegal", NAME_ID_BYTES,
                                    value.size);
    }
    *id_out = id;
    return PYKV_OK;
}

pykv_status name_book_load(name_book *self)
{
    if (self->is_loaded) {
        return PYKV_OK;
    }
    pykv_status status = self->rows->read(self->owner, slice_make("", 0), &self->last_id);
    if (status == PYKV_OK || status == PYKV_NOT_FOUND) {
        status = self->rows->use_all(self->owner);
    }
    self->is_loaded = status == PYKV_OK;
    return status;
}

void name_book_forget(name_book *self)
{
    mutex_lock(&self->lock);
    self->is_loaded = false;
    self->last_id = 0;
    mutex_unlock(&self->lock);
}

pykv_status name_book_find(name_book *self, slice name, uint32_t *id_out)
{
    mutex_lock(&self->lock);
    pykv_status status = PYKV_PLANTED(143) ? PYKV_OK : name_book_load(self);
    if (status == PYKV_OK) {
        status = self->rows->read(self->owner, name, id_out);
    }
    mutex_unlock(&self->lock);
    return status;
}

/* Makes a namespace that is not there. */
static pykv_status make(name_book *self, slice name, int32_t flags, uint32_t *id_out)
    REQUIRES(self->lock)
{
    uint32_t id = self->last_id + 1;
    if (id > NAMESPACE_ID_MAX) {
        return error_set(PYKV_NOT_SUPPORTED, "the store has used all ids of namespaces");
    }
    pykv_status status = self->rows->use(self->owner, id);
    if (status != PYKV_OK) {
        return status;
    }
    status = self->rows->create(self->owner, name, id, flags);
    if (status != PYKV_OK && status != PYKV_COMMIT_UNKNOWN) {
        self->rows->leave(self->owner, id);
        return status;
    }
    self->last_id = id;
    *id_out = id;
    return status;
}

pykv_status name_book_make(name_book *self, slice name, int32_t flags, uint32_t *id_out)
{
    mutex_lock(&self->lock);
    pykv_status status = name_book_load(self);
    if (status == PYKV_OK) {
        status = self->rows->read(self->owner, name, id_out);
    }
    if (status == PYKV_NOT_FOUND && !self->is_read_only) {
        status = make(self, name, flags, id_out);
    }
    mutex_unlock(&self->lock);
    return status;
}

static pykv_status drop(name_book *self, slice name, int32_t flags, uint32_t *id_out)
    REQUIRES(self->lock)
{
    uint32_t id = 0;
    pykv_status status = name_book_load(self);
    if (status == PYKV_OK) {
        status = self->rows->read(self->owner, name, &id);
    }
    if (status != PYKV_OK) {
        return status;
    }
    status = self->rows->drop(self->owner, name, id, flags);
    if (status != PYKV_OK && status != PYKV_COMMIT_UNKNOWN) {
        pykv_error failure = *error_last();
        pykv_status ignored = self->rows->use(self->owner, id); /* there is room for it */
        (void)ignored;
        error_restore(&failure);
        return status;
    }
    *id_out = id;
    return status;
}

pykv_status name_book_drop(name_book *self, slice name, int32_t flags, uint32_t *id_out)
{
    if ((flags & PYKV_NO_WAIT) != 0) {
        return PYKV_WOULD_BLOCK;
    }
    mutex_lock(&self->lock);
    pykv_status status = drop(self, name, flags, id_out);
    mutex_unlock(&self->lock);
    return status;
}

bool name_book_is_used(name_book *self)
{
    mutex_lock(&self->lock);
    bool used = name_book_load(self) == PYKV_OK && self->last_id != 0;
    mutex_unlock(&self->lock);
    return used;
}
