/*
 * keydir_image: the key directories of a store as a file, written at clean close and used at the
 * next open. Each has a section; that of the default namespace is the first:
 *
 *   header          256 bytes: what the image belongs to and how long its parts are
 *   segment table   an entry of 32 bytes for each segment, and their check
 *   page checks     a check for each page of the payload, and a check of the checks
 *   payload         pages of 4,096 bytes: bucket headers, then units
 *
 * docs/format/keydir_image.md has every byte. Of the first section opening reads header and tables
 * only, so it takes a fraction of a millisecond a million keys. A page of its payload is read and
 * checked before it is first used, or by keydir_image_check_some in the background. The pages of
 * the other sections are read and checked when it is opened. They are read into memory, not mapped:
 * truncating a file takes even the private pages of its mappings away, and a directory of zeros
 * would say that keys are missing. An image is of the moment of a clean close: one of another
 * epoch, sequence or merge_edit than the manifest is refused, and nothing is replayed.
 */
#ifndef PYKV_BITCASK_KEYDIR_IMAGE_H
#define PYKV_BITCASK_KEYDIR_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "pykv.h"

#include "base/annotate.h"
#include "bitcask/keydir_word.h"
#include "env/env.h"

typedef struct keydir_image_segment {
    uint64_t number;
    uint64_t address_base;
    uint64_t live_bytes;
    uint64_t live_count;
} keydir_image_segment;

/* What a section belongs to: all of an image belong to the same. Of a namespace segments has those
 * that hold live records of it, and how much of them is its own. segments is owned by the reader of
 * the header. */
typedef struct keydir_image_header {
    uint64_t store_id;
    uint64_t merge_edit;
    uint64_t log_position;
    uint64_t epoch;
    uint64_t sequence;
    uint64_t segment_count;
    keydir_image_segment *segments;
    uint32_t space_id;        /* of the directory */
    uint32_t sections_behind; /* that follow; the writer of an image counts them */
} keydir_image_header;

typedef struct keydir_image_section {
    keydir *keys;
    keydir_image_header header;
} keydir_image_section;

typedef struct keydir_image_sections {
    keydir_image_section *list; /* by rising id of their namespaces, from the default one on */
    uint32_t count;
} keydir_image_sections;

/* Frees the headers, and the directories that were not taken: those that are not NULL. */
void keydir_image_reset(keydir_image_sections *self);

/* Writes the image to a new file `name`.tmp in directory, syncs it, renames it to name and syncs
 * the directory. No writer may run. PYKV_INVALID_ARGUMENT while pages of the image that a directory
 * was opened from are pending: a copy would give them new checks. */
PYKV_NODISCARD pykv_status keydir_image_write(const keydir_image_sections *self,
                                              env_directory *directory, const char *name);

/* Opens the image: PYKV_NOT_FOUND if there is none, PYKV_CORRUPTION or PYKV_FORMAT if it is no use
 * (the caller then rebuilds from hints). The first directory keeps the file open. */
PYKV_NODISCARD pykv_status keydir_image_open(env_directory *directory, const char *name,
                                             keydir_image_sections *sections_out);

#endif
