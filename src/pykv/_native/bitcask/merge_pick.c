/*
 * merge_pick: which segments to merge, and when.
 *
 * Candidates are sealed, synced and published. The one with the largest dead
 * share goes first, with every neighbour that is at least half dead, as long as the live bytes fit
 * one output. When tombstones make up much of the store, the segment with the oldest birth joins,
 * because it is what keeps them from being dropped.
 *
 * What has expired for ttl_reap_us goes before all that, where it is a quarter of what lives in a
 * segment, with segments that are at least half dead and no longer than what is merged already: so
 * the tombstones that are left of it are copied a few times, and do not become many files.
 *
 * In a store that packs values the segments of writers are merged once, dead bytes or not.
 */
#include "bitcask/merge_pick.h"

#include "base/invariant.h"
#include "bitcask/segment_list.h"

enum {
    PICK_TOMBSTONE_SHARE = 8,   /* one eighth of the disk bytes */
    PICK_OUTPUT_SEGMENTS = 4,   /* live bytes of a thorough merge, in segments, */
    PICK_UNPACKED_SEGMENTS = 2, /* and of one that only packs values, */
    PICK_REAPED_SEGMENTS = 1    /* or reaps */
};

static uint64_t length_of(const segment *source)
{
    return atomic_load_explicit(&source->length, memory_order_relaxed);
}

static uint64_t dead_bytes(bitcask *store, const segment *source)
{
    uint64_t records = length_of(source) - LOG_SEGMENT_HEADER_BYTES - source->dictionary_bytes;
    uint64_t expired = segment_expired_bytes(source, store_clock_now(&store->clock));
    uint64_t live = source->live_bytes - expired;
    return records > live ? records - live : 0;
}

static bool may_merge(const bitcask *store, const segment *source) REQUIRES(store->writer)
{
    return source->sealed && source->synced && source != store->prepared && !source->merging &&
           source->last_sequence <= store->published_sequence;
}

/* ---- reaping ---- */

/* Deadlines up to it passed long enough ago. */
static uint64_t reap_by_us(bitcask *store)
{
    uint64_t now_us = store_clock_now(&store->clock);
    uint64_t wait_us = store->options.ttl_reap_us;
    return now_us > wait_us ? now_us - wait_us : 0;
}

static bool is_reapable(const bitcask *store, const segment *source, uint64_t by_us)
    REQUIRES(store->writer)
{
    uint64_t expired = may_merge(store, source) ? segment_expired_bytes(source, by_us) : 0;
    return expired > 0 && expired * SEGMENT_REAP_SHARE >= source->live_bytes && !PYKV_PLANTED(383);
}

bool merge_reap_is_due(bitcask *store)
{
    bool found = false;
    uint64_t by_us = reap_by_us(store);
    for (size_t i = 0; i < store->segment_count && !found; i++) {
        found = is_reapable(store, store->segments[i], by_us);
    }
    return found;
}

bool merge_active_has_aged(bitcask *store)
{
    const segment *active = store->active;
    return active != NULL && active->last_sequence != 0 && store->pending_count == 0 &&
           segment_has_aged(active, reap_by_us(store));
}

/* ---- packing and space ---- */

static bool is_unpacked(const bitcask *store, const segment *source)
{
    return store->options.compression != PYKV_CODEC_NONE && source->kind == LOG_SEGMENT_APPEND &&
           !PYKV_PLANTED(225);
}

static bool has_unpacked(const bitcask *store) REQUIRES(store->writer)
{
    bool found = false;
    for (size_t i = 0; i < store->segment_count && !found; i++) {
        const segment *source = store->segments[i];
        found = is_unpacked(store, source) && may_merge(store, source);
    }
    return found;
}

/* Lowest birth sequence of all segments but one. */
static uint64_t oldest_other_birth(const bitcask *store, const segment *except)
    REQUIRES(store->writer)
{
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < store->segment_count; i++) {
        if (store->segments[i] != except && segment_birth(store->segments[i]) < oldest) {
            oldest = segment_birth(store->segments[i]);
        }
    }
    return oldest;
}

/* Dead bytes that merging source alone would free: tombstones count if they could be dropped. */
static uint64_t freeable_bytes(bitcask *store, const segment *source) REQUIRES(store->writer)
{
    uint64_t dead = dead_bytes(store, source);
    uint64_t kept = source->tombstone_bytes < dead ? source->tombstone_bytes : dead;
    bool droppable = source->last_sequence < oldest_other_birth(store, source);
    return droppable ? dead : dead - kept;
}

static segment *most_dead(bitcask *store) REQUIRES(store->writer)
{
    segment *best = NULL;
    uint64_t best_dead = 0;
    for (size_t i = 0; i < store->segment_count; i++) {
        segment *candidate = store->segments[i];
        uint64_t dead = may_merge(store, candidate) ? freeable_bytes(store, candidate) : 0;
        if (dead > 0 &&
            (best == NULL || dead * length_of(best) > best_dead * length_of(candidate))) {
            best = candidate;
            best_dead = dead;
        }
    }
    return best;
}

static segment *oldest_birth(bitcask *store) REQUIRES(store->writer)
{
    segment *best = NULL;
    for (size_t i = 0; i < store->segment_count; i++) {
        segment *candidate = store->segments[i];
        if (may_merge(store, candidate) &&
            (best == NULL || segment_birth(candidate) < segment_birth(best))) {
            best = candidate;
        }
    }
    return best;
}

static uint64_t tombstone_bytes(const bitcask *store) REQUIRES(store->writer)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < store->segment_count; i++) {
        bytes += store->segments[i]->tombstone_bytes;
    }
    return bytes;
}

static bool add_input(segment **inputs, size_t *count, segment *candidate)
{
    for (size_t i = 0; i < *count; i++) {
        if (inputs[i] == candidate) {
            return false;
        }
    }
    if (*count == MERGE_INPUTS_MAX) {
        return false;
    }
    inputs[(*count)++] = candidate;
    return true;
}

/* Live bytes of so many segments, but no more than one output holds. */
static uint64_t budget_of(const bitcask *store, uint64_t segments)
{
    uint64_t bytes = segments * (uint64_t)store->options.segment_bytes;
    return bytes < LOG_SEGMENT_BYTES_MAX ? bytes : LOG_SEGMENT_BYTES_MAX;
}

/* All that may be merged and has a dead byte: for compact(). With tombstones about, everything. */
static size_t pick_all(bitcask *store, segment **inputs) REQUIRES(store->writer)
{
    size_t count = 0;
    uint64_t live = 0;
    bool tombstones = tombstone_bytes(store) > 0;
    for (size_t i = 0; i < store->segment_count; i++) {
        segment *candidate = store->segments[i];
        bool worth = dead_bytes(store, candidate) > 0 || tombstones ||
                     candidate->expiring_bytes > 0 || is_unpacked(store, candidate);
        bool fits = live + candidate->live_bytes <= budget_of(store, PICK_OUTPUT_SEGMENTS);
        if (may_merge(store, candidate) && worth && (fits || count == 0)) {
            add_input(inputs, &count, candidate);
            live += candidate->live_bytes;
        }
    }
    return count;
}

static size_t pick_some(bitcask *store, segment **inputs) REQUIRES(store->writer)
{
    size_t count = 0;
    uint64_t disk;
    uint64_t live;
    bitcask_space(store, &disk, &live);
    segment *first = most_dead(store);
    bool tombstones = tombstone_bytes(store) * PICK_TOMBSTONE_SHARE > disk;
    segment *oldest = tombstones || first == NULL ? oldest_birth(store) : NULL;
    uint64_t budget = store->options.segment_bytes;
    if (first != NULL) {
        add_input(inputs, &count, first);
        budget -= first->live_bytes < budget ? first->live_bytes : budget;
    }
    if (oldest != NULL && tombstones) {
        add_input(inputs, &count, oldest);
    }
    for (size_t i = 0; i < store->segment_count; i++) {
        segment *candidate = store->segments[i];
        bool dense = dead_bytes(store, candidate) * 2 >= length_of(candidate);
        bool tiny = length_of(candidate) * 4 < store->options.segment_bytes;
        if (may_merge(store, candidate) && (dense || (tiny && dead_bytes(store, candidate) > 0)) &&
            candidate->live_bytes <= budget && add_input(inputs, &count, candidate)) {
            budget -= candidate->live_bytes;
        }
    }
    return count;
}

/* Segments whose values nobody has tried to pack. */
static size_t pick_unpacked(bitcask *store, segment **inputs) REQUIRES(store->writer)
{
    size_t count = 0;
    uint64_t live = 0;
    for (size_t i = 0; i < store->segment_count; i++) {
        segment *candidate = store->segments[i];
        bool fits = live + candidate->live_bytes <= budget_of(store, PICK_UNPACKED_SEGMENTS);
        if (is_unpacked(store, candidate) && may_merge(store, candidate) && (fits || count == 0) &&
            add_input(inputs, &count, candidate)) {
            live += candidate->live_bytes;
        }
    }
    return count;
}

/* What a merge that reaps takes. */
typedef struct reaped {
    segment **inputs;
    size_t count;
    uint64_t live;
    uint64_t length;
} reaped;

static bool reap(const bitcask *store, segment *candidate, reaped *into)
{
    bool fits = into->live + candidate->live_bytes <= budget_of(store, PICK_REAPED_SEGMENTS);
    if ((!fits && into->count > 0) || !add_input(into->inputs, &into->count, candidate)) {
        return false;
    }
    into->live += candidate->live_bytes;
    into->length += length_of(candidate);
    return true;
}

/* Adds what is at least half dead and no longer than what is there. True: there may be more now. */
static bool reap_with(bitcask *store, reaped *into) REQUIRES(store->writer)
{
    bool added = false;
    for (size_t i = 0; i < store->segment_count; i++) {
        segment *candidate = store->segments[i];
        uint64_t length = length_of(candidate);
        bool joins = length <= into->length && dead_bytes(store, candidate) * 2 >= length &&
                     may_merge(store, candidate);
        added |= joins && reap(store, candidate, into);
    }
    return added;
}

static size_t pick_reapable(bitcask *store, segment **inputs) REQUIRES(store->writer)
{
    reaped found = {.inputs = inputs};
    uint64_t by_us = reap_by_us(store);
    for (size_t i = 0; i < store->segment_count; i++) {
        if (is_reapable(store, store->segments[i], by_us)) {
            (void)reap(store, store->segments[i], &found);
        }
    }
    while (found.count > 0 && reap_with(store, &found)) {
    }
    return found.count;
}

/* What a merge copies at most if source is one of its inputs. */
static uint64_t kept_bytes(const segment *source)
{
    return source->live_bytes + source->tombstone_bytes;
}

/* What a merge has room for: first the segments that give all their bytes back, then others. */
static size_t pick_fitting(bitcask *store, uint64_t room, segment **inputs) REQUIRES(store->writer)
{
    size_t count = 0;
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < store->segment_count; i++) {
            segment *candidate = store->segments[i];
            uint64_t kept = kept_bytes(candidate);
            bool fits = turn == 0 ? kept == 0 : kept <= room;
            bool worth = dead_bytes(store, candidate) > candidate->tombstone_bytes;
            if (fits && worth && may_merge(store, candidate) &&
                add_input(inputs, &count, candidate)) {
                room -= kept;
            }
        }
    }
    return count;
}

static uint64_t expired_bytes(bitcask *store) REQUIRES(store->writer)
{
    uint64_t bytes = 0;
    uint64_t now = store_clock_now(&store->clock);
    for (size_t i = 0; i < store->segment_count; i++) {
        bytes += segment_expired_bytes(store->segments[i], now);
    }
    return bytes;
}

/* The bytes on disk are above their limit. */
static bool space_is_due(bitcask *store) REQUIRES(store->writer)
{
    uint64_t disk;
    uint64_t live;
    bitcask_space(store, &disk, &live);
    uint64_t overhead = (uint64_t)store->segment_count * LOG_SEGMENT_HEADER_BYTES;
    double limit = (double)(live - expired_bytes(store)) * store->options.space_amplification_max;
    return (double)(disk - overhead) > limit;
}

size_t merge_pick(bitcask *store, bool thorough, segment *inputs_out[MERGE_INPUTS_MAX])
{
    size_t count = 0;
    if (store->merge_room != UINT64_MAX) {
        count = pick_fitting(store, store->merge_room, inputs_out);
        store->merge_room = UINT64_MAX;
    }
    if (count > 0) {
        return count;
    }
    if (thorough) {
        return pick_all(store, inputs_out);
    }
    count = pick_reapable(store, inputs_out);
    if (count > 0) {
        return count;
    }
    bool packs = has_unpacked(store);
    if (!packs || space_is_due(store)) {
        count = pick_some(store, inputs_out);
    }
    return count == 0 && packs ? pick_unpacked(store, inputs_out) : count;
}

bool merge_is_due(bitcask *store)
{
    return space_is_due(store) || has_unpacked(store) || merge_reap_is_due(store);
}

uint64_t merge_dead_bytes(bitcask *store)
{
    uint64_t dead = 0;
    for (size_t i = 0; i < store->segment_count; i++) {
        const segment *source = store->segments[i];
        dead += may_merge(store, source) ? dead_bytes(store, source) : 0;
    }
    return dead;
}

uint64_t merge_owed_bytes(bitcask *store)
{
    uint64_t owed = 0;
    for (size_t i = 0; i < store->segment_count; i++) {
        const segment *source = store->segments[i];
        owed += length_of(source) * (is_unpacked(store, source) ? 2 : 1);
    }
    return owed;
}
