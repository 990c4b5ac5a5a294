/*
 * salvage_values: the value segments of a store that is being repaired, and what can be read there.
 *
 * Not thread-safe. Everything in the files may be damaged.
 */
#ifndef PYKV_LSM_SALVAGE_VALUES_H
#define PYKV_LSM_SALVAGE_VALUES_H

#include "base/buffer.h"
#include "lsm/value_segment.h"

typedef struct salvaged_values {
    graveyard grave;
    const codec_table *codecs;
    value_segment **segments;
    size_t count;
    size_t capacity;
    buffer scratch; /* the value read last */
} salvaged_values;

/* home and codecs are borrowed until reset. */
void salvaged_values_init(salvaged_values *self, env_directory *home, const codec_table *codecs);
void salvaged_values_reset(salvaged_values *self);

/* Opens segment number. listed: what the manifest says of it, of the store store_id; NULL: there is
 * no manifest, and its header tells. A segment that cannot be opened is a damage of report.
 * PYKV_NO_MEMORY. */
PYKV_NODISCARD pykv_status salvaged_values_add(salvaged_values *self, uint32_t number,
                                               const manifest_values *listed, uint64_t store_id,
                                               pykv_report *report);

/* Reads the value that an entry points to; valid until the next call. What is damaged or missing is
 * PYKV_CORRUPTION. */
PYKV_NODISCARD pykv_status salvaged_values_read(salvaged_values *self, const iterator_entry *entry,
                                                slice *value_out);

#endif
