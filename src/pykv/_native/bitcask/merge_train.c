/*
 * merge_train: samples, a trial of what they give, and a record.
 */
#include "bitcask/merge_train.h"

#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/unpack.h"

enum {
    TRAIN_SPOTS = 16, /* where samples are taken, in all inputs together */
    TRAIN_SPOT_BYTES = 64 * 1024,
    TRAIN_SPOT_VALUE_BYTES = 32 * 1024,
    TRAIN_SAMPLE_BYTES_MIN = 8, /* of a value; of a longer one only the beginning */
    TRAIN_SAMPLE_BYTES_MAX = 2048,
    TRAIN_SAMPLES_MIN = 16,
    TRAIN_HELD_OUT = 8, /* one of so many */
    TRAIN_DICTIONARY_BYTES = 8 * 1024,
    TRAIN_SAVES = 8, /* the part of packed values that it must save */
    TRAIN_WORTH = 2  /* bytes that it saves for each of its own */
};

/* Values one behind the other, and their sizes. */
typedef struct samples {
    buffer bytes;
    buffer sizes; /* of size_t */
} samples;

typedef struct training {
    const bitcask *store;
    merge *merge;
    const codec *with;
    samples trained;
    samples held_out;
    size_t count; /* of both */
    buffer spot;
    buffer plain;
} training;

static size_t count_of(const samples *self)
{
    return self->sizes.size / sizeof(size_t);
}

static const size_t *sizes_of(const samples *self)
{
    return (const size_t *)(const void *)self->sizes.data;
}

static void samples_reset(samples *self)
{
    buffer_reset(&self->bytes);
    buffer_reset(&self->sizes);
}

/* ---- samples ---- */

/* Takes the value of a put, if it can be had. */
static pykv_status take(training *self, segment *source, uint64_t offset, record *found)
{
    if (record_is_packed(found) &&
        unpack_record_of(&self->store->codecs, source, offset, found, &self->plain) != PYKV_OK) {
        return PYKV_OK; /* copying it will tell */
    }
    size_t size =
        found->value.size < TRAIN_SAMPLE_BYTES_MAX ? found->value.size : TRAIN_SAMPLE_BYTES_MAX;
    if (size < TRAIN_SAMPLE_BYTES_MIN) {
        return PYKV_OK;
    }
    self->count++;
    samples *set = self->count % TRAIN_HELD_OUT == 0 ? &self->held_out : &self->trained;
    pykv_status status = buffer_append(&set->bytes, found->value.data, size);
    return status == PYKV_OK ? buffer_append(&set->sizes, &size, sizeof size) : status;
}

/* Takes values of the records that begin within size bytes from offset on, which may be anywhere in
 * the segment. */
static pykv_status take_spot(training *self, segment *source, uint64_t offset, uint64_t size)
{
    size_t got = 0;
    uint64_t taken = 0;
    buffer_clear(&self->spot);
    pykv_status status = buffer_reserve(&self->spot, TRAIN_SPOT_BYTES);
    if (status == PYKV_OK) {
        status = env_file_read(source->file, offset, self->spot.data, TRAIN_SPOT_BYTES, &got);
    }
    uint64_t end = size < got ? size : got;
    for (uint64_t at = 0; at < end && taken < TRAIN_SPOT_VALUE_BYTES && status == PYKV_OK;) {
        record found;
        if (record_decode(self->spot.data + at, got - at, source->seed, offset + at, true,
                          &found) != RECORD_VALID) {
            at += RECORD_GRANULE_BYTES;
            continue;
        }
        uint64_t record_at = offset + at;
        at += record_bytes_of(&found);
        taken += found.value.size;
        if (found.kind == RECORD_PUT) {
            status = take(self, source, record_at, &found);
        }
    }
    return status;
}

/* Spots are as far apart in each input as they are in all inputs together, and do not overlap. */
static pykv_status take_samples(training *self)
{
    const merge *of = self->merge;
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < TRAIN_SPOTS && status == PYKV_OK; i++) {
        segment *source = of->inputs[i * of->input_count / TRAIN_SPOTS];
        uint64_t length = atomic_load_explicit(&source->length, memory_order_acquire);
        uint64_t granules = (length - LOG_SEGMENT_HEADER_BYTES) / RECORD_GRANULE_BYTES;
        uint64_t from = i * of->input_count % TRAIN_SPOTS;
        uint64_t first = granules * from / TRAIN_SPOTS;
        uint64_t last = granules * (from + of->input_count) / TRAIN_SPOTS;
        status = take_spot(self, source, LOG_SEGMENT_HEADER_BYTES + first * RECORD_GRANULE_BYTES,
                           (last - first) * RECORD_GRANULE_BYTES);
    }
    return status;
}

/* ---- the trial ---- */

/* Bytes of the values that were held out as a merge would store them. */
static pykv_status try_out(training *self, const packed_dictionary *dictionary, uint64_t *bytes_out)
{
    const samples *set = &self->held_out;
    uint64_t bytes = 0;
    size_t at = 0;
    for (size_t i = 0; i < count_of(set); i++) {
        bool pays;
        slice value = slice_make(set->bytes.data + at, sizes_of(set)[i]);
        pykv_status status = packed_value_make(self->with, self->store->options.compression_level,
                                               dictionary, value, &self->plain, &pays);
        if (status != PYKV_OK) {
            return status;
        }
        bytes += pays ? self->plain.size : value.size;
        at += value.size;
    }
    *bytes_out = bytes;
    return PYKV_OK;
}

static pykv_status is_worth_it(training *self, const packed_dictionary *dictionary, size_t size,
                               bool *worth_out)
{
    uint64_t without = 0;
    uint64_t with = 0;
    uint64_t plain = self->held_out.bytes.size;
    pykv_status status = try_out(self, NULL, &without);
    if (status == PYKV_OK) {
        status = try_out(self, dictionary, &with);
    }
    if (status == PYKV_OK) {
        uint64_t saved = without > with ? without - with : 0;
        *worth_out = saved > 0 && saved * TRAIN_SAVES >= without &&
                     self->merge->capacity * saved / plain > size * TRAIN_WORTH;
    }
    return status;
}

/* ---- the record ---- */

static pykv_status write_record(merge *self, slice bytes, uint64_t sequence)
{
    uint64_t offset;
    record made = {.kind = RECORD_DICTIONARY, .sequence = sequence, .value = bytes};
    made.body_crc = record_body_crc(&made);
    self->dictionary_bytes = record_bytes_of(&made);
    return log_writer_append(&self->writer, &made, &offset);
}

/* Keeps the dictionary that bytes are, or drops it. */
static pykv_status settle(training *self, slice bytes, uint64_t sequence)
{
    bool worth = false;
    packed_dictionary *made = NULL;
    pykv_status status = packed_dictionary_open(
        self->with, true, self->store->options.compression_level, bytes, &made);
    if (status == PYKV_OK) {
        status = is_worth_it(self, made, bytes.size, &worth);
    }
    if (status == PYKV_OK && (worth || PYKV_PLANTED(325))) {
        self->merge->dictionary = made;
        return write_record(self->merge, bytes, sequence);
    }
    packed_dictionary_close(made);
    return status;
}

static pykv_status train(training *self, uint64_t sequence)
{
    size_t size = 0;
    pykv_status status = take_samples(self);
    if (status != PYKV_OK || self->count < TRAIN_SAMPLES_MIN) {
        return status;
    }
    uint8_t *bytes = mem_alloc(TRAIN_DICTIONARY_BYTES);
    if (bytes == NULL) {
        return error_set_no_memory(TRAIN_DICTIONARY_BYTES);
    }
    status =
        self->with->train(self->with->context, self->trained.bytes.data, sizes_of(&self->trained),
                          (uint32_t)count_of(&self->trained), bytes, TRAIN_DICTIONARY_BYTES, &size);
    if (status == PYKV_OK) {
        status = settle(self, slice_make(bytes, size), sequence);
    }
    mem_free(bytes);
    return status == PYKV_NOT_FOUND ? PYKV_OK : status;
}

pykv_status merge_train(const bitcask *store, merge *self, uint64_t sequence)
{
    training work = {.store = store,
                     .merge = self,
                     .with = codec_table_find(&store->codecs, (uint8_t)store->options.compression)};
    if (work.with->train == NULL) {
        return PYKV_OK;
    }
    pykv_status status = train(&work, sequence);
    samples_reset(&work.trained);
    samples_reset(&work.held_out);
    buffer_reset(&work.spot);
    buffer_reset(&work.plain);
    return status;
}
