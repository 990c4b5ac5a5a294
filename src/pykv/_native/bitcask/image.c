/*
 * image: first-touch checks of the mapped directory image, and writing it at close.
 */
#include "bitcask/image.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/rebuild.h"

enum { IMAGE_STEP_PAGES = 64 };

/* Replaces a damaged directory by one made from the segments. Readers repeat until it is there. */
static pykv_status rebuild_damaged(bitcask *self) REQUIRES(self->writer)
{
    self->recovered_from_image = false;
    return bitcask_rebuild(self);
}

pykv_status bitcask_check_image_locked(bitcask *self, space *within, uint64_t hash)
{
    directory *now = directory_now_locked(&within->directory);
    if (PYKV_LIKELY(keydir_image_ready(now->keys, hash))) {
        return PYKV_OK;
    }
    pykv_status status = keydir_image_check_hash(now->keys, hash);
    return status == PYKV_CORRUPTION ? rebuild_damaged(self) : status;
}

pykv_status bitcask_check_image(bitcask *self, space *within, uint64_t hash)
{
    epoch_token token = epoch_enter(&self->gate.readers);
    bool ready = keydir_image_ready(directory_now(&within->directory)->keys, hash);
    epoch_leave(&self->gate.readers, token);
    if (ready) {
        return PYKV_OK;
    }
    mutex_lock(&self->writer);
    pykv_status status = bitcask_check_image_locked(self, within, hash);
    mutex_unlock(&self->writer);
    return status;
}

pykv_status bitcask_check_image_some(bitcask *self, bool *more_out)
{
    uint64_t pending = 0;
    mutex_lock(&self->writer);
    pykv_status status = keydir_image_check_some(
        directory_now_locked(&self->spaces.main.directory)->keys, IMAGE_STEP_PAGES, &pending);
    if (status == PYKV_CORRUPTION) {
        status = rebuild_damaged(self);
        pending = 0;
    }
    mutex_unlock(&self->writer);
    *more_out = pending > 0;
    return status;
}

static pykv_status describe(bitcask *self, keydir_image_header *out) REQUIRES(self->writer)
    REQUIRES(self->manifest_lock)
{
    *out = (keydir_image_header){.store_id = self->store_id,
                                 .merge_edit = self->merge_edit,
                                 .log_position = self->synced_position,
                                 .epoch = self->epoch_number,
                                 .sequence = self->published_sequence,
                                 .segment_count = self->segment_count};
    out->segments = mem_alloc_zeroed(self->segment_count + 1, sizeof *out->segments);
    if (out->segments == NULL) {
        return error_set_no_memory((self->segment_count + 1) * sizeof *out->segments);
    }
    for (size_t i = 0; i < self->segment_count; i++) {
        const segment *source = self->segments[i];
        out->segments[i] = (keydir_image_segment){.number = source->number,
                                                  .address_base = source->address_base,
                                                  .live_bytes = source->live_bytes,
                                                  .live_count = source->live_count};
    }
    return PYKV_OK;
}

pykv_status bitcask_check_image_rest(bitcask *self)
{
    bool more = !PYKV_PLANTED(32);
    pykv_status status = PYKV_OK;
    while (more && status == PYKV_OK) {
        status = bitcask_check_image_some(self, &more);
    }
    return status;
}

pykv_status bitcask_write_image(bitcask *self)
{
    if (self->spaces.list.count > 0) {
        return PYKV_OK; /* the image has one directory: hints tell of several */
    }
    keydir_image_header header = {0};
    /* A page that was never checked would get a good check in the new image. */
    pykv_status status = bitcask_check_image_rest(self);
    if (status == PYKV_OK) {
        mutex_lock(&self->writer);
        status = describe(self, &header);
        mutex_unlock(&self->writer);
    }
    if (status == PYKV_OK) {
        status = keydir_image_write(directory_now_locked(&self->spaces.main.directory)->keys,
                                    self->home, BITCASK_IMAGE_NAME, &header);
    }
    mem_free(header.segments);
    return status;
}
