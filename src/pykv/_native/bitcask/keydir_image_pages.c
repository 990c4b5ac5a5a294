/*
 * keydir_image_pages: checks of the pages of an image at first touch. See keydir_image_pages.h.
 */
#include "bitcask/keydir_image_pages.h"

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/keydir_image_format.h"

enum { RUN_PAGES_MAX = 64 }; /* read at once */

void keydir_image_free(keydir_image *image)
{
    if (image == NULL) {
        return;
    }
    mem_free(image->payload);
    mem_free(image->checked);
    mem_free(image->checks);
    if (image->file != NULL) {
        env_file_close(image->file);
    }
    mem_free(image);
}

static uint32_t pages_pending(const keydir *self)
{
    return atomic_load_explicit(&self->pages_pending, memory_order_acquire);
}

/* ---- which pages ---- */

static bool is_checked(const keydir_image *image, uint64_t page)
{
    uint64_t bits = atomic_load_explicit(&image->checked[page / 64], memory_order_acquire);
    return (bits >> page % 64 & 1) != 0;
}

/* True if the header of the bucket stands in the payload; *page_out tells where. */
static bool page_of_header(const keydir_image *image, uint64_t bucket_index, uint64_t *page_out)
{
    *page_out = bucket_index / KEYDIR_IMAGE_PAGE_HEADERS;
    return *page_out < image->header_page_count;
}

static bool page_of_unit(const keydir_image *image, uint32_t unit_number, uint64_t *page_out)
{
    *page_out = image->header_page_count + unit_number / KEYDIR_IMAGE_PAGE_UNITS;
    return unit_number < image->unit_count;
}

/* ---- checking ---- */

static pykv_status damaged(const keydir_image *image, uint64_t page, const char *what,
                           uint64_t expected, uint64_t got)
{
    uint64_t offset = image->payload_offset + page * KEYDIR_IMAGE_PAGE_BYTES;
    return error_set_corruption(env_file_path(image->file), offset, what, expected, got);
}

/* The units of a bucket stand one behind the other, from first_unit on, and the numbers behind
 * theirs are zeros. */
static pykv_status verify_unit_numbers(const keydir_image *image, uint64_t page,
                                       const keydir_bucket *bucket, uint64_t first_unit)
{
    uint32_t unit_count = atomic_load_explicit(&bucket->unit_count, memory_order_relaxed);
    for (uint32_t i = 0; i < KEYDIR_BUCKET_UNITS_MAX; i++) {
        uint64_t unit_number = atomic_load_explicit(&bucket->unit_numbers[i], memory_order_relaxed);
        uint64_t due = i < unit_count ? first_unit + i : 0;
        if (unit_number != due) {
            return damaged(image, page, "a bucket has a unit that is not its own", due,
                           unit_number);
        }
    }
    if (first_unit + unit_count > image->unit_count) {
        return damaged(image, page, "a bucket has a unit that does not exist", image->unit_count,
                       first_unit + unit_count);
    }
    return PYKV_OK;
}

static pykv_status verify_header(const keydir_image *image, uint64_t page,
                                 const keydir_bucket *bucket, uint64_t first_unit)
{
    uint32_t unit_count = atomic_load_explicit(&bucket->unit_count, memory_order_relaxed);
    uint64_t slot_count = (uint64_t)unit_count * KEYDIR_UNIT_SLOTS;
    if (unit_count < 1 || unit_count > KEYDIR_BUCKET_UNITS_MAX) {
        return damaged(image, page, "a bucket cannot have that many units", KEYDIR_BUCKET_UNITS_MAX,
                       unit_count);
    }
    if (bucket->live > bucket->used || bucket->used > slot_count) {
        return damaged(image, page, "a bucket cannot have that many slots", slot_count,
                       bucket->used);
    }
    if (bucket->zero != 0 ||
        atomic_load_explicit(&bucket->layout_count, memory_order_relaxed) != 0) {
        return damaged(image, page, "unused bytes of a bucket are not zero", 0, 1);
    }
    return verify_unit_numbers(image, page, bucket, first_unit);
}

/* Headers that led out of the image, or out of a bucket, would be followed: they are refused even
 * if their page has the right check. */
static pykv_status verify_headers(const keydir *self, uint64_t page)
{
    const keydir_image *image = self->image;
    uint64_t first = page * KEYDIR_IMAGE_PAGE_HEADERS;
    uint64_t end = first + KEYDIR_IMAGE_PAGE_HEADERS;
    end = end < image->bucket_count ? end : image->bucket_count;
    uint64_t next_unit = 0;
    if (page > 0) {
        next_unit = atomic_load_explicit(&keydir_bucket_at(self, first)->unit_numbers[0],
                                         memory_order_relaxed);
    }
    pykv_status status = PYKV_OK;
    for (uint64_t i = first; i < end && status == PYKV_OK; i++) {
        const keydir_bucket *bucket = keydir_bucket_at(self, i);
        status = verify_header(image, page, bucket, next_unit);
        next_unit += atomic_load_explicit(&bucket->unit_count, memory_order_relaxed);
    }
    return status;
}

/* Where what the page holds ends: the zeros behind it have no meaning. */
static uint64_t used_bytes(const keydir_image *image, uint64_t page)
{
    uint64_t unit_page = page - image->header_page_count;
    uint64_t bytes =
        page < image->header_page_count
            ? (image->bucket_count - page * KEYDIR_IMAGE_PAGE_HEADERS) * KEYDIR_HEADER_BYTES
            : (image->unit_count - unit_page * KEYDIR_IMAGE_PAGE_UNITS) * KEYDIR_UNIT_BYTES;
    return bytes < KEYDIR_IMAGE_PAGE_BYTES ? bytes : KEYDIR_IMAGE_PAGE_BYTES;
}

/* Reads pages that were not checked. What cannot be read is damage: the directory is rebuilt. */
static pykv_status read_pages(const keydir_image *image, uint64_t first, uint64_t count)
{
    size_t got = 0;
    uint64_t bytes = count * KEYDIR_IMAGE_PAGE_BYTES;
    pykv_status status =
        env_file_read(image->file, image->payload_offset + first * KEYDIR_IMAGE_PAGE_BYTES,
                      image->payload + first * KEYDIR_IMAGE_PAGE_BYTES, bytes, &got);
    if (status == PYKV_IO_FAILED || (status == PYKV_OK && got < bytes)) {
        return damaged(image, first, "pages of the image cannot be read", bytes, got);
    }
    return status;
}

static pykv_status verify_page(const keydir *self, uint64_t page)
{
    const keydir_image *image = self->image;
    const uint8_t *data = image->payload + page * KEYDIR_IMAGE_PAGE_BYTES;
    uint32_t crc = crc32c_extend(0, data, KEYDIR_IMAGE_PAGE_BYTES);
    if (crc != image->checks[page] && !PYKV_PLANTED(40)) {
        return damaged(image, page, "the check of an image page fails", image->checks[page], crc);
    }
    uint64_t used = used_bytes(image, page);
    if (!all_zero(data + used, KEYDIR_IMAGE_PAGE_BYTES - used)) {
        return damaged(image, page, "the padding of an image page is not zero", 0, 1);
    }
    return page < image->header_page_count ? verify_headers(self, page) : PYKV_OK;
}

static void set_checked(keydir *self, uint64_t page)
{
    _Atomic uint64_t *bits = &self->image->checked[page / 64];
    uint64_t others = atomic_load_explicit(bits, memory_order_relaxed);
    atomic_store_explicit(bits, others | UINT64_C(1) << page % 64, memory_order_release);
    atomic_store_explicit(&self->pages_pending, pages_pending(self) - 1, memory_order_release);
}

/* Reads and checks count pages, none of which was checked. */
static pykv_status check_run(keydir *self, uint64_t first, uint64_t count)
{
    PYKV_ASSERT(first + count <= self->image->page_count);
    pykv_status status = read_pages(self->image, first, count);
    for (uint64_t page = first; page < first + count && status == PYKV_OK; page++) {
        status = verify_page(self, page);
        if (status == PYKV_OK) {
            set_checked(self, page);
        }
    }
    return status;
}

static pykv_status check_page(keydir *self, uint64_t page)
{
    return is_checked(self->image, page) ? PYKV_OK : check_run(self, page, 1);
}

pykv_status keydir_image_check_header(keydir *self, uint64_t bucket_index)
{
    uint64_t page;
    if (pages_pending(self) == 0 || !page_of_header(self->image, bucket_index, &page)) {
        return PYKV_OK;
    }
    return check_page(self, page);
}

pykv_status keydir_image_check_bucket(keydir *self, uint64_t bucket_index)
{
    if (PYKV_LIKELY(pages_pending(self) == 0)) {
        return PYKV_OK;
    }
    pykv_status status = keydir_image_check_header(self, bucket_index);
    if (status != PYKV_OK) {
        return status;
    }
    const keydir_bucket *bucket = keydir_bucket_at(self, bucket_index);
    uint32_t unit_count = atomic_load_explicit(&bucket->unit_count, memory_order_relaxed);
    for (uint32_t i = 0; i < unit_count && status == PYKV_OK; i++) {
        uint64_t page;
        if (page_of_unit(self->image, atomic_load(&bucket->unit_numbers[i]), &page)) {
            status = check_page(self, page);
        }
    }
    return status;
}

pykv_status keydir_image_check_hash(keydir *self, uint64_t hash)
{
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_relaxed);
    return keydir_image_check_bucket(self, keydir_locate(shape, hash).bucket_index);
}

/* Length of the run of unchecked pages at first, at most count_max. */
static uint64_t run_length(const keydir_image *image, uint64_t first, uint64_t count_max)
{
    uint64_t count = 0;
    while (count < count_max && first + count < image->page_count &&
           !is_checked(image, first + count)) {
        count++;
    }
    return count;
}

pykv_status keydir_image_check_some(keydir *self, uint64_t page_count, uint64_t *pending_out)
{
    keydir_image *image = self->image;
    while (pages_pending(self) > 0 && page_count > 0) {
        PYKV_ASSERT(image->page_next < image->page_count);
        uint64_t most = page_count < RUN_PAGES_MAX ? page_count : RUN_PAGES_MAX;
        uint64_t count = run_length(image, image->page_next, most);
        if (count == 0) {
            image->page_next++;
            continue;
        }
        pykv_status status = check_run(self, image->page_next, count);
        if (status != PYKV_OK) {
            return status;
        }
        image->page_next += count;
        page_count -= count;
    }
    *pending_out = pages_pending(self);
    return PYKV_OK;
}

/* ---- readers ---- */

bool keydir_image_is_checked(const keydir *self)
{
    return pages_pending(self) == 0;
}

/* Whether the pages of the hash's bucket were checked. A bucket that a writer is changing was
 * checked before, so whatever mixture of its units is seen here, all of them are. */
static bool is_bucket_checked(const keydir *self, uint64_t hash)
{
    uint64_t page;
    uint64_t shape = atomic_load_explicit(&self->shape, memory_order_acquire);
    uint64_t bucket_index = keydir_locate(shape, hash).bucket_index;
    if (page_of_header(self->image, bucket_index, &page) && !is_checked(self->image, page)) {
        return false;
    }
    const keydir_bucket *bucket = keydir_bucket_at(self, bucket_index);
    uint32_t unit_count = atomic_load_explicit(&bucket->unit_count, memory_order_acquire);
    for (uint32_t i = 0; i < unit_count; i++) {
        uint32_t unit_number = atomic_load_explicit(&bucket->unit_numbers[i], memory_order_acquire);
        if (page_of_unit(self->image, unit_number, &page) && !is_checked(self->image, page)) {
            return false;
        }
    }
    return true;
}

bool keydir_image_ready(const keydir *self, uint64_t hash)
{
    return PYKV_LIKELY(pages_pending(self) == 0) || is_bucket_checked(self, hash);
}
