/*
 * load: opening the segments that the manifest lists, and removing files that it does not.
 */
#include "bitcask/load.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/directory.h"
#include "bitcask/history.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_new.h"
#include "bitcask/rolling.h"
#include "bitcask/segment_dictionary.h"
#include "bitcask/segment_list.h"
#include "bitcask/space_list.h"

/* Opens the segment of entry and adds it to the list, at base. */
static pykv_status load_segment(bitcask *self, const manifest_segment *entry, uint64_t capacity,
                                uint64_t base, segment **segment_out)
{
    segment *opened;
    pykv_status status =
        segment_open(self->home, entry, self->store_id, capacity, self->mapped_reads, &opened);
    if (status != PYKV_OK) {
        return status;
    }
    segment_find_dictionary(opened);
    uint64_t bytes = capacity > entry->length ? capacity : entry->length;
    mutex_lock(&self->writer);
    status = bitcask_add_segment(self, opened, bytes, base);
    mutex_unlock(&self->writer);
    if (status != PYKV_OK) {
        segment_close(opened);
        return status;
    }
    *segment_out = opened;
    return PYKV_OK;
}

pykv_status bitcask_load_sealed(bitcask *self, const manifest *listed, const uint64_t *bases)
{
    pykv_status status = PYKV_OK;
    for (uint64_t i = 0; i < listed->segment_count && status == PYKV_OK; i++) {
        segment *opened;
        if (listed->segments[i].sealed) {
            status = load_segment(self, &listed->segments[i], listed->segments[i].length,
                                  bases != NULL ? bases[i] : BITCASK_NO_ADDRESS, &opened);
        }
    }
    return status;
}

pykv_status bitcask_continue_active(bitcask *self, const manifest_segment *entry, uint64_t base)
{
    segment *opened;
    uint64_t capacity = bitcask_segment_capacity(self, 0);
    if (base != BITCASK_NO_ADDRESS) {
        /* The option may have grown since the image was written: another segment may be next. */
        capacity = extent_room_at(&self->extents, base, capacity);
    }
    pykv_status status = load_segment(
        self, entry, capacity > entry->length ? capacity : entry->length, base, &opened);
    if (status != PYKV_OK || self->options.read_only != 0) {
        return status;
    }
    status = env_file_close_on_fork(opened->file);
    mutex_lock(&self->writer);
    if (status == PYKV_OK) {
        status = bitcask_activate(self, opened);
    }
    mutex_unlock(&self->writer);
    return status;
}

/* ---- the image ---- */

/* Address bases of listed's entries by the image; PYKV_NOT_FOUND if the two do not fit. */
static pykv_status match_bases(const manifest *listed, const keydir_image_header *image,
                               uint64_t *bases)
{
    uint64_t matched = 0;
    for (uint64_t i = 0; i < listed->segment_count; i++) {
        bases[i] = BITCASK_NO_ADDRESS;
        for (uint64_t j = 0; j < image->segment_count; j++) {
            if (image->segments[j].number == listed->segments[i].number) {
                bases[i] = image->segments[j].address_base;
                matched++;
            }
        }
    }
    return matched == listed->segment_count && matched == image->segment_count ? PYKV_OK
                                                                               : PYKV_NOT_FOUND;
}

/* The segment of a number, which is one of them. */
static segment *find_segment(const bitcask *self, uint64_t number) SINGLE_THREADED
{
    size_t low = 0;
    size_t high = self->segment_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (self->segments[middle]->number <= number) {
            low = middle;
        } else {
            high = middle;
        }
    }
    PYKV_ASSERT(low < high && self->segments[low]->number == number);
    return self->segments[low];
}

static void adopt_live_counts(bitcask *self, const keydir_image_header *image) SINGLE_THREADED
{
    for (uint64_t j = 0; j < image->segment_count; j++) {
        segment *counted = find_segment(self, image->segments[j].number);
        counted->live_bytes = image->segments[j].live_bytes;
        counted->live_count = image->segments[j].live_count;
    }
}

/* What a namespace has of the segments' live records. */
static pykv_status adopt_shares(bitcask *self, const keydir_image_header *image,
                                directory *now) SINGLE_THREADED
{
    pykv_status status = PYKV_OK;
    for (uint64_t j = 0; j < image->segment_count && status == PYKV_OK; j++) {
        live_shares *shares = &find_segment(self, image->segments[j].number)->shares;
        status = live_shares_reserve(shares, image->space_id);
        if (status == PYKV_OK) {
            live_share *share = live_shares_find(shares, image->space_id);
            share->bytes = image->segments[j].live_bytes;
            share->count = image->segments[j].live_count;
            now->live_bytes += share->bytes;
        }
    }
    return status;
}

/* Puts the directory of a section in the place of the empty one of its namespace. */
static pykv_status adopt_section(bitcask *self, keydir_image_section *section) SINGLE_THREADED
{
    space *within = NULL;
    pykv_status status = bitcask_add_space(self, section->header.space_id, &within);
    if (status != PYKV_OK) {
        return status;
    }
    directory *now = directory_now_locked(&within->directory);
    keydir_free(now->keys);
    now->keys = section->keys;
    section->keys = NULL;
    if (within->id == NAMESPACE_DEFAULT || PYKV_PLANTED(312)) {
        adopt_live_counts(self, &section->header);
        return PYKV_OK;
    }
    return adopt_shares(self, &section->header, now);
}

static pykv_status load_with_image(bitcask *self, const manifest *listed,
                                   keydir_image_sections *image, const uint64_t *bases)
{
    pykv_status status = bitcask_load_sealed(self, listed, bases);
    for (uint64_t i = 0; i < listed->segment_count && status == PYKV_OK; i++) {
        if (!listed->segments[i].sealed) {
            status = bitcask_continue_active(self, &listed->segments[i], bases[i]);
        }
    }
    for (uint32_t i = 0; i < image->count && status == PYKV_OK; i++) {
        status = adopt_section(self, &image->list[i]);
    }
    return status;
}

static bool is_of_manifest(const keydir_image_header *image, const manifest *listed)
{
    return image->store_id == listed->store_id && image->merge_edit == listed->merge_edit &&
           image->epoch == listed->epoch &&
           (image->sequence == listed->last_sequence || PYKV_PLANTED(47));
}

pykv_status bitcask_load_image(bitcask *self, const manifest *listed)
{
    keydir_image_sections image;
    pykv_status status = keydir_image_open(self->home, BITCASK_IMAGE_NAME, &image);
    if (status != PYKV_OK) {
        return status == PYKV_NO_MEMORY ? status : PYKV_NOT_FOUND;
    }
    const keydir_image_header *main = &image.list[0].header;
    uint64_t *bases = mem_alloc((listed->segment_count + 1) * sizeof *bases);
    if (bases == NULL) {
        status = error_set_no_memory((listed->segment_count + 1) * sizeof *bases);
    } else {
        status = is_of_manifest(main, listed) ? match_bases(listed, main, bases) : PYKV_NOT_FOUND;
    }
    if (status == PYKV_OK && bases != NULL) {
        status = load_with_image(self, listed, &image, bases);
    }
    mem_free(bases);
    keydir_image_reset(&image);
    return status;
}

/* ---- orphans ---- */

/* True if a file of that number belongs to the store. A hint does only if its segment is sealed:
 * one that goes on was sealed without a manifest that says so before the process died, and will be
 * longer than its hint knows. */
static bool belongs(bitcask *self, uint32_t number, bool hint) SINGLE_THREADED
{
    for (size_t i = 0; i < self->segment_count; i++) {
        if (self->segments[i]->number == number) {
            return !hint || self->segments[i]->sealed;
        }
    }
    return !hint && bitcask_history_has(self, number);
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static bool is_temporary(const char *name)
{
    return strcmp(name, MANIFEST_NAME BITCASK_TEMPORARY_SUFFIX) == 0 ||
           strcmp(name, MANIFEST_SPARE_NAME) == 0 ||
           strcmp(name, BITCASK_IMAGE_NAME BITCASK_TEMPORARY_SUFFIX) == 0 ||
           ends_with(name, ".hint" BITCASK_TEMPORARY_SUFFIX);
}

pykv_status bitcask_skip_used_numbers(bitcask *self) SINGLE_THREADED
{
    env_names names;
    pykv_status status = env_directory_list(self->home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < names.count; i++) {
        bool hint;
        uint32_t number = segment_number(names.names[i], &hint);
        if (number >= self->next_number && !PYKV_PLANTED(50)) {
            self->next_number = (uint64_t)number + 1;
        }
    }
    env_names_free(&names);
    if (self->next_number > UINT32_MAX && self->options.read_only == 0) {
        return error_set(PYKV_NO_SPACE,
                         "%s has no number left for a new segment: open it read-only and copy it, "
                         "or remove the file ffffffff.log if it is not the store's",
                         env_directory_path(self->home));
    }
    return PYKV_OK;
}

pykv_status bitcask_remove_orphans(bitcask *self) SINGLE_THREADED
{
    env_names names;
    pykv_status status = env_directory_list(self->home, &names);
    if (status != PYKV_OK) {
        return status;
    }
    for (size_t i = 0; i < names.count && status == PYKV_OK; i++) {
        bool hint = false;
        uint32_t number = segment_number(names.names[i], &hint);
        bool orphan = number != 0 ? !belongs(self, number, hint) : is_temporary(names.names[i]);
        if (orphan) {
            status = env_unlink(self->home, names.names[i]);
        }
        /* A rebuild knows which hints could be read; the others are to be written again. */
        if (number != 0 && hint && !orphan && self->recovered_from_image) {
            for (size_t j = 0; j < self->segment_count; j++) {
                self->segments[j]->has_hint |= self->segments[j]->number == number;
            }
        }
    }
    env_names_free(&names);
    return status == PYKV_PATH_NOT_FOUND ? PYKV_OK : status;
}
