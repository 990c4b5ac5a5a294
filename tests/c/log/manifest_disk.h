/*
 * manifest_disk: a simulated disk with a home, and the bytes of its manifest. Header only.
 */
#ifndef PYKV_TESTS_MANIFEST_DISK_H
#define PYKV_TESTS_MANIFEST_DISK_H

#include "harness/check.h"

#include "env/env_memory.h"
#include "log/manifest_file.h"

#define HOME            "/home"
#define MANIFEST_UNUSED __attribute__((unused))

static env *new_disk(env_directory **home_out)
{
    env *disk;
    CHECK_OK(env_memory_new(check_seed(), 1 << 20, &disk));
    CHECK_OK(env_directory_open(disk, HOME, true, home_out));
    return disk;
}

static void free_disk(env *disk, env_directory *home)
{
    env_directory_close(home);
    env_memory_free(disk);
}

/* The bytes themselves, until the file changes: a test may damage them. */
MANIFEST_UNUSED static uint8_t *bytes_of(env *disk, uint64_t *size_out)
{
    uint8_t *data;
    CHECK_OK(env_memory_file_bytes(disk, HOME "/" MANIFEST_NAME, &data, size_out));
    return data;
}

/* Writes size bytes as the manifest, whatever they are. */
MANIFEST_UNUSED static void write_bytes(env_directory *home, const uint8_t *data, size_t size)
{
    env_file *file;
    slice whole = slice_make(data, size);
    CHECK_OK(env_file_open(home, MANIFEST_NAME, ENV_WRITE | ENV_CREATE | ENV_TRUNCATE, &file));
    CHECK_OK(env_file_write(file, 0, &whole, 1));
    env_file_close(file);
}

#endif
