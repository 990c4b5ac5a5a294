/*
 * repair_state: a repair at work: what it has read and found.
 */
#ifndef PYKV_BITCASK_REPAIR_STATE_H
#define PYKV_BITCASK_REPAIR_STATE_H

#include "base/buffer.h"
#include "bitcask/manifest.h"
#include "bitcask/repair_lost.h"

/* A segment file being read. */
typedef struct repair_source {
    uint32_t number;
    uint32_t seed;
    uint8_t kind; /* LOG_SEGMENT_* */
    uint64_t file_id;
    uint64_t store_id;
    uint64_t record_count;
    uint64_t first_sequence; /* smallest and largest found; 0 if none was */
    uint64_t last_sequence;
    bool whole; /* no damage was found in it */
    uint8_t *data;
    uint64_t size;
} repair_source;

/* A valid record somewhere. */
typedef struct repair_entry {
    uint64_t hash;
    uint64_t sequence;
    uint64_t offset;
    uint32_t source;
    uint8_t kind;
} repair_entry;

typedef struct repair {
    env *env;
    env_directory *home;
    pykv_report *report;
    manifest listed; /* empty if the manifest cannot be read */
    repair_source *sources;
    size_t source_count;
    buffer entries; /* of repair_entry */
    repair_lost lost;
    uint64_t clear_sequence;
    uint32_t number_max;
} repair;

#endif
