/*
 * keydir_image_open: directories over an image file. See keydir_image.h.
 *
 * The bytes of the payload are used where they stand: bucket headers and units have the form of
 * memory on little-endian machines. Elsewhere an image is refused and the directory is rebuilt.
 *
 * All sections are used or none. The file stays open for the pages of the first one; those of the
 * others are read at once, because whoever asks for a namespace scans the names, and a scan has all
 * pages checked before it begins.
 */
#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/keydir.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_image_format.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/keydir_new.h"

typedef struct image_reader {
    env_file *file;
    uint64_t file_bytes;
    uint64_t offset; /* of the next section */
} image_reader;

/* Reads size bytes at offset. PYKV_CORRUPTION if the file ends before. */
static pykv_status read_exactly(env_file *file, uint64_t offset, uint8_t *data, uint64_t size)
{
    size_t got = 0;
    pykv_status status = env_file_read(file, offset, data, size, &got);
    if (status == PYKV_OK && got != size) {
        status = error_set_corruption(env_file_path(file), offset, "the image ends too early", size,
                                      got);
    }
    return status;
}

static pykv_status open_file(env_directory *directory, const char *name, env_file **file_out)
{
    pykv_status status = env_file_open(directory, name, ENV_READ, file_out);
    if (status == PYKV_PATH_NOT_FOUND) {
        return error_set(PYKV_NOT_FOUND, "there is no image %s", name);
    }
    return status;
}

/* The header of the next section, which is in the file as a whole: the last one up to its end. */
static pykv_status read_header(const image_reader *self, keydir_image_layout *layout_out,
                               keydir_image_header *header_out)
{
    uint8_t bytes[KEYDIR_IMAGE_HEADER_BYTES];
    const char *path = env_file_path(self->file);
    if (PYKV_TO_LITTLE_16(1) != 1) {
        return error_set(PYKV_FORMAT, "this machine cannot use %s", path);
    }
    pykv_status status = read_exactly(self->file, self->offset, bytes, sizeof bytes);
    if (status == PYKV_OK) {
        status = keydir_image_decode_header(bytes, path, layout_out, header_out);
    }
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t left = self->file_bytes - self->offset;
    if (left < layout_out->section_bytes ||
        (header_out->sections_behind == 0 && left > layout_out->section_bytes)) {
        return error_set_corruption(path, self->file_bytes,
                                    "the image is not as long as its headers say",
                                    self->offset + layout_out->section_bytes, self->file_bytes);
    }
    return PYKV_OK;
}

/* Takes the page checks and the segment table from the verified tables. */
static pykv_status keep_tables(const keydir_image_layout *layout, const uint8_t *tables,
                               keydir_image *image, keydir_image_header *header)
{
    const uint8_t *checks = tables + layout->checks_offset - KEYDIR_IMAGE_HEADER_BYTES;
    image->checks = mem_alloc(layout->page_count * sizeof *image->checks);
    header->segments = mem_alloc(layout->segment_count * sizeof *header->segments);
    if (image->checks == NULL || header->segments == NULL) {
        return error_set_no_memory(layout->checks_offset + layout->checks_bytes);
    }
    for (uint64_t i = 0; i < layout->page_count; i++) {
        image->checks[i] = load_u32(checks + i * 4);
    }
    keydir_image_decode_segments(tables, layout->segment_count, header->segments);
    return PYKV_OK;
}

static pykv_status read_tables(const image_reader *self, const keydir_image_layout *layout,
                               keydir_image *image, keydir_image_header *header)
{
    env_file *file = self->file;
    uint64_t bytes = layout->payload_offset - KEYDIR_IMAGE_HEADER_BYTES;
    uint8_t *tables = mem_alloc(bytes);
    if (tables == NULL) {
        return error_set_no_memory(bytes);
    }
    pykv_status status =
        read_exactly(file, self->offset + KEYDIR_IMAGE_HEADER_BYTES, tables, bytes);
    if (status == PYKV_OK) {
        status = keydir_image_verify_tables(layout, tables, env_file_path(file));
    }
    if (status == PYKV_OK) {
        status = keep_tables(layout, tables, image, header);
    }
    mem_free(tables);
    return status;
}

/* Everything of a section but the tables; nothing of the payload is read yet. */
static pykv_status fill_image(uint64_t offset, const keydir_image_layout *layout,
                              keydir_image *image)
{
    uint64_t bytes = layout->page_count * KEYDIR_IMAGE_PAGE_BYTES;
    image->payload_offset = offset + layout->payload_offset;
    image->bucket_count = layout->bucket_count;
    image->unit_count = layout->unit_count;
    image->header_page_count = layout->header_page_count;
    image->page_count = layout->page_count;
    image->checked = mem_alloc_zeroed(layout->page_count / 64 + 1, sizeof *image->checked);
    image->payload = mem_alloc_aligned(KEYDIR_IMAGE_PAGE_BYTES, bytes);
    if (image->checked == NULL || image->payload == NULL) {
        return error_set_no_memory(bytes);
    }
    return PYKV_OK;
}

/* Lays the directory over the payload. It owns the image from here on. */
static pykv_status adopt_image(keydir *self, const keydir_image_layout *layout, keydir_image *image)
{
    uint64_t header_count = layout->header_page_count * KEYDIR_IMAGE_PAGE_HEADERS;
    uint64_t headers_bytes = layout->header_page_count * KEYDIR_IMAGE_PAGE_BYTES;
    uint64_t level = 63 - (uint64_t)__builtin_clzll(layout->bucket_count);
    uint64_t split_index = layout->bucket_count - (UINT64_C(1) << level);
    self->image = image;
    self->image_bytes = sizeof *image + layout->page_count * sizeof *image->checks;
    self->bucket_count = layout->bucket_count;
    atomic_store_explicit(&self->count, layout->key_count, memory_order_relaxed);
    atomic_store_explicit(&self->shape, split_index << 8 | level, memory_order_relaxed);
    atomic_store_explicit(&self->pages_pending, (uint32_t)layout->page_count, memory_order_relaxed);
    pykv_status status = keydir_space_adopt(&self->headers, image->payload, header_count);
    if (status == PYKV_OK) {
        status =
            keydir_space_adopt(&self->units, image->payload + headers_bytes, layout->unit_count);
    }
    return status;
}

/* Makes the directory of the next section, which has no file yet. What is made of section_out when
 * that fails is the caller's to free. */
static pykv_status open_section(image_reader *self, keydir_image_section *section_out)
{
    keydir_image_layout layout;
    keydir_image *image = mem_alloc_zeroed(1, sizeof *image);
    if (image == NULL) {
        return error_set_no_memory(sizeof *image);
    }
    pykv_status status = read_header(self, &layout, &section_out->header);
    if (status == PYKV_OK) {
        status = read_tables(self, &layout, image, &section_out->header);
    }
    if (status == PYKV_OK) {
        status = fill_image(self->offset, &layout, image);
    }
    if (status == PYKV_OK) {
        status = keydir_new_without_buckets(&section_out->keys);
    }
    if (status != PYKV_OK) {
        keydir_image_free(image);
        return status;
    }
    self->offset += layout.section_bytes;
    return adopt_image(section_out->keys, &layout, image);
}

/* ---- sections that fit each other ---- */

static bool is_of_same_moment(const keydir_image_header *a, const keydir_image_header *b)
{
    return a->store_id == b->store_id && a->merge_edit == b->merge_edit &&
           a->log_position == b->log_position && a->epoch == b->epoch && a->sequence == b->sequence;
}

/* Whether the segments of a namespace are among those of the store, in their order, with no more
 * live records than they have; and all records together as many as the directory leads to. */
static bool has_its_segments(const keydir_image_header *store, const keydir_image_section *section)
{
    uint64_t at = 0;
    uint64_t live_count = 0;
    for (uint64_t i = 0; i < section->header.segment_count; i++) {
        const keydir_image_segment *share = &section->header.segments[i];
        while (at < store->segment_count && store->segments[at].number != share->number) {
            at++;
        }
        if (at == store->segment_count || share->address_base != store->segments[at].address_base ||
            share->live_bytes > store->segments[at].live_bytes ||
            share->live_count > store->segments[at].live_count) {
            return false;
        }
        live_count += share->live_count;
        at++;
    }
    return live_count == keydir_count(section->keys);
}

/* Checks the last one of self, of as many as there will be. */
static pykv_status verify_section(const keydir_image_sections *self, uint64_t count,
                                  const image_reader *reader)
{
    const keydir_image_section *last = &self->list[self->count - 1];
    const keydir_image_section *first = &self->list[0];
    bool fits = last->header.sections_behind == count - self->count;
    if (last == first) {
        fits = fits && last->header.space_id == 0;
    } else {
        fits = fits && last->header.space_id > (last - 1)->header.space_id &&
               (is_of_same_moment(&first->header, &last->header) || PYKV_PLANTED(310)) &&
               has_its_segments(&first->header, last);
    }
    return fits ? PYKV_OK
                : error_set_corruption(env_file_path(reader->file), reader->offset,
                                       "a section of the image does not fit the others", count,
                                       self->count);
}

/* Reads all pages of a directory. */
static pykv_status read_payload(keydir *keys, env_file *file)
{
    uint64_t pending;
    keys->image->file = file;
    pykv_status status = keydir_image_check_some(keys, UINT64_MAX, &pending);
    keys->image->file = NULL;
    return status;
}

static pykv_status open_sections(image_reader *reader, keydir_image_sections *sections)
{
    keydir_image_layout layout;
    keydir_image_header first;
    pykv_status status = read_header(reader, &layout, &first);
    if (status != PYKV_OK) {
        return status;
    }
    uint64_t count = (uint64_t)first.sections_behind + 1;
    if (count > reader->file_bytes / KEYDIR_IMAGE_SECTION_BYTES_MIN) {
        return error_set_corruption(env_file_path(reader->file), 0,
                                    "the image has no room for its sections", count,
                                    reader->file_bytes / KEYDIR_IMAGE_SECTION_BYTES_MIN);
    }
    sections->list = mem_alloc_zeroed(count, sizeof *sections->list);
    if (sections->list == NULL) {
        return error_set_no_memory(count * sizeof *sections->list);
    }
    while (sections->count < count && status == PYKV_OK) {
        keydir_image_section *next = &sections->list[sections->count++];
        status = open_section(reader, next);
        if (status == PYKV_OK) {
            status = verify_section(sections, count, reader);
        }
        if (status == PYKV_OK && next != sections->list) {
            status = read_payload(next->keys, reader->file);
        }
    }
    return status;
}

void keydir_image_reset(keydir_image_sections *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        keydir_free(self->list[i].keys);
        mem_free(self->list[i].header.segments);
    }
    mem_free(self->list);
    *self = (keydir_image_sections){.list = NULL};
}

pykv_status keydir_image_open(env_directory *directory, const char *name,
                              keydir_image_sections *sections_out)
{
    image_reader reader = {.offset = 0};
    keydir_image_sections opened = {.list = NULL};
    pykv_status status = open_file(directory, name, &reader.file);
    if (status != PYKV_OK) {
        return status;
    }
    status = env_file_size(reader.file, &reader.file_bytes);
    if (status == PYKV_OK) {
        status = open_sections(&reader, &opened);
    }
    if (status != PYKV_OK || opened.list == NULL) {
        keydir_image_reset(&opened);
        env_file_close(reader.file);
        return status;
    }
    opened.list[0].keys->image->file = reader.file;
    *sections_out = opened;
    return PYKV_OK;
}
