/*
 * merge: beginning, stepping through the phases, and ending before their end.
 */
#include "bitcask/merge.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/image.h"
#include "bitcask/manifest_edit.h"
#include "bitcask/merge_copy.h"
#include "bitcask/merge_finish.h"
#include "bitcask/merge_state.h"

enum { MERGE_MARGIN_SHARE = 8 }; /* of the room that there was, left to writers */

static uint64_t lowest_birth_outside(const bitcask *store, segment *const *inputs, size_t count)
    REQUIRES(store->writer)
{
    uint64_t lowest = UINT64_MAX;
    for (size_t i = 0; i < store->segment_count; i++) {
        bool is_input = false;
        for (size_t j = 0; j < count; j++) {
            is_input |= store->segments[i] == inputs[j];
        }
        if (!is_input && segment_birth(store->segments[i]) < lowest) {
            lowest = segment_birth(store->segments[i]);
        }
    }
    return lowest;
}

static bool any_hinting(segment *const *inputs, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < count; i++) {
        any |= inputs[i]->hinting;
    }
    return any;
}

/* Pins the inputs for the merge alone. Who writes the hint of one would keep its bytes on disk
 * beyond the end of the merge, and put the hint of a removed segment there. */
static void take_inputs(bitcask *store, merge *self, segment *const *inputs, size_t count)
    REQUIRES(store->writer)
{
    for (size_t i = 0; i < count; i++) {
        self->inputs[i] = inputs[i];
        self->inputs[i]->pin_count++;
        self->inputs[i]->input = true;
    }
    self->input_count = count;
    while (any_hinting(inputs, count) && !PYKV_PLANTED(102)) {
        condition_wait(&store->hint_done, &store->writer);
    }
}

pykv_status merge_begin(bitcask *store, segment *const *inputs, size_t input_count)
{
    PYKV_ASSERT(store->merge == NULL && input_count > 0 && input_count <= MERGE_INPUTS_MAX);
    pykv_status status = bitcask_check_image_rest(store);
    if (status == PYKV_OK) {
        mutex_lock(&store->manifest_lock);
        status = bitcask_reserve_manifest(store);
        mutex_unlock(&store->manifest_lock);
    }
    if (status != PYKV_OK) {
        return status;
    }
    merge *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    mutex_lock(&store->writer);
    take_inputs(store, self, inputs, input_count);
    self->birth_sequence = store->published_sequence;
    self->now_us = store_clock_now(&store->clock);
    self->other_birth = lowest_birth_outside(store, inputs, input_count);
    self->durable_clear = store->durable_clear_sequence;
    self->capacity = LOG_SEGMENT_HEADER_BYTES;
    for (size_t i = 0; i < input_count; i++) {
        self->capacity += atomic_load_explicit(&inputs[i]->length, memory_order_relaxed);
    }
    mutex_unlock(&store->writer);
    store->merge = self;
    return PYKV_OK;
}

/* What was copied until the disk was full tells how much the next merge may copy. */
static void note_room(bitcask *store, const merge *self)
{
    uint64_t copied = self->sink != NULL ? log_sink_tail(self->sink) : 0;
    mutex_lock(&store->writer);
    store->merge_room = copied - copied / MERGE_MARGIN_SHARE;
    mutex_unlock(&store->writer);
}

/* ---- COPY ---- */

void merge_abandon(bitcask *store)
{
    mutex_lock(&store->merge_lock);
    if (store->merge != NULL) {
        merge_end_early(store, store->merge);
    }
    mutex_unlock(&store->merge_lock);
}

void merge_forget(bitcask *store)
{
    mutex_lock(&store->merge_lock);
    if (store->merge != NULL) {
        merge_free(store, store->merge);
    }
    mutex_unlock(&store->merge_lock);
}

pykv_status merge_step(bitcask *store, bool *more_out)
{
    merge *self = store->merge;
    pykv_status status = PYKV_OK;
    switch (self->phase) {
    case MERGE_COPY:
        status = merge_copy_step(store, self);
        break;
    case MERGE_COMMIT:
        status = merge_commit_step(store, self);
        break;
    case MERGE_SWING:
        status = merge_swing_step(store, self);
        break;
    case MERGE_REMOVE:
        status = merge_remove_step(store, self);
        break;
    }
    if (status == PYKV_NO_SPACE && store->merge != NULL) {
        note_room(store, self);
    }
    if (status != PYKV_OK && store->merge != NULL) {
        merge_end_early(store, store->merge);
    }
    *more_out = status == PYKV_OK && store->merge != NULL;
    return status;
}
