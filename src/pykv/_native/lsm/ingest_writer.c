/*
 * ingest_writer: a table builder with the options of a store.
 */
#include "lsm/ingest_writer.h"

#include <stdio.h>
#include <string.h>

#include "codec/codec_registry.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "log/path_split.h"
#include "lsm/options.h"
#include "table/table_builder.h"

struct ingest_writer {
    codec_table codecs;
    path_parts parts;
    env_directory *directory;
    table_builder *builder; /* NULL: the file was not made */
    bool is_finished;
    pykv_error failure; /* of status PYKV_OK: the file can still become a table */
};

static pykv_status choose(ingest_writer *self, env *environment, const pykv_options *given,
                          table_builder_options *out)
{
    pykv_options options;
    self->codecs = codec_registry_table();
    pykv_status status = lsm_resolve_options(environment, given, &options);
    if (status == PYKV_OK) {
        status = lsm_choose_codec(&self->codecs, &options);
    }
    if (status != PYKV_OK) {
        return status;
    }
    *out = (table_builder_options){
        .filter_bits_per_key = options.filter_bits_per_key,
        .codec = codec_table_find(&self->codecs, (uint8_t)options.compression),
        .codec_level = options.compression_level,
        .block_bytes = (uint32_t)options.block_bytes};
    status = env_random(environment, &out->hash_seed_low, sizeof out->hash_seed_low);
    return status == PYKV_OK
               ? env_random(environment, &out->hash_seed_high, sizeof out->hash_seed_high)
               : status;
}

pykv_status ingest_writer_open(env *environment, const char *path, const pykv_options *options,
                               ingest_writer **writer_out)
{
    table_builder_options building;
    ingest_writer *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    pykv_status status = choose(self, environment, options, &building);
    if (status == PYKV_OK) {
        status = path_split(path, &self->parts);
    }
    if (status == PYKV_OK) {
        status = env_directory_open(environment, self->parts.directory, false, &self->directory);
    }
    if (status == PYKV_OK) {
        status = table_builder_open(environment, self->directory, self->parts.name, &building,
                                    &self->builder);
    }
    if (status != PYKV_OK) {
        ingest_writer_free(self);
        return status;
    }
    *writer_out = self;
    return PYKV_OK;
}

/* Half a block may be in the file or still gathered: what would follow makes no table. */
static pykv_status keep_failure(ingest_writer *self)
{
    pykv_error *kept = &self->failure;
    *kept = *error_last();
    size_t length = strlen(kept->text);
    snprintf(kept->text + length, sizeof kept->text - length,
             ": the table must be written anew, from its first row");
    error_restore(kept);
    return kept->status;
}

/* PYKV_OK, or what has failed before. */
static pykv_status check_whole(const ingest_writer *self)
{
    if (self->failure.status != PYKV_OK && !PYKV_PLANTED(391)) {
        error_restore(&self->failure);
        return self->failure.status;
    }
    return PYKV_OK;
}

static pykv_status refuse_order(const ingest_writer *self)
{
    return error_set(PYKV_INVALID_ARGUMENT,
                     "row %llu of %.200s has a key that does not come after the one before: "
                     "rows must be sorted, each key once",
                     (unsigned long long)table_builder_entry_count(self->builder) + 1,
                     self->parts.name);
}

pykv_status ingest_writer_add(ingest_writer *self, slice key, slice value, uint64_t deadline_us)
{
    if (self->is_finished) {
        return error_set(PYKV_CLOSED, "the table is finished");
    }
    pykv_status status = check_whole(self);
    if (status != PYKV_OK) {
        return status;
    }
    bool is_first = table_builder_entry_count(self->builder) == 0;
    if (!is_first && slice_compare(key, table_builder_last_key(self->builder)) <= 0) {
        return refuse_order(self);
    }
    table_entry entry = {.key = key,
                         .value = value,
                         .sequence = TABLE_SEQUENCE_FOREIGN,
                         .deadline_us = deadline_us,
                         .kind = TABLE_PUT};
    status = table_builder_add(self->builder, &entry);
    bool is_broken = status != PYKV_OK && status != PYKV_INVALID_ARGUMENT;
    return is_broken ? keep_failure(self) : status;
}

uint64_t ingest_writer_count(const ingest_writer *self)
{
    return table_builder_entry_count(self->builder);
}

pykv_status ingest_writer_finish(ingest_writer *self)
{
    table_summary summary;
    if (self->is_finished) {
        return PYKV_OK;
    }
    pykv_status status = check_whole(self);
    if (status != PYKV_OK) {
        return status;
    }
    if (table_builder_entry_count(self->builder) == 0) {
        return error_set(PYKV_INVALID_ARGUMENT, "%.200s has no row: a table needs one",
                         self->parts.name);
    }
    status = table_builder_finish(self->builder, &summary);
    if (status == PYKV_OK) {
        status = env_directory_sync(self->directory);
    }
    self->is_finished = status == PYKV_OK;
    return status == PYKV_OK ? status : keep_failure(self);
}

void ingest_writer_free(ingest_writer *self)
{
    if (self == NULL) {
        return;
    }
    pykv_error failure = *error_last();
    bool is_left = self->builder != NULL && !self->is_finished;
    table_builder_free(self->builder);
    if (is_left) {
        (void)!env_unlink(self->directory, self->parts.name);
    }
    if (self->directory != NULL) {
        env_directory_close(self->directory);
    }
    mem_free(self->parts.memory);
    error_restore(&failure);
    mem_free(self);
}
