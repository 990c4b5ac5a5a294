/*
 * segment_dictionary: reading the first record, once for all readers.
 */
#include "bitcask/segment_dictionary.h"

#include "base/error.h"
#include "base/invariant.h"

void segment_find_dictionary(segment *self)
{
    uint8_t head[RECORD_HEADER_BYTES + RECORD_EXTENSION_BYTES_MAX];
    size_t got = 0;
    record found = {.kind = 0};
    if (self->kind != LOG_SEGMENT_MERGED ||
        env_file_read(self->file, LOG_SEGMENT_HEADER_BYTES, head, sizeof head, &got) != PYKV_OK) {
        return;
    }
    record_check check =
        record_decode(head, got, self->seed, LOG_SEGMENT_HEADER_BYTES, false, &found);
    if (check != RECORD_HEADER_INVALID && found.kind == RECORD_DICTIONARY && !PYKV_PLANTED(224)) {
        self->dictionary_bytes = record_bytes_of(&found);
    }
}

static pykv_status load(const segment *self, const codec *with, packed_dictionary **made_out)
{
    buffer scratch = BUFFER_EMPTY;
    record found = {.kind = 0};
    const char *path = env_file_path(self->file);
    pykv_status status = segment_read(self, LOG_SEGMENT_HEADER_BYTES, true, &scratch, &found);
    if (status == PYKV_OK && found.kind != RECORD_DICTIONARY) {
        status = error_set_corruption(path, LOG_SEGMENT_HEADER_BYTES,
                                      "the dictionary of a segment is not there", RECORD_DICTIONARY,
                                      found.kind);
    }
    if (status == PYKV_OK) {
        status = packed_dictionary_open(with, false, 0, found.value, made_out);
        if (status == PYKV_CORRUPTION) {
            status = error_set_corruption(path, LOG_SEGMENT_HEADER_BYTES,
                                          "the dictionary of a segment is none", 1, 0);
        }
    }
    buffer_reset(&scratch);
    return status;
}

pykv_status segment_dictionary(segment *self, const codec *with,
                               const packed_dictionary **dictionary_out)
{
    packed_dictionary *there = atomic_load_explicit(&self->dictionary, memory_order_acquire);
    packed_dictionary *made = NULL;
    pykv_status status = there == NULL ? load(self, with, &made) : PYKV_OK;
    if (status != PYKV_OK) {
        return status;
    }
    if (made != NULL &&
        atomic_compare_exchange_strong_explicit(&self->dictionary, &there, made,
                                                memory_order_acq_rel, memory_order_acquire)) {
        there = made;
    } else {
        packed_dictionary_close(made); /* another thread was first */
    }
    *dictionary_out = there;
    return PYKV_OK;
}
