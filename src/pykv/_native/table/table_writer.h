/*
 * table_writer: writes a file from front to end, paced: gathered into writes of one size, each of
 * which is at once handed to the device, so that the sync at the end has little left to wait for.
 * Keeps the crc32c of all bytes. Not thread-safe.
 */
#ifndef PYKV_TABLE_TABLE_WRITER_H
#define PYKV_TABLE_TABLE_WRITER_H

#include <stdint.h>

#include "env/env.h"

enum { TABLE_WRITE_BYTES_DEFAULT = 128 * 1024 };

typedef struct table_writer {
    env_file *file;
    uint8_t *gathered;
    size_t gathered_bytes;
    size_t write_bytes;
    uint64_t written_bytes;
    uint32_t crc;
} table_writer;

/* Creates a file, which must not be there yet. write_bytes 0: the default. Undo with
 * table_writer_close; the file stays. */
PYKV_NODISCARD pykv_status table_writer_open(env_directory *directory, const char *name,
                                             size_t write_bytes, table_writer *out);

/* Bytes so far: where the next one will stand. */
static inline uint64_t table_writer_offset(const table_writer *self)
{
    return self->written_bytes + self->gathered_bytes;
}

PYKV_NODISCARD pykv_status table_writer_append(table_writer *self, const void *data, size_t size);

/* Writes the rest and syncs the file. */
PYKV_NODISCARD pykv_status table_writer_sync(table_writer *self);

/* Closes the file and frees the memory; again is nothing. */
void table_writer_close(table_writer *self);

#endif
