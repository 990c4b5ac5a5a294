/*
 * salvage_values: opening and reading.
 */
#include "lsm/salvage_values.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/report.h"
#include "log/log_file.h"

void salvaged_values_init(salvaged_values *self, env_directory *home, const codec_table *codecs)
{
    *self = (salvaged_values){.codecs = codecs};
    graveyard_init(&self->grave, home);
}

void salvaged_values_reset(salvaged_values *self)
{
    for (size_t i = 0; i < self->count; i++) {
        value_segment_release(self->segments[i]);
    }
    (void)graveyard_empty(&self->grave);
    mem_free(self->segments);
    buffer_reset(&self->scratch);
}

static pykv_status open_segment(salvaged_values *self, uint32_t number,
                                const manifest_values *listed, uint64_t store_id,
                                value_segment **segment_out)
{
    manifest_values facts;
    pykv_status status = PYKV_OK;
    if (listed == NULL) {
        status = value_segment_describe(self->grave.home, number, &store_id, &facts);
        listed = &facts;
    }
    return status == PYKV_OK
               ? value_segment_open(&self->grave, store_id, listed, self->codecs, segment_out)
               : status;
}

static pykv_status reserve(salvaged_values *self)
{
    if (self->count < self->capacity) {
        return PYKV_OK;
    }
    size_t capacity = self->capacity * 2 + 16;
    value_segment **grown = mem_resize(self->segments, capacity * sizeof(value_segment *));
    if (grown == NULL) {
        return error_set_no_memory(capacity * sizeof(value_segment *));
    }
    self->segments = grown;
    self->capacity = capacity;
    return PYKV_OK;
}

pykv_status salvaged_values_add(salvaged_values *self, uint32_t number,
                                const manifest_values *listed, uint64_t store_id,
                                pykv_report *report)
{
    char name[LOG_FILE_NAME_BYTES];
    pykv_status status = reserve(self);
    if (status == PYKV_OK) {
        status = open_segment(self, number, listed, store_id, &self->segments[self->count]);
    }
    if (status == PYKV_OK) {
        report->file_count++;
        report->byte_count += self->segments[self->count]->facts.file_bytes;
        self->count++;
        return PYKV_OK;
    }
    if (status != PYKV_NO_MEMORY) {
        log_file_values_name(number, name);
        report_add_last_error(report, name);
        status = PYKV_OK;
    }
    return status;
}

static const value_segment *find(const salvaged_values *self, uint32_t number)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->segments[i]->facts.number == number) {
            return self->segments[i];
        }
    }
    return NULL;
}

pykv_status salvaged_values_read(salvaged_values *self, const iterator_entry *entry,
                                 slice *value_out)
{
    value_pointer where;
    pykv_status status = value_pointer_decode(entry->value, &where);
    if (status != PYKV_OK) {
        return status;
    }
    const value_segment *segment = find(self, where.number);
    if (segment == NULL) {
        return error_set(PYKV_CORRUPTION, "value segment %u is missing", (unsigned)where.number);
    }
    return value_segment_read(segment, &where, entry, &self->scratch, value_out);
}
