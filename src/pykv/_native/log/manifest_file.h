/*
 * manifest_file: what the manifests of all engines have in common: the head, the checks, and how
 * the file MANIFEST is read and replaced.
 *
 *   offset size  field
 *        0    8  magic           "PYKVMAN\n"
 *        8    4  format_version  1
 *       12    1  engine          PYKV_ENGINE_*
 *       13    1  clean           1: closed cleanly
 *       14    2  zero
 *       16    8  store_id        random
 *       24    8  edit            number of this manifest, rises by one
 *       32    8                  the engine's
 *       40    8  epoch           rises with each unclean recovery
 *       48   16  hash_seed       low u64, high u64: the secret of the key hash
 *       64    8  next_number     of the next numbered file
 *       72    8  last_sequence   of what the listed files hold (0: none)
 *       80    8  durable_through log position known durable
 *       88    8  wall_high_us    highest wall clock seen
 *       96  156                  the engine's
 *      252    4  header_crc      crc32c of bytes 0..252
 *      256       entries of the engine; the last four bytes of each are the crc32c of the bytes
 *                before them, seeded with header_crc
 *
 * Replaced by writing MANIFEST.tmp, syncing it, renaming and syncing the directory
 * (docs/decisions/0005). A manifest that gives room back is written into the blocks of
 * MANIFEST.spare.tmp instead, which are kept for it: a full disk has none. Pure but for the file:
 * thread-safe, one writer of a directory at a time.
 */
#ifndef PYKV_LOG_MANIFEST_FILE_H
#define PYKV_LOG_MANIFEST_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "env/env.h"

enum {
    MANIFEST_HEAD_VERSION = 1,
    MANIFEST_HEAD_BYTES = 256,
    MANIFEST_HEAD_CRC_AT = MANIFEST_HEAD_BYTES - 4
};

#define MANIFEST_NAME       "MANIFEST"
#define MANIFEST_SPARE_NAME "MANIFEST.spare.tmp"

typedef struct manifest_head {
    uint8_t engine; /* PYKV_ENGINE_* */
    bool clean;
    uint64_t store_id;
    uint64_t edit;
    uint64_t epoch;
    uint64_t hash_seed_low;
    uint64_t hash_seed_high;
    uint64_t next_number;
    uint64_t last_sequence;
    uint64_t durable_through;
    uint64_t wall_high_us;
} manifest_head;

/* Writes the fields of self to a head of zeros; the engine's own fields may stand there already. */
void manifest_head_encode(const manifest_head *self, uint8_t *out);

/* Sets the check of a complete head, which entries are then sealed with. Returns it. */
uint32_t manifest_head_seal(uint8_t *data);

/* Sets the check of an entry of size bytes. */
void manifest_entry_seal(uint8_t *data, uint64_t size, uint32_t header_crc);

/* Engine that a head names, known or not: PYKV_CORRUPTION, or PYKV_FORMAT for another version. size
 * is that of the bytes there are. */
PYKV_NODISCARD pykv_status manifest_head_engine(const uint8_t *data, uint64_t size,
                                                const char *path, int32_t *engine_out);

/* Checks and decodes the head of a manifest of engine: PYKV_CORRUPTION, or PYKV_FORMAT for another
 * version or engine, which owner names ("a Bitcask"). size is that of the file. */
PYKV_NODISCARD pykv_status manifest_head_decode(const uint8_t *data, uint64_t size,
                                                const char *path, uint8_t engine, const char *owner,
                                                manifest_head *out);

/* The check of a decoded head, which its entries are seeded with. */
uint32_t manifest_head_crc(const uint8_t *data);

/* Checks an entry of size bytes that stands at offset: PYKV_CORRUPTION. */
PYKV_NODISCARD pykv_status manifest_entry_check(const uint8_t *data, uint64_t size,
                                                uint32_t header_crc, const char *path,
                                                uint64_t offset);

/* Checks that the bytes from up to end of data, which stands at offset, are zero. */
PYKV_NODISCARD pykv_status manifest_check_unused(const uint8_t *data, uint64_t from, uint64_t end,
                                                 const char *path, uint64_t offset);

/* Decodes the byte at of data, which stands at offset and has to be 0 or 1. */
PYKV_NODISCARD pykv_status manifest_decode_flag(const uint8_t *data, uint64_t at, const char *path,
                                                uint64_t offset, bool *flag_out);

/* Checks that next_number is above every number that is given, the highest of which is highest. */
PYKV_NODISCARD pykv_status manifest_check_next_number(uint64_t next_number, uint32_t highest,
                                                      const char *path);

/* Appends the bytes of MANIFEST to out. PYKV_NOT_FOUND if there is none, PYKV_CORRUPTION if it has
 * more than size_max bytes. The file is given out for its path, to be closed. */
PYKV_NODISCARD pykv_status manifest_file_load(env_directory *directory, uint64_t size_max,
                                              buffer *out, env_file **file_out);

/* Replaces MANIFEST durably by bytes. On failure the old one is in force, unless it was the sync of
 * the directory that failed: then either may be. */
PYKV_NODISCARD pykv_status manifest_file_replace(env_directory *directory, const buffer *bytes);

/* As manifest_file_replace, where MANIFEST stands for files that are new: all names of the
 * directory are durable before that one is. */
PYKV_NODISCARD pykv_status manifest_file_place(env_directory *directory, const buffer *bytes);

/* Keeps blocks for a manifest of up to size bytes, until it is written or let go. What was kept
 * before counts, and stays on failure. PYKV_NO_SPACE, PYKV_IO_FAILED. */
PYKV_NODISCARD pykv_status manifest_file_reserve(env_directory *directory, uint64_t size);

/* As manifest_file_replace, in the blocks that are kept. None are kept then, whatever comes of it.
 */
PYKV_NODISCARD pykv_status manifest_file_replace_reserved(env_directory *directory,
                                                          const buffer *bytes);

/* Gives back the blocks that are kept. */
void manifest_file_release(env_directory *directory);

#endif
