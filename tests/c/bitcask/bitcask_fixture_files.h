/*
 * bitcask_fixture_files: verbs for the files of a fixture's store. Included by bitcask_fixture.h.
 */
#ifndef PYKV_TESTS_BITCASK_FIXTURE_FILES_H
#define PYKV_TESTS_BITCASK_FIXTURE_FILES_H

#include "bitcask_fixture.h"

/* The bytes of a file of the store, to damage them (before the next open or crash). */
FIXTURE_UNUSED static uint8_t *fixture_bytes(fixture *self, const char *name, uint64_t *size_out)
{
    char path[128];
    uint8_t *data;
    snprintf(path, sizeof path, "%s/%s", FIXTURE_PATH, name);
    CHECK_OK(env_memory_file_bytes(self->disk, path, &data, size_out));
    return data;
}

/* Changes a bit of the value behind the key in the first segment of a store that is closed. Returns
 * where key and value begin. */
FIXTURE_UNUSED static uint8_t *fixture_damage(fixture *self, const char *key_and_value)
{
    uint64_t size;
    size_t length = strlen(key_and_value);
    uint8_t *data = fixture_bytes(self, "00000001.log", &size);
    uint8_t *at = memmem(data, size, key_and_value, length);
    CHECK(at != NULL);
    at[length + 2] ^= 4;
    return at;
}

/* True if the store's directory has a file of that name. */
FIXTURE_UNUSED static bool fixture_has(fixture *self, const char *name)
{
    char path[128];
    env_names names;
    bool found = false;
    snprintf(path, sizeof path, "%s/%s", FIXTURE_PATH, name);
    CHECK_OK(env_memory_paths(self->disk, &names));
    for (size_t i = 0; i < names.count; i++) {
        found |= strcmp(names.names[i], path) == 0;
    }
    env_names_free(&names);
    return found;
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

#endif
