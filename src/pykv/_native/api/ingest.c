/*
 * ingest: tables that are written outside of a store, and taken into one.
 */
#include "api/handle.h"
#include "base/error.h"
#include "base/memory.h"
#include "env/env.h"
#include "lsm/ingest_writer.h"
#include "lsm/key_space.h"

struct pykv_table_writer {
    uint64_t stamp; /* of the process that made it */
    ingest_writer *inner;
};

pykv_status pykv_ingest(pykv_store *store, size_t count, const char *const *paths, int32_t moves)
{
    epoch_token token;
    pykv_status status = handle_enter_long(store, &token);
    if (status != PYKV_OK) {
        return status;
    }
    if (store->ops->ingest == NULL) {
        status = error_set(PYKV_NOT_SUPPORTED, "this engine has no tables to add others to: use an "
                                               "LSM store");
    } else {
        status = store->ops->ingest(store->engine, paths, count, moves != 0);
    }
    handle_leave_long(store, token);
    return status;
}

pykv_status pykv_table_writer_open(const char *path, const pykv_options *options,
                                   pykv_table_writer **writer_out)
{
    pykv_status status = process_init();
    if (status != PYKV_OK) {
        return status;
    }
    pykv_table_writer *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->stamp = process_stamp();
    status = ingest_writer_open(env_posix(), path, options, &self->inner);
    if (status != PYKV_OK) {
        mem_free(self);
        return status;
    }
    *writer_out = self;
    return PYKV_OK;
}

static pykv_status check_process(const pykv_table_writer *self)
{
    return self->stamp == process_stamp()
               ? PYKV_OK
               : error_set(PYKV_FORKED, "this writer belongs to the parent process");
}

/* In the file rows are those of the default namespace, whichever they will come to. */
static pykv_status add_row(pykv_table_writer *writer, slice key, slice value, uint64_t deadline_us)
{
    stored_key stored;
    pykv_status status = stored_key_make(KEY_SPACE_DEFAULT, key, &stored);
    if (status == PYKV_OK) {
        status = ingest_writer_add(writer->inner, stored.key, value, deadline_us);
        stored_key_reset(&stored);
    }
    return status;
}

pykv_status pykv_table_writer_add(pykv_table_writer *writer, size_t count, const void *const *keys,
                                  const size_t *key_lengths, const void *const *values,
                                  const size_t *value_lengths, const uint64_t *deadlines_us)
{
    pykv_status status = check_process(writer);
    for (size_t i = 0; i < count && status == PYKV_OK; i++) {
        if (key_lengths[i] > PYKV_KEY_BYTES_MAX || value_lengths[i] > PYKV_VALUE_BYTES_MAX) {
            return handle_refuse_sizes(key_lengths[i], value_lengths[i]);
        }
        status = add_row(writer, slice_make(keys[i], key_lengths[i]),
                         slice_make(values[i], value_lengths[i]),
                         deadlines_us != NULL ? deadlines_us[i] : 0);
    }
    return status;
}

pykv_status pykv_table_writer_finish(pykv_table_writer *writer)
{
    pykv_status status = check_process(writer);
    return status == PYKV_OK ? ingest_writer_finish(writer->inner) : status;
}

uint64_t pykv_table_writer_count(const pykv_table_writer *writer)
{
    return ingest_writer_count(writer->inner);
}

void pykv_table_writer_free(pykv_table_writer *writer)
{
    if (writer == NULL || writer->stamp != process_stamp()) {
        return;
    }
    ingest_writer_free(writer->inner);
    mem_free(writer);
}
