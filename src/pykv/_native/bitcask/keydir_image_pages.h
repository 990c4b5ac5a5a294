/*
 * keydir_image_pages: the payload under a directory that was opened from an image, and which of its
 * pages were checked. Private to keydir*.c.
 *
 * The payload is memory as large as that of the file. A page is read from the file and checked
 * once, by the holder of the writer lock; before, its bytes mean nothing. Its bit is set with
 * release after the check; readers load it with acquire before they touch the page.
 *
 * Invariants: (1) no slot or header of an unchecked page is read or written;
 * (2) all units of a bucket that was changed stand in checked pages or in the heap;
 * (3) pages_pending of the directory is the number of pages whose bit is not set.
 */
#ifndef PYKV_BITCASK_KEYDIR_IMAGE_PAGES_H
#define PYKV_BITCASK_KEYDIR_IMAGE_PAGES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "bitcask/keydir_word.h"
#include "env/env.h"

typedef struct keydir_image {
    /* constant */
    uint8_t *payload;        /* owned */
    uint64_t payload_offset; /* in the file */
    uint64_t bucket_count;   /* of the image; the directory may have more by now */
    uint64_t unit_count;     /* likewise; their numbers are below it */
    uint64_t header_page_count;
    uint64_t page_count;
    uint32_t *checks; /* one a page; owned */
    env_file *file;   /* owned; NULL: all pages were checked when it was opened */
    /* own synchronisation: one writer, any readers */
    _Atomic uint64_t *checked; /* one bit a page; owned */
    /* the writer's */
    uint64_t page_next; /* of keydir_image_check_some */
} keydir_image;

/* Frees what is set and the image itself; NULL is ignored. */
void keydir_image_free(keydir_image *image);

/* Checks the page of the bucket's header, and the pages of its units. PYKV_CORRUPTION. For the
 * holder of the writer lock; one load when no page is pending. */
PYKV_NODISCARD pykv_status keydir_image_check_header(keydir *self, uint64_t bucket_index);
PYKV_NODISCARD pykv_status keydir_image_check_bucket(keydir *self, uint64_t bucket_index);

/* True if no page is pending. Once true it stays so. */
bool keydir_image_is_checked(const keydir *self);

/* True if the pages that a lookup of hash touches were all read and checked: one load when none is
 * pending. Once true it stays so. */
bool keydir_image_ready(const keydir *self, uint64_t hash);

/* Reads and checks them now; under the writer lock. PYKV_CORRUPTION, also when the file cannot be
 * read: rebuild the directory. */
PYKV_NODISCARD pykv_status keydir_image_check_hash(keydir *self, uint64_t hash);

/* Reads and checks up to page_count pending pages; *pending_out tells how many are left. Under the
 * writer lock. PYKV_CORRUPTION as above. */
PYKV_NODISCARD pykv_status keydir_image_check_some(keydir *self, uint64_t page_count,
                                                   uint64_t *pending_out);

#endif
