/*
 * repair_state: a repair at work: what it has read and found.
 */
#ifndef PYKV_BITCASK_REPAIR_STATE_H
#define PYKV_BITCASK_REPAIR_STATE_H

#include "codec/packed_value.h"

#include "base/buffer.h"
#include "bitcask/manifest.h"
#include "bitcask/repair_lost.h"
#include "log/name_repair.h"

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
    packed_dictionary *dictionary; /* NULL: nobody asked for it yet */
} repair_source;

/* A valid record somewhere. */
typedef struct repair_entry {
    uint64_t hash;
    uint64_t sequence;
    uint64_t offset;
    uint32_t source;
    uint32_t space_id;
    uint8_t kind;
} repair_entry;

/* A clear of a namespace. */
typedef struct repair_clear {
    uint64_t sequence;
    uint32_t space_id;
} repair_clear;

typedef struct repair {
    env *env;
    env_directory *home;
    pykv_report *report;
    manifest listed; /* empty if the manifest cannot be read */
    repair_source *sources;
    size_t source_count;
    buffer entries; /* of repair_entry */
    buffer clears;  /* of repair_clear */
    repair_lost lost;
    name_repair names;
    uint32_t number_max;
} repair;

#endif
