/*
 * many: many keys at once. Four stages run some keys ahead of each other, so that the cache misses
 * of different keys overlap: hash and bucket, line, candidate and its record, comparison.
 *
 * A batch is seen whole or not at all: if one was published meanwhile the lookup begins again, at
 * last under the writer lock.
 */
#include "bitcask/many.h"

#include "base/cycles.h"
#include "base/error.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "bitcask/find.h"
#include "bitcask/image.h"
#include "bitcask/keydir_image.h"

enum { MANY_ATTEMPTS = 3 };

/* How many keys a stage is ahead of the last one. */
enum { MANY_AHEAD_HASH = 32, MANY_AHEAD_LINE = 20, MANY_AHEAD_CANDIDATE = 10 };

/* In place of the address of a candidate. */
#define MANY_ABSENT  UINT64_MAX
#define MANY_UNKNOWN (UINT64_MAX - 1)

struct many {
    bitcask *store;
    size_t count;
    size_t capacity;
    const uint8_t **values;
    size_t *lengths;
    uint64_t *hashes;
    uint64_t *addresses; /* of the first candidates, MANY_ABSENT or MANY_UNKNOWN */
    size_t hashed;       /* keys that passed this stage, */
    size_t lined;        /* this, */
    size_t walked;       /* and this */
    bool inside;         /* the epoch is held */
    epoch_token token;
    buffer copies; /* values read by pread; values hold offsets until all are read */
};

pykv_status many_new(bitcask *store, many **many_out)
{
    many *self = mem_alloc_zeroed(1, sizeof *self);
    if (self == NULL) {
        return error_set_no_memory(sizeof *self);
    }
    self->store = store;
    *many_out = self;
    return PYKV_OK;
}

void many_release(many *self)
{
    if (self->inside) {
        epoch_leave(&self->store->gate.readers, self->token);
        self->inside = false;
    }
    buffer_clear(&self->copies);
    self->count = 0;
}

void many_free(many *self)
{
    if (self != NULL) {
        many_release(self);
        buffer_reset(&self->copies);
        mem_free(self->values);
        mem_free(self->lengths);
        mem_free(self->hashes);
        mem_free(self->addresses);
        mem_free(self);
    }
}

static pykv_status reserve(many *self, size_t count)
{
    if (count <= self->capacity) {
        return PYKV_OK;
    }
    mem_free(self->values);
    mem_free(self->lengths);
    mem_free(self->hashes);
    mem_free(self->addresses);
    self->capacity = 0;
    self->values = mem_alloc(count * sizeof *self->values);
    self->lengths = mem_alloc(count * sizeof *self->lengths);
    self->hashes = mem_alloc(count * sizeof *self->hashes);
    self->addresses = mem_alloc(count * sizeof *self->addresses);
    if (self->values == NULL || self->lengths == NULL || self->hashes == NULL ||
        self->addresses == NULL) {
        return error_set_no_memory(count * 4 * sizeof *self->hashes);
    }
    self->capacity = count;
    return PYKV_OK;
}

/* Hashes the keys up to end and starts loading their buckets. */
static void hash_through(many *self, const directory *now, const void *const *keys,
                         const size_t *key_lengths, size_t end)
{
    end = end < self->count ? end : self->count;
    for (; self->hashed < end; self->hashed++) {
        size_t i = self->hashed;
        self->hashes[i] = bitcask_hash(self->store, keys[i], key_lengths[i]);
        keydir_prefetch_bucket(now->keys, self->hashes[i]);
    }
}

static void line_through(many *self, const directory *now, size_t end)
{
    end = end < self->count ? end : self->count;
    for (; self->lined < end; self->lined++) {
        keydir_prefetch_line(now->keys, self->hashes[self->lined]);
    }
}

/* The first candidate of hash, whose record is called for. */
static uint64_t walk(const bitcask *store, const directory *now, uint64_t hash)
{
    keydir_cursor cursor;
    if (PYKV_UNLIKELY(!keydir_find(now->keys, hash, &cursor))) {
        return MANY_UNKNOWN;
    }
    bool any = keydir_next(&cursor);
    if (PYKV_UNLIKELY(!keydir_still(&cursor))) {
        return MANY_UNKNOWN;
    }
    if (any) {
        bitcask_prefetch_record(store, cursor.address);
    }
    return any ? cursor.address : MANY_ABSENT;
}

static void walk_through(many *self, const directory *now, size_t end)
{
    end = end < self->count ? end : self->count;
    for (; self->walked < end; self->walked++) {
        self->addresses[self->walked] = walk(self->store, now, self->hashes[self->walked]);
    }
}

static void keep_copy(many *self, size_t index, const record *found, const buffer *scratch,
                      pykv_status *status)
{
    if (scratch == NULL || found->value.size == 0) {
        self->values[index] = found->value.data;
        return;
    }
    self->values[index] = (const uint8_t *)(uintptr_t)self->copies.size;
    *status = buffer_append(&self->copies, found->value.data, found->value.size);
}

static directory *directory_now(bitcask *store)
{
    return atomic_load_explicit(&store->directory, memory_order_acquire);
}

static pykv_status set_result(many *self, size_t index, pykv_status status, const record *found,
                              const buffer *scratch)
{
    self->values[index] = NULL;
    self->lengths[index] = SIZE_MAX;
    if (PYKV_LIKELY(status == PYKV_OK) &&
        !store_clock_has_passed(&self->store->clock, found->deadline_us)) {
        self->lengths[index] = found->value.size;
        keep_copy(self, index, found, scratch, &status);
    }
    return status == PYKV_NOT_FOUND ? PYKV_OK : status;
}

/* Looks a key up where its walk led; all the way if that was to another key's record, or nowhere
 * for sure. */
static pykv_status look_up_walked(many *self, directory *now, size_t index, slice key,
                                  record *found)
{
    uint64_t address = self->addresses[index];
    if (address == MANY_ABSENT) {
        return PYKV_NOT_FOUND;
    }
    if (PYKV_LIKELY(address != MANY_UNKNOWN) &&
        bitcask_peek_record(self->store, address, key, true, found)) {
        return PYKV_OK;
    }
    keydir_cursor cursor;
    return bitcask_find(self->store, now, self->hashes[index], key, READ_HOT, true, NULL, &cursor,
                        found);
}

/* Looks every key up once, all in one directory. PYKV_WOULD_BLOCK: begin again. */
static pykv_status look_up_hot(many *self, directory *now, const void *const *keys,
                               const size_t *key_lengths)
{
    pykv_status status = PYKV_OK;
    self->lined = 0;
    self->walked = 0;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        record found;
        hash_through(self, now, keys, key_lengths, i + MANY_AHEAD_HASH);
        line_through(self, now, i + MANY_AHEAD_LINE);
        walk_through(self, now, i + MANY_AHEAD_CANDIDATE);
        status = look_up_walked(self, now, i, slice_make(keys[i], key_lengths[i]), &found);
        status = set_result(self, i, status, &found, NULL);
    }
    return status;
}

/* The same by pread. The writer lock is held and pages of an image are checked. */
static pykv_status look_up_cold(many *self, directory *now, const void *const *keys,
                                const size_t *key_lengths, buffer *scratch)
{
    pykv_status status = PYKV_OK;
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        keydir_cursor cursor;
        record found;
        status =
            bitcask_find(self->store, now, self->hashes[i], slice_make(keys[i], key_lengths[i]),
                         READ_COLD_LOCKED, true, scratch, &cursor, &found);
        status = set_result(self, i, status, &found, scratch);
    }
    return status;
}

static pykv_status get_hot(many *self, const void *const *keys, const size_t *key_lengths)
{
    pykv_status status = PYKV_WOULD_BLOCK;
    for (int attempt = 0; attempt < MANY_ATTEMPTS && status == PYKV_WOULD_BLOCK; attempt++) {
        /* A clear brings another directory, whose moments are its own; this one changes no more
         * then. */
        directory *now = directory_now(self->store);
        uint32_t before = keydir_moment(now->keys);
        uint64_t began = cycles_now();
        status = look_up_hot(self, now, keys, key_lengths);
        bitcask_note_access(self->store, (cycles_now() - began) / (self->count + 1), 1);
        if (status == PYKV_OK && keydir_moment(now->keys) != before) {
            status = PYKV_WOULD_BLOCK;
        }
    }
    return status;
}

/* By pread, with the writer lock held so that no batch is published meanwhile. */
static pykv_status get_cold(many *self, const void *const *keys, const size_t *key_lengths)
{
    buffer scratch = BUFFER_EMPTY;
    pykv_status status = PYKV_OK;
    buffer_clear(&self->copies);
    mutex_lock(&self->store->writer);
    directory *now = atomic_load_explicit(&self->store->directory, memory_order_relaxed);
    hash_through(self, now, keys, key_lengths, self->count);
    for (size_t i = 0; i < self->count && status == PYKV_OK; i++) {
        status = bitcask_check_image_locked(self->store, self->hashes[i]);
    }
    if (status == PYKV_OK) {
        status = look_up_cold(self, directory_now(self->store), keys, key_lengths, &scratch);
    }
    mutex_unlock(&self->store->writer);
    buffer_reset(&scratch);
    return status;
}

/* Turns what the results hold into pointers: NULL for absent, never NULL for a value. Counts the
 * hits. */
static void finish(many *self, bool copied)
{
    static const uint8_t empty[1] = {0};
    size_t hits = self->count;
    for (size_t i = 0; i < self->count; i++) {
        if (self->lengths[i] == SIZE_MAX) {
            self->lengths[i] = 0;
            self->values[i] = NULL;
            hits--;
        } else if (self->lengths[i] == 0) {
            self->values[i] = empty;
        } else if (copied) {
            self->values[i] = self->copies.data + (uintptr_t)self->values[i];
        }
    }
    atomic_fetch_add_explicit(&self->store->counters.get_hit_count, hits, memory_order_relaxed);
}

pykv_status many_get(many *self, size_t count, const void *const *keys, const size_t *key_lengths,
                     int32_t flags)
{
    many_release(self);
    pykv_status status = reserve(self, count);
    if (status != PYKV_OK) {
        return status;
    }
    self->count = count;
    self->token = epoch_enter(&self->store->gate.readers);
    self->inside = true;
    atomic_fetch_add_explicit(&self->store->counters.get_count, count, memory_order_relaxed);
    self->hashed = 0;
    status = PYKV_WOULD_BLOCK;
    if (bitcask_read_mode(self->store) == READ_HOT) {
        status = get_hot(self, keys, key_lengths);
    }
    bool cold = status == PYKV_WOULD_BLOCK && (flags & PYKV_NO_WAIT) == 0;
    if (cold) {
        status = get_cold(self, keys, key_lengths);
    }
    if (status != PYKV_OK) {
        many_release(self);
        return status;
    }
    finish(self, cold);
    return PYKV_OK;
}

const uint8_t *const *many_values(const many *self)
{
    return self->values;
}

const size_t *many_lengths(const many *self)
{
    return self->lengths;
}
