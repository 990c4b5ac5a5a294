/*
 * repair_fixture: a store in a real directory, since a repair renames between directories, and
 * verbs to damage and repair it.
 */
#ifndef PYKV_TESTS_BITCASK_REPAIR_FIXTURE_H
#define PYKV_TESTS_BITCASK_REPAIR_FIXTURE_H

#include <fcntl.h>
#include <unistd.h>

#include "base/process.h"
#include "bitcask/bitcask_fixture.h"

enum { REPAIR_KEYS = 200, REPAIR_VALUE_BYTES = 100 };

/* The verbs of bitcask_fixture.h that use the open store only may be used on base. */
typedef struct repair_fixture {
    fixture base;
    char *path;
} repair_fixture;

FIXTURE_UNUSED static void repair_open(repair_fixture *self)
{
    CHECK_OK(bitcask_open(env_posix(), self->path, &self->base.options, &self->base.store));
}

/* The name of a fresh directory under one temporary directory of the program; free with free. */
FIXTURE_UNUSED static char *repair_fresh_path(void)
{
    static char *root;
    static unsigned number;
    enum { PATH_BYTES = 512 };
    root = root == NULL ? check_temporary_directory() : root;
    char *path = malloc(PATH_BYTES);
    CHECK(path != NULL);
    snprintf(path, PATH_BYTES, "%s/%u", root, number++);
    return path;
}

/* A fresh directory with an open, empty store of small segments. */
FIXTURE_UNUSED static repair_fixture repair_new(void)
{
    CHECK_OK(process_init());
    repair_fixture self = {
        .base = {.disk = env_posix(), .options = {.segment_bytes = FIXTURE_SEGMENT_BYTES}},
        .path = repair_fresh_path()};
    repair_open(&self);
    return self;
}

FIXTURE_UNUSED static void repair_free(repair_fixture *self)
{
    fixture_kill(&self->base);
    free(self->path);
}

FIXTURE_UNUSED static const char *repair_file(const repair_fixture *self, const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", self->path, name);
    return path;
}

FIXTURE_UNUSED static bool repair_has(const repair_fixture *self, const char *name)
{
    return access(repair_file(self, name), F_OK) == 0;
}

FIXTURE_UNUSED static void repair_unlink(const repair_fixture *self, const char *name)
{
    CHECK_EQUAL(0, unlink(repair_file(self, name)));
}

/* Flips a bit of the byte at offset of a file. */
FIXTURE_UNUSED static void repair_flip(const repair_fixture *self, const char *name, off_t offset)
{
    uint8_t byte;
    int file = open(repair_file(self, name), O_RDWR | O_CLOEXEC);
    CHECK(file >= 0);
    CHECK_EQUAL(1, pread(file, &byte, 1, offset));
    byte ^= 4;
    CHECK_EQUAL(1, pwrite(file, &byte, 1, offset));
    close(file);
}

enum { BODY_OF_FIRST = LOG_SEGMENT_HEADER_BYTES + RECORD_HEADER_BYTES + 20 };

/* Several sealed segments: key-5 has a newer value, key-6 is deleted. Closed. */
FIXTURE_UNUSED static repair_fixture repair_fixture_closed(void)
{
    repair_fixture self = repair_new();
    fixture_fill(&self.base, 0, REPAIR_KEYS, REPAIR_VALUE_BYTES);
    fixture_put(&self.base, "key-5", "newer");
    fixture_delete(&self.base, "key-6");
    fixture_close(&self.base);
    CHECK(repair_has(&self, "00000003.log"));
    return self;
}

#endif
