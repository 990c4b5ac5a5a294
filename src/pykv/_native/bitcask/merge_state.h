/*
 * merge_state: the merge that is running, and how it ends. See merge.h.
 */
#ifndef PYKV_BITCASK_MERGE_STATE_H
#define PYKV_BITCASK_MERGE_STATE_H

#include "base/buffer.h"
#include "bitcask/hint.h"
#include "bitcask/store.h"
#include "log/log_reader.h"
#include "log/log_writer.h"

typedef enum merge_phase { MERGE_COPY, MERGE_COMMIT, MERGE_SWING, MERGE_REMOVE } merge_phase;

enum {
    MERGE_INPUTS_MAX = 64,
    MERGE_GROUP_RECORDS = 32 /* looked up, or swung in one hold of the writer lock */
};

/* Where a copied record came from: what its key's slot leads to until something displaces it. */
typedef struct merge_source {
    uint64_t address;
    uint64_t bytes;
} merge_source;

/* Records of an input that are looked at together. */
typedef struct merge_group {
    size_t count;
    size_t next; /* which is to be copied */
    record records[MERGE_GROUP_RECORDS];
    uint64_t hashes[MERGE_GROUP_RECORDS];
    uint64_t addresses[MERGE_GROUP_RECORDS];
    bool keep[MERGE_GROUP_RECORDS];
    bool is_named; /* one of them is of another namespace than the default one */
} merge_group;

typedef struct merge {
    merge_phase phase;
    segment *inputs[MERGE_INPUTS_MAX];
    size_t input_count;
    size_t input_index;       /* COPY: which input */
    uint64_t other_birth;     /* lowest birth of the segments that are no inputs */
    uint64_t now_us;          /* what has a deadline up to it is copied as a tombstone */
    uint64_t durable_clear;   /* clears up to it are in a durable manifest */
    uint64_t copied_sequence; /* what was left out was displaced at or before it */
    segment *output;          /* NULL until a record is copied to it */
    uint64_t finished_bytes;  /* of the outputs before it */
    uint64_t birth_sequence;
    uint64_t capacity;
    log_sink *sink;
    log_writer writer;
    log_reader reader; /* over the current input */
    bool reader_ready;
    merge_group group;                    /* what was read of it last */
    buffer scratch;                       /* holds the file where it is not mapped */
    buffer plain;                         /* a value that is being copied, */
    buffer packed;                        /* and as the output stores it, */
    struct packed_dictionary *dictionary; /* with this, NULL: none */
    uint64_t dictionary_bytes;            /* of its record in the output */
    hint_list hints;
    buffer sources;       /* of merge_source, one for each hint */
    uint64_t swing_index; /* SWING: which hint entry */
} merge;

/* Unpins the inputs: those that left the list go as soon as no reader is in them. */
void merge_unpin_inputs(bitcask *store, merge *self) REQUIRES(store->writer);

/* Lets go of an output whose records are swung: the next record to be copied begins another. */
void merge_end_output(merge *self);

/* Frees the merge's own memory; the store has none running then. */
void merge_free(bitcask *store, merge *self) REQUIRES(store->merge_lock);

/* Ends the merge with the store as it was, and keeps the thread's last error. */
void merge_end_early(bitcask *store, merge *self) REQUIRES(store->merge_lock)
    EXCLUDES(store->writer);

#endif
