/*
 * keydir_image_write: directories as a file. See docs/format/keydir_image.md.
 *
 * The payload of a section is streamed first, through one buffer, while its checks are collected;
 * header and tables stand before it and are written last. Units get new numbers in the order of the
 * buckets, so that a bucket's pages are neighbours and free units take no room.
 */
#include <stdio.h>
#include <string.h>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/keydir.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_image_format.h"

enum { BUFFER_PAGES = 64, NAME_BYTES_MAX = 256 };

/* Where the fields of a bucket header stand in its 64 bytes. */
enum {
    UNIT_NUMBERS_AT = 0,
    USED_AT = UNIT_NUMBERS_AT + 4 * KEYDIR_BUCKET_UNITS_MAX,
    LIVE_AT = USED_AT + 2,
    UNIT_COUNT_AT = LIVE_AT + 2
};

_Static_assert(USED_AT == offsetof(keydir_bucket, used) &&
                   LIVE_AT == offsetof(keydir_bucket, live) &&
                   UNIT_COUNT_AT == offsetof(keydir_bucket, unit_count),
               "a bucket header in a file has the form that it has in memory");

typedef struct image_writer {
    const keydir *source;
    env_file *file;
    uint64_t offset; /* of the section in the file */
    keydir_image_layout layout;
    uint32_t *checks;
    uint64_t page_next; /* of the payload, to be written */
    uint8_t *pages;     /* BUFFER_PAGES pages, filled up to fill */
    uint64_t fill;
} image_writer;

static pykv_status write_at(env_file *file, uint64_t offset, const uint8_t *data, uint64_t size)
{
    slice part = slice_make(data, size);
    return env_file_write(file, offset, &part, 1);
}

/* Writes the pages of the buffer, which is filled to the end of a page. */
static pykv_status flush_pages(image_writer *self)
{
    PYKV_ASSERT(self->fill % KEYDIR_IMAGE_PAGE_BYTES == 0);
    uint64_t offset =
        self->offset + self->layout.payload_offset + self->page_next * KEYDIR_IMAGE_PAGE_BYTES;
    for (uint64_t at = 0; at < self->fill; at += KEYDIR_IMAGE_PAGE_BYTES) {
        self->checks[self->page_next++] =
            crc32c_extend(0, self->pages + at, KEYDIR_IMAGE_PAGE_BYTES);
    }
    pykv_status status = write_at(self->file, offset, self->pages, self->fill);
    env_file_write_back(self->file, offset, self->fill);
    self->fill = 0;
    return status;
}

/* Gives room for size bytes, a divisor of a page, at *room_out, zeroed. */
static pykv_status append(image_writer *self, uint64_t size, uint8_t **room_out)
{
    if (self->fill == (uint64_t)BUFFER_PAGES * KEYDIR_IMAGE_PAGE_BYTES) {
        pykv_status status = flush_pages(self);
        if (status != PYKV_OK) {
            return status;
        }
    }
    *room_out = self->pages + self->fill;
    memset(*room_out, 0, size);
    self->fill += size;
    return PYKV_OK;
}

/* Fills the last page with zeros and writes what is left. */
static pykv_status end_part(image_writer *self)
{
    uint64_t end = round_up(self->fill, KEYDIR_IMAGE_PAGE_BYTES);
    memset(self->pages + self->fill, 0, end - self->fill);
    self->fill = end;
    return self->fill > 0 ? flush_pages(self) : PYKV_OK;
}

static void encode_bucket(const keydir_bucket *bucket, uint32_t first_unit, uint8_t *out)
{
    uint32_t unit_count = atomic_load_explicit(&bucket->unit_count, memory_order_relaxed);
    for (uint32_t i = 0; i < unit_count; i++) {
        store_u32(out + UNIT_NUMBERS_AT + (size_t)4 * i, first_unit + i);
    }
    store_u16(out + USED_AT, bucket->used);
    store_u16(out + LIVE_AT, bucket->live);
    store_u8(out + UNIT_COUNT_AT, (uint8_t)unit_count);
}

static void encode_unit(keydir_slot *slots, uint8_t *out)
{
    for (uint64_t i = 0; i < KEYDIR_UNIT_SLOTS; i++) {
        store_u64(out + 8 * i, atomic_load_explicit(&slots[i], memory_order_relaxed));
    }
}

static uint32_t unit_count_of(const keydir *source, uint64_t bucket_index)
{
    return atomic_load_explicit(&keydir_bucket_at(source, bucket_index)->unit_count,
                                memory_order_relaxed);
}

static pykv_status write_buckets(image_writer *self)
{
    uint8_t *room;
    uint32_t first_unit = 0;
    for (uint64_t i = 0; i < self->layout.bucket_count; i++) {
        pykv_status status = append(self, KEYDIR_HEADER_BYTES, &room);
        if (status != PYKV_OK) {
            return status;
        }
        encode_bucket(keydir_bucket_at(self->source, i), first_unit, room);
        first_unit += unit_count_of(self->source, i);
    }
    return end_part(self);
}

static pykv_status write_units(image_writer *self)
{
    uint8_t *room;
    for (uint64_t i = 0; i < self->layout.bucket_count; i++) {
        const keydir_bucket *bucket = keydir_bucket_at(self->source, i);
        uint32_t unit_count = unit_count_of(self->source, i);
        for (uint32_t k = 0; k < unit_count; k++) {
            pykv_status status = append(self, KEYDIR_UNIT_BYTES, &room);
            if (status != PYKV_OK) {
                return status;
            }
            uint32_t unit_number =
                atomic_load_explicit(&bucket->unit_numbers[k], memory_order_relaxed);
            encode_unit(keydir_unit_at(self->source, unit_number), room);
        }
    }
    return end_part(self);
}

static pykv_status write_header_and_tables(image_writer *self, const keydir_image_header *header)
{
    const keydir_image_layout *layout = &self->layout;
    uint8_t *bytes = mem_alloc_zeroed(1, layout->payload_offset);
    if (bytes == NULL) {
        return error_set_no_memory(layout->payload_offset);
    }
    keydir_image_encode_header(layout, header, bytes);
    keydir_image_encode_segments(header, bytes + KEYDIR_IMAGE_HEADER_BYTES);
    keydir_image_encode_checks(self->checks, layout->page_count, bytes + layout->checks_offset);
    pykv_status status = write_at(self->file, self->offset, bytes, layout->payload_offset);
    mem_free(bytes);
    return status;
}

static pykv_status write_parts(image_writer *self, const keydir_image_header *header)
{
    pykv_status status = write_buckets(self);
    if (status == PYKV_OK) {
        status = write_units(self);
    }
    if (status == PYKV_OK) {
        PYKV_ASSERT(self->page_next == self->layout.page_count);
        status = write_header_and_tables(self, header);
    }
    return status;
}

static pykv_status write_all(image_writer *self, const keydir_image_header *header)
{
    pykv_status status;
    size_t bytes = (size_t)BUFFER_PAGES * KEYDIR_IMAGE_PAGE_BYTES;
    self->checks = mem_alloc(self->layout.page_count * sizeof *self->checks);
    self->pages = mem_alloc(bytes);
    if (self->checks != NULL && self->pages != NULL) {
        status = write_parts(self, header);
    } else {
        status = error_set_no_memory(bytes);
    }
    mem_free(self->pages);
    mem_free(self->checks);
    return status;
}

static keydir_image_layout layout_of(const keydir *source, const keydir_image_header *header)
{
    keydir_image_layout layout = {.bucket_count = source->bucket_count,
                                  .key_count = keydir_count(source),
                                  .segment_count = header->segment_count};
    for (uint64_t i = 0; i < source->bucket_count; i++) {
        layout.unit_count += unit_count_of(source, i);
    }
    keydir_image_derive(&layout);
    return layout;
}

/* Writes one at *offset, and moves that behind it. */
static pykv_status write_section(const keydir_image_section *section, uint32_t sections_behind,
                                 env_file *file, uint64_t *offset)
{
    keydir_image_header header = section->header;
    header.sections_behind = sections_behind;
    image_writer writer = {.source = section->keys,
                           .file = file,
                           .offset = *offset,
                           .layout = layout_of(section->keys, &header)};
    *offset += writer.layout.section_bytes;
    return write_all(&writer, &header);
}

static pykv_status write_sections(const keydir_image_sections *self, env_file *file)
{
    uint64_t offset = 0;
    pykv_status status = PYKV_OK;
    for (uint32_t i = 0; i < self->count && status == PYKV_OK; i++) {
        status = write_section(&self->list[i], self->count - 1 - i, file, &offset);
    }
    if (status == PYKV_OK && !PYKV_PLANTED(44)) {
        status = env_file_sync(file);
    }
    return status;
}

/* Writes the file of this name, synced, or removes it again. */
static pykv_status write_file(const keydir_image_sections *self, env_directory *directory,
                              const char *name)
{
    env_file *file;
    pykv_status status =
        env_file_open(directory, name, ENV_WRITE | ENV_CREATE | ENV_TRUNCATE, &file);
    if (status != PYKV_OK) {
        return status;
    }
    status = write_sections(self, file);
    env_file_close(file);
    if (status != PYKV_OK) {
        pykv_error saved = *error_last();
        if (env_unlink(directory, name) != PYKV_OK) {
            error_restore(&saved); /* a rest that stays is overwritten by the next one */
        }
    }
    return status;
}

static pykv_status check_section(const keydir_image_section *section, const char *name)
{
    uint32_t pending = atomic_load_explicit(&section->keys->pages_pending, memory_order_acquire);
    if (section->header.segment_count > KEYDIR_IMAGE_SEGMENT_COUNT_MAX) {
        return error_set(PYKV_INVALID_ARGUMENT, "no image can be written as %s", name);
    }
    if (pending > 0) {
        return error_set(PYKV_INVALID_ARGUMENT, "%u pages of the last image are not checked yet",
                         (unsigned)pending);
    }
    return PYKV_OK;
}

pykv_status keydir_image_write(const keydir_image_sections *self, env_directory *directory,
                               const char *name)
{
    char temporary[NAME_BYTES_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.tmp", name);
    pykv_status status = PYKV_OK;
    if (length < 0 || length >= NAME_BYTES_MAX) {
        return error_set(PYKV_INVALID_ARGUMENT, "no image can be written as %s", name);
    }
    for (uint32_t i = 0; i < self->count && status == PYKV_OK; i++) {
        status = check_section(&self->list[i], name);
    }
    if (status == PYKV_OK) {
        status = write_file(self, directory, temporary);
    }
    if (status == PYKV_OK) {
        status = env_rename(directory, temporary, name);
    }
    if (status == PYKV_OK) {
        status = env_directory_sync(directory);
    }
    return status;
}
