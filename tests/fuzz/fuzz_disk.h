/*
 * fuzz_disk: a simulated disk with files of given bytes, for targets that read files. Header only.
 *
 * A pack is a row of files: a byte that names the file, its size (u16, little-endian; what is there
 * if that is less), its bytes. The byte means a name of fuzz_pack_name, or to a target that reads
 * LSM stores one of fuzz_lsm_name.
 */
#ifndef PYKV_TESTS_FUZZ_DISK_H
#define PYKV_TESTS_FUZZ_DISK_H

#include <string.h>

#include "fuzz/fuzz_target.h"

#include "base/coding.h"
#include "base/slice.h"
#include "env/env_memory.h"

#define FUZZ_HOME   "/home"
#define FUZZ_UNUSED __attribute__((unused))

enum {
    FUZZ_FILE_BYTES_MAX = 80 << 20,
    FUZZ_PACK_NAMES = 20,
    FUZZ_PACK_HEAD_BYTES = 3,
    FUZZ_LSM_NUMBERS = 32,
    FUZZ_NAME_BYTES = 16
};

FUZZ_UNUSED static const char *const fuzz_pack_names[FUZZ_PACK_NAMES] = {
    "MANIFEST",      "KEYDIR",        "00000001.log",  "00000002.log",   "00000003.log",
    "00000004.log",  "00000005.log",  "00000006.log",  "00000001.hint",  "00000002.hint",
    "00000003.hint", "00000004.hint", "00000005.hint", "00000006.hint",  "MANIFEST.tmp",
    "KEYDIR.tmp",    "00000001.torn", "ffffffff.log",  "repairing/DONE", "CURRENT",
};

/* What a read of a damaged store may give. PYKV_NOT_SUPPORTED: a value says that it is of another
 * codec. */
FUZZ_UNUSED static bool fuzz_is_read_status(pykv_status status)
{
    return status == PYKV_OK || status == PYKV_CORRUPTION || status == PYKV_NOT_SUPPORTED;
}

/* What opening or refreshing a reader beside a writer may end in. */
FUZZ_UNUSED static bool fuzz_is_reader_status(pykv_status status)
{
    return fuzz_is_read_status(status) || status == PYKV_FORMAT || status == PYKV_REPLACED;
}

FUZZ_UNUSED static const char *fuzz_pack_name(uint8_t code)
{
    return fuzz_pack_names[code % FUZZ_PACK_NAMES];
}

/* The name of a file of an LSM store: below 32 a special one, then logs, tables, value segments and
 * what was torn off, 32 numbers of each; from 160 on the same again. */
FUZZ_UNUSED static void fuzz_lsm_name(uint8_t code, char out[FUZZ_NAME_BYTES])
{
    static const char *const specials[] = {"MANIFEST", "LSM",         "MANIFEST.tmp",
                                           "CURRENT",  "HISTORY.tmp", "ffffffff.log"};
    static const char *const suffixes[] = {"log", "tbl", "val", "torn"};
    if (code < FUZZ_LSM_NUMBERS) {
        snprintf(out, FUZZ_NAME_BYTES, "%s", specials[code % (sizeof specials / sizeof *specials)]);
    } else {
        snprintf(out, FUZZ_NAME_BYTES, "%08x.%s", 1 + code % FUZZ_LSM_NUMBERS,
                 suffixes[(code / FUZZ_LSM_NUMBERS - 1) % 4]);
    }
}

/* A copy of exactly this size, so that a read beyond it is reported. Free with free(). */
FUZZ_UNUSED static uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    FUZZ_EXPECT(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

/* A fresh disk with an empty directory FUZZ_HOME. */
FUZZ_UNUSED static env *fuzz_disk_new(env_directory **home_out)
{
    env *disk;
    FUZZ_EXPECT(env_memory_new(1, FUZZ_FILE_BYTES_MAX, &disk) == PYKV_OK);
    FUZZ_EXPECT(env_directory_open(disk, FUZZ_HOME, true, home_out) == PYKV_OK);
    return disk;
}

FUZZ_UNUSED static void fuzz_disk_free(env *disk, env_directory *home)
{
    env_directory_close(home);
    env_memory_free(disk);
}

/* Makes or replaces a file of home. */
FUZZ_UNUSED static void fuzz_disk_put(env_directory *home, const char *name, const uint8_t *data,
                                      size_t size)
{
    env_file *file;
    slice whole = slice_make(data, size);
    FUZZ_EXPECT(env_file_open(home, name, ENV_WRITE | ENV_CREATE | ENV_TRUNCATE, &file) == PYKV_OK);
    FUZZ_EXPECT(env_file_write(file, 0, &whole, 1) == PYKV_OK);
    env_file_close(file);
}

/* The bytes of a file of home; NULL if there is none. Borrowed until the disk changes. */
FUZZ_UNUSED static uint8_t *fuzz_disk_bytes(env *disk, const char *name, uint64_t *size_out)
{
    char path[64];
    uint8_t *data;
    snprintf(path, sizeof path, "%s/%s", FUZZ_HOME, name);
    return env_memory_file_bytes(disk, path, &data, size_out) == PYKV_OK ? data : NULL;
}

/* Expects that the file has exactly these bytes. */
FUZZ_UNUSED static void fuzz_disk_expect(env *disk, const char *name, const uint8_t *data,
                                         size_t size)
{
    uint64_t found_size = 0;
    const uint8_t *found = fuzz_disk_bytes(disk, name, &found_size);
    FUZZ_EXPECT(found != NULL && found_size == size && memcmp(found, data, size) == 0);
}

/* Takes the next file off a pack; false at its end. */
FUZZ_UNUSED static bool fuzz_pack_next(const uint8_t **data, size_t *size, uint8_t *code_out,
                                       slice *bytes_out)
{
    if (*size < FUZZ_PACK_HEAD_BYTES) {
        return false;
    }
    size_t length = load_u16(*data + 1);
    size_t left = *size - FUZZ_PACK_HEAD_BYTES;
    length = length < left ? length : left;
    *code_out = **data;
    *bytes_out = slice_make(*data + FUZZ_PACK_HEAD_BYTES, length);
    *data += FUZZ_PACK_HEAD_BYTES + length;
    *size = left - length;
    return true;
}

#endif
