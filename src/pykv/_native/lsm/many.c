/*
 * many: many gets at one moment: the memtables for all keys side by side, then the tables for those
 * that are left.
 */
#include <stdint.h>

#include "base/error.h"
#include "base/memory.h"
#include "lsm/read.h"
#include "lsm/space.h"
#include "lsm/store.h"
#include "lsm/version_values.h"

struct lsm_many {
    lsm *store;
    uint32_t space;
    buffer stored; /* keys that are stored with a prefix */
    size_t count;
    size_t capacity;
    const uint8_t **values;
    size_t *lengths;
    slice *keys;
    uint64_t *hashes;
    bool *found; /* in a memtable */
    iterator_entry *entries;
    table_request *requests;  /* of the others, held until the results are released */
    table_request **pointers; /* to them */
    size_t *places;           /* whose requests they are */
    size_t request_count;
    buffer *pointed; /* values out of segments, one each as far as there are any */
    size_t pointed_count;
    void *memory; /* of all arrays */
};

pykv_status lsm_many_new_in(lsm *store, uint32_t space, lsm_many **many_out)
{
    lsm_many *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->store = store;
    self->space = space;
    *many_out = self;
    return PYKV_OK;
}

pykv_status lsm_many_new(lsm *store, lsm_many **many_out)
{
    return lsm_many_new_in(store, KEY_SPACE_STORED, many_out);
}

void lsm_many_release(lsm_many *self)
{
    for (size_t i = 0; i < self->request_count; i++) {
        if (self->requests[i].status == PYKV_OK) {
            table_release(&self->store->source.face, &self->requests[i].found);
        }
    }
    for (size_t i = 0; i < self->pointed_count; i++) {
        buffer_reset(&self->pointed[i]);
    }
    mem_free(self->pointed);
    self->pointed = NULL;
    self->pointed_count = 0;
    self->request_count = 0;
    self->count = 0;
}

void lsm_many_free(lsm_many *self)
{
    if (self != NULL) {
        lsm_many_release(self);
        buffer_reset(&self->stored);
        mem_free(self->memory);
        mem_free(self);
    }
}

/* Bytes of all arrays for one key, the strictest alignment first. */
static size_t bytes_each(void)
{
    return sizeof(table_request) + sizeof(iterator_entry) + sizeof(slice) +
           sizeof(table_request *) + sizeof(uint8_t *) + sizeof(uint64_t) + 2 * sizeof(size_t) +
           sizeof(bool);
}

static void carve(lsm_many *self, uint8_t *memory, size_t capacity)
{
    self->memory = memory;
    self->capacity = capacity;
    self->requests = (table_request *)(void *)memory;
    self->entries = (iterator_entry *)(void *)(self->requests + capacity);
    self->keys = (slice *)(void *)(self->entries + capacity);
    self->pointers = (table_request **)(void *)(self->keys + capacity);
    self->values = (const uint8_t **)(void *)(self->pointers + capacity);
    self->hashes = (uint64_t *)(void *)(self->values + capacity);
    self->lengths = (size_t *)(void *)(self->hashes + capacity);
    self->places = self->lengths + capacity;
    self->found = (bool *)(void *)(self->places + capacity);
}

static pykv_status reserve(lsm_many *self, size_t count)
{
    if (count <= self->capacity) {
        return PYKV_OK;
    }
    size_t bytes = count * bytes_each();
    uint8_t *memory = mem_alloc(bytes);
    if (memory == NULL) {
        return error_set_no_memory(bytes);
    }
    mem_free(self->memory);
    carve(self, memory, count);
    return PYKV_OK;
}

static void set_value(lsm_many *self, size_t index, slice value)
{
    static const uint8_t empty[1] = {0};
    self->values[index] = value.size != 0 ? value.data : empty;
    self->lengths[index] = value.size;
}

/* True if no range delete hides an operation on a key. */
static inline bool is_there(lsm_many *self, const lsm_moment *moment, size_t index,
                            uint64_t sequence)
{
    return PYKV_LIKELY(!view_has_ranges(moment->view)) ||
           view_cover(moment->view, self->keys[index], moment->sequence) < sequence;
}

/* Takes what the memtables had, and makes requests of the rest. */
static void sort_out(lsm_many *self, const lsm_moment *moment)
{
    for (size_t i = 0; i < self->count; i++) {
        self->values[i] = NULL;
        self->lengths[i] = 0;
        const iterator_entry *entry = &self->entries[i];
        if (!self->found[i]) {
            size_t at = self->request_count++;
            self->requests[at].key = self->keys[i];
            self->requests[at].hash = self->hashes[i];
            self->pointers[at] = &self->requests[at];
            self->places[at] = i;
        } else if (lsm_is_live_at(self->store, moment, entry->kind, entry->deadline_us) &&
                   is_there(self, moment, i, entry->sequence)) {
            set_value(self, i, entry->value);
        }
    }
}

static bool is_pointer(const table_request *asked)
{
    return asked->status == PYKV_OK && asked->found.kind == INTERNAL_KIND_POINTER;
}

/* Asks the system for the values that requests from begin on point to, if they are several: the
 * device reads them side by side, and not one after another. */
static void ask_for_pointed(const lsm_many *self, size_t begin, const version *tables)
{
    size_t count = 0;
    for (size_t i = begin; i < self->request_count; i++) {
        count += is_pointer(&self->requests[i]);
    }
    for (size_t i = begin; i < self->request_count && count > 1; i++) {
        if (is_pointer(&self->requests[i])) {
            version_ask_found(tables, self->requests[i].key, &self->requests[i].found);
        }
    }
}

/* Reads the value that a request points to. */
static pykv_status take_pointed(lsm_many *self, size_t index, const version *tables, int32_t flags)
{
    const table_request *asked = &self->requests[index];
    slice value;
    if ((flags & PYKV_NO_WAIT) != 0) {
        return PYKV_WOULD_BLOCK;
    }
    if (self->pointed == NULL) {
        self->pointed = mem_alloc_zeroed(self->request_count, sizeof *self->pointed);
        if (self->pointed == NULL) {
            return error_set_no_memory(self->request_count * sizeof *self->pointed);
        }
        ask_for_pointed(self, index, tables);
    }
    buffer *scratch = &self->pointed[self->pointed_count++];
    pykv_status status = version_read_found(tables, asked->key, &asked->found, scratch, &value);
    if (status == PYKV_OK) {
        set_value(self, self->places[index], value);
    }
    return status;
}

/* Takes what a request found. */
static inline pykv_status take_request(lsm_many *self, size_t index, const lsm_moment *moment,
                                       int32_t flags)
{
    const table_request *asked = &self->requests[index];
    if (asked->status != PYKV_OK) {
        return asked->status == PYKV_NOT_FOUND ? PYKV_OK : asked->status;
    }
    const table_found *found = &asked->found;
    if (!lsm_is_live_at(self->store, moment, found->kind, found->deadline_us) ||
        !is_there(self, moment, self->places[index], found->sequence)) {
        return PYKV_OK;
    }
    if (PYKV_UNLIKELY(asked->found.kind == INTERNAL_KIND_POINTER)) {
        return take_pointed(self, index, moment->view->version, flags);
    }
    set_value(self, self->places[index], asked->found.value);
    return PYKV_OK;
}

/* The first status that is neither a result nor absence. */
static pykv_status take_requests(lsm_many *self, const lsm_moment *moment, int32_t flags)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->request_count && status == PYKV_OK; i++) {
        status = take_request(self, i, moment, flags);
    }
    return status;
}

static uint64_t count_hits(const lsm_many *self)
{
    uint64_t hits = 0;
    for (size_t i = 0; i < self->count; i++) {
        hits += self->values[i] != NULL;
    }
    return hits;
}

/* Puts stored keys in place of those that are stored with a prefix. */
static pykv_status store_keys(lsm_many *self)
{
    uint8_t prefix[STORED_KEY_PREFIX_MAX];
    size_t prefix_bytes = key_space_prefix(self->space, prefix);
    size_t bytes = 0;
    for (size_t i = 0; i < self->count; i++) {
        bytes += prefix_bytes + self->keys[i].size;
    }
    buffer_clear(&self->stored);
    pykv_status status = buffer_reserve(&self->stored, bytes);
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        slice key = self->keys[i];
        const uint8_t *stored = self->stored.data + self->stored.size;
        if (!key_space_keeps(self->space, key)) {
            status = buffer_append(&self->stored, prefix, prefix_bytes);
            if (status == PYKV_OK) {
                status = buffer_append(&self->stored, key.data, key.size);
            }
            self->keys[i] = slice_make(stored, prefix_bytes + key.size);
            self->hashes[i] = lsm_hash(self->store, self->keys[i]);
        }
    }
    return status;
}

static pykv_status take_keys(lsm_many *self, size_t count, const void *const *keys,
                             const size_t *key_lengths)
{
    bool is_stored = self->space == KEY_SPACE_DEFAULT || self->space == KEY_SPACE_STORED;
    self->count = count;
    for (size_t i = 0; i < count; i++) {
        self->keys[i] = slice_make(keys[i], key_lengths[i]);
        self->hashes[i] = lsm_hash(self->store, self->keys[i]);
        self->found[i] = false;
        is_stored = is_stored && !key_space_is_marked(self->keys[i]);
    }
    return PYKV_LIKELY(is_stored) ? PYKV_OK : store_keys(self);
}

pykv_status lsm_many_get(lsm_many *self, const lsm_snapshot *snapshot, size_t count,
                         const void *const *keys, const size_t *key_lengths, int32_t flags)
{
    lsm *store = self->store;
    lsm_moment moment;
    lsm_many_release(self);
    pykv_status status = lsm_moment_of(store, snapshot, &moment);
    if (status == PYKV_OK) {
        status = reserve(self, count);
    }
    if (status == PYKV_OK) {
        status = take_keys(self, count, keys, key_lengths);
    }
    if (status != PYKV_OK) {
        return status;
    }
    (void)view_find_many(moment.view, self->keys, self->hashes, count, moment.sequence, self->found,
                         self->entries);
    sort_out(self, &moment);
    block_source *source =
        (flags & PYKV_NO_WAIT) != 0 ? &store->source.resident : &store->source.face;
    version_get_many(moment.view->version, source, moment.sequence, self->pointers,
                     self->request_count);
    status = take_requests(self, &moment, flags);
    if (status != PYKV_OK) {
        lsm_many_release(self);
        return status;
    }
    lsm_count_some(&store->counters.get_count, count);
    lsm_count_some(&store->counters.get_hit_count, count_hits(self));
    return PYKV_OK;
}

const uint8_t *const *lsm_many_values(const lsm_many *self)
{
    return self->values;
}

const size_t *lsm_many_lengths(const lsm_many *self)
{
    return self->lengths;
}
