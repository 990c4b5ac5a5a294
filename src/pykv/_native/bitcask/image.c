/*
 * image: first-touch checks of the mapped directory image, and writing it at close.
 */
#include "bitcask/image.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/keydir_grow.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/rebuild.h"
#include "bitcask/space_list.h"

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

static pykv_status check_keys_of(bitcask *self, const operation *operations, size_t count)
    REQUIRES(self->writer)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        if (operations[i].record.kind != RECORD_CLEAR) {
            status = bitcask_check_image_locked(self, operations[i].within, operations[i].hash);
        }
    }
    return status;
}

/* Only the image of the default namespace is read page by page. */
pykv_status bitcask_check_image_for(bitcask *self, const operation *operations, size_t count)
{
    const space *main = &self->spaces.main;
    if (PYKV_LIKELY(keydir_image_is_checked(directory_now_locked(&main->directory)->keys))) {
        return PYKV_OK;
    }
    pykv_status status = check_keys_of(self, operations, count);
    if (status == PYKV_OK) {
        status = keydir_check_splits(directory_now_locked(&main->directory)->keys, count);
        status = status == PYKV_CORRUPTION ? rebuild_damaged(self) : status;
    }
    return status;
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

pykv_status bitcask_check_image_rest(bitcask *self)
{
    bool more = !PYKV_PLANTED(32);
    pykv_status status = PYKV_OK;
    while (more && status == PYKV_OK) {
        status = bitcask_check_image_some(self, &more);
    }
    return status;
}

/* ---- writing ---- */

/* The segments that a namespace has live records in, and how much: of all of them the default one
 * tells the sums. */
static uint64_t list_segments(const bitcask *self, uint32_t space_id, keydir_image_segment *out)
    REQUIRES(self->writer)
{
    uint64_t count = 0;
    for (size_t i = 0; i < self->segment_count; i++) {
        const segment *source = self->segments[i];
        const live_share *share = live_shares_find(&source->shares, space_id);
        bool is_main = space_id == NAMESPACE_DEFAULT;
        if (is_main || (share != NULL && share->count > 0)) {
            out[count++] =
                (keydir_image_segment){.number = source->number,
                                       .address_base = source->address_base,
                                       .live_bytes = is_main ? source->live_bytes : share->bytes,
                                       .live_count = is_main ? source->live_count : share->count};
        }
    }
    return count;
}

static pykv_status describe(bitcask *self, uint32_t space_id, keydir_image_header *out)
    REQUIRES(self->writer) REQUIRES(self->manifest_lock)
{
    *out = (keydir_image_header){.store_id = self->store_id,
                                 .merge_edit = self->merge_edit,
                                 .log_position = self->synced_position,
                                 .epoch = self->epoch_number,
                                 .sequence = self->published_sequence,
                                 .space_id = space_id};
    out->segments = mem_alloc_zeroed(self->segment_count + 1, sizeof *out->segments);
    if (out->segments == NULL) {
        return error_set_no_memory((self->segment_count + 1) * sizeof *out->segments);
    }
    out->segment_count = list_segments(self, space_id, out->segments);
    return PYKV_OK;
}

typedef struct image_draft {
    bitcask *store;
    keydir_image_sections sections; /* with room for all; their directories stay the store's */
} image_draft;

static void locks_are_held(bitcask *self) ASSERTS_HELD(self->manifest_lock)
    ASSERTS_HELD(self->writer)
{
    (void)self;
}

/* Empty namespaces are left out: they are made again when they are asked for. */
static pykv_status add_section(space *each, void *context)
{
    image_draft *self = context;
    keydir *keys = directory_now_locked(&each->directory)->keys;
    if (each->id != NAMESPACE_DEFAULT && (keydir_count(keys) == 0 || PYKV_PLANTED(311))) {
        return PYKV_OK;
    }
    locks_are_held(self->store);
    keydir_image_section *section = &self->sections.list[self->sections.count++];
    section->keys = keys;
    return describe(self->store, each->id, &section->header);
}

pykv_status bitcask_write_image(bitcask *self)
{
    image_draft draft = {.store = self};
    /* A page that was never checked would get a good check in the new image. */
    pykv_status status = bitcask_check_image_rest(self);
    if (status != PYKV_OK) {
        return status;
    }
    mutex_lock(&self->writer);
    size_t most = self->spaces.list.count + 1;
    draft.sections.list = mem_alloc_zeroed(most, sizeof *draft.sections.list);
    status = draft.sections.list != NULL ? bitcask_each_space(self, add_section, &draft)
                                         : error_set_no_memory(most * sizeof *draft.sections.list);
    mutex_unlock(&self->writer);
    if (status == PYKV_OK) {
        status = keydir_image_write(&draft.sections, self->home, BITCASK_IMAGE_NAME);
    }
    for (uint32_t i = 0; i < draft.sections.count; i++) {
        draft.sections.list[i].keys = NULL; /* the store's */
    }
    keydir_image_reset(&draft.sections);
    return status;
}
