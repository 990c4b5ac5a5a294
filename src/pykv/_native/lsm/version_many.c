/*
 * version_many: gets many keys, level by level; each table is asked at once for all of its keys.
 *
 * Requests are taken in chunks. Within a chunk they are sorted by the 8 bytes behind what all their
 * keys begin with, so that those of one table stand together and neighbours share blocks; where
 * words are equal the order is open, and only costs a further run.
 */
#include "lsm/internal_key.h"
#include "lsm/version.h"

enum { CHUNK_REQUESTS = 256 };

/* The requests of a chunk that no table has answered yet. */
typedef struct pending {
    table_request **requests;
    size_t count;
} pending;

/* Drops those that were answered, with an entry or with a failure. */
static void drop_answered(pending *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        table_request *request = self->requests[i];
        if (request->status == PYKV_NOT_FOUND) {
            self->requests[i] = self->requests[kept];
            self->requests[kept++] = request;
        }
    }
    self->count = kept;
}

/* ---- order ---- */

typedef struct sorted {
    uint64_t word;
    table_request *request;
} sorted;

static size_t common_length_of(const pending *self)
{
    slice first = self->requests[0]->key;
    size_t common = first.size;
    for (size_t i = 1; i < self->count && common > 0; i++) {
        slice prefix = slice_make(first.data, common);
        common = key_shared_length(prefix, self->requests[i]->key);
    }
    return common;
}

/* Shell's sort: no memory, and in one pass what is sorted already. */
static void sort_words(sorted *items, size_t count)
{
    static const size_t gaps[] = {57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++) {
        size_t gap = gaps[g];
        for (size_t i = gap; i < count; i++) {
            sorted item = items[i];
            size_t at = i;
            for (; at >= gap && items[at - gap].word > item.word; at -= gap) {
                items[at] = items[at - gap];
            }
            items[at] = item;
        }
    }
}

static void sort_requests(pending *self)
{
    sorted items[CHUNK_REQUESTS];
    size_t common = common_length_of(self);
    for (size_t i = 0; i < self->count; i++) {
        items[i] = (sorted){key_word(self->requests[i]->key, common), self->requests[i]};
    }
    sort_words(items, self->count);
    for (size_t i = 0; i < self->count; i++) {
        self->requests[i] = items[i].request;
    }
}

/* True if a deeper level has several tables among which requests are spread. */
static bool wants_order(const version *self)
{
    for (uint32_t i = 1; i < LSM_LEVEL_COUNT; i++) {
        if (self->levels[i].count > 1) {
            return true;
        }
    }
    return false;
}

/* ---- levels ---- */

static void get_from_fresh(const level *fresh, block_source *source, uint64_t sequence,
                           pending *left)
{
    for (uint32_t i = 0; i < fresh->count && left->count > 0; i++) {
        bool asked = false;
        table_get_many(fresh->tables[i], source, sequence, left->requests, left->count, &asked);
        drop_answered(left);
    }
}

/* The end of the run of requests from begin on that belong to table *index, which becomes the table
 * of the next run. */
static size_t run_end(const level *deeper, const pending *left, size_t begin, uint32_t *index)
{
    uint32_t next = *index;
    size_t end = begin + 1;
    while (end < left->count) {
        next = level_find(deeper, left->requests[end]->key);
        if (next != *index) {
            break;
        }
        end++;
    }
    *index = next;
    return end;
}

/* Asks the system for the blocks of the requests from begin on. */
static void ask_for_runs(const level *deeper, uint64_t sequence, const pending *left, size_t begin)
{
    uint32_t next = begin == left->count ? 0 : level_find(deeper, left->requests[begin]->key);
    while (begin < left->count) {
        uint32_t index = next;
        size_t end = run_end(deeper, left, begin, &next);
        if (index < deeper->count) {
            table_ask_for_many(deeper->tables[index], sequence, left->requests + begin,
                               end - begin);
        }
        begin = end;
    }
}

/* Asks each table for the runs of requests whose keys belong to it. The first one that reads from
 * its file tells that the others may have to as well. */
static void get_from_deeper(const level *deeper, block_source *source, uint64_t sequence,
                            pending *left)
{
    bool asked = false;
    uint32_t next = left->count == 0 ? 0 : level_find(deeper, left->requests[0]->key);
    for (size_t begin = 0; begin < left->count;) {
        uint32_t index = next;
        size_t end = run_end(deeper, left, begin, &next);
        if (index < deeper->count) {
            bool were_asked = asked;
            table_get_many(deeper->tables[index], source, sequence, left->requests + begin,
                           end - begin, &asked);
            if (asked && !were_asked) {
                ask_for_runs(deeper, sequence, left, end);
            }
        }
        begin = end;
    }
    drop_answered(left);
}

static void get_chunk(const version *self, block_source *source, uint64_t sequence, pending *left)
{
    for (size_t i = 0; i < left->count; i++) {
        left->requests[i]->status = PYKV_NOT_FOUND;
    }
    if (wants_order(self)) {
        sort_requests(left);
    }
    get_from_fresh(&self->levels[0], source, sequence, left);
    for (uint32_t i = 0; i < self->deeper_count && left->count > 0; i++) {
        get_from_deeper(&self->levels[self->deeper[i]], source, sequence, left);
    }
}

void version_get_many(const version *self, block_source *source, uint64_t sequence,
                      table_request **requests, size_t count)
{
    for (size_t begin = 0; begin < count; begin += CHUNK_REQUESTS) {
        size_t size = count - begin < CHUNK_REQUESTS ? count - begin : CHUNK_REQUESTS;
        pending left = {requests + begin, size};
        get_chunk(self, source, sequence, &left);
    }
}
