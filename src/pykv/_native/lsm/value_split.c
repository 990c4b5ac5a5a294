/*
 * value_split: entries to pointers.
 */
#include "lsm/value_split.h"

#include "base/error.h"
#include "base/invariant.h"
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

/* Where the number of a segment stands among those that move; moved_count: nowhere. */
static uint32_t place_of(const value_split *self, uint32_t number)
{
    uint32_t i = 0;
    while (i < self->job.moved_count && self->job.moved[i] != number) {
        i++;
    }
    return i;
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

/* From now on the values of a segment stay where they are. False: the version has none of that
 * number, and what points there is broken. */
static bool leave_segment(value_split *self, uint32_t place)
{
    const version_values *left = version_find_values(self->job.moved_from, self->job.moved[place]);
    if (left == NULL || PYKV_PLANTED(287)) {
        return false;
    }
    value_segment_set_unreadable(left->segment, true);
    self->job.moved[place] = self->job.moved[--self->job.moved_count];
    return true;
}

/* A value that cannot be read stays: reads of it fail, and all else goes on. */
static pykv_status move_value(value_split *self, uint32_t place, iterator_entry *entry,
                              value_pointer *where)
{
    slice value;
    pykv_status status = version_read_value(self->job.moved_from, entry, &self->scratch, &value);
    if ((status == PYKV_CORRUPTION || status == PYKV_IO_FAILED) && leave_segment(self, place)) {
        return PYKV_OK;
    }
    if (status != PYKV_OK) {
        return status;
    }
    self->moved_bytes += value.size;
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
        uint32_t place = status == PYKV_OK ? place_of(self, where.number) : 0;
        if (status == PYKV_OK && place < self->job.moved_count) {
            status = move_value(self, place, entry, &where);
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
