/*
 * version_values: which segments a version needs follows from what its tables say they point to.
 */
#include "lsm/version_values.h"

#include <string.h>

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "lsm/value_refs.h"

/* The first segment of a row whose number is not below number, or count. */
static uint32_t find(const version_values *values, uint32_t count, uint32_t number)
{
    uint32_t low = 0;
    uint32_t high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (values[middle].segment->facts.number < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static version_values *look_up(const version *self, uint32_t number)
{
    uint32_t index = find(self->values, self->value_segment_count, number);
    bool found =
        index < self->value_segment_count && self->values[index].segment->facts.number == number;
    return found ? &self->values[index] : NULL;
}

const version_values *version_find_values(const version *self, uint32_t number)
{
    return look_up(self, number);
}

static void insert(version *self, value_segment *segment)
{
    uint32_t index = find(self->values, self->value_segment_count, segment->facts.number);
    memmove(&self->values[index + 1], &self->values[index],
            (self->value_segment_count - index) * sizeof *self->values);
    self->values[index] = (version_values){.segment = segment};
    self->value_segment_count++;
}

/* Counts what one table points to. */
static pykv_status count_table(version *self, const table_file *file)
{
    slice attached = file->table->properties.attached;
    for (size_t i = 0; i < value_refs_count(attached); i++) {
        value_ref entry = value_refs_at(attached, i);
        version_values *found = look_up(self, entry.number);
        if (found == NULL) {
            return error_set_corruption(env_file_path(file->table->file), 0,
                                        "a table points to a value segment that is not listed",
                                        entry.number, 0);
        }
        found->live_count += entry.count;
        found->live_bytes += entry.bytes;
    }
    return PYKV_OK;
}

static pykv_status count_all(version *self)
{
    pykv_status status = PYKV_OK;
    for (uint32_t i = 0; i < LSM_LEVEL_COUNT; i++) {
        for (uint32_t j = 0; j < self->levels[i].count && status == PYKV_OK; j++) {
            status = count_table(self, self->levels[i].files[j]);
        }
    }
    return status;
}

/* Leaves out the segments to which nothing points. */
static void leave_out_dead(version *self)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->value_segment_count; i++) {
        if (self->values[i].live_count > (PYKV_PLANTED(172) ? 1 : 0)) {
            self->values[kept++] = self->values[i];
        }
    }
    self->value_segment_count = kept;
}

pykv_status version_fill_values(version *self, const version *base, const version_change *change)
{
    for (uint32_t i = 0; i < base->value_segment_count; i++) {
        insert(self, base->values[i].segment);
    }
    for (size_t i = 0; i < change->added_values_count; i++) {
        insert(self, change->added_values[i]);
    }
    pykv_status status = change->without_values ? PYKV_OK : count_all(self);
    leave_out_dead(self);
    return status;
}

void version_acquire_values(version *self)
{
    for (uint32_t i = 0; i < self->value_segment_count; i++) {
        value_segment_acquire(self->values[i].segment);
    }
}

void version_release_values(version *self)
{
    for (uint32_t i = 0; i < self->value_segment_count; i++) {
        value_segment_release(self->values[i].segment);
    }
}

/* ---- facts ---- */

pykv_status version_list_values(const version *self, manifest_values **values_out,
                                uint64_t *count_out)
{
    size_t count = self->value_segment_count;
    manifest_values *values = mem_alloc((count + 1) * sizeof *values);
    if (values == NULL) {
        return error_set_no_memory(count * sizeof *values);
    }
    for (size_t i = 0; i < count; i++) {
        values[i] = self->values[i].segment->facts;
    }
    *values_out = values;
    *count_out = count;
    return PYKV_OK;
}

uint64_t version_value_bytes(const version *self)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < self->value_segment_count; i++) {
        bytes += self->values[i].segment->facts.file_bytes;
    }
    return bytes;
}

/* ---- reading ---- */

pykv_status version_read_value(const version *self, const iterator_entry *entry, buffer *scratch,
                               slice *value_out)
{
    value_pointer where;
    pykv_status status = value_pointer_decode(entry->value, &where);
    if (status != PYKV_OK) {
        return status;
    }
    const version_values *found = look_up(self, where.number);
    if (found == NULL) {
        return error_set(PYKV_CORRUPTION, "an entry points to value segment %u, which is not there",
                         (unsigned)where.number);
    }
    return value_segment_read(found->segment, &where, entry, scratch, value_out);
}

pykv_status version_read_found(const version *self, slice key, const table_found *found,
                               buffer *scratch, slice *value_out)
{
    iterator_entry entry = {.key = key,
                            .value = found->value,
                            .sequence = found->sequence,
                            .deadline_us = found->deadline_us,
                            .kind = found->kind};
    return version_read_value(self, &entry, scratch, value_out);
}

void version_ask_found(const version *self, slice key, const table_found *found)
{
    value_pointer where;
    pykv_status status = value_pointer_decode(found->value, &where);
    const version_values *values = status == PYKV_OK ? look_up(self, where.number) : NULL;
    if (values != NULL) {
        value_segment_ask(values->segment, &where, key.size, found->deadline_us != 0);
    }
}
