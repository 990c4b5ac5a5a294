/*
 * merge_state: letting go of what a merge holds.
 */
#include "bitcask/merge_state.h"

#include "codec/packed_value.h"

#include "base/error.h"
#include "base/memory.h"
#include "bitcask/limbo.h"
#include "bitcask/segment_list.h"

void merge_unpin_inputs(bitcask *store, merge *self) REQUIRES(store->writer)
{
    for (size_t i = 0; i < self->input_count; i++) {
        self->inputs[i]->input = false;
        bitcask_unpin_segment(store, self->inputs[i]);
    }
}

/* What there is of the output beside its segment. */
static void reset_output(merge *self)
{
    if (self->sink != NULL) {
        log_sink_close(self->sink);
    }
    self->sink = NULL;
    hint_list_reset(&self->hints);
    buffer_reset(&self->sources);
    packed_dictionary_close(self->dictionary);
    self->dictionary = NULL;
    self->dictionary_bytes = 0;
    self->swing_index = 0;
}

void merge_end_output(merge *self)
{
    self->finished_bytes += atomic_load_explicit(&self->output->length, memory_order_relaxed);
    self->output = NULL;
    reset_output(self);
}

void merge_free(bitcask *store, merge *self) REQUIRES(store->merge_lock)
{
    reset_output(self);
    buffer_reset(&self->scratch);
    buffer_reset(&self->plain);
    buffer_reset(&self->packed);
    mem_free(self);
    store->merge = NULL;
}

/* Removes an unfinished output. A finished one stays: a manifest may list it already. */
static void drop_output(bitcask *store, merge *self)
{
    uint32_t number = 0;
    mutex_lock(&store->writer);
    bool drop = self->output != NULL && self->output->merging;
    if (drop) {
        number = self->output->number;
        bitcask_remove_segment(store, self->output);
        bitcask_retire_segment(store, self->output);
    }
    mutex_unlock(&store->writer);
    if (drop) {
        segment_unlink(store->home, number);
    }
}

void merge_end_early(bitcask *store, merge *self) REQUIRES(store->merge_lock)
{
    pykv_error failure = *error_last();
    drop_output(store, self);
    mutex_lock(&store->writer);
    merge_unpin_inputs(store, self);
    mutex_unlock(&store->writer);
    merge_free(store, self);
    error_restore(&failure);
}
