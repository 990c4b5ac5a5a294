/*
 * files: what the tests of environments do again and again with one small file.
 */
#ifndef PYKV_TESTS_ENV_FILES_H
#define PYKV_TESTS_ENV_FILES_H

#include "harness/check.h"

#include "env/env.h"

enum { FILES_CREATE = ENV_READ | ENV_WRITE | ENV_CREATE };

static inline pykv_status file_write_one(env_file *file, uint64_t offset, const void *data,
                                         size_t size)
{
    slice part = slice_make(data, size);
    return env_file_write(file, offset, &part, 1);
}

static inline env_file *file_open(env_directory *directory, const char *name, int flags)
{
    env_file *file = NULL;
    CHECK_OK(env_file_open(directory, name, flags, &file));
    return file;
}

/* Makes or replaces a file that holds text. */
static inline void file_put(env_directory *directory, const char *name, const char *text)
{
    env_file *file = file_open(directory, name, FILES_CREATE | ENV_TRUNCATE);
    CHECK_OK(file_write_one(file, 0, text, strlen(text)));
    env_file_close(file);
}

/* Fails the case unless the file holds text and nothing else. */
static inline void file_expect(env_directory *directory, const char *name, const char *text)
{
    char data[256];
    size_t got = 0;
    env_file *file = file_open(directory, name, ENV_READ);
    CHECK_OK(env_file_read(file, 0, data, sizeof data, &got));
    env_file_close(file);
    CHECK_EQUAL(strlen(text), got);
    CHECK_BYTES(text, data, got);
}

static inline bool file_exists(env_directory *directory, const char *name)
{
    env_file *file = NULL;
    pykv_status status = env_file_open(directory, name, ENV_READ, &file);
    if (status == PYKV_OK) {
        env_file_close(file);
        return true;
    }
    CHECK_EQUAL(PYKV_PATH_NOT_FOUND, status);
    return false;
}

static inline uint64_t file_size(env_file *file)
{
    uint64_t size = UINT64_MAX;
    CHECK_OK(env_file_size(file, &size));
    return size;
}

#endif
