/*
 * ingest_fixture: files to be ingested, on the disk of a fixture. Header only.
 */
#ifndef PYKV_TESTS_LSM_INGEST_FIXTURE_H
#define PYKV_TESTS_LSM_INGEST_FIXTURE_H

#include "lsm_fixture.h"

#include "lsm/ingest_writer.h"

#define INGEST_DIRECTORY "/files"

/* A writer of the file at path. */
FIXTURE_UNUSED static ingest_writer *ingest_begin(fixture *self, const char *path)
{
    env_directory *directory;
    ingest_writer *writer;
    CHECK_OK(env_directory_open(self->disk, INGEST_DIRECTORY, true, &directory));
    env_directory_close(directory);
    CHECK_OK(ingest_writer_open(self->disk, path, &self->options, &writer));
    return writer;
}

/* Writes key-from .. key-(to - 1), each with this value, to the file at path. */
FIXTURE_UNUSED static void ingest_write(fixture *self, const char *path, uint32_t from, uint32_t to,
                                        const char *value)
{
    char key[16];
    ingest_writer *writer = ingest_begin(self, path);
    for (uint32_t i = from; i < to; i++) {
        CHECK_OK(ingest_writer_add(writer, fixture_key(i, key), fixture_text(value), 0));
    }
    CHECK_OK(ingest_writer_finish(writer));
    ingest_writer_free(writer);
}

FIXTURE_UNUSED static pykv_status ingest_one(fixture *self, const char *path)
{
    return lsm_ingest(self->store, &path, 1, false);
}

#endif
