/*
 * lsm_fixture_files: verbs for the files of a fixture's store. Included by lsm_fixture.h.
 */
#ifndef PYKV_TESTS_LSM_FIXTURE_FILES_H
#define PYKV_TESTS_LSM_FIXTURE_FILES_H

#include "lsm_fixture.h"

/* The bytes of a file of the store, to damage them (before the next open or crash). */
FIXTURE_UNUSED static uint8_t *fixture_bytes(fixture *self, const char *name, uint64_t *size_out)
{
    char path[128];
    uint8_t *data;
    snprintf(path, sizeof path, "%s/%s", FIXTURE_PATH, name);
    CHECK_OK(env_memory_file_bytes(self->disk, path, &data, size_out));
    return data;
}

/* Files of the store's directory whose names end so; the name of the last by order to name_out,
 * which may be NULL. */
FIXTURE_UNUSED static size_t fixture_files(fixture *self, const char *ending, char name_out[32])
{
    env_names names;
    size_t count = 0;
    char last[32] = "";
    CHECK_OK(env_memory_paths(self->disk, &names));
    for (size_t i = 0; i < names.count; i++) {
        const char *name = strrchr(names.names[i], '/') + 1;
        size_t length = strlen(name);
        if (length >= strlen(ending) && strcmp(name + length - strlen(ending), ending) == 0) {
            count++;
            if (strcmp(name, last) > 0) {
                snprintf(last, sizeof last, "%.31s", name);
            }
        }
    }
    env_names_free(&names);
    if (name_out != NULL) {
        memcpy(name_out, last, sizeof last);
    }
    return count;
}

/* A file of the store's directory, which is made if need be, with text in it. */
FIXTURE_UNUSED static void fixture_make_file(fixture *self, const char *name, const char *text)
{
    env_directory *home;
    env_file *file;
    slice part = fixture_text(text);
    CHECK_OK(env_directory_open(self->disk, FIXTURE_PATH, true, &home));
    CHECK_OK(env_file_open(home, name, ENV_READ | ENV_WRITE | ENV_CREATE, &file));
    CHECK_OK(env_file_write(file, 0, &part, 1));
    env_file_close(file);
    env_directory_close(home);
}

FIXTURE_UNUSED static void fixture_unlink(fixture *self, const char *name)
{
    env_directory *home;
    CHECK_OK(env_directory_open(self->disk, FIXTURE_PATH, false, &home));
    CHECK_OK(env_unlink(home, name));
    env_directory_close(home);
}

/* The manifest that is on disk now. Free with lsm_manifest_reset. */
FIXTURE_UNUSED static lsm_manifest fixture_manifest(fixture *self)
{
    env_directory *home;
    lsm_manifest listed = {0};
    CHECK_OK(env_directory_open(self->disk, FIXTURE_PATH, false, &home));
    CHECK_OK(lsm_manifest_read(home, &listed));
    env_directory_close(home);
    return listed;
}

/* Of all files together. */
FIXTURE_UNUSED static uint64_t fixture_disk_bytes(fixture *self)
{
    env_names names;
    uint64_t sum = 0;
    CHECK_OK(env_memory_paths(self->disk, &names));
    for (size_t i = 0; i < names.count; i++) {
        uint8_t *data;
        uint64_t size;
        CHECK_OK(env_memory_file_bytes(self->disk, names.names[i], &data, &size));
        sum += size;
    }
    env_names_free(&names);
    return sum;
}

#endif
