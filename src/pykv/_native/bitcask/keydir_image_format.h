/*
 * keydir_image_format: the bytes of a section's header and tables, and where its parts stand.
 * Shared by the writer and the reader; docs/format/keydir_image.md is the contract.
 */
#ifndef PYKV_BITCASK_KEYDIR_IMAGE_FORMAT_H
#define PYKV_BITCASK_KEYDIR_IMAGE_FORMAT_H

#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "bitcask/keydir_image.h"
#include "bitcask/keydir_layout.h"

enum {
    KEYDIR_IMAGE_FORMAT_VERSION = 1,  /* of an image with the default namespace alone */
    KEYDIR_IMAGE_FORMAT_SECTIONS = 2, /* of one with several sections */
    KEYDIR_IMAGE_PAGE_BYTES = 4096,
    KEYDIR_IMAGE_HEADER_BYTES = 256,
    KEYDIR_IMAGE_SEGMENT_BYTES = 32,
    KEYDIR_IMAGE_SECTION_BYTES_MIN = 4 * KEYDIR_IMAGE_PAGE_BYTES,
    KEYDIR_IMAGE_PAGE_HEADERS = KEYDIR_IMAGE_PAGE_BYTES / KEYDIR_HEADER_BYTES,
    KEYDIR_IMAGE_PAGE_UNITS = KEYDIR_IMAGE_PAGE_BYTES / KEYDIR_UNIT_BYTES,
    KEYDIR_IMAGE_SEGMENT_COUNT_MAX = 1 << 23 /* as many as there are extents */
};

#define KEYDIR_IMAGE_BUCKET_COUNT_MAX (UINT64_C(1) << 31)

_Static_assert((int)KEYDIR_IMAGE_PAGE_HEADERS == (int)KEYDIR_GRANULE_ITEMS,
               "a page of bucket headers is a granule");
_Static_assert(KEYDIR_GRANULE_ITEMS % KEYDIR_IMAGE_PAGE_UNITS == 0,
               "a granule of units is whole pages");

/* The numbers that a section has of itself, and the places that follow from them, from its
 * beginning on. */
typedef struct keydir_image_layout {
    uint64_t bucket_count;
    uint64_t unit_count;
    uint64_t key_count;
    uint64_t segment_count;
    /* from here on derived */
    uint64_t header_page_count; /* pages of the payload that hold bucket headers */
    uint64_t page_count;        /* of the payload */
    uint64_t checks_offset;     /* of the page checks */
    uint64_t checks_bytes;      /* with their own check and the zeros behind it */
    uint64_t payload_offset;
    uint64_t section_bytes;
} keydir_image_layout;

/* Fills the derived fields. Requires counts within their limits. */
void keydir_image_derive(keydir_image_layout *layout);

/* Writes the 256 bytes of the header. */
void keydir_image_encode_header(const keydir_image_layout *layout,
                                const keydir_image_header *header, uint8_t *out);

/* Reads the 256 bytes at data and checks them. Of header_out all but segments is set.
 * PYKV_CORRUPTION or PYKV_FORMAT with path in the detail. */
PYKV_NODISCARD pykv_status keydir_image_decode_header(const uint8_t *data, const char *path,
                                                      keydir_image_layout *layout_out,
                                                      keydir_image_header *header_out);

/* Writes the segment table, and the checks of page_count pages and their own check. */
void keydir_image_encode_segments(const keydir_image_header *header, uint8_t *out);
void keydir_image_encode_checks(const uint32_t *checks, uint64_t page_count, uint8_t *out);

/* Checks the segment table and the page checks; tables begins behind the header and ends where the
 * payload begins. PYKV_CORRUPTION. */
PYKV_NODISCARD pykv_status keydir_image_verify_tables(const keydir_image_layout *layout,
                                                      const uint8_t *tables, const char *path);

/* Reads the segment table into segments, which has segment_count entries. */
void keydir_image_decode_segments(const uint8_t *tables, uint64_t segment_count,
                                  keydir_image_segment *segments);

#endif
