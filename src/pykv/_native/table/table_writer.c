/*
 * table_writer: gathers appended bytes into paced writes.
 */
#include "table/table_writer.h"

#include <string.h>

#include "base/crc32c.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"

pykv_status table_writer_open(env_directory *directory, const char *name, size_t write_bytes,
                              table_writer *out)
{
    table_writer made = {.write_bytes = write_bytes == 0 ? TABLE_WRITE_BYTES_DEFAULT : write_bytes};
    made.gathered = mem_alloc_sized(made.write_bytes);
    if (made.gathered == NULL) {
        return error_set_no_memory(made.write_bytes);
    }
    pykv_status status =
        env_file_open(directory, name, ENV_WRITE | ENV_CREATE | ENV_EXCLUSIVE, &made.file);
    if (status != PYKV_OK) {
        mem_free_sized(made.gathered, made.write_bytes);
        return status;
    }
    *out = made;
    return PYKV_OK;
}

/* Writes what was gathered. */
static pykv_status write_gathered(table_writer *self)
{
    slice part = slice_make(self->gathered, self->gathered_bytes);
    if (part.size == 0) {
        return PYKV_OK;
    }
    self->crc = crc32c_extend(self->crc, part.data, part.size);
    pykv_status status = env_file_write(self->file, self->written_bytes, &part, 1);
    if (status == PYKV_OK) {
        if (!PYKV_PLANTED(264)) {
            env_file_write_back(self->file, self->written_bytes, part.size);
        }
        self->written_bytes += part.size;
        self->gathered_bytes = 0;
    }
    return status;
}

pykv_status table_writer_append(table_writer *self, const void *data, size_t size)
{
    const uint8_t *from = data;
    while (size > 0) {
        size_t room = self->write_bytes - self->gathered_bytes;
        size_t part = size < room ? size : room;
        memcpy(self->gathered + self->gathered_bytes, from, part);
        self->gathered_bytes += part;
        from += part;
        size -= part;
        if (self->gathered_bytes == self->write_bytes) {
            pykv_status status = write_gathered(self);
            if (status != PYKV_OK) {
                return status;
            }
        }
    }
    return PYKV_OK;
}

pykv_status table_writer_sync(table_writer *self)
{
    pykv_status status = write_gathered(self);
    return status == PYKV_OK && !PYKV_PLANTED(100) ? env_file_sync(self->file) : status;
}

void table_writer_close(table_writer *self)
{
    if (self->file != NULL) {
        env_file_close(self->file);
    }
    mem_free_sized(self->gathered, self->write_bytes);
    *self = (table_writer){0};
}
