/*
 * keydir_new: the directory as it begins, with one bucket, or with those of an image.
 */
#include "bitcask/keydir_new.h"

#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "bitcask/keydir_grow.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/keydir_layout.h"
#include "bitcask/keydir_space.h"

pykv_status keydir_new_without_buckets(keydir **keydir_out)
{
    keydir *self = mem_alloc_aligned(_Alignof(keydir), sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    memset(self, 0, offsetof(keydir, words));
    keydir_space_init(&self->headers, KEYDIR_HEADER_BYTES);
    keydir_space_init(&self->units, KEYDIR_UNIT_BYTES);
    *keydir_out = self;
    return PYKV_OK;
}

pykv_status keydir_new(keydir **keydir_out)
{
    keydir *self = NULL;
    pykv_status status = keydir_new_without_buckets(&self);
    if (status != PYKV_OK) {
        return status;
    }
    status = keydir_add_first_bucket(self);
    if (status != PYKV_OK) {
        keydir_free(self);
        return status;
    }
    *keydir_out = self;
    return PYKV_OK;
}

void keydir_free(keydir *self)
{
    if (self == NULL) {
        return;
    }
    keydir_space_reset(&self->headers);
    keydir_space_reset(&self->units);
    keydir_image_free(self->image);
    mem_free(self);
}
