/*
 * keydir_image_open: a directory over an image file. See keydir_image.h.
 *
 * The bytes of the payload are used where they stand: bucket headers and units have the form of
 * memory on little-endian machines. Elsewhere an image is refused and the directory is rebuilt.
 */
#include "base/coding.h"
#include "base/error.h"
#include "base/memory.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_image_format.h"
#include "bitcask/keydir_image_pages.h"
#include "bitcask/keydir_new.h"

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

static pykv_status read_header(env_file *file, keydir_image_layout *layout_out,
                               keydir_image_header *header_out)
{
    uint8_t bytes[KEYDIR_IMAGE_HEADER_BYTES];
    uint64_t file_bytes = 0;
    if (PYKV_TO_LITTLE_16(1) != 1) {
        return error_set(PYKV_FORMAT, "this machine cannot use %s", env_file_path(file));
    }
    pykv_status status = read_exactly(file, 0, bytes, sizeof bytes);
    if (status == PYKV_OK) {
        status = keydir_image_decode_header(bytes, env_file_path(file), layout_out, header_out);
    }
    if (status == PYKV_OK) {
        status = env_file_size(file, &file_bytes);
    }
    if (status == PYKV_OK && file_bytes != layout_out->file_bytes) {
        status = error_set_corruption(env_file_path(file), file_bytes,
                                      "the image is not as long as its header says",
                                      layout_out->file_bytes, file_bytes);
    }
    return status;
}

/* Takes the page checks and the segment table from the verified tables. */
static pykv_status keep_tables(const keydir_image_layout *layout, const uint8_t *tables,
                               keydir_image *image, keydir_image_header *header)
{
    const uint8_t *checks = tables + layout->checks_offset - KEYDIR_IMAGE_HEADER_BYTES;
    image->checks = mem_alloc(layout->page_count * sizeof *image->checks);
    header->segments = mem_alloc(layout->segment_count * sizeof *header->segments);
    if (image->checks == NULL || header->segments == NULL) {
        mem_free(header->segments);
        return error_set_no_memory(layout->checks_offset + layout->checks_bytes);
    }
    for (uint64_t i = 0; i < layout->page_count; i++) {
        image->checks[i] = load_u32(checks + i * 4);
    }
    keydir_image_decode_segments(tables, layout->segment_count, header->segments);
    return PYKV_OK;
}

static pykv_status read_tables(env_file *file, const keydir_image_layout *layout,
                               keydir_image *image, keydir_image_header *header)
{
    uint64_t bytes = layout->payload_offset - KEYDIR_IMAGE_HEADER_BYTES;
    uint8_t *tables = mem_alloc(bytes);
    if (tables == NULL) {
        return error_set_no_memory(bytes);
    }
    pykv_status status = read_exactly(file, KEYDIR_IMAGE_HEADER_BYTES, tables, bytes);
    if (status == PYKV_OK) {
        status = keydir_image_verify_tables(layout, tables, env_file_path(file));
    }
    if (status == PYKV_OK) {
        status = keep_tables(layout, tables, image, header);
    }
    mem_free(tables);
    return status;
}

/* Everything of the image but the tables; nothing of the payload is read yet. */
static pykv_status fill_image(const keydir_image_layout *layout, keydir_image *image)
{
    uint64_t bytes = layout->page_count * KEYDIR_IMAGE_PAGE_BYTES;
    image->payload_offset = layout->payload_offset;
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

/* Makes the directory from an open file, which image owns. */
static pykv_status open_image(keydir_image *image, keydir **keydir_out,
                              keydir_image_header *header_out)
{
    keydir_image_layout layout;
    keydir_image_header header = {.segments = NULL};
    keydir *self = NULL;
    pykv_status status = read_header(image->file, &layout, &header);
    if (status == PYKV_OK) {
        status = read_tables(image->file, &layout, image, &header);
    }
    if (status != PYKV_OK) {
        return status;
    }
    status = fill_image(&layout, image);
    if (status == PYKV_OK) {
        status = keydir_new_without_buckets(&self);
    }
    if (status == PYKV_OK) {
        status = adopt_image(self, &layout, image);
    }
    if (status != PYKV_OK) {
        mem_free(header.segments);
        if (self != NULL) {
            self->image = NULL;
            keydir_free(self);
        }
        return status;
    }
    *keydir_out = self;
    *header_out = header;
    return PYKV_OK;
}

pykv_status keydir_image_open(env_directory *directory, const char *name, keydir **keydir_out,
                              keydir_image_header *header_out)
{
    keydir_image *image = mem_alloc_zeroed(1, sizeof *image);
    if (image == NULL) {
        return error_set_no_memory(sizeof *image);
    }
    pykv_status status = open_file(directory, name, &image->file);
    if (status == PYKV_OK) {
        status = open_image(image, keydir_out, header_out);
    }
    if (status != PYKV_OK) {
        keydir_image_free(image);
    }
    return status;
}
