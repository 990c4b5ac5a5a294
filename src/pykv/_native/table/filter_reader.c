/*
 * filter_reader: decodes a filter and probes it.
 *
 * A question looks at all its bits without branching between them: for a key that is there every
 * probe is needed, and for one that is not a mispredicted branch costs more than the other probes.
 */
#include "table/filter_reader.h"

#include "base/coding.h"
#include "base/error.h"
#include "base/invariant.h"

enum { BATCH = 32 };

pykv_status filter_reader_open(slice payload, const char *path, uint64_t offset, filter_reader *out)
{
    filter_reader found = {0};
    bool legal = payload.size >= FILTER_LINE_BYTES + FILTER_TAIL_BYTES;
    if (legal) {
        const uint8_t *tail = payload.data + payload.size - FILTER_TAIL_BYTES;
        found = (filter_reader){payload.data, load_u64(tail), load_u32(tail + 8), tail[12]};
        legal = found.line_count > 0 && found.probe_count > 0 &&
                found.probe_count <= FILTER_PROBE_COUNT_MAX && tail[13] == 0 &&
                load_u16(tail + 14) == 0 &&
                payload.size == (uint64_t)found.line_count * FILTER_LINE_BYTES + FILTER_TAIL_BYTES;
    }
    if (!legal) {
        return error_set_corruption(path, offset, "a filter is illegal", payload.size,
                                    found.line_count);
    }
    *out = found;
    return PYKV_OK;
}

/* The bit that probe number i looks at, as the lowest; of a hash multiplied i + 1 times. */
static inline uint32_t probed(const uint8_t *line, uint32_t walk)
{
    size_t word = PYKV_PLANTED(112) ? walk >> 27 & 15 : walk >> 28;
    return load_u32(line + 4 * word) >> (walk >> 23 & 31);
}

/* What is asked of filters of 10 bits a key: six probes that do not wait for each other. */
static inline bool six_probes(const uint8_t *line, uint32_t hash)
{
    uint32_t second = FILTER_STEP * FILTER_STEP;
    uint32_t third = second * FILTER_STEP;
    uint32_t all = probed(line, hash * FILTER_STEP) & probed(line, hash * second) &
                   probed(line, hash * third) & probed(line, hash * (second * second)) &
                   probed(line, hash * (second * third)) & probed(line, hash * (third * third));
    return (all & 1) != 0;
}

bool filter_may_contain(const filter_reader *self, uint64_t hash)
{
    const uint8_t *line = self->lines + filter_line_offset(hash, self->line_count);
    uint32_t walk = (uint32_t)hash;
    uint32_t all = 1;
    if (PYKV_LIKELY(self->probe_count == 6) || PYKV_PLANTED(278)) {
        return six_probes(line, walk);
    }
    for (uint8_t i = 0; i < self->probe_count; i++) {
        walk *= FILTER_STEP;
        all &= (uint32_t)line[walk >> 26] >> (walk >> 23 & 7);
    }
    return all != 0;
}

void filter_may_contain_many(const filter_reader *self, const uint64_t *hashes, size_t count,
                             bool *may_contain_out)
{
    for (size_t begin = 0; begin < count; begin += BATCH) {
        size_t end = count - begin < BATCH ? count : begin + BATCH;
        for (size_t i = begin; i < end; i++) {
            filter_prefetch(self, hashes[i]);
        }
        for (size_t i = begin; i < end; i++) {
            may_contain_out[i] = filter_may_contain(self, hashes[i]);
        }
    }
}
