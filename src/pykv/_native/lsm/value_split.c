/*
 * value_split: entries to pointers.
 */
#include "lsm/value_split.h"

#include "base/error.h"
#include "log/log_format.h"
#include "lsm/value_refs.h"
#include "lsm/version_values.h"

void value_split_init(value_split *self, const value_job *job, env *surroundings,
                      env_directory *home, file_numbers numbers)
{
    value_writer_options options = {.surroundings = surroundings,
                                    .home = home,
                                    .numbers = numbers,
                                    .store_id = job->store_id,
                                    .segment_bytes = job->segment_bytes,
                                    .codec = job->codec,
                                    .codec_level = job->codec_level};
    *self = (value_split){.job = *job};
    value_writer_init(&self->writer, &options);
}

slice value_split_refs(const value_split *self)
{
    return slice_make(self->refs.data, self->refs.size);
}

void value_split_clear_refs(value_split *self)
{
    buffer_clear(&self->refs);
}

void value_split_reset(value_split *self)
{
    value_writer_reset(&self->writer);
    buffer_reset(&self->refs);
    buffer_reset(&self->scratch);
}

static bool moves(const value_split *self, uint32_t number)
{
    for (uint32_t i = 0; i < self->job.moved_count; i++) {
        if (self->job.moved[i] == number) {
            return true;
        }
    }
    return false;
}

/* Writes the value of a put, and turns the entry into a pointer to it. */
static pykv_status write_value(value_split *self, iterator_entry *entry, value_pointer *where)
{
    pykv_status status = value_writer_add(&self->writer, entry, where);
    if (status == PYKV_OK) {
        size_t size = value_pointer_encode(where, self->pointer);
        entry->kind = INTERNAL_KIND_POINTER;
        entry->value = slice_make(self->pointer, size);
    }
    return status;
}

static pykv_status move_value(value_split *self, iterator_entry *entry, value_pointer *where)
{
    slice value;
    pykv_status status = version_read_value(self->job.moved_from, entry, &self->scratch, &value);
    if (status != PYKV_OK) {
        return status;
    }
    entry->kind = RECORD_PUT;
    entry->value = value;
    return write_value(self, entry, where);
}

pykv_status value_split_entry(value_split *self, iterator_entry *entry)
{
    value_pointer where;
    pykv_status status = PYKV_OK;
    if (entry->kind == INTERNAL_KIND_POINTER) {
        status = value_pointer_decode(entry->value, &where);
        if (status == PYKV_OK && moves(self, where.number)) {
            status = move_value(self, entry, &where);
        }
    } else if (entry->kind == RECORD_PUT && self->job.bytes_min != 0 &&
               entry->value.size >= self->job.bytes_min) {
        status = write_value(self, entry, &where);
    } else {
        return PYKV_OK;
    }
    return status == PYKV_OK ? value_refs_add(&self->refs, where.number, where.stored_bytes)
                             : status;
}
